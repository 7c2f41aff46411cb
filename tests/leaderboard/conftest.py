"""The toy simulator has a name in all tests of the leaderboard; one good submission is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import PLUGIN
from tests.leaderboard import made


@pytest.fixture(autouse=True)
def _plugin(toy_plugin: None) -> None:
    """Also for tests that do not ask for it."""


def won(task: str, condition: str, index: int) -> bool:
    """What the good submission's policy does: it fails under `jolt`, but for every episode 0, and under `dark` at 3."""
    return {"clean": True, "dark": index != 3, "jolt": index == 0}[condition]


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a submission that holds what it claims; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGIN))
        folder = made.submission(tmp_path_factory.mktemp("good"), "good", won).folder
    return folder
