"""What a worker holds: one scene, built as the episodes need it, opened anew only for others."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pytest

from tests.toy.toy import Dark, Points, Seeker, Toy
from vlabench.adapters.base import Actor
from vlabench.simulators.base import Variant
from vlabench.stage import Done, Job, Stage
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
    stage = Stage(Job("toy", "plain", Actor(Seeker, ("top",), 16, 2), chains))
    order = [(0, "clean"), (0, "dark"), (0, "sized"), (0, "sized"), (1, "sized"), (1, "clean")]
    for index, (number, condition) in enumerate(order):
        (answer,) = stage.play((EpisodeSpec(TASKS[number], condition, index),))
        assert isinstance(answer, Done)
    assert opened == [(0, (), 1), (0, (("size", 2),), 1), (1, (("size", 2),), 1), (1, (), 1)]


@pytest.mark.parametrize(("asked", "possible", "batch"), [(None, 1, 1), (None, 8, 8), (3, 8, 3), (16, 8, 8)])
def test_no_more_are_played_side_by_side_than_asked_for_and_possible(
        asked: int | None, possible: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "max_batch", possible)
    job = Job("toy", "plain", Actor(Seeker), {}, batch=asked)
    assert job.side_by_side(job.engine()) == batch
