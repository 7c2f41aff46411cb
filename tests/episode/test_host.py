"""One process holds the policy: the same records as with copies, batches of what waits, and deaths survived."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toy.toy import Seeker
from vlabench import cards
from vlabench.adapters.base import Actor, Policy, TrainablePolicy
from vlabench.cards.policy import PolicyCard
from vlabench.episode.host import FAILURES, Desk
from vlabench.episode.player import Failed, Finished, Job, Renewal
from vlabench.episode.pool import WorkerPool
from vlabench.errors import OptionError, WorkerError
from vlabench.seeding import Draws
from vlabench.simulators.base import find_simulator
from vlabench.types import Decision, EpisodeSpec, Observation

pytestmark = pytest.mark.usefixtures("toy_plugin")


class Counting(Policy):
    """Answers with each row's slot, and how many looks that slot has had; keeps the size of every batch it is given."""

    exact_in_batches = True

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.looks: dict[int, int] = {}
        self.broken = False

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        self.looks |= dict.fromkeys(slots, 0)

    def act(self, obs: Observation) -> Decision:
        self.batches.append(len(obs.slots))
        if self.broken or any("bad" in text for text in obs.instruction):
            raise KeyError("a bad row")
        for slot in obs.slots.tolist():
            self.looks[slot] += 1
        rows = [[slot, self.looks[slot], value] for slot, value in zip(obs.slots.tolist(), obs.proprio[:, 0],
                                                                      strict=True)]
        return Decision(np.array(rows)[:, None, :], {"seen": obs.proprio[:, 0]})


def look(value: float, text: str = "go", slots: Sequence[int] = (0,), size: int = 4) -> Observation:
    rows = len(slots)
    return Observation({"top": np.zeros((rows, size, size, 3), np.uint8)}, np.full((rows, 2), value, np.float32),
                       (text,) * rows, np.zeros(rows, np.int64), np.array(slots))


class Office:
    """A desk at work in a thread, with lines to it."""

    def __init__(self, policy: Policy, lines: int, apart: bool = False) -> None:
        pairs = [Pipe() for _ in range(lines)]
        self.desk = Desk(policy, apart)
        self.desk.lines += [theirs for _, theirs in pairs]
        self.lines: list[Connection[Any, Any]] = [ours for ours, _ in pairs]
        self.pool, pool = Pipe()
        arrivals, _keep = Pipe(duplex=False)
        self._keep = _keep, arrivals
        self._thread = threading.Thread(target=lambda: self.desk.serve(pool, arrivals))
        self._thread.start()

    def reset(self) -> None:
        for line in self.lines:
            line.send(("reset", [0], [Draws(("x",))]))
            assert line.recv() == ("", None)

    def close(self) -> None:
        self.pool.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def offices() -> Iterator[list[Office]]:
    made: list[Office] = []
    yield made
    for office in made:
        office.close()


def test_what_waits_is_one_batch_and_everybody_gets_their_own_rows(offices: list[Office]) -> None:
    policy = Counting()
    offices.append(office := Office(policy, 3))
    office.reset()
    for number, line in enumerate(office.lines):
        line.send(("act", look(number / 4)))
    answers = [line.recv()[1] for line in office.lines]
    assert policy.batches == [3]
    assert [answer.actions.tolist() for answer in answers] == [[[[n, 1, n / 4]]] for n in range(3)]
    assert [answer.extras["seen"].tolist() for answer in answers] == [[0.0], [0.25], [0.5]]
    office.lines[1].send(("act", look(9)))  # alone, after GATHER
    assert office.lines[1].recv()[1].actions.tolist() == [[[1, 2, 9]]] and policy.batches == [3, 1]


def test_pictures_of_other_sizes_are_batches_of_their_own(offices: list[Office]) -> None:
    policy = Counting()
    offices.append(office := Office(policy, 2))
    office.reset()
    for number, line in enumerate(office.lines):
        line.send(("act", look(number, size=4 + number)))
    assert [line.recv()[1].actions[0, 0, 2] for line in office.lines] == [0, 1] and policy.batches == [1, 1]


def test_an_error_is_told_to_him_alone_whose_row_it_was(offices: list[Office]) -> None:
    policy = Counting()
    offices.append(office := Office(policy, 3))
    office.reset()
    for line, text in zip(office.lines, ("go", "bad", "go"), strict=True):
        line.send(("act", look(0, text)))
    (first, _), (name, words), (third, _) = [line.recv() for line in office.lines]
    assert (first, third, name) == ("", "", "KeyError") and "a bad row" in words and policy.batches == [3, 1, 1, 1]


