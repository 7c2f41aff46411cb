"""What the records of a policy come to: rates, what conditions cost it, and the gate's verdict on each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vlabench import stats
from vlabench.cards.conditions import CLEAN
from vlabench.gate.verdicts import Finding, Pairs, Terms, judge
from vlabench.records.read import PolicyOnAssets
from vlabench.reports.plots import Data
from vlabench.reports.tables.outcomes import Leaf, Outcomes, Side
from vlabench.reports.tables.paired import Cell, contrast, drop, mean_difference, rate

TERMS = Terms()
"""By which conditions are judged: those of `vlabench gate`, unless it is told others."""
Judged = tuple[str, Outcomes, Outcomes]
"""A condition, and the outcomes of the two sides that are compared."""


@dataclass(frozen=True)
class Also:
    """One policy's rates by the success that its suite prints, too. name: what they are called after."""

    name: str
    side: Side
    clean: Cell | None
    perturbed: Cell | None


@dataclass(frozen=True)
class Standing:
    """One policy's figures.

    clean: its rate over `task_sets`. perturbed, cost: the mean over `averaged`, and the paired difference of that to
    clean. averaged: the perturbed conditions that it played on any of these task sets. worst: that with the lowest
    rate. costs: condition → paired difference to clean. findings: condition → what the gate would say if clean were
    the baseline. also: see there.
    """

    side: Side
    task_sets: tuple[str, ...]
    averaged: tuple[str, ...]
    clean: Cell | None
    perturbed: Cell | None
    cost: stats.Difference | None
    worst: str | None
    costs: Mapping[str, Cell]
    findings: Mapping[str, Finding]
    also: Also | None = None

    @property
    def hopeless(self) -> bool:
        """Whether it succeeded in so few clean episodes that what it withstands is no merit; that it does not lose more
        than the margin is for `findings` to say.
        """
        return self.clean is not None and self.clean.value <= TERMS.margin

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
        return _rate(self.side, condition)

    def also_rate(self, condition: str) -> Cell | None:
        """The same by the other success."""
        return _rate(self.also.side, condition) if self.also else None


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
    perturbed: stats.Difference | None
    differences: Mapping[str, Cell]
    findings: Mapping[str, Finding]


def standing(data: Data, side: Side) -> Standing:
    """The figures of one policy, over the task sets that all policies have (its own, where they share none)."""
    task_sets = tuple(data.task_sets or side.task_sets)
    perturbed = [name for name in side.conditions if name != CLEAN]
    leaves = [(name, each) for name in perturbed for each in task_sets if (name, each) in side.outcomes]
    averaged = tuple(dict.fromkeys(name for name, _ in leaves))
    controls = [(side.merged(CLEAN, task_sets), side.merged(name, task_sets)) for name in averaged]
    costs = {name: cell for name in perturbed if (cell := drop(side, name, side.task_sets))}
    clean = [(CLEAN, each) for each in task_sets if (CLEAN, each) in side.outcomes]
    found = Standing(
        side=side, task_sets=task_sets, averaged=averaged, also=_also(data, side, clean, leaves),
        clean=rate(side, clean),
        perturbed=rate(side, leaves), cost=_mean(controls, side), worst=None, costs=costs,
        findings=_findings([(name, side.merged(CLEAN, side.task_sets), side.merged(name, side.task_sets))
                            for name in costs], data, side, side),
    )  # fmt: skip
    rates = {name: cell.value for name in averaged if (cell := found.rate(name))}
    return replace(found, worst=min(rates, key=lambda name: rates[name], default=None))


def comparison(data: Data, baseline: Side, side: Side) -> Comparison:
    """What tells a policy from the baseline; both on one pack."""
    common = [name for name in baseline.conditions if name in side.conditions]
    task_sets = [each for each in baseline.task_sets if each in side.task_sets]
    leaves = [(name, each) for name in common if name != CLEAN for each in task_sets
              if (name, each) in baseline.outcomes and (name, each) in side.outcomes]
    by_condition: dict[str, list[str]] = {}
    for name, each in leaves:
        by_condition.setdefault(name, []).append(each)
    differences = {name: cell for name in common if (cell := contrast(baseline, side, name, task_sets))}
    return Comparison(
        baseline=baseline, side=side, averaged=tuple(by_condition),
        clean=differences.get(CLEAN),
        perturbed=_mean([(baseline.merged(*each), side.merged(*each)) for each in by_condition.items()], side),
        differences=differences,
        findings=_findings([(name, baseline.merged(name, task_sets), side.merged(name, task_sets))
                            for name in differences], data, baseline, side),
    )  # fmt: skip


def played_on(side: Side, condition: str) -> list[str]:
    """The task sets on which a policy has an outcome under a condition."""
    return [each for each in side.task_sets if (condition, each) in side.outcomes]


def _rate(side: Side, condition: str) -> Cell | None:
    return rate(side, [(condition, each) for each in played_on(side, condition)])


def _also(data: Data, side: Side, clean: Sequence[Leaf], perturbed: Sequence[Leaf]) -> Also | None:
    if data.also is None:
        return None
    other = data.also.sides[side.owner]
    return Also(data.also.name, other, rate(other, clean), rate(other, perturbed))


def _mean(pairs: Sequence[tuple[Outcomes, Outcomes]], side: Side) -> stats.Difference | None:
    found = mean_difference(pairs, side.tasks_as)
    return found if found.n else None


def _findings(judged: Sequence[Judged], data: Data, first: Side, second: Side) -> dict[str, Finding]:
    """The gate's verdicts on all conditions together."""
    pairs = []
    for name, one, other in judged:
        keys, before, after = stats.pair(one, other)
        control = CLEAN if first.owner == second.owner else name
        errors = (_errors(data, first.owner, control, len(keys)), _errors(data, second.owner, name, len(keys)))
        pairs.append(Pairs(name, tuple((task, index) for task, index, _ in keys), before, after, errors))
    terms = replace(TERMS, tasks_as=second.tasks_as)
    return {finding.condition: finding for finding in judge(pairs, terms)} if pairs else {}


def _errors(data: Data, owner: PolicyOnAssets, condition: str, episodes: int) -> int:
    """Beside so many episodes with an outcome, at the share of all."""
    share = data.errors.get((owner, condition), 0.0)
    return round(share / (1 - share) * episodes) if share < 1 else episodes
