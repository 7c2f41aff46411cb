"""The engine, where it is installed, without its word on a missing Vulkan, as nothing here draws; and the pack."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from vlabench.simulators.maniskill import primitive


@pytest.fixture(scope="session")
def sapien() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("sapien")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack's folder, as it is written."""
    made = tmp_path_factory.mktemp("primitive") / "pack"
    primitive.build(made)
    return made
