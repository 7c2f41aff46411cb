"""From paired outcomes to verdicts: records in, one finding per condition out; nothing is read or played here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from vlabench import stats
from vlabench.evaluation.run import too_many
from vlabench.gate.power import Visible, further_episodes, tasks_needed, visible
from vlabench.types import EpisodeRecord, Success, won
from vlabench.util.text import counted

Episode = tuple[str, int]
"""(task, index): what both sides' seeds have in common."""
WORST = 3
"""Tasks that a finding names."""


@dataclass(frozen=True)
class Terms:
    """By what is judged. margin: the largest tolerated mean loss over tasks, task_margin: that of a single task;
    fractions. alpha: the chance of a wrong verdict, in each direction. tasks_as: the question (`stats.TasksAs`).
    """

    margin: float = 0.05
    task_margin: float = 0.30
    alpha: float = 0.05
    tasks_as: stats.TasksAs = "fixed"

    @property
    def accusing(self) -> float:
        """The error of either accusation, by the mean and by a task: half of alpha for all conditions together."""
        return self.alpha / 2


@dataclass(frozen=True)
class Pairs:
    """What both sides did under one condition.

    keys: the N episodes that both finished; first, second: the baseline's and the candidate's outcomes bool [N].
    errors, alone: per side, episodes that ended in errors, and that the other side did not play. common: task → the
    episodes that both sides have on record, errors included. absent: tasks that only one side has.
    """

    condition: str
    keys: tuple[Episode, ...]
    first: stats.Bools = field(repr=False)
    second: stats.Bools = field(repr=False)
    errors: tuple[int, int] = (0, 0)
    alone: tuple[int, int] = (0, 0)
    common: Mapping[str, int] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    @property
    def tasks(self) -> list[str]:
        """The task of each pair."""
        return [task for task, _ in self.keys]

    @property
    def too_many_errors(self) -> bool:
        """Of either side's common episodes too many ended in errors."""
        return too_many(max(self.errors), len(self.keys) + max(self.errors))

    def unfit(self, task_margin: float) -> str:
        """Why it cannot pass, whatever the pairs say; "" if it can. A task may have collapsed where nobody looks."""
        if self.too_many_errors:
            return f"too many episodes ended in errors ({_counted(self)})"
        pairs = Counter(self.tasks)
        hidden = [f"{task} ({number - pairs[task]} of {number})" for task, number in self.common.items()
                  if number - pairs[task] >= task_margin * number and number > pairs[task]]
        if hidden:
            return f"errors hide what happens in {', '.join(hidden)}"
        if self.absent:
            return f"only one side has {_few(self.absent)}; --tasks compares the others"
        return ""

    def by_task(self) -> list[TaskLoss]:
        """What each task lost and gained, without a judgement."""
        counts: dict[str, list[int]] = {}
        for task, first, second in zip(self.tasks, self.first.tolist(), self.second.tolist(), strict=True):
            tally = counts.setdefault(task, [0, 0, 0])
            tally[0] += first and not second
            tally[1] += second and not first
            tally[2] += 1
        return [TaskLoss(task, *tally) for task, tally in counts.items()]


@dataclass(frozen=True)
class TaskLoss:
    """One task under one condition: of its pairs, those that only the baseline and only the candidate solved.

    p: the corrected p value of "it lost nothing", or 1 / e for a test that was looked at while playing.
    """

    task: str
    lost: int
    gained: int
    pairs: int
    p: float = 1.0

    @property
    def difference(self) -> float:
        """Candidate − baseline, a fraction."""
        return (self.gained - self.lost) / self.pairs


