"""`vlabench verify`: a random sample of a submission's episodes, played again from their identities."""

from __future__ import annotations

import dataclasses
import math
import random
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vlabench import __version__, cards, stats
from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError, OptionError, SubmissionError, UnknownName, VlabenchError
from vlabench.evaluation import plan, run
from vlabench.evaluation.plan import Plan
from vlabench.leaderboard.definitions import Definitions
from vlabench.leaderboard.manifest import Manifest
from vlabench.leaderboard.submission import Submission, read
from vlabench.leaderboard.verifications import (
    BAND,
    DIGITS,
    SHARE,
    Rerun,
    Shown,
    VerificationForm,
    why_not_replayed,
    why_not_reproduced,
)
from vlabench.records import provenance
from vlabench.records.store import Store
from vlabench.simulators.base import Simulator
from vlabench.types import EpisodeRecord, won
from vlabench.util.files import PACKAGE
from vlabench.util.progress import Progress
from vlabench.util.text import counted

COMPARED = (
    "status", "success_once", "success_at_end", "steps", "state", "frame", "instruction", "realised", "changed",
    "changed_first", "milestones",
)  # fmt: skip
"""What must come out the same, in the order in which a difference is told."""
TOLERANCE = 1e-9
"""Relative, between numbers that were drawn; pictures, states and steps must be the same."""


@dataclass(frozen=True)
class Difference:
    """An episode that came out otherwise: the first field that differs, submitted and replayed."""

    episode: str
    field: str
    submitted: str
    replayed: str

    def __str__(self) -> str:
        return f"{self.episode}: {self.field} was {self.submitted}, is {self.replayed}"


@dataclass(frozen=True)
class Verification:
    """What replaying came to. sample: the episodes drawn. seed: draws the same sample again. digest: the manifest's.

    differences: of episodes that came out otherwise. failed: episodes that ended in an error here, and in which.
    versions: what is installed here in another version than the submission was played with, and both versions.
    rerun: the paired difference of success, rerun − submitted. here: all versions here. interrupted: Ctrl-C ended it.
    exact: whether the policy is one whose episodes end equal to the bit (`exact` of its card).
    """

    name: str
    digest: str
    seed: int
    sample: int
    total: int
    differences: tuple[Difference, ...]
    failed: tuple[str, ...]
    versions: tuple[str, ...]
    rerun: stats.Difference
    here: Mapping[str, str]
    interrupted: bool = False
    exact: bool = True

    @property
    def agreed(self) -> int:
        """Episodes that came out as submitted."""
        return self.sample - len(self.differences) - len(self.failed)

    @property
    def whole(self) -> bool:
        """Whether every episode of the sample was played to its end here."""
        return not self.failed and not self.interrupted

    @property
    def exit_code(self) -> int:
        """0 if all agree or, under other versions, the result is reproduced; 1 if any differs though the versions are
        the same; else 3: it cannot be judged here. 130 after Ctrl-C, whatever was found before.
        """
        if self.interrupted:
            return 130
        if self.agreed == self.sample or not self.why_not_reproduced:
            return 0
        return 1 if self.differences and self.exact and not self.versions else 3

    @property
    def why_not_reproduced(self) -> str:
        """Empty if the sample shows that the result came out within the band, computed by something else."""
        if not self.whole:
            return f"{len(self.failed)} of {counted(self.sample, 'episode')} could not be replayed"
        if self.exact and not self.versions:
            return "all versions here are those that it was submitted with, with which episodes end equal to the bit"
        return self._why_not_within

    @property
    def _why_not_within(self) -> str:
        return why_not_reproduced(self.sample, self.total, (self.rerun.low, self.rerun.high))

    @property
    def shows(self) -> Shown | None:
        """The class of entries that this makes it one of, if any."""
        if self.whole and not why_not_replayed(self.sample, self.total, self.agreed):
            return "replayed"
        return "reproduced" if self.agreed < self.sample and not self.why_not_reproduced else None

    @property
    def why_not_shown(self) -> str:
        """Why it does not show anything that could be recorded; empty if it does."""
        if self.shows:
            return ""
        reason = why_not_replayed(self.sample, self.total, self.agreed)
        return reason if self.agreed == self.sample else f"{reason}; nor is it reproduced: {self.why_not_reproduced}"

    def form(self, by: str) -> VerificationForm:
        """What is recorded of it. Raises pydantic's ValidationError if nothing was shown, or for a name of no one."""
        more: dict[str, Any] = {}
        if self.shows == "reproduced":
            more = {"share": round(self.sample / self.total, DIGITS), "band": BAND,
                    "rerun": Rerun(value=round(self.rerun.value, DIGITS), low=round(self.rerun.low, DIGITS),
                                   high=round(self.rerun.high, DIGITS))}
        return VerificationForm.model_validate({
            "what": self.shows, "name": self.name, "manifest_sha256": self.digest, "when": provenance.now(), "by": by,
            "format": 1, "vlabench": __version__, "revision": provenance.revision(PACKAGE.resolve()),
            "versions": dict(self.here), "seed": self.seed, "sample": self.sample, "total": self.total,
            "agreed": self.agreed, **more})

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.agreed} of {counted(self.sample, 'replayed episode')} "
                 f"{'agrees' if self.sample == 1 else 'agree'} in every respect "
                 f"({self.sample} of {self.total}, drawn with --seed {self.seed})"]
        lines += [f"  {difference}" for difference in self.differences]
        lines += [f"  could not be replayed: {failure}" for failure in self.failed]
        if self.versions:
            lines.append(f"other versions here: {', '.join(self.versions)}"
                         + ("; episodes may end otherwise with them" if self.differences else ""))
        if self.differences and self.whole and self.sample >= SHARE * self.total:
            found = [100 * each for each in (self.rerun.value, self.rerun.low, self.rerun.high)]
            lines.append(f"success, rerun − submitted: {found[0]:+.1f} [{found[1]:+.1f}, {found[2]:+.1f}] points: "
                         + (f"not within ±{100 * BAND:.0f}" if self._why_not_within else
                            f"within ±{100 * BAND:.0f}, but with the very same versions nothing may differ"
                            if self.why_not_reproduced else
                            f"reproduced within ±{100 * BAND:.0f}, but not replayed: not equal to the bit"))
        if not self.failed and not self.differences:
            most = 1 - 0.05 ** (1 / self.sample)
            lines.append(f"if more than {100 * most:.0f} % of its episodes were not what they claim, such a sample "
                         f"would have shown one with 95 % probability" if self.sample < self.total
                         else "these are all of its episodes")
        return "\n".join(lines)


