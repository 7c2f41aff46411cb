"""The sequential gate on made-up policies, and once with real episodes of the toy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.factories import record
from tests.leaderboard.made import policy_card
from vlabench import stats
from vlabench.cli.app import app
from vlabench.errors import OptionError, WorkerError
from vlabench.evaluation.run import RunSummary
from vlabench.gate.compare import Choice
from vlabench.gate.play import Interrupted, Match, Player, play
from vlabench.gate.sequential import Trial
from vlabench.types import EpisodeRecord
from vlabench.util.progress import Progress

TASKS = 4
Outcome = Callable[[int, str, int], str]
"""(task, condition, round) → status."""


class Fake:
    """A side whose episodes cost nothing; behaves as `Player` does. log: what was played, in order."""

    def __init__(self, outcome: Outcome, held: int = 0, limit: int = 200, stop_at: int = 10**9) -> None:
        self.outcome, self.held, self.limit, self.stop_at = outcome, held, limit, stop_at
        self.side = SimpleNamespace(label="x", policy="x", digest=str(id(self)), assets="plain")
        self.played = 0
        self.log: list[tuple[str, int]] = []

    def have(self, condition: str, number: int) -> bool:
        return number < self.held or (condition, number) in self.log

    def rounds(self, condition: str) -> int:
        return self.limit

    def lacking(self, condition: str, rounds: Iterable[int]) -> list[tuple[str, str, int]]:
        return [(str(task), condition, number) for number in rounds if not self.have(condition, number)
                for task in range(TASKS)]

    def steps(self, condition: str, rounds: Iterable[int]) -> int:
        return len(self.lacking(condition, rounds)) * (2 if condition == "dear" else 1)

    def play(self, condition: str, rounds: Iterable[int], workers: int | None, progress: Progress) -> None:
        for number in rounds:
            if not self.have(condition, number):
                self.log.append((condition, number))
                self.played += TASKS
                if self.played >= self.stop_at:
                    raise Interrupted

    def outcomes(self, condition: str, number: int) -> list[bool | None]:
        states = [self.outcome(task, condition, number) for task in range(TASKS)]
        return [None if state == "error" else state == "success" for state in states]

    def of_rounds(self, condition: str, count: int) -> list[EpisodeRecord]:
        return [record(task=f"kitchen/{task}", condition=condition, index=number,
                       status=self.outcome(task, condition, number))
                for task in range(TASKS) for number in range(count)]


def always(task: int, condition: str, number: int) -> str:
    return "success"


def failing(share: float, where: str = "", seed: int = 0) -> Outcome:
    """Fails so often, under one condition or all."""
    def outcome(task: int, condition: str, number: int) -> str:
        draw = np.random.default_rng([seed, task, number]).random()
        return "failure" if draw < share and where in ("", condition) else "success"
    return outcome


def match(baseline: Fake, candidate: Fake, *conditions: str, margin: float = 5.0, alpha: float = 0.05,
          tasks_as: stats.TasksAs = "fixed") -> Match:
    choice = Choice(suite="toy", margin=margin, alpha=alpha, tasks_as=tasks_as)
    limits = dict.fromkeys(conditions, min(baseline.limit, candidate.limit))
    trial = Trial.of(limits, [f"kitchen/{task}" for task in range(TASKS)], choice.terms)
    players = cast("tuple[Player, Player]", (baseline, candidate))
    return Match(players, trial, choice, None, Progress(), None)


def test_equal_policies_pass_after_the_pairs_that_the_test_needs() -> None:
    first, second = Fake(always), Fake(always)
    report = match(first, second, "clean").report()
    (finding,) = report.findings
    needed = next(n for n in range(1, 1000) if stats.sequential_paired(0, 0, n, 0.05).no_regression >= 20)
    assert report.verdict == "no regression" and report.exit_code == 0
    assert finding.pairs == TASKS * -(-needed // TASKS)  # whole rounds, and not one more was played
    assert first.played == second.played == finding.pairs
    assert finding.difference.low > -0.05
    assert "played 168 of the 1,600 episodes not on record, 90 % saved; the verdict rests on 84 pairs" in (
        report.effort)


def test_a_regression_of_one_condition_ends_it_early() -> None:
    first, second = Fake(always), Fake(failing(0.6, "dark"))
    report = match(first, second, "dark", "clean", "jolt").report()
    assert report.exit_code == 1 and report.findings[0].verdict == "regression"
    assert [finding.verdict for finding in report.findings[1:]] == ["undecided", "undecided"]
    assert report.findings[2].why == "not looked into further: another condition is a regression"
    assert report.findings[0].difference.high < -0.05 and second.played < 200


def test_what_is_on_record_is_looked_at_first_and_costs_nothing() -> None:
    first, second = Fake(always, held=50), Fake(always, held=50)
    assert match(first, second, "clean", "dark").report().exit_code == 0
    assert first.played == second.played == 0
    first, second = Fake(always, held=10), Fake(always, held=5)
    match(first, second, "clean").report()
    assert second.played - first.played == 5 * TASKS
    bad = match(Fake(always, held=50), Fake(failing(0.9, "jolt"), held=50), "clean", "dark", "jolt").report()
    assert bad.exit_code == 1 and "played 0 of the" in bad.effort


def test_the_cheapest_condition_comes_first() -> None:
    second = Fake(failing(0.05))
    match(Fake(always), second, "dear", "cheap").report()
    assert second.log[0][0] == "cheap" and {name for name, _ in second.log} == {"dear", "cheap"}


def test_undecided_at_the_end_says_what_it_would_take() -> None:
    first, second = Fake(always, limit=6), Fake(always, limit=6)
    report = match(first, second, "clean").report()
    assert report.exit_code == 3 and first.played == 6 * TASKS
    assert report.findings[0].further == 21 - 6


def test_errors_are_no_outcomes_and_too_many_of_them_no_pass() -> None:
    def crashing(task: int, condition: str, number: int) -> str:
        return "error" if task == 0 and number % 2 else "success"

    report = match(Fake(always, limit=40), Fake(crashing, limit=40), "clean").report()
    assert report.exit_code == 3 and report.findings[0].errors == (0, 20)
    assert report.findings[0].why.startswith("too many episodes ended in errors")
    assert report.findings[0].difference.value == 0 and report.findings[0].pairs == 140


def test_ctrl_c_ends_it_in_order() -> None:
    report = match(Fake(always), Fake(always, stop_at=8), "clean").report()
    assert report.interrupted and report.exit_code == 130 and report.verdict == "undecided"


def test_one_task_that_collapses_is_named_as_soon_as_the_evidence_is_there() -> None:
    """Of 4 tasks: the e-value must reach 2 · 4 / 0.05 = 160, which takes 10 lost episodes (E[(1 + θ)^10] = 186)."""
    def collapsing(task: int, condition: str, number: int) -> str:
        return "failure" if task == 2 else "success"

    wide = match(Fake(always), Fake(collapsing), "clean", margin=25).report()
    (finding,) = wide.findings
    assert wide.exit_code == 1 and [each.task for each in finding.flagged] == ["kitchen/2"]
    assert finding.flagged[0].lost == finding.pairs / TASKS == 10
    narrow = match(Fake(always), Fake(collapsing), "clean").report()
    assert narrow.exit_code == 1 and narrow.findings[0].pairs <= 40


def test_tasks_like_these_are_judged_once_when_all_is_played() -> None:
    first, second = Fake(always, limit=9), Fake(failing(0.9), limit=9)
    report = match(first, second, "clean", "dark", tasks_as="sample").report()
    assert first.played == second.played == 2 * 9 * TASKS and not report.sequential
    assert report.exit_code == 1 and [each.pairs for each in report.findings] == [9 * TASKS] * 2
    equal = match(Fake(always, limit=9), Fake(always, limit=9), "clean", tasks_as="sample").report()
    assert equal.exit_code == 3 and equal.findings[0].why == (
        "4 tasks cannot show that tasks like these lost less than the margin, 59 could")
    broken = match(Fake(always, limit=9), Fake(always, limit=9, stop_at=20), "clean", tasks_as="sample").report()
    assert broken.interrupted and broken.exit_code == 130 and broken.findings[0].pairs == 20


@pytest.mark.long
@pytest.mark.slow
def test_errors_stay_below_alpha_however_often_it_looks() -> None:
    """A loss of exactly the margin, until it is decided or 20 rounds are over."""
    alpha, gates = 0.2, 100
    count = {0: 0, 1: 0, 3: 0}
    for seed in range(gates):
        second = Fake(failing(0.2, seed=seed), limit=20)
        count[match(Fake(always, limit=20), second, "clean", margin=20, alpha=alpha).report().exit_code] += 1
    most = gates * alpha + 2.6 * np.sqrt(gates * alpha * (1 - alpha))
    assert count[0] <= most and count[1] <= most


@pytest.mark.slow
@pytest.mark.usefixtures("toy_plugin")
def test_real_episodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy's seeker against a shaky one, at a margin so wide that few rounds decide."""
    monkeypatch.chdir(tmp_path)
    policy_card(tmp_path, "shaky", noise=4.0)
    terms = ["--suite", "toy", "--conditions", "clean", "--margin", "30", "--workers", "1", "--run", "--episodes", "12"]
    one = ["gate", "--baseline", "toy-seeker", "--candidate"]
    passed = CliRunner().invoke(app, [*one, "again:toy-seeker", *terms, "--summary", "s.md", "--junit", "j.xml"])
    assert passed.exit_code == 0, passed.output
    assert "no regression: toy-seeker" in passed.stdout and "% saved" in passed.stdout
    assert "baseline and candidate are the same version of one policy" in passed.stdout
    assert (tmp_path / "s.md").read_text().startswith("## no regression: ") and (tmp_path / "j.xml").exists()
    lines = (tmp_path / "again/toy-seeker/plain/toy_points/clean.jsonl").read_text().splitlines()
    assert len(lines) < 36 and {json.loads(line)["condition"] for line in lines} == {"clean"}
    again = CliRunner().invoke(app, [*one, "again:toy-seeker", *terms])
    assert again.exit_code == 0 and "played 0 of the" in again.stdout
    failed = CliRunner().invoke(app, [*one, "shaky.toml", *terms])
    assert failed.exit_code == 1 and "REGRESSION: shaky" in failed.stdout
    # from the records alone, with a test that looks once
    fixed = CliRunner().invoke(app, [*one, "shaky", "--margin", "30"])
    assert fixed.exit_code == 1 and "valid at every look" not in fixed.stdout


