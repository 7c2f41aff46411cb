"""`vlabench gate --run`: plays paired episodes, cheapest first, only until the verdict is there.

Episodes come in rounds, one of each task, in the order of their index; sequential tests (`gate.sequential`) look at the
end of every round, so that the errors stay what alpha says however often they look. What is on record already is looked
at first and costs nothing. Then the condition whose next batch of rounds has the fewest steps to play gets it, until
all conditions are decided or one is a regression, which decides the whole. About tasks like these further rounds say
little, and there is no such test: all rounds are played, and judged once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vlabench.cards import load_suite
from vlabench.errors import OptionError, ServerGone
from vlabench.evaluation import plan, run
from vlabench.evaluation.plan import Plan, RunOptions
from vlabench.gate.compare import Choice, Report, difference_notes
from vlabench.gate.sequential import SEEN, Contest, Trial
from vlabench.gate.sides import Side, address, sides
from vlabench.gate.verdicts import Finding, Pairs, finding_of, judge, paired
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeRecord, Success, won
from vlabench.util.progress import Progress
from vlabench.util.text import counted

FIRST_PAIRS = 32
"""Pairs of a condition's first batch, in whole rounds, SEEN at least: fewer seldom decide, and each batch starts
workers anew. A later one doubles the rounds so far, or has as many as it will take if things go on as they went, if
these are fewer."""


def play(baseline: str, candidate: str, choice: Choice, results: Path = Path("results"), *,
         episodes: int | None = None, workers: int | None = None, progress: Progress | None = None) -> Report:
    """Judge by as few episodes as the test needs; what a side lacks is played into its results folder.

    baseline, candidate: as `sides.address` reads them; the candidate is its policy as the card has it now. The
    baseline is played too, where the card still means the version that is compared; else its records must do.
    episodes: rounds at most, by default the suite's. workers, progress: as for `evaluation.run.run`.

    Raises OptionError, and what cards, plan and runner raise. Ctrl-C stops it cleanly; the report says so.
    """
    if choice.suite is None:
        raise OptionError("--run plays a suite\n  fix: --suite S")
    terms = choice.terms
    first, second = sides(address(baseline, results), address(candidate, results), choice.assets, playing=True)
    for side in (first, second):
        if side.card is not None and side.card.served:
            raise OptionError(f"{side.name!r}: policy {side.policy!r} is behind a server, which only `vlabench run` "
                              f"asks\n  fix: vlabench run --policy {side.card.name} --url URL --as NAME, and then "
                              f"vlabench gate without --run, by its records")
    whole = _planned(second, choice, choice.candidate_seed, episodes)
    progress = progress or Progress()
    for warning in whole.warnings:
        progress.note(f"note: {warning}")
    own = _planned(first, choice, choice.seed, episodes) if first.card else None
    players = Player(first, own, whole, choice.seed), Player(second, whole, whole, choice.candidate_seed)
    limits = {name: min(player.rounds(name) for player in players) for name in whole.conditions}
    trial = Trial.of(limits, [task.key for task in whole.tasks], terms)
    return Match(players, trial, choice, workers, progress, whole.success).report()


def _planned(side: Side, choice: Choice, seed: int, episodes: int | None) -> Plan:
    """All episodes that a side may have to play."""
    assert side.card is not None and choice.suite is not None
    suite = load_suite(choice.suite)
    options = RunOptions(episodes, choice.tasks, choice.conditions, not choice.conditions, seed)
    return plan.make(suite, side.card, suite.engine(side.assets), options)


@dataclass
class Match:
    """Both sides and all conditions under test."""

    players: tuple[Player, Player]
    trial: Trial
    choice: Choice
    workers: int | None
    progress: Progress
    counts: Success | None

    def report(self) -> Report:
        """Look at what is there, play what is needed, and judge."""
        contests = self.trial.contests
        lacking = sum(self._lacking(contest, range(contest.limit)) for contest in contests)
        once = self.trial.terms.tasks_as == "sample"
        interrupted = False
        try:
            if once:
                self._play_all()
            else:
                self._play_until_decided()
        except Interrupted:
            interrupted = True
        first, second = self.players
        looked = [{contest.condition: player.of_rounds(contest.condition, contest.rounds) for contest in contests}
                  for player in self.players]
        pairs = [self._pairs(contest) for contest in contests]
        findings = judge(pairs, self.trial.terms) if once else map(self._finding, contests, pairs)
        return Report(first.side.label, second.side.label, second.side.assets, self.choice, tuple(findings),
                      tuple(difference_notes(first.side, second.side, *looked)), self._effort(lacking),
                      sequential=not once, interrupted=interrupted)

    def _play_until_decided(self) -> None:
        for contest in self.trial.contests:
            self._look(contest)
        while not self.trial.lost and (cheapest := self._cheapest()) is not None:
            batch = self._batch(cheapest)
            for player in self.players:
                player.play(cheapest.condition, batch, self.workers, self.progress)
            self._look(cheapest)

    def _play_all(self) -> None:
        """Every round, looked at as far as both sides have it."""
        try:
            for contest in self.trial.contests:
                for player in self.players:
                    player.play(contest.condition, range(contest.limit), self.workers, self.progress)
        finally:
            for contest in self.trial.contests:
                contest.rounds = next((number for number in range(contest.limit) if self._lacking(
                    contest, range(number, number + 1))), contest.limit)

    def _look(self, contest: Contest) -> None:
        """Weigh every round that both sides have, one by one, until it is decided."""
        while contest.verdict == "undecided" and contest.rounds < contest.limit and not self.trial.lost:
            if any(player.lacking(contest.condition, range(contest.rounds, contest.rounds + 1))
                   for player in self.players):
                break
            first, second = (player.outcomes(contest.condition, contest.rounds) for player in self.players)
            contest.add(first, second)
            self.trial.look(contest, lambda: bool(self._pairs(contest).unfit(self.trial.terms.task_margin)))
        state = contest.sequence.state
        if state.n:
            self.progress.note(f"{contest.condition}: {contest.verdict} after {counted(contest.rounds, 'round')}, "
                               f"difference {100 * state.value:+.1f} points")

    def _cheapest(self) -> Contest | None:
        """The undecided condition whose next batch has the fewest steps to play."""
        open_ones = [contest for contest in self.trial.contests if self._batch(contest)]
        return min(open_ones, default=None, key=lambda contest: sum(
            player.steps(contest.condition, self._batch(contest)) for player in self.players))

    def _batch(self, contest: Contest) -> range:
        """The rounds to play next; none if it is decided or at its end."""
        if contest.verdict != "undecided":
            return range(0)
        first = max(SEEN, math.ceil(FIRST_PAIRS / len(contest.tasks)))
        size = min(contest.rounds, self.trial.further(contest) or contest.rounds) or first
        return range(contest.rounds, min(contest.limit, contest.rounds + size))

    def _lacking(self, contest: Contest, rounds: range) -> int:
        return sum(len(player.lacking(contest.condition, rounds)) for player in self.players)

    def _pairs(self, contest: Contest) -> Pairs:
        first, second = (player.of_rounds(contest.condition, contest.rounds) for player in self.players)
        return paired(contest.condition, first, second, self.counts)

    def _finding(self, contest: Contest, pairs: Pairs) -> Finding:
        why, further = "", None
        if contest.verdict == "undecided" and self.trial.lost:
            why = "not looked into further: another condition is a regression"
        elif contest.verdict == "undecided" and contest.rounds:
            why = pairs.unfit(self.trial.terms.task_margin)
            if suspects := self.trial.suspects(contest):
                why = why or f"{', '.join(each.task for each in suspects)} may have collapsed"
            further = self.trial.further(contest)
        return finding_of(pairs, contest.verdict, self.trial.difference(contest), self.trial.flagged(contest), why,
                          further, self.trial.visible(contest))

    def _effort(self, lacking: int) -> str:
        played = sum(player.played for player in self.players)
        looked = sum(contest.rounds * len(contest.tasks) for contest in self.trial.contests)
        saved = f", {100 * (1 - played / lacking):.0f} % saved" if lacking else ""
        return (f"played {played} of the {counted(lacking, 'episode')} not on record{saved}; the verdict rests on "
                f"{counted(looked, 'pair')}")


class Interrupted(Exception):
    """Ctrl-C in mid-run; what was played stays on record."""


class Player:
    """Knows episodes by condition and round, the index that they have in every task.

    own: the plan by which this side can play, None if it has only what is on record. common: the plan of what is
    compared; both sides play its tasks and conditions. played: episodes so far.
    """

    def __init__(self, side: Side, own: Plan | None, common: Plan, seed: int) -> None:
        self.side, self.played = side, 0
        self._own, self._common, self._seed = own, common, seed
        self._digests = {name: condition.digest for name, condition in common.conditions.items()}
        self._refresh()

    def rounds(self, condition: str) -> int:
        """How many rounds of a condition there can be, from the first on without a gap."""
        if self._own is not None:
            return self._common.episodes
        return next((number for number in range(self._common.episodes)
                     if self.lacking(condition, range(number, number + 1))), self._common.episodes)

    def lacking(self, condition: str, rounds: Iterable[int]) -> list[tuple[str, str, int]]:
        """The episodes of these rounds that have no record yet, as (task, condition, index)."""
        return [(task.key, condition, index) for index in rounds for task in self._common.tasks
                if (task.key, condition, index) not in self._records]

    def steps(self, condition: str, rounds: Iterable[int]) -> int:
        """The control steps that playing these rounds takes at most."""
        limits = {task.key: task.step_limit for task in self._common.tasks}
        return sum(limits[task] for task, _, _ in self.lacking(condition, rounds))

    def play(self, condition: str, rounds: Iterable[int], workers: int | None, progress: Progress) -> None:
        """Play what these rounds lack. Raises Interrupted, and what `evaluation.run.run` raises."""
        wanted = set(self.lacking(condition, rounds))
        if not wanted:
            return
        assert self._own is not None and self.side.card is not None
        specs = tuple(spec for spec in self._own.specs if (spec.task.key, spec.condition, spec.index) in wanted)
        part = dataclasses.replace(self._own, specs=specs, tasks=tuple(dict.fromkeys(spec.task for spec in specs)),
                                   conditions={condition: self._own.conditions[condition]})
        engine = find_simulator(specs[0].task.simulator)(self.side.store.assets)
        summary = run.run(part, self.side.card, engine, self.side.store, workers=workers, progress=progress)
        self.played += summary.played
        self._refresh()
        if summary.interrupted:
            raise Interrupted
        if summary.gone:
            raise ServerGone(summary.gone)

    def outcomes(self, condition: str, number: int) -> list[bool | None]:
        """Of a round that is whole: whether each task's episode succeeded; None for an error."""
        records = [self._records[task.key, condition, number] for task in self._common.tasks]
        return [None if record.status == "error" else won(record, self._common.success) for record in records]

    def of_rounds(self, condition: str, count: int) -> list[EpisodeRecord]:
        """The records of the first rounds."""
        return [self._records[task.key, condition, index] for task in self._common.tasks for index in range(count)]

    def _refresh(self) -> None:
        task_sets = dict.fromkeys(task.task_set for task in self._common.tasks)
        reading = self.side.store.read(task_sets, self._digests, self.side.digest)
        self._records = {(record.task, record.condition, record.index): record
                         for record in reading.records.values() if record.seed == self._seed}
