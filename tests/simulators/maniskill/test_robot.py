"""The robot's description is read without what draws, and moves alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vlabench.simulators.maniskill import packs
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.robot import POSTURE, Robot, _builder


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where there is no driver, a material cannot be made. What is built has sapien's own materials, not a world's:
    no other test is left with it."""
    from sapien.wrapper import urdf_loader

    def refuse() -> None:
        raise RuntimeError("failed to find a rendering device")

    monkeypatch.setattr(urdf_loader, "RenderMaterial", refuse)
    _builder.cache_clear()
    yield
    _builder.cache_clear()


@pytest.mark.usefixtures("undrawn")
def test_physics_needs_no_driver(pack: str) -> None:
    """And the parts that touch from the start, which the .srdf names, do not push each other: it stands still."""
    sapien = engine()
    scene = sapien.Scene([sapien.physx.PhysxCpuSystem()])
    description: Path = packs.pack(pack).robot
    robot = Robot(scene, description, drawn=False)
    robot.stand()
    for _ in range(100):
        scene.step()
    assert np.abs(robot.posture - np.array(POSTURE)).max() < 1e-3
    assert all(link.get_collision_shapes() for link in robot.fingers)
