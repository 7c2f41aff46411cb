"""The toy simulator has a name in all tests of the gate."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _plugin(toy_plugin: None) -> None:
    """Also for tests that do not ask for it."""
