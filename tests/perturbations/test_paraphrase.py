"""paraphrase against counting, and files of a user's own."""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from scipy.stats import chisquare

from tests.factories import record
from vlabench.cards.conditions import Condition, Part
from vlabench.errors import CardError, UnsupportedError
from vlabench.evaluation.audit import audit
from vlabench.evaluation.plan import check_tasks
from vlabench.perturbations._paraphrases import KINDS, built_in
from vlabench.perturbations.base import find_perturbation
from vlabench.perturbations.paraphrase import Paraphrase
from vlabench.seeding import Draws
from vlabench.simulators.libero.simulator import Libero
from vlabench.types import Task

MakeDraws = Callable[[int], Draws]
STOVE = "put the bowl on the stove"
SENTENCES = ["bowl to stove", "stove gets bowl"]


def told(paraphrase: Paraphrase, text: str, draws: MakeDraws, episodes: int = 600) -> list[str]:
    return [paraphrase.instruction(text, draws(index)) for index in range(episodes)]


def task(instruction: str, number: int = 0) -> Task:
    return Task("toy", "kitchen", number, "name", instruction, 100)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("words.toml")
    path.write_text(f'["{STOVE}"]\nsynonym = {SENTENCES}\n')
    return path


def test_each_of_a_tasks_sentences_comes_equally_often_and_its_own_never(draws: MakeDraws) -> None:
    counts = Counter(told(Paraphrase(), STOVE, draws, 1000))
    assert set(counts) == {sentence for those in built_in().tables[STOVE].values() for sentence in those}
    assert len(counts) == 10 and chisquare(list(counts.values())).pvalue > 1e-3


def test_a_severity_is_a_kind_and_the_draw_is_the_same_in_all(draws: MakeDraws) -> None:
    assert [Paraphrase.severities[k]["kind"] for k in range(1, 6)] == [
        "politeness", "attribute", "context", "order", "synonym"]
    places = []
    for severity in range(1, 6):
        made = Paraphrase.at(severity)
        mine = built_in().tables[STOVE][made.kind]
        said = told(made, STOVE, draws, 40)
        assert set(said) == set(mine) and made.realised() == {"instruction": said[-1], "kind": made.kind}
        places.append([mine.index(sentence) for sentence in said])
    assert all(each == places[0] for each in places)
    assert {Paraphrase.at(k).certain and Paraphrase.at(k).from_start for k in range(1, 6)} == {True}
    assert get_args(Paraphrase.model_fields["kind"].annotation) == ("any", *KINDS)


def test_the_record_says_of_which_kind_the_sentence_was(draws: MakeDraws) -> None:
    made = Paraphrase()
    for index in range(40):
        said = made.instruction(STOVE, draws(index))
        kind = made.realised()["kind"]
        assert kind in KINDS and said in built_in().tables[STOVE][kind]
    kept = Paraphrase(share=0.0)
    assert kept.instruction(STOVE, draws(0)) == STOVE and kept.realised()["kind"] == ""


def test_an_episode_that_was_told_its_own_sentence_is_found() -> None:
    condition = Condition("c", "libero", (Part.model_validate({"perturbation": "paraphrase"}),))
    right = [record(condition="c", index=k, changed={"instruction": 1.0}, changed_first=("instruction",),
                    frame={}) for k in range(4)]
    assert audit(right, {"c": condition}, ("agentview",)) == []
    (finding,) = audit([*right, record(condition="c", index=4, changed={}, changed_first=())], {"c": condition},
                       ("agentview",))
    assert finding.channel == "instruction"
    (finding,) = audit([record(condition="c", index=k, changed={"instruction": 1.0, "images/agentview": 1.0},
                               changed_first=("images/agentview", "instruction")) for k in range(4)],
                       {"c": condition}, ("agentview",))
    assert finding.channel == "images/agentview"


def test_a_file_of_ones_own_is_used_instead(file: Path, draws: MakeDraws) -> None:
    made = Paraphrase(file=str(file))
    assert set(told(made, STOVE, draws, 40)) == set(SENTENCES)
    assert made.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    sent = pickle.loads(pickle.dumps(made))
    file.unlink()  # as on another machine
    assert set(told(sent.fresh(), STOVE, draws, 40)) == set(SENTENCES)
    assert sent.fresh().model_dump() == made.model_dump() and sent.fresh().realised() == {"instruction": "", "kind": ""}


def test_what_a_file_holds_is_part_of_a_conditions_digest(file: Path) -> None:
    def digest() -> str:
        part = Part.model_validate({"perturbation": "paraphrase", "file": str(file)})
        return Condition("c", "libero", (part,)).digest

    before = digest()
    assert digest() == before != Condition("c", "libero", (Part(perturbation="paraphrase"),)).digest
    sha = Paraphrase(file=str(file)).sha256
    file.write_text(file.read_text() + "# another\n")
    assert digest() != before
    with pytest.raises(ValidationError, match="sha256: that of words.toml is [0-9a-f]{64}"):
        Paraphrase(file=str(file), sha256=sha)
    with pytest.raises(ValidationError, match="sha256 goes with a file"):
        Paraphrase(sha256=sha)