@dataclass(frozen=True)
class Finding:
    """The verdict on a condition. Differences are candidate − baseline, as fractions.

    difference: its lower end holds at alpha, its upper end at what an accusation takes, so that the verdict by the mean
    can be read off it. lost, gained: pairs of which only the baseline's or only the candidate's succeeded. flagged: the
    tasks that certainly lost something, and more than the task margin. further: episodes per task that would probably
    decide it, None where none would. why: for an inconclusive one. worst: the tasks that lost most. visible: what loss
    of one task would have been flagged.
    """

    condition: str
    verdict: stats.Verdict
    pairs: int
    tasks: int
    baseline: stats.Estimate
    candidate: stats.Estimate
    difference: stats.Estimate
    lost: int
    gained: int
    errors: tuple[int, int]
    alone: tuple[int, int]
    flagged: tuple[TaskLoss, ...] = ()
    further: int | None = None
    why: str = ""
    worst: tuple[TaskLoss, ...] = ()
    visible: Visible | None = None


def paired(condition: str, baseline: Iterable[EpisodeRecord], candidate: Iterable[EpisodeRecord],
           counts: Success | None = None) -> Pairs:
    """The pairs of two sides' records of one condition, one seed each; `counts`: which success counts."""
    mine, theirs = ({(record.task, record.index): record for record in side} for side in (baseline, candidate))
    common = [key for key in mine if key in theirs]
    shared = Counter(task for task, _ in common)
    absent = sorted({task for task, _ in (*mine, *theirs)} - set(shared))
    keys = tuple(sorted(key for key in common if "error" not in (mine[key].status, theirs[key].status)))
    first, second = (np.array([won(side[key], counts) for key in keys], dtype=np.bool_) for side in (mine, theirs))
    return Pairs(condition, keys, first, second,
                 errors=(sum(mine[key].status == "error" for key in common),
                         sum(theirs[key].status == "error" for key in common)),
                 alone=(len(mine) - len(common), len(theirs) - len(common)), common=dict(shared),
                 absent=tuple(absent))


def judge(conditions: Sequence[Pairs], terms: Terms) -> list[Finding]:
    """The findings, in the same order, by tests that look once.

    A condition passes if "it lost the margin or more on average" is rejected at alpha, and no task of it is flagged. It
    is a regression if "it lost no more than the margin" is rejected, by Holm over all conditions at alpha / 2, or if a
    task is flagged: if "this task lost nothing" is rejected, corrected for all tasks and conditions at alpha / 2, and
    the observed loss is at least the task margin.
    """
    judged = [pairs for pairs in conditions if pairs.keys]
    found = {pairs.condition: stats.difference(pairs.first, pairs.second, pairs.tasks, terms.tasks_as)
             for pairs in judged}
    accused, levels = _accused(found, terms)
    losses, seen = _losses(judged, terms)
    findings = []
    for pairs in conditions:
        if not pairs.keys:
            findings.append(finding_of(pairs, "undecided", stats.NOTHING))
            continue
        name, change = pairs.condition, found[pairs.condition]
        flagged = tuple(loss for loss in losses[name] if is_flagged(loss, terms))
        verdict: stats.Verdict = "regression" if name in accused or flagged else "undecided"
        why = _open(change, len(losses[name]), terms)
        if not flagged and name not in accused and change.p_no_worse(terms.margin) <= terms.alpha and not why:
            why = pairs.unfit(terms.task_margin)
            verdict = "undecided" if why else "no regression"
        further = None
        if verdict == "undecided" and not why:
            further = further_episodes(change, len(pairs.keys) / len(losses[name]), terms.margin, terms.alpha,
                                       levels[name])
        difference = stats.Estimate(change.n, change.value, change.lower(terms.alpha), change.upper(levels[name]))
        findings.append(finding_of(pairs, verdict, difference, flagged, why if verdict == "undecided" else "", further,
                                   seen, terms.tasks_as))
    return findings


def is_flagged(loss: TaskLoss, terms: Terms) -> bool:
    """Whether a task certainly lost something, and lost the task margin."""
    return loss.p <= terms.accusing and loss.difference <= -terms.task_margin + 1e-9