def test_without_batches_every_look_is_asked_for_as_the_worker_has_it(offices: list[Office]) -> None:
    policy = Counting()
    offices.append(office := Office(policy, 2, apart=True))
    for line in office.lines:
        line.send(("reset", [0, 1], [Draws(("x",))] * 2))
        line.recv()
        line.send(("act", look(0, slots=(0, 1))))
    assert [line.recv()[1].actions[:, 0, 0].tolist() for line in office.lines] == [[0, 1], [2, 3]]
    assert policy.batches == [2, 2]


def test_slots_of_who_has_gone_are_given_to_who_comes(offices: list[Office]) -> None:
    policy = Counting()
    offices.append(office := Office(policy, 2))
    office.reset()
    office.lines[0].close()
    ours, theirs = Pipe()
    office.lines[1].send(("act", look(0)))
    office.lines[1].recv()
    office.desk.lines.append(theirs)
    office.lines[1].send(("act", look(0)))  # wakes the desk, which then knows of the new line
    office.lines[1].recv()
    ours.send(("reset", [0], [Draws(("x",))]))
    assert ours.recv() == ("", None)
    ours.send(("act", look(0)))
    assert ours.recv()[1].actions[0, 0, 0] == 0


# with processes


def job(policy: Any = Seeker, **actor: Any) -> Job:
    return Job("toy", "plain", Actor(policy, ("top",), 16, 1, **{"hosted": True, **actor}), {"clean": {}})


def specs(count: int) -> list[EpisodeSpec]:
    return [EpisodeSpec(task, "clean", index) for index in range(count)
            for task in find_simulator("toy")("plain").tasks("toy_points")]


def played(work: Job, count: int, size: int) -> dict[tuple[Any, ...], Any]:
    with WorkerPool(work, specs(count), size, lambda spec: 30.0, lambda text: None) as pool:
        found = list(pool.results())
    assert all(isinstance(result.answer, Finished) for result in found)
    return {result.spec.identity: dataclasses.replace(result.answer.played, seconds=0.0)  # type: ignore[union-attr]
            for result in found}


class Noisy(Seeker):
    """Samples from the episode's draws."""

    def __init__(self) -> None:
        super().__init__(noise=0.3, chunk=2)


def test_episodes_are_those_of_copies_whether_batches_are_allowed_or_not() -> None:
    copies = played(job(Noisy, hosted=False), 3, 1)
    assert played(job(Noisy), 3, 2) == copies == played(job(Noisy, exact=False), 3, 3)


class Unsettled(Seeker):
    """Its results are worth nothing, as it knows once the episodes are over."""

    def settle(self) -> None:
        raise LookupError("another model answered meanwhile")


@pytest.mark.parametrize("hosted", [True, False])
def test_a_policy_is_asked_whether_its_episodes_count_wherever_it_lives(hosted: bool) -> None:
    with WorkerPool(job(Unsettled, hosted=hosted), specs(1), 1, lambda spec: 30.0, lambda text: None) as pool:
        answers = [result.answer for result in pool.results()]
    assert [(answer.error, answer.phase) for answer in answers if isinstance(answer, Failed)] == [
        ("LookupError", "act")] * 3


