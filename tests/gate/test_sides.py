"""What a side's text means, and what is said where it means nothing or too much."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.leaderboard.made import policy_card, whole_suite, written
from vlabench import cards
from vlabench.errors import OptionError, UnknownName
from vlabench.gate.sides import Side, address, holdings, sides
from vlabench.leaderboard.definitions import Definitions
from vlabench.types import EpisodeRecord


def lay(folder: Path, policy: str = "a", assets: str = "plain", digest: str = "aaaa0000", **changes: object) -> None:
    """Put records of a policy into a results folder."""
    card = cards.load_policy(str(policy_card(folder.parent / "cards", policy)))
    records = [dataclasses.replace(record, assets=assets, policy_digest=digest, **changes)  # type: ignore[arg-type]
               for record in whole_suite(card, Definitions().of("toy", "plain"), lambda *_: True)[:3]]
    written(folder, records)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pair(first: str, second: str, assets: str | None = None, *, playing: bool = False) -> tuple[Side, Side]:
    results = Path("results")
    return sides(address(first, results), address(second, results), assets, playing=playing)


def test_every_way_to_name_a_side(here: Path) -> None:
    lay(here / "results", "a")
    lay(here / "results", "b")
    lay(here / "old" / "run", "a", digest="bbbb0000")
    for text, root, policy in (("a", "results", "a"), ("results:a", "results", "a"), (":a", "results", "a"),
                               ("results/a", "results", "a"), ("old/run", "old/run", "a"),
                               ("old/run:a", "old/run", "a"), ("old/run@bbbb", "old/run", "a")):
        side, _ = pair(text, "results:b")
        assert side.root.absolute() == here / root and side.policy == policy, text
        assert side.digest.startswith("bbbb" if "old" in text else "aaaa")
    assert len(side.read({"clean": cards.load_suite("toy").conditions["clean"].digest})) == 3
    assert side.label == "a (bbbb0000)" and side.card is None


def test_a_folder_called_like_a_policy_is_no_side_without_records(here: Path) -> None:
    lay(here / "results", "a")
    (here / "a").mkdir()
    assert pair("a", "a")[0].root == Path("results")
    with pytest.raises(OptionError, match="the folder a holds no results"):
        pair("a/", "a")


@pytest.mark.parametrize(("text", "kind", "message"), [
    ("results", OptionError, "the folder results holds results of a, b\n  fix: FOLDER:POLICY .* as in results:a"),
    ("c", UnknownName, "unknown policy 'c' in results, which 'c' means: valid: a, b\n  fix: FOLDER:POLICY"),
    ("nowhere:a", OptionError, "'nowhere:a': there is no folder nowhere\n  fix: FOLDER:POLICY, or --results"),
    ("a@cccc", UnknownName, "unknown version 'cccc' in a@cccc"),
])
def test_sides_that_name_nothing_or_too_much(here: Path, text: str, kind: type[Exception], message: str) -> None:
    lay(here / "results", "a")
    lay(here / "results", "b")
    with pytest.raises(kind, match=message):
        pair(text, "a")


def test_of_several_versions_one_must_be_named_unless_the_card_says(here: Path) -> None:
    lay(here / "results", "toy-seeker", digest="aaaa0000")
    lay(here / "results", "toy-seeker", digest="bbbb0000", seed=1)
    with pytest.raises(OptionError, match=r"several versions of policy 'toy-seeker': aaaa0000 \(3 records\), bbbb0000"):
        pair("toy-seeker", "toy-seeker")
    first, second = pair("toy-seeker@aaaa", "toy-seeker@bbbb0000")
    assert (first.digest, second.digest) == ("aaaa0000", "bbbb0000")
    card = cards.load_policy("toy-seeker")
    lay(here / "results", "toy-seeker", digest=card.digest, seed=2)
    side, _ = pair("toy-seeker", "toy-seeker")
    assert side.digest == card.digest and side.card is not None


def test_both_sides_are_on_one_pack(here: Path) -> None:
    for pack in ("plain", "fancy"):
        lay(here / "results", "a", assets=pack)
    lay(here / "results", "b", assets="fancy")
    lay(here / "results", "c", assets="third")
    assert pair("a", "b")[0].assets == "fancy"
    with pytest.raises(OptionError, match="baseline 'a' has results on fancy and plain, candidate 'c' on third\n"):
        pair("a", "c")
    with pytest.raises(OptionError, match="baseline 'a' has results on fancy and plain, candidate 'a' on"):
        pair("a", "a")
    assert pair("a", "a", "plain")[1].assets == "plain"
    with pytest.raises(OptionError, match="'b' has no results on 'plain', but on fancy"):
        pair("a", "b", "plain")


def test_who_plays_needs_no_records_and_is_the_policy_as_it_is_now(here: Path) -> None:
    card = cards.load_policy("toy-seeker")
    first, second = pair("new:toy-seeker", "toy-seeker", playing=True)
    assert first.digest == second.digest == card.digest and first.root == Path("new")
    assert first.card is not None and second.assets == "plain"
    lay(here / "old", "toy-seeker", digest="aaaa0000")
    first, second = pair("old", "toy-seeker", playing=True)
    assert (first.digest, first.card) == ("aaaa0000", None) and second.digest == card.digest
    first, second = pair("toy-seeker", "old:toy-seeker", playing=True)
    assert second.digest == card.digest and second.card is not None
    with pytest.raises(UnknownName, match="unknown policy 'nobody'"):
        pair("toy-seeker", "nobody", playing=True)


def records_of(side: Side) -> list[EpisodeRecord]:
    """Of the condition `clean`."""
    return list(side.read({"clean": cards.load_suite("toy").conditions["clean"].digest}))


def test_records_are_those_of_the_version_alone(here: Path) -> None:
    lay(here / "results", "a", digest="aaaa0000")
    lay(here / "results", "a", digest="bbbb0000", seed=1)
    first, second = pair("a@aaaa", "a@bbbb")
    assert {record.seed for record in records_of(first)} == {0}
    assert {record.seed for record in records_of(second)} == {1}


def test_lines_that_are_nested_too_deeply_are_passed_over(here: Path) -> None:
    lay(here / "new")
    (path,) = (here / "new").glob("a/*/*/*.jsonl")
    path.write_bytes(b"[" * 200_000 + b"\n" + path.read_bytes() + b'{"policy_digest": ' + b"[" * 200_000)
    (holding,) = holdings(here / "new")
    assert set(holding.versions) == {"aaaa0000"}
