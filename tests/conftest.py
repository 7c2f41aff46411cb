"""What tests share: how MuJoCo draws, patience, and the toy simulator as an installed plug-in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from vlabench import arithmetic, registry
from vlabench.errors import RenderingError
from vlabench.simulators.libero import gl

with contextlib.suppress(RenderingError):  # tests that draw fail by themselves where there is nothing to draw with
    gl.activate()  # before anything imports MuJoCo, which reads the choice once

settings.register_profile("patient", deadline=None)  # a busy machine is no reason for a property to fail
settings.load_profile("patient")

os.environ.update(arithmetic.environment())  # what tests compute themselves is to be what workers compute

PLUGIN = Path(__file__).parent / "toy" / "plugin"


@pytest.fixture
def toy_plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toy's entry points and cards are installed: its simulator, adapter and perturbations have names."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    registry.refresh()
    yield
    registry.refresh()
