"""What a worker holds: one scene, built as the episodes need it, opened anew only for others."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pytest

from tests.toy.toy import Dark, Points, Seeker, Toy
from vlabench.adapters.base import Actor
from vlabench.episode.listening import EpisodeCollector
from vlabench.episode.player import Ended, EpisodePlayer, Failed, Finished, Job
from vlabench.simulators.base import Variant
from vlabench.types import EpisodeSpec, Task

pytestmark = pytest.mark.usefixtures("toy_plugin")

TASKS = Toy("plain").tasks("toy_points")


class Sized(Dark):
    """Needs a scene of a size."""

    size: int = 2

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {"size": self.size}


def test_a_scene_is_opened_for_a_task_and_a_variant_and_kept_while_they_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[int, Variant, int]] = []

    def open_(self: Toy, task: Task, batch: int = 1, cameras: Sequence[str] = (), image_size: int = 16,
              privileged: bool = False, variant: Variant = ()) -> Any:
        opened.append((task.number, variant, batch))
        return Points(task, batch, cameras)

    monkeypatch.setattr(Toy, "open", open_)
    chains: dict[str, Any] = {"clean": {}, "dark": {"dark": Dark()}, "sized": {"sized": Sized()}}
    player = EpisodePlayer(Job("toy", "plain", Actor(Seeker, ("top",), 16, 2), chains))
    order = [(0, "clean"), (0, "dark"), (0, "sized"), (0, "sized"), (1, "sized"), (1, "clean")]
    for index, (number, condition) in enumerate(order):
        (answer,) = player.play((EpisodeSpec(TASKS[number], condition, index),))
        assert isinstance(answer, Finished)
    assert opened == [(0, (), 1), (0, (("size", 2),), 1), (1, (("size", 2),), 1), (1, (), 1)]


@pytest.mark.parametrize(("asked", "possible", "batch"), [(None, 1, 1), (None, 8, 8), (3, 8, 3), (16, 8, 8)])
def test_no_more_are_played_side_by_side_than_asked_for_and_possible(
        asked: int | None, possible: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "max_batch", possible)
    job = Job("toy", "plain", Actor(Seeker), {}, batch=asked)
    assert job.side_by_side(job.engine()) == batch


class Sour(EpisodeCollector):
    """Fails where it is told to."""

    where = ""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._fail("making")

    def on_step(self, *_: Any) -> None:
        self._fail("step")

    @property
    def result(self) -> None:
        self._fail("result")

    def _fail(self, here: str) -> None:
        if here == self.where:
            raise ZeroDivisionError(here)


@pytest.mark.parametrize("where", ["making", "step", "result"])
def test_a_collector_that_fails_is_an_error_of_its_episode(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    player = EpisodePlayer(Job("toy", "plain", Actor(Seeker, ("top",), 16, 2), {"clean": {}}, Sour))
    batch = (EpisodeSpec(TASKS[0], "clean", 0),)
    monkeypatch.setattr(Sour, "where", where)
    (failed,) = player.play(batch)
    assert isinstance(failed, Failed) and (failed.phase, failed.error) == ("collect", "ZeroDivisionError")
    assert failed.message.startswith(f"{where} [test_player.py:")
    monkeypatch.setattr(Sour, "where", "")
    assert isinstance(player.play(batch)[0], Finished)


def test_an_error_of_one_ends_its_batch_and_who_handed_it_out_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "max_batch", 3)
    monkeypatch.setenv("TOY_MISCHIEF", '{"0/1": "step"}')
    placed: list[int] = []
    beats: list[int] = []
    place = Points.place

    def counted(self: Points, episodes: Sequence[EpisodeSpec]) -> None:
        placed.append(len(episodes))
        place(self, episodes)

    monkeypatch.setattr(Points, "place", counted)
    player = EpisodePlayer(Job("toy", "plain", Actor(Seeker, ("top",), 16, 2), {"clean": {}}), lambda: beats.append(0))
    batch = tuple(EpisodeSpec(TASKS[0], "clean", index) for index in range(3))
    ended = Ended(batch, player.play(batch))
    assert placed == [3] and len(beats) == 2  # reset, and one look
    assert ended.results == (ended.error,) * 3 and ended.error is not None
    assert (ended.error.phase, ended.error.message.partition(" [")[0]) == ("step", "mischief at step")
