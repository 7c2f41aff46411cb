"""Submissions hold all of a policy's episodes of a suite, or are not made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.leaderboard.conftest import won
from tests.leaderboard.made import VERSIONS, policy_card, whole_suite, written
from vlabench import cards
from vlabench.cli.app import app
from vlabench.errors import OptionError, SubmissionError, UnknownName
from vlabench.leaderboard.definitions import Definitions
from vlabench.leaderboard.submission import Submission, read
from vlabench.leaderboard.submit import submit
from vlabench.records.store import Store
from vlabench.types import EpisodeRecord

Edit = Callable[[list[EpisodeRecord]], list[EpisodeRecord]]


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return policy_card(tmp_path, "mine")


def attempt(tmp_path: Path, card: Path, edit: Edit = lambda records: records, *, suite: str = "toy",
            name: str = "mine", contact: str = "me", notes: str = "") -> Submission:
    """Submit what `edit` leaves of a whole suite's records."""
    records = edit(whole_suite(cards.load_policy(str(card)), Definitions().of("toy", "plain"), won))
    return submit(written(tmp_path / "results", records), str(card), suite, name=name, contact=contact,
                  out=tmp_path / "board" / name, assets="plain", notes=notes)


def test_a_submission_is_the_records_and_what_they_mean(tmp_path: Path, card: Path) -> None:
    made = attempt(tmp_path, card, notes="with “care”")
    folder = tmp_path / "board" / "mine"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "cards/policies/mine.toml", "cards/suites/toy.toml", "records/mine/plain/toy_points/clean.jsonl",
        "records/mine/plain/toy_points/dark.jsonl", "records/mine/plain/toy_points/jolt.jsonl", "submission.json"]
    manifest = json.loads((folder / "submission.json").read_text())
    assert manifest["rates"]["jolt"] == {"episodes": 12, "successes": 3, "rate": 0.25}
    assert manifest["versions"] == {**VERSIONS, **cards.load_policy(str(card)).versions()}
    assert manifest["notes"] == "with “care”"
    # its records are a results folder
    digests = {name: condition.digest for name, condition in cards.load_suite("toy").conditions.items()}
    store = Store(folder / "records", "mine", "plain")
    again = store.read(["toy_points"], digests, cards.load_policy(str(card)).digest)
    assert not again.ignored and len(again.records) == 36
    assert {record.identity: record.state for record in made.records} == {
        identity: record.state for identity, record in again.records.items()}
    assert list(tmp_path.glob("board/.*")) == []


def test_the_last_record_of_an_episode_counts_and_other_seeds_are_left_out(tmp_path: Path, card: Path) -> None:
    def retried(records: list[EpisodeRecord]) -> list[EpisodeRecord]:
        failed = dataclasses.replace(records[0], status="error", success_once=False, success_at_end=False)
        return [failed, dataclasses.replace(records[1], seed=1), *records]

    assert all(record.status != "error" and record.seed == 0 for record in attempt(tmp_path, card, retried).records)


