"""Instructions as tokens: known words have one each, any other word is spelled in bytes, so no phrasing is an error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PAD = 0
_BYTES = 256
LENGTH = 48
"""Tokens of an instruction; LIBERO's longest has 19 words. What goes beyond is cut off."""
_WORD = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")


@dataclass(frozen=True)
class Vocabulary:
    """Ids: 0 fills up, 1 … 256 are bytes, then come the words in their order."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Vocabulary:
        """The vocabulary of all words in some texts."""
        return cls(tuple(sorted({word for text in texts for word in _WORD.findall(text.lower())})))

    def __len__(self) -> int:
        return 1 + _BYTES + len(self.words)

    def encode(self, text: str) -> list[int]:
        """LENGTH ids. Case does not matter; a word in bytes ends where the next token begins."""
        known = {word: 1 + _BYTES + i for i, word in enumerate(self.words)}
        ids: list[int] = []
        for word in _WORD.findall(text.lower()):
            ids += [known[word]] if word in known else [1 + byte for byte in word.encode()]
        ids = ids[:LENGTH]
        return ids + [PAD] * (LENGTH - len(ids))
