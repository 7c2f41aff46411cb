"""A scene to draw, in tests that are skipped where there is nothing to draw with."""

from __future__ import annotations

from typing import Any

import pytest

from vlabench.errors import VlabenchError
from vlabench.simulators.maniskill.drawing import vulkan


@pytest.fixture(scope="session")
def sapien() -> Any:
    """The engine, where it can draw."""
    try:
        vulkan.check()
    except VlabenchError as error:
        pytest.skip(str(error).partition("\n")[0])
    return vulkan.engine()


@pytest.fixture
def scene(sapien: Any) -> Any:
    """An empty one."""
    return sapien.Scene([sapien.physx.PhysxCpuSystem(), sapien.render.RenderSystem()])
