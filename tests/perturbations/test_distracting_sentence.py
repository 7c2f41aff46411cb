"""distracting_sentence against counting, and the words of all instructions there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binomtest, chisquare

from vlabench.perturbations._paraphrases import built_in
from vlabench.perturbations.distracting_sentence import SENTENCES, DistractingSentence
from vlabench.seeding import Draws
from vlabench.simulators.maniskill import catalogue

MakeDraws = Callable[[int], Draws]
OWN = "turn on the stove"
GLUE = {"the", "dark", "on", "in", "of", "to", "and", "it", "is", "by", "that", "a", "with", "at", "up", "are", "be",
        "was", "for", "this", "there", "long", "time", "away", "somebody", "my", "you", "than", "has", "been"}
"""Words of paraphrases and of these sentences that name nothing to act on, and no action."""


def others(told: str) -> list[str]:
    """The sentences beside the instruction, in order."""
    return [part for part in told.split(". ") if part != OWN]


def test_they_name_nothing_that_instructions_are_about() -> None:
    about = {word for own, sentences in built_in().tables.items()
             for kind in ("attribute", "order", "synonym") for text in (own, *sentences[kind])
             for word in re.findall("[a-z]+", text)}
    about |= {word for thing in (*catalogue.OBJECTS, *catalogue.RECEPTACLES) for word in thing.name.lower().split()}
    for sentence in SENTENCES:
        assert re.fullmatch("[a-z ]+", sentence) and not set(sentence.split()) & (about - GLUE), sentence


def test_each_comes_equally_often_on_either_side(draws: MakeDraws) -> None:
    told = [DistractingSentence().instruction(OWN, draws(index)) for index in range(1000)]
    counts = Counter(sentence for text in told for sentence in others(text))
    assert set(counts) == set(SENTENCES) and sum(counts.values()) == 1000
    assert chisquare(list(counts.values())).pvalue > 1e-3
    assert binomtest(sum(text.endswith(OWN) for text in told), 1000, 0.5).pvalue > 1e-3


def test_a_severity_says_what_those_below_it_say_and_one_more(draws: MakeDraws) -> None:
    for index in range(40):
        told = [DistractingSentence.at(severity).instruction(OWN, draws(index)) for severity in range(1, 6)]
        assert [len(others(text)) for text in told] == [1, 2, 3, 4, 5]
        for mild, severe in zip(told[:4], told[1:], strict=True):
            (before, after), (more_before, more_after) = mild.split(OWN), severe.split(OWN)
            assert more_before.startswith(before) and more_after.startswith(after)


@pytest.mark.parametrize("where", ["before", "after"])
def test_one_side_alone(where: str, draws: MakeDraws) -> None:
    for index in range(40):
        told = DistractingSentence.model_validate({"where": where, "count": 3}).instruction(OWN, draws(index))
        assert told.endswith(OWN) if where == "before" else told.startswith(f"{OWN}. ")


@settings(max_examples=40)
@given(text=st.text(st.characters(codec="ascii", exclude_characters="\n"), min_size=1, max_size=50),
       count=st.integers(1, 20), index=st.integers(0, 10**6))
def test_the_instruction_is_said_word_for_word(text: str, count: int, index: int) -> None:
    told = DistractingSentence(count=count).instruction(text, Draws((0, "t/0", index, "test")))
    assert text in told and sum(sentence in told for sentence in SENTENCES) == count


def test_a_stop_is_not_set_twice(draws: MakeDraws) -> None:
    after = DistractingSentence(where="after")
    for text in ("Can you put it there?", "Put it there."):
        assert after.instruction(text, draws(0)).startswith(f"{text} ")
    assert after.instruction("", draws(0)) in SENTENCES


@pytest.mark.parametrize("parameters", [{"count": 0}, {"count": 21}, {"where": "between"}])
def test_what_cannot_be_said_is_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DistractingSentence.model_validate(parameters)
