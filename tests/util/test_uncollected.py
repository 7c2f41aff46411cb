"""The garbage collector waits, and goes on as it was."""

from __future__ import annotations

import gc

import pytest

from vlabench.util.files import uncollected


@pytest.mark.parametrize("was", [True, False])
def test_inside_nothing_is_collected_and_afterwards_all_is_as_before(was: bool) -> None:
    before = gc.isenabled()
    (gc.enable if was else gc.disable)()
    try:
        with pytest.raises(ValueError), uncollected():
            assert not gc.isenabled()
            raise ValueError
        assert gc.isenabled() == was
    finally:
        (gc.enable if before else gc.disable)()
