"""What counts as a success, and which episodes a task has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.factories import record
from vlabench.types import ActionSpace, Success, Task, won


@pytest.mark.parametrize(("status", "once", "end", "counts", "expected"), [
    ("success", True, True, None, True),
    ("failure", True, False, None, False),  # a simulator whose rule is the end
    ("failure", True, False, "once", True),
    ("failure", True, False, "end", False),
    ("success", True, False, None, True),  # a simulator whose rule is once, and that went on
    ("success", True, False, "end", False),
    ("failure", False, False, "once", False),
    ("error", True, True, "once", False),
    ("error", True, True, None, False),
])
def test_success_is_what_the_suite_counts_or_else_the_simulators_rule(
        status: str, once: bool, end: bool, counts: Success | None, expected: bool) -> None:
    assert won(record(status=status, success_once=once, success_at_end=end), counts) is expected


def test_a_task_may_have_no_end_of_start_states() -> None:
    task = Task("toy", "kitchen", 0, "stir", "stir it", 10, 7)
    endless = replace(task, init_states=None)
    assert [task.starts(index) for index in (-1, 0, 6, 7)] == [False, True, True, False] and task.indices == "0 … 6"
    assert [endless.starts(index) for index in (-1, 0, 10**9)] == [False, True, True] and endless.indices == "0 …"


@pytest.mark.parametrize(("low", "high", "opens", "closes"), [(-1.0, 1.0, -1.0, 1.0), (0.0, 0.04, 0.04, 0.0)])
def test_a_gripper_closes_at_the_other_end_of_what_it_opens_at(
        low: float, high: float, opens: float, closes: float) -> None:
    space = ActionSpace(("x", "grip"), (-1.0, low), (1.0, high), (1.0, 1.0), (0.0, high), 20.0, 1, opens)
    assert space.closes == closes
    assert ActionSpace(("x",), (-1.0,), (1.0,), (1.0,), (0.0,), 20.0).closes is None
