"""Who plays what next."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toy.near import Near
from tests.toy.toy import Points, Seeker, Toy
from vlabench.adapters.base import Actor
from vlabench.episode.player import Failed, Finished, Job
from vlabench.episode.pool import LOSSES, WorkerPool
from vlabench.episode.queue import TaskQueue
from vlabench.errors import WorkerError
from vlabench.types import EpisodeSpec, Task

TASKS = [Task("toy", "set", n, f"t{n}", "do it", 10, 50) for n in range(4)]


def agenda_of(todo: list[EpisodeSpec], size: int = 1, workers: int = 1) -> TaskQueue:
    return TaskQueue(todo, lambda spec: spec.task, size, workers)


def handed(agenda: TaskQueue, mine: Task | None, others: Collection[Task]) -> EpisodeSpec | None:
    """The single episode that is handed out."""
    found = agenda.next(mine, others)
    if found is None:
        return None
    key, (spec,) = found
    assert key == spec.task
    return spec


def specs(*counts: int) -> list[EpisodeSpec]:
    return [EpisodeSpec(task, "clean", i) for task, n in zip(TASKS, counts, strict=False) for i in range(n)]


def test_own_task_first_then_one_that_nobody_has_then_a_share_of_the_largest() -> None:
    a, b, c, _ = TASKS
    agenda = agenda_of(specs(2, 3, 4))
    assert handed(agenda, None, []) == EpisodeSpec(a, "clean", 0)
    assert handed(agenda, a, []) == EpisodeSpec(a, "clean", 1)
    assert handed(agenda, a, []) == EpisodeSpec(b, "clean", 0)  # its own is used up
    assert handed(agenda, a, [b]) == EpisodeSpec(c, "clean", 0)
    assert handed(agenda, a, [b, c]) == EpisodeSpec(c, "clean", 1)  # two left of b, three of c
    assert handed(agenda, b, [c]) == EpisodeSpec(b, "clean", 1)
    assert len(agenda) == 3


def test_a_single_episode_is_left_to_the_worker_that_has_its_task_open() -> None:
    a = TASKS[0]
    agenda = agenda_of(specs(1))
    assert handed(agenda, None, [a]) is None
    assert handed(agenda, None, []) == EpisodeSpec(a, "clean", 0)
    assert handed(agenda, None, []) is None


def test_a_dropped_task_is_never_handed_out() -> None:
    a, b, *_ = TASKS
    agenda = agenda_of(specs(2, 1))
    assert agenda.drop(a) == specs(2)
    assert agenda.drop(a) == []
    assert handed(agenda, a, []) == EpisodeSpec(b, "clean", 0)


@given(st.permutations(specs(5, 1, 7, 3)), st.integers(1, 5), st.randoms(use_true_random=False))
def test_every_episode_is_handed_out_once_whatever_the_order_of_workers(
        todo: list[EpisodeSpec], size: int, random: object) -> None:
    agenda, given_out = agenda_of(todo), list[EpisodeSpec]()
    open_tasks: list[Task | None] = [None] * size
    while len(agenda):
        turns = list(range(size))
        random.shuffle(turns)  # type: ignore[attr-defined]
        served = 0
        for worker in turns:
            others = {task for i, task in enumerate(open_tasks) if i != worker and task}
            spec = handed(agenda, open_tasks[worker], others)
            if spec is not None:
                served += 1
                open_tasks[worker] = spec.task
                given_out.append(spec)
        assert served, "every worker idles although there is work"
    assert sorted(given_out, key=lambda s: s.identity) == sorted(todo, key=lambda s: s.identity)


def test_episodes_can_be_added_later() -> None:
    a, b, *_ = TASKS
    agenda = agenda_of(specs(1))
    assert handed(agenda, None, []) == EpisodeSpec(a, "clean", 0) and not len(agenda)
    agenda.add([EpisodeSpec(b, "clean", 0), EpisodeSpec(a, "clean", 1)])
    assert handed(agenda, a, []) == EpisodeSpec(a, "clean", 1) and len(agenda) == 1


def test_batches_are_of_one_key_and_a_smaller_one_comes_last() -> None:
    a, b, *_ = TASKS
    agenda = agenda_of(specs(5, 2), size=3)
    assert agenda.next(None, []) == (a, tuple(specs(5)[:3]))
    assert agenda.next(b, [a]) == (b, tuple(specs(0, 2)))
    assert agenda.next(b, [a]) == (a, tuple(specs(5)[3:])) and not len(agenda)


@pytest.mark.parametrize(("count", "size", "workers", "sizes"), [
    (14, 7, 2, [7, 7]), (7, 7, 2, [4, 3]), (7, 5, 3, [3, 3, 1]), (15, 7, 2, [4, 4, 4, 3]), (20, 7, 1, [7, 7, 6]),
    (3, 1, 2, [1, 1, 1]), (2, 64, 4, [1, 1])])
def test_batches_are_as_few_and_as_equal_as_their_size_and_the_workers_allow(
        count: int, size: int, workers: int, sizes: list[int]) -> None:
    a = TASKS[0]
    agenda = agenda_of(specs(count), size, workers)
    assert agenda.batches == len(sizes)
    found = [agenda.next(a, []) for _ in sizes]
    assert [len(each[1]) for each in found if each is not None] == sizes and not agenda.batches


def test_at_the_start_no_worker_waits_for_what_another_holds() -> None:
    a = TASKS[0]
    agenda = agenda_of(specs(14), 7, workers=2)
    assert agenda.next(None, []) == (a, tuple(specs(14)[:7]))
    assert agenda.next(None, [a]) == (a, tuple(specs(14)[7:]))


def test_what_went_wrong_together_is_handed_out_again_one_by_one_and_first() -> None:
    a = TASKS[0]
    agenda = agenda_of(specs(5), size=3)
    found = agenda.next(None, [])
    assert found is not None
    agenda.retry(found[1])
    assert agenda.batches == 4 and [agenda.retried(spec) for spec in specs(5)] == [True] * 3 + [False] * 2
    batches = [agenda.next(a, []) for _ in range(4)]
    assert batches == [*((a, (spec,)) for spec in specs(5)[:3]), (a, tuple(specs(5)[3:]))]


# a pool, of workers without processes


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, toy_plugin: None) -> Iterator[list[Near]]:
    """All workers that a pool starts; they play up to four points side by side."""
    monkeypatch.setattr("vlabench.episode.pool.Worker", Near)
    monkeypatch.setattr(Toy, "max_batch", 4)
    yield Near.made
    Near.made.clear()


def points(count: int) -> list[EpisodeSpec]:
    return [EpisodeSpec(Toy("plain").tasks("toy_points")[0], "clean", index) for index in range(count)]


def crew_of(size: int, notes: list[str] | None = None, todo: Any = (), limit: Any = lambda spec: 60.0) -> WorkerPool:
    job = Job("toy", "plain", Actor(Seeker, ("top",), 16, 2), {"clean": {}})
    return WorkerPool(job, todo, size, limit, ([] if notes is None else notes).append)


def test_a_simulator_says_how_many_workers_it_bears(made: list[Near], monkeypatch: pytest.MonkeyPatch) -> None:
    for most, batches in ((None, [[2]] * 4), (3, [[3], [3], [2]]), (1, [[4, 4]])):
        monkeypatch.setattr(Toy, "max_workers", most)
        with crew_of(4, todo=points(8)) as pool:
            assert len(list(pool.results())) == 8
        assert [worker.batches for worker in made] == batches
        made.clear()


def test_a_hang_is_noticed_as_soon_with_many_side_by_side(made: list[Near]) -> None:
    with crew_of(1, todo=points(4), limit=lambda spec: 10.0 + spec.index) as pool:
        list(pool.results())
    assert made[0].batches == [4] and made[0].limits == [13.0]


def test_workers_that_die_while_they_have_nothing_to_do_are_replaced(made: list[Near]) -> None:
    notes: list[str] = []
    with crew_of(LOSSES, notes) as pool:
        for round_ in range(2):
            pool.add(points(6)[round_::2])
            assert all(isinstance(result.answer, Finished) for result in pool.results())
            for worker in made:
                worker.died = True
    assert [worker.number for worker in made] == [*range(LOSSES)] * 2  # each has the place of a dead one
    assert notes == ["a worker with nothing to do was killed by SIGKILL; another takes its place when there is "
                     "work"] * LOSSES


def test_workers_that_only_ever_die_end_it_all_the_same(made: list[Near], monkeypatch: pytest.MonkeyPatch) -> None:
    class Stillborn(Near):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.ready, self.died = False, True

    monkeypatch.setattr("vlabench.episode.pool.Worker", Stillborn)
    with crew_of(2, todo=points(4)) as pool, pytest.raises(WorkerError, match="3 times in a row.*nothing to do"):
        list(pool.results())
    assert len(made) == 2 * LOSSES


def test_what_ended_together_is_there_when_nobody_asks_for_more(made: list[Near]) -> None:
    with crew_of(1, todo=points(8)) as pool:
        results = pool.results()
        first, second = next(results), next(results)
        results.close()  # type: ignore[attr-defined]
        assert [each.spec for each in (first, *pool.ended)] == points(4) and pool.ended[0] is second


def test_who_rests_holds_nothing_and_plays_on_when_asked(made: list[Near]) -> None:
    with crew_of(2) as pool:
        pool.add(points(8)[:4])
        assert len(list(pool.results())) == 4
        pool.rest()
        assert [worker.died for worker in made] == [True, True]
        pool.add(points(8)[4:])
        assert len(list(pool.results())) == 4 and len(made) == 4


def test_errors_of_every_episode_cost_few_workers_and_are_each_their_own(
        made: list[Near], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_MISCHIEF", json.dumps({f"0/{index}": "act" for index in range(12)}))
    with crew_of(1, todo=points(12)) as pool:
        answers = {result.spec: result.answer for result in pool.results()}
    assert sorted(spec.index for spec in answers) == list(range(12)) and len(made) <= 5
    assert all(isinstance(answer, Failed) and "mischief at act" in answer.message for answer in answers.values())


def test_a_scene_that_only_a_broken_process_cannot_open_is_opened_by_another(
        made: list[Near], monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of one in a batch costs its worker the context that the next scene would need."""
    monkeypatch.setenv("TOY_MISCHIEF", '{"0/1": "act"}')
    opened: list[int] = []

    def once(self: Toy, task: Task, *given: Any, before: Any = Toy.open, **named: Any) -> Points:
        opened.append(len(made))
        if opened.count(len(made)) > 1 and len(made) == 1:
            raise RuntimeError("no context")
        found: Points = before(self, task, *given, **named)
        return found

    monkeypatch.setattr(Toy, "open", once)
    with crew_of(1, todo=points(4)) as pool:
        answers = {result.spec.index: result.answer for result in pool.results()}
    failed = answers.pop(1)
    assert isinstance(failed, Failed) and failed.phase == "act" and len(made) == 2
    assert all(isinstance(answer, Finished) for answer in answers.values()) and sorted(answers) == [0, 2, 3]
