"""What tests share: the toy simulator as an installed plug-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vlabench import registry

PLUGIN = Path(__file__).parent / "toy" / "plugin"


@pytest.fixture
def toy_plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toy's entry points and cards are installed: its simulator, adapter and perturbations have names."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    registry.refresh()
    yield
    registry.refresh()
