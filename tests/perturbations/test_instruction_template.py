"""instruction_template against RL4VLA's list, and on the instructions of ManiSkill's scenes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest
from scipy.stats import binomtest, chisquare

from vlabench.errors import UnsupportedError
from vlabench.perturbations.instruction_template import TEMPLATES, InstructionTemplate
from vlabench.seeding import Draws

PUBLISHED = """Place the O on the R;set O on R;move the O to the R;Take the O and put it on the R
pick up O and set it down on R;please put the O on the R;Put O onto R.;place the O onto the R surface
Make sure O is on R.;on the R, put the O;put the O where the R is;Move the O from the table to the R
Move O so it’s on R.;Can you put O on R?;O on the R, please.;the O should be placed on the R."""
"""Appendix A.4, O and R for the names."""


def told(text: str, draws: Callable[[int], Draws], share: float = 1.0, episodes: int = 1600) -> list[str]:
    return [InstructionTemplate(share=share).instruction(text, draws(index)) for index in range(episodes)]


def test_the_sixteen_come_equally_often_with_the_names_of_the_scene(draws: Callable[[int], Draws]) -> None:
    counts = Counter(told("put BBQ sauce on mouse pad", draws))
    words = PUBLISHED.replace("\n", ";").split(";")
    words = [re.sub(r"\b[OR]\b", lambda found: {"O": "BBQ sauce", "R": "mouse pad"}[found[0]], each) for each in words]
    assert set(counts) == set(words) and len(words) == len(TEMPLATES) == 16
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_the_share_of_episodes(draws: Callable[[int], Draws]) -> None:
    own = "put bread on plate"
    mild, severe = (told(own, draws, share, 600) for share in (0.2, 0.6))
    assert binomtest(sum(text != own for text in mild), 600, 0.2).pvalue > 1e-3
    assert all(b == a for a, b in zip(mild, severe, strict=True) if a != own)  # severities share their draws


def test_articles_are_not_said_twice(draws: Callable[[int], Draws]) -> None:
    for text in told("put the bowl on the plate", draws, episodes=100):
        assert "the the" not in text and "bowl" in text and "plate" in text


def test_what_is_no_putting_on_something_is_refused(draws: Callable[[int], Draws]) -> None:
    with pytest.raises(UnsupportedError, match="'turn on the stove' has no other phrasing"):
        InstructionTemplate().instruction("turn on the stove", draws(0))