def verify(folder: Path, sample: str = "20", *, seed: int | None = None, policy_name: str | None = None,
           workers: int | None = None, progress: Progress | None = None) -> Verification:
    """Check a submission, then play a sample of its episodes again and compare all that a record holds but times.

    sample: a number of episodes, or a share such as `20%`. seed: of the draw, by default a new one, so that nobody
    knows the sample beforehand. policy_name: a card here, by default the one of the submission's policy's name; the
    submitted card is never made into a policy.

    Raises what `leaderboard.submission.read` raises, OptionError; SubmissionError if nothing can be replayed, because
    the policy, its weights, adapter or asset pack are not here, or not the same: the message says which.
    """
    wanted = _wanted(sample)
    known = Definitions()
    submission = read(folder, known)
    manifest, total = submission.manifest, len(submission.records)
    policy = _policy(submission, policy_name)
    definition = known.of(manifest.suite, manifest.assets)
    simulator = definition.card.engine(manifest.assets)
    seed = secrets.randbelow(2**32) if seed is None else seed
    number = min(math.ceil(round(wanted * total, 6)) if isinstance(wanted, float) else wanted, total)
    drawn = random.Random(seed).sample(submission.records, number)
    whole = plan.make(definition.card, policy, simulator)
    chosen = {record.identity for record in drawn}
    part = dataclasses.replace(
        whole, specs=tuple(spec for spec in whole.specs if spec.identity in chosen),
        tasks=tuple(task for task in whole.tasks if task.key in {record.task for record in drawn}))
    replayed, interrupted = _replay(part, policy, manifest.name, simulator, workers, progress)
    differences = [found for record in drawn if record.identity in replayed
                   and replayed[record.identity].status != "error"
                   and (found := compare(record, replayed[record.identity]))]
    failed = [f"{again.task} {again.condition} {again.index}: {again.phase}: {again.error}: {again.message}"
              for again in replayed.values() if again.status == "error"]
    failed += [f"{record.task} {record.condition} {record.index}: interrupted" for record in drawn
               if record.identity not in replayed]
    here = {"vlabench": __version__, **simulator.versions(), **policy.versions()}
    return Verification(
        manifest.name, submission.digest, seed, number, total, tuple(differences), tuple(failed),
        tuple(_other_versions(manifest.versions, here)), _rerun(drawn, replayed, manifest), here, interrupted,
        policy.exact)


