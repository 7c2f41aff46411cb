"""Instructions as tokens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlabench.models.nano import LENGTH, PAD, Vocabulary

SMALL = Vocabulary.of(["put the bowl on the stove", "turn on the stove"])


def test_words_have_one_token_each_and_others_are_spelled() -> None:
    assert SMALL.words == ("bowl", "on", "put", "stove", "the", "turn")
    ids = SMALL.encode("Put the mug, on")
    assert ids[:2] == [257 + 2, 257 + 4]
    assert ids[2:6] == [1 + ord("m"), 1 + ord("u"), 1 + ord("g"), 1 + ord(",")]
    assert ids[6] == 257 + 1 and set(ids[7:]) == {PAD}
    assert len(SMALL) == 1 + 256 + 6


@given(st.text(max_size=200))
def test_every_text_is_tokens(text: str) -> None:
    ids = SMALL.encode(text)
    assert len(ids) == LENGTH and all(0 <= i < len(SMALL) for i in ids)


@given(st.lists(st.sampled_from(SMALL.words), min_size=1, max_size=LENGTH))
def test_different_texts_of_known_words_are_different_tokens(words: list[str]) -> None:
    ids = SMALL.encode(" ".join(words))
    assert [SMALL.words[i - 257] for i in ids if i] == words
