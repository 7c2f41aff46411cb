"""What tests share: how MuJoCo draws, patience, LIBERO's own assets or not, and the toy as an installed plug-in."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.places import TESTS
from vlabench.errors import RenderingError, VlabenchError
from vlabench.simulators.libero import gl, packs
from vlabench.util import kernels

with contextlib.suppress(RenderingError):  # tests that draw fail by themselves where there is nothing to draw with
    gl.activate()  # before anything imports MuJoCo, which reads the choice once

# A busy machine is no reason for a property to fail, and a failure has to be one that the next run finds, too.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.register_profile("searching", deadline=None, max_examples=2000)  # pytest --hypothesis-profile=searching
settings.load_profile("patient")

os.environ.update(kernels.environment())  # what tests compute themselves is to be what workers compute

def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without LIBERO's own assets, what is marked `official` is skipped; ManiSkill's tests look for theirs."""
    official = [item for item in items if item.get_closest_marker("official")]
    if elsewhere := [item.nodeid for item in official if not item.get_closest_marker("peers")
                     and TESTS / "simulators" not in item.path.parents]:
        raise pytest.UsageError(f"`make test-official` looks into tests/simulators alone, not for {elsewhere[0]}")
    marked = [item for item in official if "maniskill" not in item.path.parts]
    try:
        if marked:
            packs.official()
    except VlabenchError as error:
        why = str(error).partition(" (")[0] + ": make test-official gets them"
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=why))


PLUGIN = TESTS / "toy" / "plugin"


@pytest.fixture
def toy_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy's entry points and cards are installed: its simulator, adapter and perturbations have names."""
    monkeypatch.syspath_prepend(str(PLUGIN))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout, which is also the current directory."""
    for folder in ("suites", "policies"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr("vlabench.cards.files._home", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