def _wanted(sample: str) -> int | float:
    """A number of episodes, or a share of them between 0 and 1. Raises OptionError."""
    text, percent = sample.removesuffix("%"), sample.endswith("%")
    try:
        number = float(text) / 100 if percent else int(text)
    except ValueError:
        number = 0
    if not (0 < number <= 1 if percent else number >= 1):
        raise OptionError(f"--sample {sample}: at least 1 episode is needed, and at most 100%\n"
                          f"  fix: a number of episodes such as 20, or a share such as 20%")
    return number


def _rerun(drawn: Sequence[EpisodeRecord], replayed: Mapping[Any, EpisodeRecord],
           manifest: Manifest) -> stats.Difference:
    """Success replayed − submitted of the sample, on these tasks."""
    conditions = {name: number for number, name in enumerate(manifest.conditions)}
    starts = {start: n for n, start in enumerate(dict.fromkeys((record.task, record.index) for record in drawn))}
    sides = np.full((2, len(conditions), len(starts)), math.nan)
    for record in drawn:
        again = replayed.get(record.identity)
        if again and again.status != "error":
            place = conditions[record.condition], starts[record.task, record.index]
            sides[(0, *place)], sides[(1, *place)] = won(record, manifest.success), won(again, manifest.success)
    return stats.difference(sides[0], sides[1], [task for task, _ in starts])


def compare(submitted: EpisodeRecord, replayed: EpisodeRecord) -> Difference | None:
    """The first of COMPARED in which two records of one episode differ."""
    for field in COMPARED:
        first, second = getattr(submitted, field), getattr(replayed, field)
        if not _same(first, second):
            episode = f"{submitted.task} {submitted.condition} {submitted.index}"
            return Difference(episode, field, str(first)[:120], str(second)[:120])
    return None


def _policy(submission: Submission, name: str | None) -> PolicyCard:
    """The card here that is the submission's policy. Raises SubmissionError if there is none, or it cannot be made."""
    manifest = submission.manifest
    where, fix = f"{manifest.name}: cannot be replayed here", "fix: --policy CARD names the policy's card"
    try:
        policy = cards.load_policy(name or manifest.policy, foreign=name is None)
    except UnknownName as error:
        raise SubmissionError(f"{where}: {error}\n  {fix}") from None
    if policy.digest != manifest.policy_digest:
        raise SubmissionError(f"{where}: policy {policy.name!r} is another one: its card, adapter or weights give the "
                              f"digest {policy.digest[:8]}, the submission's {manifest.policy_digest[:8]}\n  {fix}")
    try:
        policy.check()
    except CardError as error:
        raise SubmissionError(f"{where}: {error}") from None
    return policy


def _replay(part: Plan, policy: PolicyCard, name: str, simulator: Simulator, workers: int | None,
            progress: Progress | None) -> tuple[Mapping[Any, EpisodeRecord], bool]:
    """Identity → record of this plan's episodes, played into a folder that is removed afterwards; whether Ctrl-C came
    in between.
    """
    with tempfile.TemporaryDirectory(prefix="vlabench-verify-") as folder:
        store = Store(Path(folder), policy.name, simulator.assets)
        try:
            summary = run.run(part, policy, simulator, store, workers=workers, progress=progress)
        except VlabenchError as error:
            raise SubmissionError(f"{name}: cannot be replayed here: {error}") from error
        return {record.identity: record for record in summary.records}, summary.interrupted


def _other_versions(then: Mapping[str, str], now: Mapping[str, str]) -> Sequence[str]:
    """Of what is on one side only, too: a submission that does not say which kernels computed it cannot be judged."""
    names = list(dict.fromkeys([*then, *now]))
    return [f"{name} {now.get(name, 'absent')} for {then.get(name, 'absent')}" for name in names
            if now.get(name) != then.get(name)]


def _same(first: Any, second: Any) -> bool:
    """Equal, as JSON has them; numbers within TOLERANCE."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(_same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, float) or isinstance(second, float):
        numbers = isinstance(first, int | float) and isinstance(second, int | float)
        return numbers and math.isclose(first, second, rel_tol=TOLERANCE)
    return bool(first == second)
