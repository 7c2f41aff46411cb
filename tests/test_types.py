"""What counts as a success."""

from __future__ import annotations

import pytest

from tests.factories import record
from vlabench.types import Success, won


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
