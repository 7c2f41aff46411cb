"""What the records of a policy come to: rates, what conditions cost it, and the gate's verdict on each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlabench import stats
from vlabench.conditions import CLEAN
from vlabench.gate.verdicts import Finding, Pairs, judge
from vlabench.gather import Owner
from vlabench.plots import Data
from vlabench.tables.sides import Cell, Episode, Outcomes, Side, contrast, drop, outcomes_of, rate

MARGIN, ALPHA = 0.05, 0.05
"""The loss that is put up with, and the chance of a wrong verdict: what `vlabench gate` takes unless told otherwise."""
Judged = tuple[str, Outcomes, Outcomes]
"""A condition, and the outcomes of the two sides that are compared."""


@dataclass(frozen=True)
class Standing:
    """One policy's figures.

    clean: its rate. perturbed, cost: the mean over `averaged`, and the paired difference of that to clean. averaged:
    the perturbed conditions that it played on all of `task_sets`, or all if there are none. costs: condition → paired
    difference to clean. findings: condition → what the gate would say if clean were the baseline.
    """

    side: Side
    task_sets: tuple[str, ...]
    averaged: tuple[str, ...]
    clean: Cell | None
    perturbed: Cell | None
    cost: stats.Estimate | None
    worst: stats.Worst | None
    costs: Mapping[str, Cell]
    findings: Mapping[str, Finding]

    @property
    def hopeless(self) -> bool:
        """Whether it cannot lose more than the margin, because it hardly ever succeeds."""
        return self.clean is not None and self.clean.value <= MARGIN

    @property
    def perturbations(self) -> list[str]:
        """All conditions but clean."""
        return [name for name in self.side.conditions if name != CLEAN]

    @property
    def hardest(self) -> list[str]:
        """The conditions that can be compared with clean, the most expensive first."""
        return sorted(self.costs, key=lambda name: self.costs[name].value)

    def rate(self, condition: str) -> Cell | None:
        """Of a condition, over the task sets that it was played on."""
        return rate(self.side, [(condition, each) for each in played_on(self.side, condition)])


@dataclass(frozen=True)
class Comparison:
    """A policy against the one that the page compares with, on the same episodes.

    clean, perturbed: paired differences, of clean episodes and of the mean over `averaged`, the perturbed conditions
    that both played on the same task sets. differences: condition → paired difference; findings: the gate's.
    """

    baseline: Side
    side: Side
    averaged: tuple[str, ...]
    clean: Cell | None
    perturbed: stats.Estimate | None
    differences: Mapping[str, Cell]
    findings: Mapping[str, Finding]


def standing(data: Data, side: Side) -> Standing:
    """The figures of one policy, over the task sets that all policies have (its own, where they share none)."""
    task_sets = tuple(data.task_sets or side.task_sets)
    perturbed = [name for name in side.conditions if name != CLEAN]
    averaged = [name for name in perturbed if all((name, each) in side.outcomes for each in task_sets)] or perturbed
    leaves = [(name, each) for name in averaged for each in task_sets if (name, each) in side.outcomes]
    controls = [(side.outcomes.get((CLEAN, each), {}), side.outcomes[name, each]) for name, each in leaves]
    costs = {name: cell for name in perturbed if (cell := drop(side, name, side.task_sets))}
    return Standing(
        side=side, task_sets=task_sets, averaged=tuple(averaged),
        clean=rate(side, [(CLEAN, each) for each in task_sets if (CLEAN, each) in side.outcomes]),
        perturbed=rate(side, leaves), cost=mean_difference(controls),
        worst=_worst(side, averaged, task_sets) if leaves else None, costs=costs,
        findings=_findings([(name, side.merged(CLEAN, side.task_sets), side.merged(name, side.task_sets))
                            for name in costs], data, side.owner, side.owner),
    )  # fmt: skip


def comparison(data: Data, baseline: Side, side: Side) -> Comparison:
    """What tells a policy from the baseline; both on one pack."""
    common = [name for name in baseline.conditions if name in side.conditions]
    task_sets = [each for each in baseline.task_sets if each in side.task_sets]
    leaves = [(name, each) for name in common if name != CLEAN for each in task_sets
              if (name, each) in baseline.outcomes and (name, each) in side.outcomes]
    differences = {name: cell for name in common if (cell := contrast(baseline, side, name, task_sets))}
    return Comparison(
        baseline=baseline, side=side, averaged=tuple(dict.fromkeys(name for name, _ in leaves)),
        clean=differences.get(CLEAN),
        perturbed=mean_difference([(baseline.outcomes[leaf], side.outcomes[leaf]) for leaf in leaves]),
        differences=differences,
        findings=_findings([(name, baseline.merged(name, task_sets), side.merged(name, task_sets))
                            for name in differences], data, baseline.owner, side.owner),
    )  # fmt: skip


def played_on(side: Side, condition: str) -> list[str]:
    """The task sets on which a policy has an outcome under a condition."""
    return [each for each in side.task_sets if (condition, each) in side.outcomes]


def mean_difference(pairs: Sequence[tuple[Outcomes, Outcomes]]) -> stats.Estimate | None:
    """The mean over several pairs of outcomes of second − first, on the episodes that both have; None without any.

    Each pair has the same weight. The 95 % interval resamples whole tasks; where all resamples agree, and the
    bootstrap would claim certainty, the mean of Newcombe's limits takes its place.
    """
    joined = [stats.pair(first, second) for first, second in pairs]
    joined = [each for each in joined if each[0]]
    if not joined:
        return None
    if len(joined) == 1:
        ((keys, first, second),) = joined
        return stats.paired_difference(first, second, [task for task, _, _ in keys])
    shares: dict[Episode, float] = defaultdict(float)
    for keys, first, second in joined:
        for key, change in zip(keys, second.astype(np.int64) - first, strict=True):
            shares[key] += int(change) / (len(keys) * len(joined))
    values = np.array(list(shares.values()))
    drawn = stats.Clusters([task for task, _, _ in shares])
    interval = drawn.interval_of_mean(values * len(values), within=(-1.0, 1.0))
    if interval is None:
        low, high = np.mean([stats.newcombe_paired(first, second) for _, first, second in joined], axis=0)
        interval = float(low), float(high)
    return stats.Estimate(len(values), float(values.sum()), *interval)


def _worst(side: Side, conditions: Sequence[str], task_sets: Sequence[str]) -> stats.Worst:
    return stats.worst_condition({name: outcomes_of(side, name, task_sets) for name in conditions})


def _findings(judged: Sequence[Judged], data: Data, first: Owner, second: Owner) -> dict[str, Finding]:
    """The gate's verdicts on all conditions together."""
    pairs = []
    for name, one, other in judged:
        keys, before, after = stats.pair(one, other)
        control = CLEAN if first == second else name
        errors = (_counted(data.errors.get((first, control), 0.0), len(keys)),
                  _counted(data.errors.get((second, name), 0.0), len(keys)))
        pairs.append(Pairs(name, tuple((task, index) for task, index, _ in keys), before, after, errors))
    return {finding.condition: finding for finding in judge(pairs, MARGIN, ALPHA)} if pairs else {}


def _counted(share: float, episodes: int) -> int:
    """Errors beside so many episodes with an outcome, at a share of all."""
    return round(share / (1 - share) * episodes) if share < 1 else episodes
