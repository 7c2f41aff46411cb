"""From paired outcomes to verdicts: records in, one finding per condition out; nothing is read or played here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vlabench import stats
from vlabench.gate.needs import further_episodes
from vlabench.runner import MAX_ERRORS
from vlabench.types import EpisodeRecord, Success, won

Episode = tuple[str, int]
"""(task, index): what both sides' seeds have in common."""
WORST = 3
"""Tasks that a finding names."""


@dataclass(frozen=True)
class Pairs:
    """What both sides did under one condition.

    keys: the N episodes that both finished; first, second: the baseline's and the candidate's outcomes bool [N].
    errors, alone: per side, episodes that ended in errors, and that the other side did not play.
    """

    condition: str
    keys: tuple[Episode, ...]
    first: stats.Bools = field(repr=False)
    second: stats.Bools = field(repr=False)
    errors: tuple[int, int] = (0, 0)
    alone: tuple[int, int] = (0, 0)

    @property
    def tasks(self) -> list[str]:
        """The task of each pair."""
        return [task for task, _ in self.keys]

    @property
    def too_many_errors(self) -> bool:
        """More than MAX_ERRORS of either side's common episodes ended in errors."""
        return max(self.errors) > MAX_ERRORS * (len(self.keys) + max(self.errors))


@dataclass(frozen=True)
class Finding:
    """The verdict on a condition. Differences are candidate − baseline, as fractions.

    difference: with the interval that `method` names, two-sided at 1 − 2 alpha. lost, gained: pairs of which only the
    baseline's or only the candidate's succeeded. further: episodes per task that would probably decide it, None where
    none would. why: for an inconclusive one. worst: the tasks that lost most, with their difference and pairs.
    """

    condition: str
    verdict: stats.Verdict
    pairs: int
    tasks: int
    baseline: stats.Rate
    candidate: stats.Rate
    difference: stats.Estimate
    lost: int
    gained: int
    errors: tuple[int, int]
    alone: tuple[int, int]
    further: int | None = None
    why: str = ""
    worst: tuple[tuple[str, float, int], ...] = ()


def paired(condition: str, baseline: Iterable[EpisodeRecord], candidate: Iterable[EpisodeRecord],
           counts: Success | None = None) -> Pairs:
    """The pairs of two sides' records of one condition, one seed each; `counts`: which success counts."""
    mine, theirs = ({(record.task, record.index): record for record in side} for side in (baseline, candidate))
    common = [key for key in mine if key in theirs]
    keys = tuple(sorted(key for key in common if "error" not in (mine[key].status, theirs[key].status)))
    first, second = (np.array([won(side[key], counts) for key in keys], dtype=np.bool_) for side in (mine, theirs))
    return Pairs(condition, keys, first, second,
                 errors=(sum(mine[key].status == "error" for key in common),
                         sum(theirs[key].status == "error" for key in common)),
                 alone=(len(mine) - len(common), len(theirs) - len(common)))


def judge(conditions: Sequence[Pairs], margin: float, alpha: float) -> list[Finding]:
    """The findings, in the same order, from intervals of the paired difference that resample whole tasks.

    margin: the loss that is put up with, a fraction. A regression's upper limit lies below −margin at the one-sided
    level alpha / k, k counting the conditions on which nothing is decided in Holm's order; the lower limit of one
    without regression lies above −margin at alpha.
    """
    judged = [pairs for pairs in conditions if pairs.keys]
    accused: set[str] = set()
    while True:
        left = [pairs for pairs in judged if pairs.condition not in accused]
        worse = {pairs.condition for pairs in left if _interval(pairs, alpha / len(left)).high < -margin}
        if not worse:
            break
        accused |= worse
    findings = []
    for pairs in conditions:
        difference = _interval(pairs, alpha)
        verdict: stats.Verdict = "undecided"
        if pairs.condition in accused:
            verdict = "regression"
        elif difference.low > -margin and not pairs.too_many_errors:
            verdict = "no regression"
        need = None
        if verdict == "undecided" and pairs.keys:
            need = further_episodes(pairs.first, pairs.second, pairs.tasks, margin, alpha, len(judged))
        findings.append(finding_of(pairs, verdict, difference, further=need))
    return findings


def finding_of(pairs: Pairs, verdict: stats.Verdict, difference: stats.Estimate, why: str = "",
               further: int | None = None) -> Finding:
    """The finding on these pairs. why: it is undecided, where that is not for want of episodes."""
    if not pairs.keys and not why:
        why = f"no episode that both sides finished ({_counted(pairs)})"
    elif pairs.too_many_errors and verdict == "undecided":
        why = f"too many episodes ended in errors ({_counted(pairs)})"
    rates = stats.success_rate(pairs.first), stats.success_rate(pairs.second)
    lost, gained = int(np.sum(pairs.first & ~pairs.second)), int(np.sum(~pairs.first & pairs.second))
    return Finding(pairs.condition, verdict, len(pairs.keys), len(set(pairs.tasks)), *rates, difference, lost, gained,
                   pairs.errors, pairs.alone, None if why else further, why, _worst(pairs))


def _interval(pairs: Pairs, alpha: float) -> stats.Estimate:
    """Of the paired difference, two-sided at 1 − 2 alpha: each limit holds at the one-sided level alpha."""
    return stats.paired_difference(pairs.first, pairs.second, pairs.tasks, level=1 - 2 * alpha)


def _worst(pairs: Pairs) -> tuple[tuple[str, float, int], ...]:
    """The tasks that lost, most first."""
    difference: Counter[str] = Counter()
    for task, first, second in zip(pairs.tasks, pairs.first, pairs.second, strict=True):
        difference[task] += int(second) - int(first)
    sizes = Counter(pairs.tasks)
    lost = sorted((total / sizes[task], task) for task, total in difference.items() if total < 0)
    return tuple((task, mean, sizes[task]) for mean, task in lost[:WORST])


def _counted(pairs: Pairs) -> str:
    return (f"baseline: {pairs.errors[0]} errors, {pairs.alone[0]} without a counterpart; "
            f"candidate: {pairs.errors[1]} errors, {pairs.alone[1]} without a counterpart")


def overall(findings: Sequence[Finding]) -> stats.Verdict:
    """Of all conditions together: a regression of one is one of all, and one that is undecided leaves all undecided."""
    verdicts = {finding.verdict for finding in findings}
    if "regression" in verdicts:
        return "regression"
    return "no regression" if verdicts == {"no regression"} else "undecided"


EXIT: Mapping[Any, int] = {"no regression": 0, "regression": 1, "undecided": 3}
"""Verdict → exit status."""
