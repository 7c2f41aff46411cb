"""How messages and pages put numbers into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DIGITS = 12
"""Significant ones of a number that somebody wrote or a card computed: 3 × 0.15 is 0.45, not 0.44999999999999996."""


def counted(number: float, what: str, many: str = "") -> str:
    """`1 task`, `2,000 tasks`, `-1 point`. many: the plural, unless it is the singular and an s."""
    return f"{number:{',' if isinstance(number, int) else 'g'}} {what if abs(number) == 1 else many or what + 's'}"


def exact(value: Any) -> Any:
    """A JSON value whose floats are without the noise of binary arithmetic, for `json.dumps` or `str`."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: exact(each) for key, each in value.items()}
    return [exact(each) for each in value] if isinstance(value, (list, tuple)) else value
