"""The gate's verdicts while episodes are played: the same hypotheses by tests that may be looked at after every round.

A round is one pair of each task. After each, e-values of the condition's mean and of its tasks are weighed
(`stats.sequential`); their errors hold however often that is done. No player, no file: rounds of outcomes in, verdicts
out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vlabench import stats
from vlabench.gate.power import MOST, Visible, further_rounds
from vlabench.gate.verdicts import TaskLoss, Terms, is_flagged

SUSPECT = 3.5
"""A condition does not pass while a task that has lost the task margin has an e-value like this (3 episodes lost, none
gained): the mean over many tasks may be decided before the one that collapsed was played often enough."""
SEEN = 6
"""Nor before so many rounds, in which a task that loses 80 points becomes suspect with a chance of 98 %. Neither can
make the gate accuse or pass more often: both only delay a pass."""


@dataclass
class Contest:
    """A condition under test: `rounds` of it were looked at, of `limit` that there can be.

    lost, gained, played: int [T], of each task. evidence: the largest e-value of each task so far [T].
    """

    condition: str
    tasks: Sequence[str]
    limit: int
    sequence: stats.PairedSequence
    rounds: int = 0
    verdict: stats.Verdict = "undecided"
    lost: list[int] = field(default_factory=list)
    gained: list[int] = field(default_factory=list)
    played: list[int] = field(default_factory=list)
    evidence: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lost, self.gained, self.played = ([0] * len(self.tasks) for _ in range(3))
        self.evidence = [1.0] * len(self.tasks)

    def add(self, first: Sequence[bool | None], second: Sequence[bool | None]) -> None:
        """A round: both sides' outcomes of each task [T], None for an error."""
        self.rounds += 1
        for task, (mine, theirs) in enumerate(zip(first, second, strict=True)):
            if mine is None or theirs is None:
                continue
            self.sequence.add(mine, theirs)
            self.lost[task] += mine and not theirs
            self.gained[task] += theirs and not mine
            self.played[task] += 1
        self.sequence.look()
        now = stats.task_evalues(self.lost, self.gained)
        self.evidence = np.maximum(self.evidence, now).tolist()

    def losses(self, cells: int) -> list[TaskLoss]:
        """What each task that was played lost, with 1 / e corrected for so many tasks of all conditions."""
        return [TaskLoss(task, self.lost[k], self.gained[k], self.played[k], min(1.0, cells / self.evidence[k]))
                for k, task in enumerate(self.tasks) if self.played[k]]


@dataclass
class Trial:
    """All conditions under test, and what has been decided."""

    contests: Sequence[Contest]
    terms: Terms

    @classmethod
    def of(cls, limits: Mapping[str, int], tasks: Sequence[str], terms: Terms) -> Trial:
        """limits: condition → the rounds that there can be."""
        return cls([Contest(name, tasks, limit, stats.PairedSequence(terms.margin)) for name, limit in limits.items()],
                   terms)

    @property
    def lost(self) -> bool:
        """Whether any condition is a regression, which decides the whole."""
        return any(contest.verdict == "regression" for contest in self.contests)

    @property
    def cells(self) -> int:
        """Tasks × conditions."""
        return sum(len(contest.tasks) for contest in self.contests)

    def flagged(self, contest: Contest) -> tuple[TaskLoss, ...]:
        """The tasks of a condition that certainly lost something, and lost the task margin."""
        return tuple(loss for loss in contest.losses(self.cells) if is_flagged(loss, self.terms))

    def look(self, contest: Contest, errors: Callable[[], bool]) -> None:
        """Judge after a round of one condition. errors: says whether so many episodes failed that it must not pass."""
        accused = stats.holm([each.sequence.p_regression for each in self.contests])
        for each, p in zip(self.contests, accused, strict=True):
            if p <= self.terms.accusing and each.verdict == "undecided":
                each.verdict = "regression"
        if contest.verdict == "undecided" and self.flagged(contest):
            contest.verdict = "regression"
        passed = contest.sequence.p_no_regression <= self.terms.alpha
        waiting = contest.rounds < min(SEEN, contest.limit) or self.suspects(contest)
        if contest.verdict == "undecided" and passed and not waiting and not errors():
            contest.verdict = "no regression"

    def difference(self, contest: Contest) -> stats.Estimate:
        """Of a condition, with the ends of confidence sequences: the lower at alpha, the upper for an accusation."""
        state, sequence = contest.sequence.state, contest.sequence
        if not state.n:
            return stats.NOTHING
        others = sum(each.verdict != "regression" for each in self.contests if each is not contest)
        low, high = (stats.sequential_paired(sequence.first_better, sequence.second_better, sequence.ties,
                                             sequence.margin, 1 - 2 * error)
                     for error in (self.terms.alpha, self.terms.accusing / (1 + others)))
        return stats.Estimate(state.n, state.value, low.low, high.high)

    def further(self, contest: Contest) -> int | None:
        """The rounds that it will take if things go on as they went."""
        sequence, suspects = contest.sequence, self.suspects(contest)
        number = further_rounds(sequence.first_better, sequence.second_better, sequence.ties, len(contest.tasks),
                                self.terms.margin, self.terms.alpha, self.terms.accusing / len(self.contests))
        if suspects:
            return max(1, self.visible(contest).enough - max(each.lost for each in suspects))
        return number and max(number, SEEN - contest.rounds)

    def visible(self, contest: Contest) -> Visible:
        """The loss of one task that would have been flagged after the rounds so far."""
        enough = next((number for number in range(1, MOST)
                       if float(stats.task_evalues(number, 0)) >= self.cells / self.terms.accusing), MOST)
        lost = max(enough, int(np.ceil(self.terms.task_margin * contest.rounds - 1e-9)))
        return Visible(contest.rounds, lost if lost <= contest.rounds else None, None, enough)

    def suspects(self, contest: Contest) -> list[TaskLoss]:
        """The tasks that may have collapsed, but are not flagged yet."""
        return [loss for loss in contest.losses(1)
                if loss.p <= 1 / SUSPECT and loss.difference <= -self.terms.task_margin]
