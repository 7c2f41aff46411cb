"""Numbers in words."""

from __future__ import annotations

import json
import re

import pytest

from tests.places import ROOT
from vlabench.util.text import counted, exact


@pytest.mark.parametrize(("number", "text"), [
    (0, "0 tasks"), (1, "1 task"), (2, "2 tasks"), (2000, "2,000 tasks"), (-1, "-1 task"), (1.0, "1 task"),
    (2.5, "2.5 tasks")])
def test_one_is_singular(number: float, text: str) -> None:
    assert counted(number, "task") == text


def test_a_plural_of_its_own() -> None:
    assert [counted(n, "policy", "policies") for n in (1, 2)] == ["1 policy", "2 policies"]


@pytest.mark.parametrize(("value", "text"), [
    (3 * 0.15, "0.45"), (0.1 + 0.2, "0.3"), (1 - 0.9, "0.1"), (30.0, "30.0"), (1e-05, "1e-05"),
    (1 / 3, "0.333333333333"), (True, "true"), (None, "null"), ((1, 2), "[1, 2]"),
    ({"low": 3 * 0.15, "of": [0.1 + 0.2, "0.30000000000000004"]}, '{"low": 0.45, "of": [0.3, "0.30000000000000004"]}')])
def test_numbers_are_without_the_noise_of_binary_arithmetic(value: object, text: str) -> None:
    assert json.dumps(exact(value)) == text


def test_no_message_puts_an_s_in_brackets_or_makes_plurals_by_itself() -> None:
    """One home for it: `counted`."""
    for path in (ROOT / "vlabench").rglob("*.py"):
        if path.name != "wording.py":
            found = re.findall(r"""\w\(s\)|\{'s' if|\{'' if [^}]* == 1 else 's'""", path.read_text())
            assert not found, (path, found)
