"""The table of what can be solved, from records counted by hand."""

from __future__ import annotations

import pandas
import pytest

from tests.simulators.solvable import rows, shares


def test_a_share_is_of_the_same_episodes_clean_and_every_task_weighs_the_same() -> None:
    played = [
        ("clean", "t/0", 0, True), ("clean", "t/0", 1, True), ("clean", "t/1", 0, True), ("clean", "t/1", 1, False),
        ("clean", "t/2", 0, False),  # which the others have not
        ("mass-s1", "t/0", 0, True), ("mass-s1", "t/0", 1, True), ("mass-s1", "t/1", 0, True),
        ("mass-s5", "t/0", 0, False), ("mass-s5", "t/0", 1, True), ("mass-s5", "t/1", 0, True),
        ("mass-s5", "t/1", 1, None), ("plate", "t/0", 0, True),
        ("rain-s1", "t/0", 0, True), ("rain-s5", "t/1", 0, True), ("rain-s5", "t/1", 1, False)]
    frame = pandas.DataFrame(played, columns=["condition", "task", "index", "success"]).assign(seed=0)
    frame["success"] = frame["success"].astype("boolean")
    found = shares(frame)
    assert found["mass-s1"] == pytest.approx((1.0, 1.0, 3)) and found["plate"] == pytest.approx((1.0, 1.0, 1))
    assert found["mass-s5"] == pytest.approx((0.75, 1.0, 3))
    assert list(rows("s", found)) == [
        "| `s` | `mass` | 3 | 100.0 | 100 |  |  |  | **75** |", "| `s` | `plate` | 1 | 100.0 | 100 |  |  |  |  |",
        "| `s` | `rain` | 1/2 | 100.0/50.0 | 100 |  |  |  | 100 |"]