def test_playing_takes_a_suite_and_terms_that_can_be(toy_plugin: None) -> None:
    with pytest.raises(OptionError, match="--run plays a suite\n  fix: --suite S"):
        play("toy-seeker", "toy-seeker", Choice())
    with pytest.raises(OptionError, match="--margin"):
        play("toy-seeker", "toy-seeker", Choice(suite="toy", margin=-1))


def test_workers_that_die_are_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their status in a run, 3, would be "inconclusive", which a job may let pass."""
    def dying(*_: object, **__: object) -> None:
        raise WorkerError("no worker lives")

    monkeypatch.setattr("vlabench.gate.play.play", dying)
    done = CliRunner().invoke(app, ["gate", "--baseline", "a", "--candidate", "b", "--suite", "toy", "--run"])
    assert done.exit_code == 2 and done.stderr == "vlabench: no worker lives\n"


@pytest.mark.usefixtures("toy_plugin")
def test_a_policy_s_server_that_does_not_come_back_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends with what it has; asked again it would end as soon, and so on for ever."""
    monkeypatch.chdir(tmp_path)
    runs: list[Any] = []

    def gone(*asked: Any, **_: Any) -> RunSummary:
        runs.append(asked)
        return RunSummary(8, 0, 0, 0, 0, (), 0.1, False, gone="no policy to be asked at ws://there")

    monkeypatch.setattr("vlabench.gate.play.run.run", gone)
    done = CliRunner().invoke(app, ["gate", "--baseline", "toy-seeker", "--candidate", "again:toy-seeker", "--suite",
                                    "toy", "--run"])
    assert done.exit_code == 2 and done.stderr == "vlabench: no policy to be asked at ws://there\n" and len(runs) == 1


def batches(match_: Match) -> Any:
    """The sizes of the batches of the first condition."""
    sizes = []
    contest = match_.trial.contests[0]
    while batch := match_._batch(contest):
        sizes.append(len(batch))
        for player in match_.players:
            player.play(contest.condition, batch, None, Progress())
        match_._look(contest)
    return sizes


def test_batches_double_and_never_play_beyond_what_is_needed() -> None:
    assert batches(match(Fake(always), Fake(always), "clean")) == [8, 8, 5]
    sizes = batches(match(Fake(always, limit=50), Fake(failing(0.05, seed=1), limit=50), "clean"))
    assert sizes[0] == 8 and all(later <= sum(sizes[:k]) for k, later in enumerate(sizes) if k)
    assert sum(sizes) == 50
