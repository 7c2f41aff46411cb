"""The packs of ManiSkill's scenes, and episodes to place in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vlabench.errors import AssetsError, RenderingError
from vlabench.simulators.maniskill import packs
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import EpisodeSpec

pytest.importorskip("sapien", reason="ManiSkill's engine is not installed: pip install 'vlabench[maniskill]'")


@pytest.fixture(params=["primitive", pytest.param("official", marks=pytest.mark.official)], scope="module")
def pack(request: pytest.FixtureRequest) -> str:
    """Each asset pack; the official one where it is there."""
    try:
        packs.folder(request.param)
    except AssetsError as error:
        pytest.skip(str(error))
    return str(request.param)


@pytest.fixture(scope="module")
def episode() -> Callable[..., EpisodeSpec]:
    """(number of the task, index, task set) → an episode of it."""
    tasks = {name: Maniskill("primitive").tasks(name) for name in Maniskill.task_sets}

    def get(number: int = 0, index: int = 0, task_set: str = "maniskill_put_on_plate") -> EpisodeSpec:
        return EpisodeSpec(tasks[task_set][number], "clean", index)

    return get


def drawn(task_set: str, copies: int, size: int, pack: str = "primitive", privileged: bool = False) -> PlateScene:
    """A scene with a camera; the test is skipped where nothing can be drawn."""
    simulator = Maniskill(pack)
    try:
        simulator.check(simulator.cameras)
    except RenderingError as error:
        pytest.skip(str(error).partition("\n")[0])
    made = simulator.open(simulator.tasks(task_set)[0], copies, simulator.cameras, size, privileged)
    assert isinstance(made, PlateScene)
    return made
