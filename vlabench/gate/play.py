"""`vlabench gate --run`: plays paired episodes, cheapest first, only until the verdict is there.

Episodes come in rounds, one of each task, in the order of their index; a sequential test (`stats.PairedSequence`) looks
at the end of every round, so that the errors stay what alpha says however often it looks. What is on record already is
looked at first and costs nothing. Then the condition whose next batch of rounds has the fewest steps to play gets it,
until all conditions are decided or one is a regression, which decides the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from vlabench import plan, stats
from vlabench.cards import load_suite
from vlabench.errors import OptionError
from vlabench.gate.compare import Choice, Report, difference_notes
from vlabench.gate.needs import further_rounds
from vlabench.gate.player import Interrupted, Player
from vlabench.gate.sides import Side, address, sides
from vlabench.gate.verdicts import Finding, Pairs, finding_of, paired
from vlabench.plan import Options, Plan
from vlabench.progress import Progress
from vlabench.types import Success

FIRST_PAIRS = 32
"""Pairs of a condition's first batch, in whole rounds: fewer seldom decide, and each batch starts workers anew. A later
one doubles the rounds so far, or has as many as it will take if things go on as they went, if these are fewer."""


@dataclass
class Contest:
    """A condition under test: `rounds` of it were looked at, of `limit` that there can be."""

    condition: str
    sequence: stats.PairedSequence
    limit: int
    rounds: int = 0
    verdict: stats.Verdict = "undecided"


def play(baseline: str, candidate: str, choice: Choice, results: Path = Path("results"), *,
         episodes: int | None = None, workers: int | None = None, progress: Progress | None = None) -> Report:
    """Judge by as few episodes as the test needs; what a side lacks is played into its results folder.

    baseline, candidate: as `sides.address` reads them; the candidate is its policy as the card has it now. The
    baseline is played too, where the card still means the version that is compared; else its records must do.
    episodes: rounds at most, by default the suite's. workers, progress: as for `runner.run`.

    Raises OptionError, and what cards, plan and runner raise. Ctrl-C ends it in order; the report says so.
    """
    if choice.suite is None:
        raise OptionError("--run plays a suite\n  mend: --suite S")
    loss = choice.loss
    first, second = sides(address(baseline, results), address(candidate, results), choice.assets, playing=True)
    whole = _planned(second, choice, choice.candidate_seed, episodes)
    progress = progress or Progress()
    for warning in whole.warnings:
        progress.note(f"note: {warning}")
    own = _planned(first, choice, choice.seed, episodes) if first.card else None
    players = Player(first, own, whole, choice.seed), Player(second, whole, whole, choice.candidate_seed)
    contests = [Contest(name, stats.PairedSequence(loss, 2 * choice.alpha),
                        min(player.rounds(name) for player in players)) for name in whole.conditions]
    return Match(players, contests, choice, len(whole.tasks), workers, progress, whole.success).report()


def _planned(side: Side, choice: Choice, seed: int, episodes: int | None) -> Plan:
    """All episodes that a side may have to play."""
    assert side.card is not None and choice.suite is not None
    suite = load_suite(choice.suite)
    options = Options(episodes, choice.tasks, choice.conditions, not choice.conditions, seed)
    return plan.make(suite, side.card, suite.engine(side.assets), options)


@dataclass
class Match:
    """Both sides and all conditions under test."""

    players: tuple[Player, Player]
    contests: list[Contest]
    choice: Choice
    tasks: int
    workers: int | None
    progress: Progress
    counts: Success | None

    def report(self) -> Report:
        """Look at what is there, play what is needed, and judge."""
        lacking = sum(self._lacking(contest, range(contest.limit)) for contest in self.contests)
        interrupted = False
        try:
            for contest in self.contests:
                self._look(contest)
            while not self._lost and (cheapest := self._cheapest()) is not None:
                batch = self._batch(cheapest)
                for player in self.players:
                    player.play(cheapest.condition, batch, self.workers, self.progress)
                self._look(cheapest)
        except Interrupted:
            interrupted = True
        first, second = self.players
        looked = [{contest.condition: player.of_rounds(contest.condition, contest.rounds) for contest in self.contests}
                  for player in self.players]
        return Report(first.side.label, second.side.label, second.side.assets, self.choice,
                      tuple(self._finding(contest) for contest in self.contests),
                      tuple(difference_notes(first.side, second.side, *looked)), self._effort(lacking),
                      sequential=True, interrupted=interrupted)

    @property
    def _lost(self) -> bool:
        return any(contest.verdict == "regression" for contest in self.contests)

    def _look(self, contest: Contest) -> None:
        """Weigh every round that both sides have, one by one, until it is decided."""
        while contest.verdict == "undecided" and contest.rounds < contest.limit and not self._lost:
            if any(player.lacking(contest.condition, range(contest.rounds, contest.rounds + 1))
                   for player in self.players):
                break
            contest.rounds += 1
            for first, second in zip(*(player.outcomes(contest.condition, contest.rounds - 1)
                                       for player in self.players), strict=True):
                if first is not None and second is not None:
                    contest.sequence.add(first, second)
            contest.sequence.look()
            self._judge(contest)
        state = contest.sequence.state
        if state.n:
            self.progress.note(f"{contest.condition}: {contest.verdict} after {contest.rounds} rounds, difference "
                               f"{100 * state.value:+.1f} points")

    def _judge(self, contest: Contest) -> None:
        accused = stats.holm([each.sequence.p_regression for each in self.contests])
        for each, p in zip(self.contests, accused, strict=True):
            if p <= self.choice.alpha and each.verdict == "undecided":
                each.verdict = "regression"
        passed = contest.sequence.p_no_regression <= self.choice.alpha
        if contest.verdict == "undecided" and passed and not self._pairs(contest).too_many_errors:
            contest.verdict = "no regression"

    def _cheapest(self) -> Contest | None:
        """The undecided condition whose next batch has the fewest steps to play."""
        open_ones = [contest for contest in self.contests if self._batch(contest)]
        return min(open_ones, default=None, key=lambda contest: sum(
            player.steps(contest.condition, self._batch(contest)) for player in self.players))

    def _batch(self, contest: Contest) -> range:
        """The rounds to play next; none if it is decided or at its end."""
        if contest.verdict != "undecided":
            return range(0)
        size = min(contest.rounds, self._further(contest) or contest.rounds) or math.ceil(FIRST_PAIRS / self.tasks)
        return range(contest.rounds, min(contest.limit, contest.rounds + size))

    def _further(self, contest: Contest) -> int | None:
        """The rounds that it will take if things go on as they went."""
        sequence = contest.sequence
        return further_rounds(sequence.first_better, sequence.second_better, sequence.ties, self.tasks,
                              self.choice.loss, self.choice.alpha, len(self.contests))

    def _lacking(self, contest: Contest, rounds: range) -> int:
        return sum(len(player.lacking(contest.condition, rounds)) for player in self.players)

    def _pairs(self, contest: Contest) -> Pairs:
        first, second = (player.of_rounds(contest.condition, contest.rounds) for player in self.players)
        return paired(contest.condition, first, second, self.counts)

    def _finding(self, contest: Contest) -> Finding:
        state, pairs = contest.sequence.state, self._pairs(contest)
        difference = stats.Estimate(state.n, state.value, state.low, state.high)
        why, further = "", None
        if contest.verdict == "undecided" and self._lost:
            why = "not looked into further: another condition is a regression"
        elif contest.verdict == "undecided":
            further = self._further(contest)
        return finding_of(pairs, contest.verdict, difference, why, further)

    def _effort(self, lacking: int) -> str:
        played = sum(player.played for player in self.players)
        looked = sum(contest.rounds for contest in self.contests) * self.tasks
        saved = f", {100 * (1 - played / lacking):.0f} % saved" if lacking else ""
        return (f"played {played} of the {lacking} episodes that were not on record{saved}; the verdict rests on "
                f"{looked} pairs")
