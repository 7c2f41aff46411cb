"""typos against a count of edits, a dictionary of what LIBERO's and ManiSkill's tasks are about, and counting."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chisquare

from vlabench.perturbations._paraphrases import built_in
from vlabench.perturbations.typos import Typos
from vlabench.seeding import Draws
from vlabench.simulators.maniskill import catalogue

MakeDraws = Callable[[int], Draws]
OWN = [own for own in built_in().tables if "{" not in own] + [
    f"put {thing.name} on {place.name}" for thing, place in zip(catalogue.OBJECTS, catalogue.RECEPTACLES, strict=False)]
WORDS = sorted({word.lower() for text in OWN for word in re.findall("[A-Za-z]+", text)} | {
    word for thing in catalogue.OBJECTS for word in thing.name.lower().split()})


@functools.cache
def edits(a: str, b: str) -> int:
    """Damerau and Levenshtein's distance, with neighbours swapped at most once."""
    table = {(i, j): i + j for i in range(len(a) + 1) for j in range(len(b) + 1) if not i or not j}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            ways = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1])]
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(a), len(b)]


def typed(severity: int, text: str, index: int) -> str:
    return Typos.at(severity).instruction(text, Draws((0, "libero_spatial/3", index, "test")))


@pytest.mark.parametrize("severity", range(1, 6))
def test_as_many_words_as_it_says_have_as_many_typos_as_it_says(severity: int) -> None:
    made = Typos.at(severity)
    for index, text in enumerate(OWN):
        pairs = list(zip(text.split(), typed(severity, text, index).split(), strict=True))
        long = [own for own, _ in pairs if len(own) > 3 and own.isalpha()]
        changed = [(own, told) for own, told in pairs if own != told]
        assert len(changed) == max(1, round(made.share * len(long)))
        for own, told in changed:
            assert len(own) > 3 and (own[0], own[-1]) == (told[0], told[-1])
            # a letter that is swapped and then left out makes two typos, by this distance three
            assert 1 <= edits(own, told) <= made.each + (made.each > 1)


@pytest.mark.parametrize("severity", range(1, 6))
def test_the_instruction_that_a_mistyped_one_comes_nearest_to_is_the_right_one(severity: int) -> None:
    """Of all of LIBERO's, and as many of ManiSkill's, word by word; and no word is another one of theirs."""
    for index, text in enumerate(OWN):
        told = typed(severity, text, index).split()
        far = {own: sum(map(edits, own.split(), told)) for own in OWN if len(own.split()) == len(told)}
        assert sorted(far, key=lambda own: far[own])[0] == text and list(far.values()).count(far[text]) == 1
        assert severity == 5 or not ({word.lower() for word in told} - set(text.lower().split())) & set(WORDS)


def test_a_severity_has_the_typos_of_those_below_it_and_more() -> None:
    for index in range(60):
        text = OWN[index % len(OWN)]
        told = [typed(severity, text, index).split() for severity in range(1, 6)]
        own = text.split()
        for mild, severe in zip(told[:3], told[1:4], strict=True):
            assert all(b == a for o, a, b in zip(own, mild, severe, strict=True) if o != a)
        total = [sum(edits(*pair) for pair in zip(own, words, strict=True) if pair[0] != pair[1]) for words in told[:4]]
        assert total == sorted(total) and total[0] >= 1
    of_all = [sum(edits(text, typed(severity, text, 0)) for text in OWN[::4]) for severity in range(1, 6)]
    assert of_all == sorted(set(of_all)) and of_all[4] > 1.5 * of_all[3]


def test_every_kind_of_slip_comes_and_every_word_gets_its_turn() -> None:
    words = Counter(next(k for k, (a, b) in enumerate(zip("open that wide door".split(), told.split(), strict=True))
                         if a != b) for told in (typed(1, "open that wide door", index) for index in range(400)))
    assert set(words) == {0, 1, 2, 3} and chisquare(list(words.values())).pvalue > 1e-3
    slips = Counter({-1: "omitted", 1: "doubled"}.get(
        len(told) - 5, "swapped" if sorted(told) == sorted("plate") else "beside")
        for told in (typed(1, "plate", index) for index in range(400)))
    assert len(slips) == 4 and chisquare(list(slips.values())).pvalue > 1e-3


@settings(max_examples=60)
@given(text=st.text(st.sampled_from("abBlkowz é1_.,?-'  "), max_size=60), index=st.integers(0, 10**6),
       share=st.floats(0.01, 1), each=st.integers(1, 2))
def test_all_but_the_letters_inside_long_words_stays(text: str, index: int, share: float, each: int) -> None:
    told = Typos(share=share, each=each).instruction(text, Draws((0, "t/0", index, "test")))
    form = re.sub(r"[A-Za-z]{4,}", lambda word: f"{word[0][0]}\0{word[0][-1]}", text)
    assert re.fullmatch("[A-Za-z]*".join(map(re.escape, form.split("\0"))), told)
    assert (told != text) == bool(re.search("[A-Za-z]{4}", text))


def test_black_never_turns_into_back(draws: MakeDraws) -> None:
    told = {Typos().instruction(word, draws(k)) for word in ("black", "Black") for k in range(300)}
    assert len(told) > 25 and not {"back", "Back"} & told


@pytest.mark.parametrize("parameters", [{"share": 0.0}, {"share": 1.1}, {"each": 0}, {"each": 3}])
def test_what_would_change_nothing_or_leave_nothing_is_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Typos.model_validate(parameters)
