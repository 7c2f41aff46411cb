"""`vlabench gate`: the verdict from records that are there."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlabench import cards, stats
from vlabench.cards.find import fits
from vlabench.cards.suite import SuiteCard
from vlabench.errors import OptionError, UnknownName
from vlabench.gate.sides import Side, address, sides
from vlabench.gate.verdicts import EXIT, Finding, Terms, judge, overall, paired
from vlabench.records.read import superseded
from vlabench.records.store import listed
from vlabench.types import EpisodeRecord
from vlabench.util.text import counted


@dataclass(frozen=True)
class Choice:
    """What is compared, and by which terms.

    suite: its conditions and tasks, else all that both sides have. tasks, conditions: patterns, empty for all. seed:
    of the episodes; other_seed: of the candidate's, where it is another: pairs then share the start state alone.
    margin, task_margin: the largest tolerated loss, the mean over tasks and of a single one, in points, 0 … 100.
    alpha: the chance of a wrong verdict, in (0, 0.5). tasks_as: the question (`stats.TasksAs`).
    """

    suite: str | None = None
    assets: str | None = None
    tasks: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    seed: int = 0
    other_seed: int | None = None
    margin: float = 100 * Terms.margin
    alpha: float = Terms.alpha
    task_margin: float = 100 * Terms.task_margin
    tasks_as: stats.TasksAs = Terms.tasks_as

    @property
    def terms(self) -> Terms:
        """As fractions. Raises OptionError."""
        for option, points in (("margin", self.margin), ("task-margin", self.task_margin)):
            if not 0 <= points < 100:
                raise OptionError(f"--{option} {points:g}: must be 0 or more points, and below 100")
        if not 0 < self.alpha < 0.5:
            raise OptionError(f"--alpha {self.alpha:g}: must lie between 0 and 0.5")
        return Terms(self.margin / 100, self.task_margin / 100, self.alpha, self.tasks_as)

    @property
    def candidate_seed(self) -> int:
        """Of the candidate's episodes."""
        return self.seed if self.other_seed is None else self.other_seed


@dataclass(frozen=True)
class Report:
    """The verdict, and what it rests on.

    sequential: from a test that was looked at while episodes were played. effort: what that took, and saved.
    """

    baseline: str
    candidate: str
    assets: str
    choice: Choice
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    effort: str = ""
    sequential: bool = False
    interrupted: bool = False

    @property
    def verdict(self) -> stats.Verdict:
        """Of all conditions together."""
        return overall(self.findings)

    @property
    def exit_code(self) -> int:
        """0 no regression, 1 regression, 3 undecided, 130 if Ctrl-C ended it first."""
        return 130 if self.interrupted else EXIT[self.verdict]


def compare(baseline: str, candidate: str, choice: Choice, results: Path = Path("results")) -> Report:
    """Judge the pairs that both sides have on record.

    baseline, candidate: as `sides.address` reads them. Raises OptionError, UnknownName and CardError for sides, names
    and terms that cannot be, StoreError for records that cannot be read.
    """
    terms = choice.terms
    first, second = sides(address(baseline, results), address(candidate, results), choice.assets)
    digests, notes = _conditions(first, second, choice)
    mine, theirs = (_chosen(side.read(digests), choice, seed)
                    for side, seed in ((first, choice.seed), (second, choice.candidate_seed)))
    counts = cards.load_suite(choice.suite).success if choice.suite else None
    pairs = [paired(name, mine.get(name, []), theirs.get(name, []), counts) for name in digests]
    if not any(each.keys for each in pairs):
        left_out = [f"{side.label}: {why}" for side in (first, second) for why in side.left_out(digests)]
        raise OptionError("\n  ".join([
            f"baseline {baseline!r} and candidate {candidate!r} have no episode in common that both finished (seed "
            f"{choice.seed} against {choice.candidate_seed})", *dict.fromkeys(left_out),
            *(_has(name, found) for name, found in (("baseline", mine), ("candidate", theirs))),
            "fix: --run plays what is missing; or --suite, of whose tasks and conditions both have some"]))
    notes += difference_notes(first, second, mine, theirs)
    for each in pairs:
        if any(each.errors):
            notes.append(f"condition {each.condition!r}: {counted(each.errors[0], 'episode')} of the baseline and "
                         f"{each.errors[1]} of the candidate ended in errors and are left out")
        if any(each.alone):
            notes.append(f"condition {each.condition!r}: {counted(each.alone[0], 'episode')} of the baseline and "
                         f"{each.alone[1]} of the candidate have no counterpart and are left out")
    findings = tuple(judge(pairs, terms))
    return Report(first.label, second.label, first.assets, choice, findings, tuple(notes))