def finding_of(pairs: Pairs, verdict: stats.Verdict, difference: stats.Estimate, flagged: Sequence[TaskLoss] = (),
               why: str = "", further: int | None = None, seen: Visible | None = None,
               tasks_as: stats.TasksAs = "fixed") -> Finding:
    """The finding on these pairs. why: it is undecided, where that is not for want of episodes."""
    if not pairs.keys and not why:
        why = f"no episode that both sides finished ({_counted(pairs)})"
    elif pairs.too_many_errors and verdict == "undecided":
        why = pairs.unfit(1.0)
    rates = stats.rate(pairs.first, pairs.tasks, tasks_as), stats.rate(pairs.second, pairs.tasks, tasks_as)
    tasks = pairs.by_task()
    worst = sorted((each for each in tasks if each.difference < 0), key=lambda each: (each.difference, each.task))
    return Finding(pairs.condition, verdict, len(pairs.keys), len(tasks), *rates, difference,
                   sum(each.lost for each in tasks), sum(each.gained for each in tasks), pairs.errors, pairs.alone,
                   tuple(sorted(flagged, key=lambda each: each.difference)), None if why else further, why,
                   tuple(worst[:WORST]), seen)


def _accused(found: Mapping[str, stats.Difference], terms: Terms) -> tuple[set[str], dict[str, float]]:
    """The conditions that are a regression by their mean, and the error at which each was tested at last, by Holm."""
    p = {name: 1.0 if math.isnan(p := each.p_worse(terms.margin)) else p for name, each in found.items()}
    order = sorted(p, key=lambda name: p[name])
    accused, levels = set[str](), dict[str, float]()
    for place, name in enumerate(order):
        error = terms.accusing / (len(order) - place)
        if p[name] > error:
            return accused, levels | dict.fromkeys(order[place:], error)
        accused.add(name)
        levels[name] = error
    return accused, levels


def _losses(judged: Sequence[Pairs], terms: Terms) -> tuple[dict[str, list[TaskLoss]], Visible | None]:
    """By condition, its tasks with p corrected for all tasks of all conditions; and what would have been flagged."""
    cells = [(pairs.condition, loss) for pairs in judged for loss in pairs.by_task()]
    if not cells:
        return {}, None
    corrected = stats.discrete_holm([loss.lost for _, loss in cells], [loss.gained for _, loss in cells])
    found: dict[str, list[TaskLoss]] = {}
    for (name, loss), p in zip(cells, corrected, strict=True):
        found.setdefault(name, []).append(TaskLoss(loss.task, loss.lost, loss.gained, loss.pairs, p))
    episodes = int(median(loss.pairs for _, loss in cells))
    return found, visible([loss.lost + loss.gained for _, loss in cells], episodes, terms.accusing, terms.task_margin)


def _open(change: stats.Difference, tasks: int, terms: Terms) -> str:
    """Why tasks like these cannot be said to have lost less than the margin, if that is the question."""
    if terms.tasks_as == "fixed":
        return ""
    if tasks == 1:
        return "one task says nothing about tasks like it"
    needed = tasks_needed(terms.margin, terms.alpha)
    if needed is None or tasks < needed:
        could = "no number could" if needed is None else f"{needed} could"
        return f"{counted(tasks, 'task')} cannot show that tasks like these lost less than the margin, {could}"
    return "" if change.p_no_worse(terms.margin) <= terms.alpha else "more episodes do not help, more tasks do"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:WORST]) + (f" and {len(names) - WORST} more" if len(names) > WORST else "")


def _counted(pairs: Pairs) -> str:
    return (f"baseline: {counted(pairs.errors[0], 'error')}, {pairs.alone[0]} without a counterpart; "
            f"candidate: {counted(pairs.errors[1], 'error')}, {pairs.alone[1]} without a counterpart")


def overall(findings: Sequence[Finding]) -> stats.Verdict:
    """Of all conditions together: a regression of one is one of all, and one that is undecided leaves all undecided."""
    verdicts = {finding.verdict for finding in findings}
    if "regression" in verdicts:
        return "regression"
    return "no regression" if verdicts == {"no regression"} else "undecided"


EXIT: Mapping[Any, int] = {"no regression": 0, "regression": 1, "undecided": 3}
"""Verdict → exit status."""
