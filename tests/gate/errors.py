"""How often the gate errs and what it finds, by simulation: the tables of results/statistics.md about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vlabench.gate.sequential import Trial
from vlabench.gate.verdicts import Pairs, Terms, judge, overall

GATES, PLAYED = 2_000, 500
"""Simulated gates of a line: on records, and played."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Two policies. The baseline solves `clean` of all episodes, the candidate the same ones, but for chance and loss.

    noise: the share of episodes of which either solves any with its own luck. losses: of the first tasks under the
    first condition, the share of its episodes that each loses. Under other conditions nothing is lost.
    """

    name: str
    tasks: int
    episodes: int
    losses: tuple[float, ...] = ()
    conditions: int = 1
    noise: float = 0.1
    clean: float = 0.9
    terms: Terms = field(default_factory=Terms)

    @property
    def lost(self) -> Floats:
        """By task [T]."""
        return np.array([*self.losses, *[0.0] * (self.tasks - len(self.losses))])

    def draw(self, rng: np.random.Generator, episodes: int, condition: int) -> tuple[npt.NDArray[np.bool_], ...]:
        """Both policies' outcomes [T, E]."""
        shape = (self.tasks, episodes)
        first = rng.random(shape) < self.clean
        second = np.where(rng.random(shape) < self.noise, rng.random(shape) < self.clean, first)
        return first, second & (rng.random(shape) >= self.lost[:, None]) if not condition else second


@dataclass
class Tally:
    """What gates came to. mean: a condition was accused by its mean. found: a task that lost was flagged; accused: one
    that lost nothing was. rounds: played.
    """

    verdicts: dict[str, int] = field(default_factory=lambda: {"no regression": 0, "regression": 0, "undecided": 0})
    mean: int = 0
    found: int = 0
    accused: int = 0
    rounds: list[int] = field(default_factory=list)

    def add(self, verdict: str, mean: bool, flagged: set[tuple[int, str]], world: World) -> None:
        """One gate. mean: whether that accused any condition. flagged: (condition, task)."""
        guilty = {(0, f"t/{task}") for task, loss in enumerate(world.losses) if loss > 0}
        self.verdicts[verdict] += 1
        self.mean += mean
        self.found += bool(flagged & guilty)
        self.accused += bool(flagged - guilty)

    def row(self, world: World) -> list[str]:
        """Shares in percent."""
        count = sum(self.verdicts.values())
        design = f"{world.tasks} × {world.episodes}" + (f" × {world.conditions}" if world.conditions > 1 else "")
        shares = [*self.verdicts.values(), self.mean, self.found if any(world.losses) else None, self.accused]
        return [world.name, design, *("–" if each is None else f"{100 * each / count:.1f}" for each in shares),
                *([f"{np.median(self.rounds):.0f}"] if self.rounds else [])]


WORLDS = [
    World("nothing lost", 10, 20), World("nothing lost", 40, 10), World("nothing lost", 10, 20, conditions=5),
    World("nothing lost, half of all episodes a matter of luck", 10, 20, noise=0.5, clean=0.5),
    World("nothing lost, half of all episodes a matter of luck", 10, 50, noise=0.5, clean=0.5, conditions=5),
    World("a mean loss of just the margin, all tasks alike", 10, 20, (0.05 / 0.9,) * 10),
    World("a mean loss of just the margin, from 0 to 10 points", 10, 50, tuple(np.linspace(0, 0.1, 10) / 0.9)),
    World("a mean loss of just the margin, in half of the tasks", 40, 10, (0.1 / 0.9,) * 20),
    *(World("one task loses 50 points, just the margin in the mean", 10, episodes, (0.5,), noise=0.0, clean=1.0)
      for episodes in (10, 20, 50)),
    *(World("one task loses 80 points", 10, episodes, (0.8,), noise=0.0, clean=1.0) for episodes in (5, 8, 10, 12, 20)),
    World("one task loses 80 points", 40, 10, (0.8,), noise=0.0, clean=1.0),
    World("one task loses 80 % of its successes, among noise", 10, 20, (0.8,)),
    World("one task loses 80 % of its successes, among noise", 40, 20, (0.8,)),
    World("one task loses 80 % of its successes, among noise", 10, 20, (0.8,), conditions=5),
]
SEQUENTIAL = [
    World("nothing lost", 10, 50), World("nothing lost", 40, 50),
    World("a mean loss of just the margin, all tasks alike", 10, 50, (0.05 / 0.9,) * 10),
    *(World("one task loses 80 points", tasks, 50, (0.8,), noise=0.0, clean=1.0) for tasks in (10, 40)),
    World("one task loses 60 points", 40, 50, (0.6,), noise=0.0, clean=1.0),
    World("one task loses 80 % of its successes, among noise", 10, 50, (0.8,)),
    World("one task loses 80 % of its successes, among noise", 40, 20, (0.8,)),
    World("one task loses 80 % of its successes, among noise", 40, 50, (0.8,)),
]
SAMPLE = [
    World("nothing lost", 10, 20, terms=Terms(tasks_as="sample")),
    World("nothing lost", 60, 20, terms=Terms(tasks_as="sample")),
    World("every task loses 20 points", 10, 20, (0.2 / 0.9,) * 10, terms=Terms(tasks_as="sample")),
]


