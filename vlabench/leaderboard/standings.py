"""From submissions to standings: what of each the board needs, read by several processes where there are many."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vlabench import lineage
from vlabench.errors import OutdatedError, SubmissionError, VlabenchError
from vlabench.leaderboard.definitions import Definitions
from vlabench.leaderboard.manifest import Manifest
from vlabench.leaderboard.reading import Submission, read
from vlabench.litter import uncollected
from vlabench.problems import shown
from vlabench.types import won

SUBMISSIONS = "submissions"
MANY = 24
"""From so many submissions on, starting processes to read them pays."""


@dataclass(frozen=True)
class Standing:
    """A checked submission without its records.

    outcomes: bool [C, T, N] in the manifest's order of conditions and tasks. sees: what the policy acts on.
    trained_on: task sets, perturbations and suites. contaminated: the conditions that hold a perturbation which the
    policy saw in training. unknown: policies that it goes on from and whose cards are not here.
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


@dataclass(frozen=True)
class Outdated:
    """A submission whose suite has changed since, and how."""

    name: str
    why: str


def standings(folder: Path) -> tuple[list[Standing], list[Outdated]]:
    """All submissions of a leaderboard's folder, by name, and those that are no longer comparable.

    Raises SubmissionError that names everything wrong with any of them, and if one policy is twice in a track.
    """
    places = sorted((folder / SUBMISSIONS).iterdir()) if (folder / SUBMISSIONS).is_dir() else []
    found, outdated, problems = list[Standing](), list[Outdated](), list[str]()
    for each in _read_by_several(places) if len(places) >= MANY else _read_here(places):
        if isinstance(each, Standing):
            found.append(each)
        elif isinstance(each, Outdated):
            outdated.append(each)
        else:
            problems.append(each)
    first: dict[tuple[str, str, str], str] = {}
    for manifest in (each.manifest for each in found):
        twin = first.setdefault((manifest.suite, manifest.assets, manifest.policy_digest), manifest.name)
        if twin != manifest.name:
            problems.append(f"{shown(folder / SUBMISSIONS / manifest.name)}: the same policy on the same suite as "
                            f"{twin!r}: digest {manifest.policy_digest[:8]}")
    if problems:
        raise SubmissionError("\n".join(problems))
    return found, outdated


def standing(submission: Submission) -> Standing:
    """What the board needs of a submission."""
    manifest, policy = submission.manifest, submission.policy
    conditions = {name: number for number, name in enumerate(manifest.conditions)}
    tasks = {name: number for number, name in enumerate(manifest.tasks)}
    outcomes = np.zeros((len(conditions), len(tasks), manifest.episodes), dtype=np.bool_)
    for record in submission.records:
        outcomes[conditions[record.condition], tasks[record.task], record.index] = won(record, manifest.success)
    seen = lineage.seen(policy, paths=False)
    contaminated = lineage.familiar({name: {part[0] for part in condition.parts} for name, condition in
                                     manifest.conditions.items()}, seen.perturbations)  # fmt: skip
    looks = ", ".join(policy.cameras) or ("no pictures" if not policy.privileged else "")
    sees = " and ".join(filter(None, [looks, "the simulator's state" if policy.privileged else ""]))
    return Standing(manifest, submission.digest, policy.title, sees, policy.privileged, seen.names, contaminated,
                    seen.unknown, outcomes)


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
        return Outdated(place.name, str(error).splitlines()[0].removeprefix(f"{place.name}: "))
    except VlabenchError as error:
        return str(error)