def _has(who: str, records: Mapping[str, Sequence[EpisodeRecord]]) -> str:
    """What a side has of what is judged."""
    found = [record for each in records.values() for record in each]
    task_sets = ", ".join(sorted({record.task.rpartition("/")[0] for record in found}))
    return f"{who}: {counted(len(found), 'episode')}{' of ' if found else ''}{task_sets}"


def difference_notes(first: Side, second: Side, mine: Mapping[str, Sequence[EpisodeRecord]],
                     theirs: Mapping[str, Sequence[EpisodeRecord]]) -> list[str]:
    """What else differs, or does not, between the two sides."""
    notes = []
    if (first.policy, first.digest) == (second.policy, second.digest):
        notes.append("baseline and candidate are the same version of one policy")
    played = [{(name, version) for records in side.values() for record in records
               for name, version in record.versions.items()} for side in (mine, theirs)]
    for name in sorted({name for name, _ in played[0] ^ played[1]}):
        then, now = (", ".join(sorted(version for n, version in side if n == name)) or "none" for side in played)
        if then != now:
            notes.append(f"the baseline was played with {name} {then}, the candidate with {name} {now}: part of the "
                         f"difference may be due to that")
    return notes


def matching(records: Iterable[EpisodeRecord], suite: SuiteCard | None, patterns: Sequence[str]) -> list[EpisodeRecord]:
    """Those of the suite's tasks, and of tasks or task sets that match a pattern."""
    def wanted(task: str) -> bool:
        if suite is not None and (task.rpartition("/")[0] not in suite.task_sets
                                  or not fits(task, suite.tasks)):
            return False
        return fits(task, patterns)

    return [record for record in records if wanted(record.task)]


def _chosen(records: Sequence[EpisodeRecord], choice: Choice, seed: int) -> dict[str, list[EpisodeRecord]]:
    suite = cards.load_suite(choice.suite) if choice.suite else None
    found: dict[str, list[EpisodeRecord]] = {}
    for record in matching(records, suite, choice.tasks):
        if record.seed == seed:
            found.setdefault(record.condition, []).append(record)
    return found


def _conditions(first: Side, second: Side, choice: Choice) -> tuple[dict[str, str], list[str]]:
    """Condition → digest of what is judged, and what is not although both sides have it."""
    notes: list[str] = []
    if choice.suite:
        digests = {name: each.digest for name, each in cards.load_suite(choice.suite).conditions.items()}
    else:
        digests = {}
        for name, meant in first.holding.conditions.items():
            common = meant.keys() & second.holding.conditions.get(name, {}).keys()
            if len(common) > 1:
                raise OptionError(f"condition {name!r} is on record with several meanings, on both sides\n"
                                  f"  fix: --suite S says which is meant")
            if common:
                digests[name] = common.pop()
            elif name in second.holding.conditions:
                notes.append(f"condition {name!r} had other parameters for the baseline, or an earlier protocol, and "
                             f"is left out")
    for pattern in choice.conditions:
        if not fnmatch.filter(digests, pattern):
            raise UnknownName("condition", pattern, digests, where="--conditions")
    if not digests:
        nothing = f"baseline {first.name!r} and candidate {second.name!r} have no condition in common"
        raise OptionError("\n  ".join([nothing, *notes]))
    kept = [name for name in digests
            if not choice.conditions or any(fnmatch.fnmatchcase(name, pattern) for pattern in choice.conditions)]
    chosen = {name: digests[name] for name in kept}
    old = superseded(chosen, first.holding.task_sets) if not choice.suite else []
    if old:
        notes.append(f"both sides were played under other parameters or an earlier protocol of the simulator than the "
                     f"suites here have: {listed(old)}")
    return chosen, notes
