"""From submissions to standings: what of each the board needs, read by several processes where there are many."""

from __future__ import annotations

import dataclasses
import hashlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vlabench.cards import lineage
from vlabench.errors import OutdatedError, SubmissionError, VlabenchError
from vlabench.leaderboard.copies import States, copies
from vlabench.leaderboard.definitions import Definitions
from vlabench.leaderboard.manifest import MANIFEST, SUBMISSIONS, Manifest
from vlabench.leaderboard.submission import Submission, read
from vlabench.leaderboard.verifications import Class, Known, Verified, class_of, read_all
from vlabench.types import won
from vlabench.util.files import uncollected
from vlabench.util.messages import shown
from vlabench.util.text import check_told_apart

MANY = 24
"""From so many submissions on, starting processes to read them pays."""


@dataclass(frozen=True)
class Standing:
    """A checked submission without its records.

    outcomes: bool [C, T, N] in the manifest's order of conditions and tasks. sees: what the policy acts on.
    trained_on: task sets, perturbations and suites. contaminated: the conditions that hold a perturbation which the
    policy saw in training. unknown: policies that it goes on from and whose cards are not here. states: like outcomes,
    hashes of how the episodes ended. verified: by whom, the oldest first.
    """

    manifest: Manifest
    digest: str
    title: str
    sees: str
    privileged: bool
    trained_on: tuple[str, ...]
    contaminated: tuple[str, ...]
    unknown: tuple[str, ...]
    outcomes: npt.NDArray[np.bool_]
    states: States
    verified: tuple[Verified, ...] = ()

    @property
    def known_as(self) -> Class:
        """What is known of it: each class is ranked for itself."""
        return class_of(self.verified)


@dataclass(frozen=True)
class Outdated:
    """A submission whose suite has changed since, and how. known: what verifications of it must be of."""

    name: str
    why: str
    known: Known


def standings(folder: Path) -> tuple[list[Standing], list[Outdated]]:
    """All submissions of a leaderboard's folder, by name, and those that are no longer comparable.

    Raises SubmissionError that names everything wrong with any of them or of their verifications, and if one policy is
    twice in a track, or an entry ends as other policies do.
    """
    inside = (folder / SUBMISSIONS).iterdir() if (folder / SUBMISSIONS).is_dir() else ()
    places = sorted(path for path in inside if not path.name.startswith("."))  # those `submit` left when it was killed
    found, outdated, problems = list[Standing](), list[Outdated](), list[str]()
    try:
        check_told_apart(place.name for place in places)
    except ValueError as error:
        problems.append(f"{shown(folder / SUBMISSIONS)}: {error}\n  fix: rename one of them")
    for each in _read_by_several(places) if len(places) >= MANY else _read_here(places):
        if isinstance(each, Standing):
            found.append(each)
        elif isinstance(each, Outdated):
            outdated.append(each)
        else:
            problems.append(each)
    problems += _twice(folder, [each.manifest for each in found])
    problems += [f"{shown(folder / SUBMISSIONS)}: {why}"
                 for _, why in copies([(each.manifest, each.states) for each in found])]
    known = {each.manifest.name: Known(each.digest, each.outcomes.size) for each in found}
    known |= {each.name: each.known for each in outdated}
    verified, wrong = read_all(folder, known, {place.name for place in places})
    if problems + wrong:
        raise SubmissionError("\n".join(problems + wrong))
    return [dataclasses.replace(each, verified=tuple(verified.get(each.manifest.name, ()))) for each in found], outdated


def _twice(folder: Path, manifests: Sequence[Manifest]) -> Iterator[str]:
    """Entries of a policy that is in the same track already."""
    first: dict[tuple[str, str, str], str] = {}
    for manifest in manifests:
        twin = first.setdefault((manifest.suite, manifest.assets, manifest.policy_digest), manifest.name)
        if twin != manifest.name:
            yield (f"{shown(folder / SUBMISSIONS / manifest.name)}: the same policy on the same suite as {twin!r}: "
                   f"digest {manifest.policy_digest[:8]}\n  fix: remove one of them")


def standing(submission: Submission) -> Standing:
    """What the board needs of a submission."""
    manifest, policy = submission.manifest, submission.policy
    conditions = {name: number for number, name in enumerate(manifest.conditions)}
    tasks = {name: number for number, name in enumerate(manifest.tasks)}
    outcomes = np.zeros((len(conditions), len(tasks), manifest.episodes), dtype=np.bool_)
    states = np.zeros(outcomes.shape, dtype=np.uint64)
    for record in submission.records:
        place = conditions[record.condition], tasks[record.task], record.index
        outcomes[place] = won(record, manifest.success)
        states[place] = int.from_bytes(hashlib.blake2b(record.state.encode(), digest_size=8).digest(), "big")
    seen = lineage.seen(policy, paths=False)
    contaminated = lineage.familiar({name: {part[0] for part in condition.parts} for name, condition in
                                     manifest.conditions.items()}, seen.perturbations)  # fmt: skip
    alike = lineage.as_trained({name: [each.digest] for name, each in manifest.conditions.items()}, seen.names)
    contaminated = tuple(name for name in manifest.conditions if name in {*contaminated, *alike})
    looks = ", ".join(policy.cameras) or ("no pictures" if not policy.privileged else "")
    sees = " and ".join(filter(None, [looks, "the simulator's state" if policy.privileged else ""]))
    return Standing(manifest, submission.digest, policy.title, sees, policy.privileged, seen.names, contaminated,
                    seen.unknown, outcomes, states)


def _read_here(places: Sequence[Path]) -> Iterator[Standing | Outdated | str]:
    known = Definitions()
    with uncollected():
        for place in places:
            yield _read(place, known)


def _read_by_several(places: Sequence[Path]) -> Iterator[Standing | Outdated | str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    size = max(1, min(32, len(places) // (4 * cores)))
    chunks = [places[start : start + size] for start in range(0, len(places), size)]
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
        for chunk in pool.map(_read_chunk, chunks):
            yield from chunk


def _read_chunk(places: Sequence[Path]) -> list[Standing | Outdated | str]:
    return list(_read_here(places))


def _read(place: Path, known: Definitions) -> Standing | Outdated | str:
    try:
        return standing(read(place, known))
    except OutdatedError as error:
        content = (place / MANIFEST).read_bytes()  # which has been read and found whole
        manifest = Manifest.model_validate_json(content)
        episodes = len(manifest.tasks) * len(manifest.conditions) * manifest.episodes
        return Outdated(place.name, str(error).splitlines()[0].removeprefix(f"{place.name}: "),
                        Known(hashlib.sha256(content).hexdigest(), episodes))
    except VlabenchError as error:
        return str(error)