REFUSED: dict[str, tuple[Edit, str]] = {
    "incomplete": (lambda records: records[:-2], r"2 of 36 episodes are lacking \(0 of them ended in errors\): "
                   r"toy_points/2 jolt 2, toy_points/2 jolt 3\n  fix: vlabench run --policy .*mine.toml --suite toy "
                   r"--assets plain --results .*results$"),
    "an error": (lambda records: [dataclasses.replace(records[0], status="error"), *records[1:]],
                 r"1 of 36 episodes is lacking \(1 of them ended in errors\): toy_points/0 clean 0"),
    "another card": (lambda records: [dataclasses.replace(records[0], policy_digest="0" * 64), *records[1:]],
                     "1 of 36 episodes .*\n  1 record left out: policy 'mine' had another card, other weights or other "
                     "code then"),
    "another condition": (lambda records: [dataclasses.replace(record, condition_digest="0" * 64)
                                           if record.condition == "dark" else record for record in records],
                          "12 of 36 episodes .*\n  12 records left out: condition 'dark' had other parameters then, "
                          "or the simulator an earlier protocol"),
    "two versions": (lambda records: [dataclasses.replace(records[0], versions={"toy": "0.2"}), *records[1:]],
                     "played with different versions: 35 with .*0.1.*; 1 with .*0.2"),
    "altered": (lambda records: [*records[:-1], dataclasses.replace(records[-1], status="success")],
                "mine: toy_points/2 jolt 3 is a success, but success_once is False"),
    "shortened": (lambda records: [*records[:-1], dataclasses.replace(records[-1], steps=3)],
                  "is a failure after 3 steps, with a limit of 20"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_results_that_do_not_do_are_refused_and_leave_nothing(tmp_path: Path, card: Path, case: str) -> None:
    edit, reason = REFUSED[case]
    with pytest.raises(SubmissionError, match=reason):
        attempt(tmp_path, card, edit)
    assert not (tmp_path / "board").exists()


def test_records_on_another_pack_are_not_those(tmp_path: Path, card: Path) -> None:
    with pytest.raises(SubmissionError, match="36 of 36 episodes are lacking"):
        attempt(tmp_path, card, lambda records: [dataclasses.replace(each, assets="fancy") for each in records])


@pytest.mark.parametrize(("name", "contact", "message"), [
    ("mine", "a\nb", "vlabench submit: contact: must be one line of printable text"),
    ("mine", "", "vlabench submit: contact: "),
    ("a b", "me", "--name 'a b': use letters, digits"), ("../a", "me", r"--name '\.\./a': use letters, digits"),
])
def test_names_and_contacts_that_cannot_be(tmp_path: Path, card: Path, name: str, contact: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        attempt(tmp_path, card, name=name, contact=contact)
    with pytest.raises(UnknownName, match="unknown suite 'tooy'"):
        attempt(tmp_path, card, suite="tooy")


def test_a_class_that_a_card_names_itself_is_not_submitted(tmp_path: Path, card: Path) -> None:
    card.write_text(card.read_text().replace('"toy_seeker"', '"tests.toy.toy:Seeker"'))
    with pytest.raises(SubmissionError, match="mine.toml: adapter: 'tests.toy.toy:Seeker': nobody else finds"):
        submit(tmp_path / "results", str(card), "toy", name="mine", contact="x", out=tmp_path / "board" / "mine")


def test_nothing_is_overwritten(tmp_path: Path, card: Path) -> None:
    attempt(tmp_path, card)
    with pytest.raises(OptionError, match="mine: exists"):
        attempt(tmp_path, card)
    with pytest.raises(OptionError, match="the folder must be called 'other', as the submission"):
        submit(tmp_path / "results", str(card), "toy", name="other", contact="x", out=tmp_path / "board" / "x")
    with pytest.raises(OptionError, match="--name 'Mine': .*mine differs only in case"):
        attempt(tmp_path, card, name="Mine")


def test_the_command_says_what_it_made_and_what_is_next(tmp_path: Path, card: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    records = whole_suite(cards.load_policy(str(card)), Definitions().of("toy", "plain"), won)
    written(tmp_path / "results", records)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["submit", "results", "--policy", "mine.toml", "--suite", "toy", "--name", "one",
                                    "--contact", "me"])
    assert done.exit_code == 0, done.output
    assert "leaderboard/submissions/one: 36 episodes, clean 100.0 %, dark 75.0 %, jolt 25.0 %" in done.stdout
    assert read(Path("leaderboard/submissions/one")).manifest.contact == "me"
    again = CliRunner().invoke(app, ["submit", "results", "--policy", "mine.toml", "--suite", "toy", "--name", "one",
                                     "--contact", "me"])
    assert again.exit_code == 2 and "one: exists" in again.stderr
