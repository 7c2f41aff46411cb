"""The report's sentences: what was measured, and what it comes to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from vlabench import stats
from vlabench.cards.conditions import CLEAN
from vlabench.gate.report import loss, points
from vlabench.gate.verdicts import Finding
from vlabench.reports.page.verdicts import TERMS, Comparison, Standing
from vlabench.reports.plots import Data
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import Cell
from vlabench.util.text import counted

WITHSTOOD: Mapping[stats.Verdict, str] = {
    "regression": "loses", "no regression": "withstands", "undecided": "undecided"}
"""The gate's verdict → what a page says of a policy under a condition, against itself without."""
HOPELESS: Mapping[stats.Verdict, str] = {**WITHSTOOD, "no regression": "nothing to lose"}
"""The same of a policy that hardly ever succeeds; too few episodes leave that undecided, too."""
COMPARED: Mapping[stats.Verdict, str] = {"regression": "worse", "no regression": "no worse", "undecided": "undecided"}
"""The gate's verdict on a policy against another."""
LOSS, TASK_LOSS = (f"{100 * margin:g} points" for margin in (TERMS.margin, TERMS.task_margin))


def title(data: Data) -> str:
    """`nano-sft under perturbation`."""
    names = [side.owner.policy for side in data.sides]
    who = listed(names) if len(names) <= 3 else f"{len(names)} policies"
    return f"{who} under perturbation" if set(data.conditions) - {CLEAN} else f"{who}, clean"


def measured(data: Data) -> str:
    """Tasks, conditions, episodes and the pack."""
    episodes = {side.owner.policy: episodes_of(side) for side in data.sides}
    each = (f"{counted(next(iter(episodes.values())), 'episode')}{' a policy' if len(episodes) > 1 else ''}"
            if len(set(episodes.values())) == 1 else
            listed([f"{counted(number, 'episode')} of {policy}" for policy, number in episodes.items()]))
    tasks, conditions = counted(len(data.tasks), "task"), counted(len(data.conditions), "condition")
    return f"{tasks} of {listed(data.played)}, {conditions}, {each}, on {data.sides[0].owner.assets} assets."


def verdict(found: Standing) -> str:
    """One sentence: what a policy withstands."""
    name = found.side.owner.policy
    if not found.perturbations:
        return f"{name} was played without perturbations: how robust it is, these episodes do not say."
    if not found.findings:
        return f"{name} has no clean episodes to compare with: what the perturbations cost it, nobody can say."
    number = Counter(finding.verdict for finding in found.findings.values())
    lost, held, open_ = (number[kind] for kind in WITHSTOOD)
    total = f" of {counted(len(found.findings), 'perturbed condition')}"
    if not lost and not held:
        return f"Whether {name} withstands any{total}, its episodes do not decide."
    if found.hopeless and found.clean and held == len(found.findings):
        return f"{name} succeeds in {percent(found.clean)} of clean episodes: it has nothing to lose to perturbations."
    said = [f"loses more than {LOSS} of success, or {TASK_LOSS} in one task, under {lost}{total}"] if lost else []
    holds = "has nothing to lose under" if found.hopeless else "withstands"
    said += [f"{holds} {held}{'' if lost else total}"] if held else []
    return f"{name} {' and '.join(said)}{f'; on {open_} the episodes do not decide' if open_ else ''}."


def figures(found: Standing) -> str:
    """The rates behind the verdict."""
    said = []
    if found.clean:
        said.append(f"It succeeds in {percent(found.clean)} of clean episodes.")
    if found.perturbed:
        over = _over(found.averaged, len(found.perturbations))
        cost = f": {points(found.cost)} points on the same episodes" if found.cost else ""
        said.append(f"Under perturbation it succeeds in {percent(found.perturbed)}{over}{cost}.")
    if found.worst and len(found.averaged) > 1 and (worst := found.rate(found.worst)):
        said.append(f"The lowest rate is that under {found.worst}: {percent(worst)}.")
    return " ".join(said)


def against(found: Comparison) -> str:
    """One sentence: a policy beside the one that it is compared with."""
    name, other = found.side.owner.policy, found.baseline.owner.policy
    said = []
    if found.clean:
        said.append(f"{points(estimate(found.clean))} points of success when clean")
    if found.perturbed:
        over = _over(found.averaged, len([name for name in found.differences if name != CLEAN]))
        said.append(f"{points(found.perturbed)} under perturbation{over}")
    if not said:
        return f"{name} and {other} have no episodes in common."
    number = Counter(finding.verdict for finding in found.findings.values())
    verdicts = listed([f"{COMPARED[kind]} under {number[kind]}" for kind in COMPARED if number[kind]])
    return (f"{name} − {other}, on the same episodes: {', '.join(said)}. By more than {LOSS} it is {verdicts} of "
            f"{counted(len(found.findings), 'condition')}.")


def why_undecided(finding: Finding) -> str:
    """What it would take to decide, or why nothing can be said."""
    if finding.verdict != "undecided":
        return ""
    if finding.why:
        return finding.why
    further = finding.further
    if further is None:
        return "no number of episodes would decide"
    return f"about {counted(further, 'further episode')} per task"


def why(finding: Finding) -> str:
    """What a verdict rests on, where its word alone does not say it: flagged tasks, or what it would take to decide."""
    if finding.flagged:
        return f"tasks that lost most: {', '.join(map(loss, finding.flagged))}"
    return why_undecided(finding)


def _over(averaged: Sequence[str], conditions: int) -> str:
    """Of how many conditions a figure is the mean, of all that there are."""
    if len(averaged) < 2:
        return ""
    some = "" if len(averaged) == conditions else f" of {conditions}, those on task sets that all policies have"
    return f" (the mean of {len(averaged)} conditions{some})"


def percent(figure: Cell) -> str:
    """`71.3 % [69.0, 73.5]`; without an interval where there is none."""
    if math.isnan(figure.low):
        return f"{100 * figure.value:.1f} %"
    return f"{100 * figure.value:.1f} % [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def estimate(cell: Cell) -> stats.Estimate:
    """A table's cell as the statistics have it."""
    return stats.Estimate(cell.n, cell.value, cell.low, cell.high)


def episodes_of(side: Side) -> int:
    """With an outcome, under all conditions."""
    return sum(map(len, side.outcomes.values()))


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def versions(found: Mapping[str, Sequence[str]]) -> str:
    """`mujoco 3.8.1, numpy 2.4.6 or 2.4.7`."""
    return ", ".join(f"{name} {' or '.join(each)}" for name, each in found.items())
