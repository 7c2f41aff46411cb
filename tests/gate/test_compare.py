"""The gate on records that are there: conditions, seeds, tasks, and its exit status."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.leaderboard.made import policy_card, whole_suite, written
from vlabench import cards
from vlabench.cli.app import app
from vlabench.errors import OptionError, UnknownName
from vlabench.gate.compare import Choice, compare
from vlabench.leaderboard.definitions import Definitions
from vlabench.types import EpisodeRecord

Outcome = Callable[[str, str, int], bool]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def lay(name: str, outcome: Outcome, edit: Callable[[EpisodeRecord], EpisodeRecord] = lambda record: record) -> None:
    """Records of the whole toy suite, ten times as many episodes as it has, in `results`."""
    card = cards.load_policy(str(policy_card(Path("cards"), name, noise=len(name) / 10)))
    definition = Definitions().of("toy", "plain")
    longer = dataclasses.replace(definition, card=dataclasses.replace(definition.card, episodes=40))
    written(Path("results"), [edit(record) for record in whole_suite(card, longer, outcome)])


def test_exit_status_is_the_verdict(here: Path) -> None:
    lay("a", lambda *_: True)
    lay("bb", lambda task, condition, index: condition != "jolt" or index % 2 == 0)
    lay("ccc", lambda task, condition, index: condition != "jolt" or index % 15 > 0)
    runner = CliRunner()
    for candidate, status, said in (("a", 0, "no regression: a "), ("bb", 1, "REGRESSION: bb "),
                                    ("ccc", 3, "inconclusive: ccc ")):
        done = runner.invoke(app, ["gate", "--baseline", "a", "--candidate", candidate])
        assert done.exit_code == status and said in done.stdout, done.output
    narrow = runner.invoke(app, ["gate", "--baseline", "a", "--candidate", "bb", "--conditions", "clean,dark"])
    assert narrow.exit_code == 0 and "jolt" not in narrow.stdout
    wide = runner.invoke(app, ["gate", "--baseline", "a", "--candidate", "bb", "--margin", "80",
                               "--task-margin", "80"])
    assert wide.exit_code == 0
    tasks = runner.invoke(app, ["gate", "--baseline", "a", "--candidate", "bb", "--margin", "80"])
    assert tasks.exit_code == 1
    assert "jolt: flagged: toy_points/0 −50 points (20 lost, 0 gained of 40; p " in tasks.stdout
    sample = runner.invoke(app, ["gate", "--baseline", "a", "--candidate", "a", "--tasks-as", "sample"])
    assert sample.exit_code == 3 and "tasks cannot show that tasks like these lost less" in sample.stdout
    unknown = runner.invoke(app, ["gate", "--baseline", "a", "--candidate", "dd"])
    assert unknown.exit_code == 2 and "unknown policy 'dd'" in unknown.stderr


def test_a_suite_says_which_conditions_must_be_there() -> None:
    lay("a", lambda *_: True)
    lay("bb", lambda *_: True, lambda record: dataclasses.replace(record, condition_digest="0" * 64)
        if record.condition == "dark" else record)
    free = compare("a", "bb", Choice())
    assert [finding.condition for finding in free.findings] == ["clean", "jolt"] and free.exit_code == 0
    assert free.notes[0] == ("condition 'dark' had other parameters for the baseline, or an earlier protocol, and is "
                             "left out")
    bound = compare("a", "bb", Choice(suite="toy"))
    assert [finding.verdict for finding in bound.findings] == ["no regression", "undecided", "no regression"]
    assert bound.exit_code == 3 and "no episode that both sides finished" in bound.findings[1].why


def test_records_of_an_earlier_protocol_have_nothing_in_common_and_the_message_says_why() -> None:
    for name in ("a", "bb"):
        lay(name, lambda *_: True, lambda record: dataclasses.replace(record, condition_digest="0" * 64))
    with pytest.raises(OptionError, match=r"no episode in common that both finished \(seed 0 against 0\)\n"
                       r"  a \(\w+\): \d+ records left out: conditions 'clean', 'dark', 'jolt' had other parameters "
                       r"then, or the simulator an earlier protocol\n  bb "):
        compare("a", "bb", Choice(suite="toy"))


def test_tasks_seeds_and_versions() -> None:
    lay("a", lambda *_: True)
    lay("bb", lambda *_: True, lambda record: dataclasses.replace(record, seed=1, versions={"toy": "0.2"}))
    with pytest.raises(OptionError, match=r"no episode in common that both finished \(seed 0 against 0\)\n  baseline: "
                                          r"\d+ episodes of toy_points\n  candidate: 0 episodes\n  fix: --run plays"):
        compare("a", "bb", Choice())
    found = compare("a", "bb", Choice(other_seed=1, tasks=("toy_points/[01]",)))
    assert {(finding.pairs, finding.tasks) for finding in found.findings} == {(80, 2)}
    assert "the baseline was played with toy 0.1, the candidate with toy 0.2: part of the difference may" in "".join(
        found.notes)
    with pytest.raises(UnknownName, match="unknown condition 'drak' in --conditions: did you mean 'dark'"):
        compare("a", "bb", Choice(conditions=("drak",)))


def test_episodes_without_counterpart_are_left_out_and_said_to_be() -> None:
    lay("a", lambda *_: True)
    lay("bb", lambda *_: True, lambda record: dataclasses.replace(record, index=record.index + 10))
    found = compare("a", "bb", Choice())
    assert {finding.pairs for finding in found.findings} == {90}
    assert found.notes[0] == ("condition 'clean': 30 episodes of the baseline and 30 of the candidate have no "
                              "counterpart and are left out")
