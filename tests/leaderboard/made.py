"""Makes results of whole suites that no policy played but that any policy might have, and submissions of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vlabench import cards
from vlabench.cards.conditions import named
from vlabench.cards.policy import PolicyCard
from vlabench.leaderboard.definitions import Definition, Definitions
from vlabench.leaderboard.manifest import MANIFEST
from vlabench.leaderboard.submission import Submission
from vlabench.leaderboard.submit import submit
from vlabench.records.store import Store
from vlabench.types import EpisodeRecord, Task

Outcome = Callable[[str, str, int], bool]
"""(task, condition, index) → success."""
VERSIONS = {"vlabench": "0.1.0", "toy": "0.1"}
CARD = """
title = "{title}"
source = "made for tests"
adapter = "toy_seeker"
assets = ["plain"]
cameras = ["top", "side"]
image_size = 16
replan = 3
options = {{noise = {noise}}}
trained_on = {trained_on}
"""


def policy_card(folder: Path, name: str, noise: float = 0.2, title: str = "Seeks", trained_on: str = "[]") -> Path:
    """Write the card of a toy policy; another noise makes it another policy."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(CARD.format(title=title, noise=noise, trained_on=trained_on))
    return path


def whole_suite(policy: PolicyCard, definition: Definition, outcome: Outcome,
                versions: Mapping[str, str] = VERSIONS, ends: str = "") -> list[EpisodeRecord]:
    """A record of every episode of a suite, with all that a run would have left in it.

    ends: episodes of the same `ends` end in the same states; by default each policy's in its own.
    """
    return [_record(policy, definition, task, condition, index, outcome(task.key, condition, index),
                    {**versions, **policy.versions()}, ends or policy.digest)
            for task in definition.tasks.values() for condition in definition.card.conditions
            for index in range(definition.card.episodes)]


def written(results: Path, records: list[EpisodeRecord]) -> Path:
    """A results folder that holds these records of one policy on one pack."""
    with Store(results, records[0].policy, records[0].assets).writer() as writer:
        for record in records:
            writer.append(record)
    return results


def submission(folder: Path, name: str, outcome: Outcome, suite: str = "toy", pack: str = "plain", ends: str = "",
               **card: Any) -> Submission:
    """A submission `folder/leaderboard/submissions/<name>` of a policy of its own."""
    path = policy_card(folder / "policies", f"policy-{name}", **card)
    policy = cards.load_policy(str(path))
    records = whole_suite(policy, Definitions().of(suite, pack), outcome, ends=ends)
    results = written(folder / "results", records)
    out = folder / "leaderboard" / "submissions" / name
    return submit(results, str(path), suite, name=name, contact="team@example.org", out=out, assets=pack)


def altered(source: Path, change: Callable[[Path, dict[str, Any]], None], resealed: bool = True) -> Path:
    """The submission after `change(folder, manifest)`, in a folder of the same name elsewhere.

    resealed: hashes, sizes and paths of the files are made right again, as a clever forger would.
    """
    folder = source.parent.parent / "altered" / source.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, symlinks=True)
    content = json.loads((folder / MANIFEST).read_text())
    change(folder, content)
    if resealed:
        for file in content["files"]:
            if (folder / file["path"]).is_file() and (folder / file["path"]).stat().st_size < 2**24:
                data = (folder / file["path"]).read_bytes()
                file |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(content))
    return folder


def _record(policy: PolicyCard, definition: Definition, task: Task, condition: str, index: int, won: bool,
            versions: Mapping[str, str], ends: str) -> EpisodeRecord:
    meant = definition.card.conditions[condition]
    channels = sorted({channel for kind in meant.perturbations for channel in kind.channels(policy.cameras)})
    unique = hashlib.sha256(f"{ends} {task.key} {condition} {index}".encode()).hexdigest()
    start = hashlib.sha256(f"{task.key} {index}".encode()).hexdigest()
    return EpisodeRecord(
        task=task.key, condition=condition, index=index, seed=0, status="success" if won else "failure",
        success_once=won, success_at_end=won, steps=1 + index % task.step_limit if won else task.step_limit,
        seconds=0.25, instruction=task.instruction, realised={name: {} for name in named(meant)},
        changed={**dict.fromkeys(channels, 1.0), "action/asked": 0.5}, changed_first=tuple(channels),
        frame=dict.fromkeys(policy.cameras, start[:16]), state=unique[:16], policy=policy.name,
        assets=definition.card.engine.packs[0], policy_digest=policy.digest, condition_digest=meant.digest,
        versions=dict(versions), finished="2025-01-01T00:00:00+00:00")
