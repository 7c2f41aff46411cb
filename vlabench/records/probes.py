"""The file that `vlabench probe` writes: what a policy did and thought in episodes, look by look.

The clean twin of a look is the observation of the same instant before any perturbation touched it: the same simulator
state, the pictures as they were drawn for the look, the task's own instruction. What perturbations did to earlier
actions, or to the scene, is part of that state and stays: under a condition that changes actions alone, looks are equal
to their twins.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from vlabench import cards
from vlabench.cards.suite import SuiteCard
from vlabench.errors import CardError, OptionError, StoreError, UnknownName
from vlabench.types import Identity
from vlabench.util.arrays import reading_arrays, write_arrays
from vlabench.util.messages import shown

SUFFIX = ".npz"
FIX = "vlabench probe --policy P --suite S --out FILE"
Floats32 = npt.NDArray[np.float32]
Floats16 = npt.NDArray[np.float16]
EPISODE = ("task", "condition", "index", "seed", "success", "state")
LOOK = ("looks", "embedding", "twin", "mean", "twin_mean", "shares")
STEP = ("asked", "executed")
"""The fields of a Trace, by what they have one entry for."""


@dataclass(frozen=True)
class Trace:
    """What a policy did and thought in one episode of L looks and S control steps.

    state: the digest of the final state. looks: int64 [L], their control steps. asked, executed: float64 [S, D], the
    actions as the policy chose them and as they reached the robot. embedding, twin: float32 [L, E], of the look and of
    its clean twin. mean, twin_mean: float32 [L, T, D], the mean actions of the policy's distribution at both, T up to
    its card's `replan`. shares: float16 [L, D, K], of the look's first action the probability of each of K bins
    over [−1, 1] units, 256 or as many as the policy has. The latter five are None for a policy that has no embedding;
    shares also in older files.
    """

    task: str
    condition: str
    index: int
    seed: int
    success: bool
    state: str
    looks: npt.NDArray[np.int64]
    asked: npt.NDArray[np.float64]
    executed: npt.NDArray[np.float64]
    embedding: Floats32 | None = None
    twin: Floats32 | None = None
    mean: Floats32 | None = None
    twin_mean: Floats32 | None = None
    shares: Floats16 | None = None

    @property
    def identity(self) -> Identity:
        """The same tuple as `EpisodeSpec.identity`."""
        return (self.task, self.condition, self.index, self.seed)


class Facts(BaseModel):
    """What a probe is of, and how it was made.

    card, suite: as they were named on the command line. policy: the name in records. conditions: name → digest. errors:
    episodes that were left out because they ended in one. made: see `provenance.facts`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    card: str
    policy: str
    policy_digest: str
    assets: str
    suite: str
    simulator: str
    conditions: dict[str, str]
    errors: int
    made: dict[str, Any]


@dataclass(frozen=True)
class Probe:
    """The traces of one policy on a suite, in the order of the plan."""

    facts: Facts
    traces: tuple[Trace, ...]

    @property
    def looks_inside(self) -> bool:
        """Whether the policy has an embedding."""
        return self.traces[0].embedding is not None

    def only(self, identities: Sequence[Identity]) -> tuple[Trace, ...]:
        """These traces, in this order."""
        found = {trace.identity: trace for trace in self.traces}
        return tuple(found[identity] for identity in identities)

    def save(self, path: Path) -> None:
        """Write an .npz, whole or not at all. Raises StoreError."""
        content: dict[str, Any] = {name: np.array([getattr(trace, name) for trace in self.traces]) for name in EPISODE}
        for group in (LOOK, STEP):
            content[f"count/{group[0]}"] = np.array([len(getattr(trace, group[0])) for trace in self.traces])
            for name in group:
                if getattr(self.traces[0], name) is not None:
                    content[name] = np.concatenate([getattr(trace, name) for trace in self.traces])
        write_arrays(path, {"facts": self.facts.model_dump_json(), **content}, "probe")

    @classmethod
    def load(cls, path: Path) -> Probe:
        """Read what `save` wrote. Raises StoreError for a file that is absent, damaged or something else."""
        with reading_arrays(path, "probe", FIX) as stored:
            facts = Facts.model_validate_json(stored["facts"].item())
            columns: dict[str, Sequence[Any]] = {name: stored[name].tolist() for name in EPISODE}
            for group in (LOOK, STEP):
                ends = np.cumsum(stored[f"count/{group[0]}"])[:-1]
                columns |= {name: np.split(stored[name], ends) for name in group if name in stored}
            count = len(columns["task"])
            traces = tuple(Trace(**{name: column[i] for name, column in columns.items()}) for i in range(count))
        return cls(facts, traces)


def check_target(out: Path) -> None:
    """Raises OptionError for a file of another kind, or in a folder that is not there, StoreError for one where nothing
    can be written: to be asked before the work.
    """
    if out.suffix != SUFFIX:
        raise OptionError(f"--out {out}: a probe is written as {SUFFIX}\n  fix: --out {out.with_suffix(SUFFIX)}")
    if not out.absolute().parent.is_dir():
        raise OptionError(f"--out {out}: there is no folder {out.absolute().parent}")
    try:
        tempfile.TemporaryFile(dir=out.absolute().parent).close()
    except OSError as error:
        raise StoreError(f"--out {out}: nothing can be written there: {error.strerror or error}\n"
                         f"  fix: set the permissions there, or name another file") from error


def load_current(path: Path) -> tuple[Probe, list[str]]:
    """The probe of a file that fits today's cards, and a sentence for each card that is not here to be compared.

    Raises StoreError for a file that cannot be read, or whose policy or conditions have become others since.
    """
    found, notes = Probe.load(path), list[str]()
    facts = found.facts
    again = f"make it again; it was made by: {facts.made.get('command', FIX)}"
    try:
        policy = cards.load_policy(facts.card, foreign=True)
    except UnknownName:
        notes.append(f"{shown(path)}: no policy {facts.card!r} is here to compare its digest with")
    except CardError as error:
        notes.append(f"{shown(path)}: its policy's digest is not compared: {error}")
    else:
        _check_same(path, f"policy {facts.policy!r}", facts.policy_digest, policy.digest, policy.path, again)
    try:
        suite = cards.load_suite(facts.suite)
    except UnknownName:
        notes.append(f"{shown(path)}: no suite {facts.suite!r} is here to compare its conditions with")
    else:
        for name, digest in facts.conditions.items():
            _check_same(path, f"condition {name!r}", digest, _digest_in(suite, name), suite.path, again)
    return found, notes


def _digest_in(suite: SuiteCard, condition: str) -> str:
    return suite.conditions[condition].digest if condition in suite.conditions else ""


def _check_same(path: Path, what: str, then: str, now: str, card: Path, again: str) -> None:
    if then != now:
        has = f"has the digest {now[:8]}" if now else "has none of that name"
        raise StoreError(f"{shown(path)}: made with {what} of digest {then[:8]}, but {shown(card)} now {has}\n"
                         f"  fix: {again}")