def on_records(world: World, gates: int = GATES, seed: int = 0) -> Tally:
    """`vlabench gate`, which looks once."""
    rng, tally = np.random.default_rng(seed), Tally()
    keys = tuple((f"t/{task}", index) for task in range(world.tasks) for index in range(world.episodes))
    for _ in range(gates):
        drawn = [world.draw(rng, world.episodes, condition) for condition in range(world.conditions)]
        findings = judge([Pairs(str(number), keys, first.ravel(), second.ravel())
                          for number, (first, second) in enumerate(drawn)], world.terms)
        flagged = {(number, each.task) for number, finding in enumerate(findings) for each in finding.flagged}
        mean = any(finding.difference.high < -world.terms.margin for finding in findings)
        tally.add(overall(findings), mean, flagged, world)
    return tally


def played(world: World, gates: int = PLAYED, seed: int = 1) -> Tally:
    """`vlabench gate --run`, which looks after every round; one condition."""
    rng, tally = np.random.default_rng(seed), Tally()
    for _ in range(gates):
        trial = Trial.of({"c": world.episodes}, [f"t/{task}" for task in range(world.tasks)], world.terms)
        (contest,) = trial.contests
        first, second = world.draw(rng, world.episodes, 0)
        while contest.verdict == "undecided" and contest.rounds < contest.limit:
            contest.add(*(side[:, contest.rounds].tolist() for side in (first, second)))
            trial.look(contest, lambda: False)
        mean = contest.sequence.p_regression <= world.terms.accusing
        tally.add(contest.verdict, mean, {(0, each.task) for each in trial.flagged(contest)}, world)
        tally.rounds.append(contest.rounds)
    return tally


def tables(share: float = 1.0) -> Iterator[str]:
    """Markdown, a paragraph or table each. share: of the gates, for a quick look."""
    header = ["two policies", "tasks × episodes (× conditions)", "no regression", "regression", "inconclusive",
              "by its mean", "the task found", "another one accused"]
    count = max(2, round(share * GATES)), max(2, round(share * PLAYED))
    for text, worlds, simulate, number, head in (
        (f"`vlabench gate` on records, margin 5, task margin 30, alpha 0.05; shares of {count[0]:,} gates in %.",
         WORLDS, on_records, count[0], header),
        (f"`vlabench gate --run`, looking after every round; shares of {count[1]:,} gates in %, and the median of the "
         f"rounds until a verdict.", SEQUENTIAL, played, count[1], [*header, "rounds"]),
        (f"`vlabench gate --tasks-as sample`; shares of {count[0]:,} gates in %.", SAMPLE, on_records, count[0],
         header),
    ):
        yield text
        rows = []
        for world in worlds:
            print(f"gate: {world.name}, {world.tasks} × {world.episodes}", file=sys.stderr)
            rows.append(simulate(world, number).row(world))
        lines = [head, ["---", "---", *["---:"] * (len(head) - 2)], *rows]
        yield "\n".join(f"| {' | '.join(line)} |" for line in lines)