def test_the_packages_sentences_are_those_of_its_revision() -> None:
    """Other sentences are another condition: raise `revision` with them."""
    tables = sorted((own, *sentences[kind]) for own, sentences in built_in().tables.items() for kind in KINDS)
    assert (Paraphrase.revision, hashlib.sha256(repr(tables).encode()).hexdigest()[:16]) == (1, "0e3f3062a91d44bd")


def test_a_card_with_a_bad_file_says_so_on_one_line(file: Path) -> None:
    def refused(**parameters: str) -> str:
        part = Part.model_validate({"perturbation": "paraphrase", **parameters})
        with pytest.raises(CardError) as caught:
            Condition("c", "libero", (part,), "suites/mine.toml").perturbations  # noqa: B018
        return str(caught.value)

    assert refused(file="word.toml") == ("suites/mine.toml: conditions.c.0: paraphrase: word.toml: No such file or "
                                         "directory")
    file.write_text(f'["{STOVE}"]\nsynonim = ["x"]\n')
    assert refused(file="words.toml") == (f"suites/mine.toml: conditions.c.0: paraphrase: words.toml: '{STOVE}': "
                                          "unknown kind 'synonim': did you mean 'synonym'?")
    assert refused(kind="rude").startswith("suites/mine.toml: conditions.c.0: paraphrase: kind: must be 'any', '")


@pytest.mark.parametrize(("kind", "missing"), [("any", (1,)), ("synonym", (1,)), ("order", (0, 1, 2))])
def test_tasks_that_a_file_has_nothing_for_are_named(file: Path, kind: Any, missing: tuple[int, ...]) -> None:
    tasks = [task(STOVE), task("turn on the stove", 1), task(STOVE, 2)]
    made = Paraphrase(file=str(file), kind=kind)
    with pytest.raises(UnsupportedError) as caught:
        made.check_tasks(tasks)
    named = ", ".join(f"kitchen/{number} ({tasks[number].instruction!r})" for number in missing)
    of_kind = "" if kind == "any" else f" of kind {kind!r}"
    assert str(caught.value) == (f"words.toml has no paraphrase{of_kind} for {named}\n  fix: add them to "
                                 f"words.toml, in tables that have the instructions as their names")
    Paraphrase(file=str(file)).check_tasks(tasks[:1])


def test_many_tasks_without_are_counted() -> None:
    with pytest.raises(UnsupportedError, match=r"the package has no paraphrase for .*kitchen/11 \('do it'\) and 8 more"
                                               '\n  fix: give paraphrase a file = '):
        Paraphrase().check_tasks([task("do it", number) for number in range(20)])


def test_an_instruction_that_was_changed_before_is_refused(draws: MakeDraws) -> None:
    with pytest.raises(UnsupportedError, match="for the instruction 'turn on the stvoe'\n  fix: let paraphrase "
                                               "act before what else changes instructions"):
        Paraphrase().instruction("turn on the stvoe", draws(0))


def both(*names: str, **parameters: Any) -> Condition:
    return Condition("both", "libero", (*(Part(perturbation=name) for name in names[:-1]),
                                        Part(perturbation=names[-1], **parameters)))


@pytest.mark.parametrize("first", ["typos", "empty_instruction", "distracting_sentence", "paraphrase"])
def test_what_leaves_no_tasks_own_sentence_cannot_come_before_it(first: str, draws: MakeDraws) -> None:
    assert find_perturbation(first)().instruction(STOVE, draws(0)) not in built_in().tables
    tasks = Libero("primitive").tasks("libero_goal")
    fix = "leave one of the two out" if first == "paraphrase" else f"paraphrase before {first}"
    with pytest.raises(UnsupportedError, match=rf"'both': paraphrase .* {first}, before it(.|\n)*fix: {fix}$"):
        check_tasks([both(first, "paraphrase")], tasks, Libero("primitive"))
    if first != "paraphrase":
        check_tasks([both("paraphrase", first)], tasks, Libero("primitive"))


def test_another_tasks_sentence_and_those_of_a_file_can(file: Path, draws: MakeDraws) -> None:
    tasks = Libero("primitive").tasks("libero_goal")
    check_tasks([both("wrong_instruction", "paraphrase")], tasks, Libero("primitive"))
    assert find_perturbation("wrong_instruction")().instruction(STOVE, draws(0)) in built_in().tables
    file.write_text("".join(f'["{task.instruction}"]\nsynonym = ["x"]\n' for task in tasks))
    check_tasks([both("typos", "paraphrase", file=str(file))], tasks, Libero("primitive"))