class Dying(Seeker):
    """Its first process ends in an episode of task 1."""

    def __init__(self, mark: Path) -> None:
        super().__init__()
        self.mark = mark

    def act(self, obs: Observation) -> Decision:
        if obs.instruction[0].endswith("1") and not self.mark.exists():
            self.mark.touch()
            print("going down", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().act(obs)


class Make:
    """Picklable, with a path."""

    def __init__(self, kind: type[Policy], mark: Path) -> None:
        self.kind, self.mark = kind, mark

    def __call__(self) -> Policy:
        return self.kind(self.mark)  # type: ignore[call-arg]


def test_a_host_that_dies_costs_its_episodes_and_is_started_anew(tmp_path: Path) -> None:
    notes: list[str] = []
    with WorkerPool(job(Make(Dying, tmp_path / "died")), specs(3), 1, lambda spec: 30.0, notes.append) as pool:
        found = list(pool.results())
    errors = [result for result in found if isinstance(result.answer, Failed)]
    assert len(found) == 9 and len(errors) == 1 and errors[0].answer.error == "HostDied"  # type: ignore[union-attr]
    assert errors[0].answer.phase == "act" and errors[0].spec.task.number == 1  # type: ignore[union-attr]
    assert any("was killed by SIGKILL" in note and "going down" in note for note in notes)


class Unmade(Seeker):
    """Cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("no weights")


def test_a_host_that_cannot_start_ends_the_run() -> None:
    with WorkerPool(job(Unmade), specs(1), 2, lambda spec: 30.0, lambda text: None) as pool:
        with pytest.raises(WorkerError, match="the policy's process could not start: RuntimeError: no weights"):
            list(pool.results())


class Spoilt(Seeker):
    """Fails from its third look on, in its first process."""

    def __init__(self, mark: Path) -> None:
        super().__init__(chunk=1)
        self.mark, self.count = mark, 0

    def act(self, obs: Observation) -> Decision:
        self.count += 1
        if self.count > 2 and not self.mark.exists():
            if self.count > 2 + FAILURES:
                raise AssertionError("it should have ended by now")
            if self.count == 2 + FAILURES:
                self.mark.touch()
            raise RuntimeError("device-side assert")
        return super().act(obs)


def test_a_host_that_only_fails_is_replaced(tmp_path: Path) -> None:
    notes: list[str] = []
    with WorkerPool(job(Make(Spoilt, tmp_path / "spoilt")), specs(4), 1, lambda spec: 30.0, notes.append) as pool:
        found = list(pool.results())
    kinds = [result.answer.error for result in found if isinstance(result.answer, Failed)]
    assert kinds == ["RuntimeError"] * (FAILURES - 1) + ["HostDied"] and len(found) == 12
    assert any("device-side assert" in note for note in notes)


class Pushing(TrainablePolicy):
    """Pushes to the right by what its file says."""

    def __init__(self, folder: Path) -> None:
        self.load(folder)

    def load(self, folder: Path) -> None:
        self.by = float((folder / "by").read_text())

    def act(self, obs: Observation) -> Decision:
        return Decision(np.full((len(obs.proprio), 1, 3), [self.by, 0.0, 0.0]))

    save = distribution = embedding = None  # type: ignore[assignment]


def test_new_weights_go_to_the_host(tmp_path: Path) -> None:
    for name, by in (("old", "0"), ("new", "0.5")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "by").write_text(by)
    with WorkerPool(job(Make(Pushing, tmp_path / "old")), specs(2), 2, lambda spec: 30.0, lambda text: None) as pool:
        before = [result.answer.played.state for result in pool.results()]  # type: ignore[union-attr]
        pool.renew(Renewal({"clean": {}}, tmp_path / "new"))
        pool.add(specs(2))
        after = {result.answer.played.state for result in pool.results()}  # type: ignore[union-attr]
        pool.rest()  # another host takes the new weights, too
        pool.add(specs(2))
        again = {result.answer.played.state for result in pool.results()}  # type: ignore[union-attr]
    assert after == again and not after & set(before)


def test_new_weights_for_a_policy_that_takes_none_end_the_run(tmp_path: Path) -> None:
    with WorkerPool(job(), specs(1), 1, lambda spec: 30.0, lambda text: None) as pool:
        assert len(list(pool.results())) == 3
        pool.renew(Renewal({"clean": {}}, tmp_path))
        pool.add(specs(1))
        with pytest.raises(WorkerError, match="could not take new weights: TypeError: Seeker is no policy that takes"):
            list(pool.results())


def test_the_policys_errors_keep_their_names_and_words(tmp_path: Path) -> None:
    with WorkerPool(job(Raising), specs(1)[:1], 1, lambda spec: 30.0, lambda text: None) as pool:
        (result,) = pool.results()
    assert isinstance(result.answer, Failed) and result.answer.phase == "act"
    assert result.answer.error == "ZeroDivisionError" and "test_host.py" in result.answer.message


class Raising(Seeker):
    """Always."""

    def act(self, obs: Observation) -> Decision:
        raise ZeroDivisionError("by nothing")


def test_cards_say_who_is_hosted(tmp_path: Path) -> None:
    seeker = cards.load_policy("toy-seeker")
    assert not seeker.actor().hosted and seeker.actor(host=True).hosted
    assert seeker.model_copy(update={"host": True}).actor().hosted
    assert not seeker.model_copy(update={"host": True}).actor(host=False).hosted
    nano = cards.load_policy("nano-sft")
    moved = PolicyCard.model_validate({**nano.model_dump(), "options": {**nano.options, "device": "cuda:1"}})
    assert not nano.hosted and moved.hosted
    with pytest.raises(OptionError, match=r"reads the simulator's state.*\n  fix: --no-host"):
        cards.load_policy("expert").actor(host=True)


def test_exactness_is_part_of_a_digest_where_it_is_given_up() -> None:
    seeker = cards.load_policy("toy-seeker")
    loose = PolicyCard.model_validate({**seeker.model_dump(), "exact": False})
    hosted = PolicyCard.model_validate({**seeker.model_dump(), "host": True})
    assert loose.digest != seeker.digest == hosted.digest
