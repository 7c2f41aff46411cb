"""Who plays what next."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from vlabench.crew import Agenda
from vlabench.types import EpisodeSpec, Task

TASKS = [Task("toy", "set", n, f"t{n}", "do it", 10, 50) for n in range(4)]


def agenda_of(todo: list[EpisodeSpec], size: int = 1) -> Agenda:
    return Agenda(todo, lambda spec: spec.task, size)


def handed(agenda: Agenda, mine: Task | None, others: Collection[Task]) -> EpisodeSpec | None:
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
    assert agenda.next(b, [a]) is None  # a single batch is its owner's
    assert agenda.next(a, [b]) == (a, tuple(specs(5)[3:])) and not len(agenda)


def test_no_worker_takes_more_than_its_share_of_what_is_left() -> None:
    a = TASKS[0]
    agenda = agenda_of(specs(7), size=5)
    found = [agenda.next(a, [], workers=3) for _ in range(5)]
    assert [len(each[1]) for each in found if each is not None] == [3, 2, 1, 1]


def test_what_went_wrong_together_is_handed_out_again_one_by_one_and_first() -> None:
    a = TASKS[0]
    agenda = agenda_of(specs(5), size=3)
    found = agenda.next(None, [])
    assert found is not None
    agenda.retry(found[1])
    batches = [agenda.next(a, []) for _ in range(4)]
    assert batches == [*((a, (spec,)) for spec in specs(5)[:3]), (a, tuple(specs(5)[3:]))]
