"""typos: the instruction is mistyped: letters swapped, left out, doubled, or hit beside the right key.

Words of three letters and less (put, on, in, mug) stay as they are, and so do the first and the last letter of all
others. Up to severity 4 a word has one typo at most, and never becomes another word of LIBERO's or ManiSkill's
instructions. Which words, and which typos, is drawn for the episode: a severity has those of the ones below it, and
more. No benchmark that others here are taken from has typos; these are vlabench's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from vlabench.perturbations._language import Told
from vlabench.seeding import Draws

WORD = re.compile(r"[A-Za-z]{4,}")
BESIDE = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl",
    "p": "ol", "a": "qsz", "s": "adwx", "d": "sfec", "f": "dgrv", "g": "fhtb", "h": "gjyn", "j": "hkum", "k": "jli",
    "l": "ko", "z": "xa", "x": "zcs", "c": "xvd", "v": "cbf", "b": "vng", "n": "bmh", "m": "nj",
}
"""The letters beside each on a keyboard."""
MISREAD = frozenset({"back"})
"""What would be read as another word of an instruction: black with its l left out."""


class Typos(Told):
    """Mistyped words."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"share": 0.2}, 2: {"share": 0.4}, 3: {"share": 0.6}, 4: {"share": 1.0}, 5: {"share": 1.0, "each": 2}}

    share: float = Field(
        default=0.6, gt=0, le=1, description="Share of the words of four letters and more that are mistyped, at least "
                                             "one of them.")
    each: int = Field(
        default=1, ge=1, le=2, description="How many typos such a word has.")

    def told(self, text: str, rng: Draws) -> str:
        words = list(WORD.finditer(text))
        order = rng.episode().permutation(len(words))
        chosen = set(order[:max(1, round(self.share * len(words)))].tolist())
        told, end = "", 0
        for number, word in enumerate(words):
            typed = _mistyped(word[0], self.each, rng.episode("word", number)) if number in chosen else word[0]
            told, end = told + text[end:word.start()] + typed, word.end()
        return told + text[end:]


def _mistyped(word: str, typos: int, unit: np.random.Generator) -> str:
    """With so many typos, one after the other; never the word itself again."""
    typed = word
    for _ in range(typos):
        kinds = ([each for each in kind(typed) if each not in (word, typed) and each.lower() not in MISREAD]
                 for kind in (_swapped, _omitted, _doubled, _beside))
        slips = [found for found in kinds if found]
        of_kind = slips[int(unit.integers(len(slips)))]
        typed = of_kind[int(unit.integers(len(of_kind)))]
    return typed


def _swapped(word: str) -> Iterator[str]:
    """Two neighbours inside the word."""
    return (word[:k] + word[k + 1] + word[k] + word[k + 2:] for k in range(1, len(word) - 2))


def _omitted(word: str) -> Iterator[str]:
    return (word[:k] + word[k + 1:] for k in range(1, len(word) - 1))


def _doubled(word: str) -> Iterator[str]:
    return (word[:k] + word[k] + word[k:] for k in range(1, len(word) - 1))


def _beside(word: str) -> Iterator[str]:
    return (word[:k] + (key if word[k].islower() else key.upper()) + word[k + 1:]
            for k in range(1, len(word) - 1) for key in BESIDE[word[k].lower()])
