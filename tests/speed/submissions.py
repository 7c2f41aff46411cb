"""Synthetic submissions for benchmarking: any number, valid in every respect."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from pathlib import Path

from vlabench import cards
from vlabench.cards.conditions import CLEAN
from vlabench.leaderboard.definitions import Definition, Definitions
from vlabench.leaderboard.manifest import Claim, Manifest
from vlabench.leaderboard.submission import DIGITS
from vlabench.leaderboard.submit import line, write
from vlabench.types import EpisodeRecord, Task

CARD = """title = "Made-up policy {number}"
source = "made to measure the leaderboard by"
adapter = "random"
assets = ["{assets}"]
cameras = ["agentview"]
options = {{chunk = {number}}}
"""
VERSIONS = {"made-up": "1"}
STATE = "STATE:"
"""Stands for a policy's own number at the head of its final states: no two policies end alike."""
Lines = dict[str, list[tuple[bytes, bytes]]]
"""Task set → for each episode its line if it fails and if it succeeds."""


def crowd(folder: Path, count: int, suite: str = "libero-clean", assets: str = "primitive", seed: int = 0) -> None:
    """Write `count` submissions on a suite without perturbations below `folder`/submissions."""
    definition = Definitions().of(suite, assets)
    lines = _lines(definition, assets)
    for number in range(1, count + 1):
        rng = random.Random(f"{seed} {number}")
        _member(folder / "submissions" / f"made-up-{number:04}", number, definition, assets, lines, rng)


def _member(place: Path, number: int, definition: Definition, assets: str, lines: Lines, rng: random.Random) -> None:
    """One submission, of a policy with a skill of its own."""
    policy, skill = f"made-up-policy-{number:04}", rng.uniform(0.05, 0.95)
    card = place / "cards" / "policies" / f"{policy}.toml"
    card.parent.mkdir(parents=True)
    card.write_text(CARD.format(number=number, assets=assets), encoding="utf-8")
    digest = cards.load_policy(str(card)).digest
    texts = {f"cards/policies/{policy}.toml": card.read_bytes(),
             f"cards/suites/{definition.card.name}.toml": definition.card.path.read_bytes()}
    successes = 0
    for task_set, pairs in lines.items():
        won = [rng.random() < skill for _ in pairs]
        successes += sum(won)
        text = b"".join(pair[success] for pair, success in zip(pairs, won, strict=True))
        texts[f"records/{policy}/{assets}/{task_set}/{CLEAN}.jsonl"] = text.replace(
            b'"POLICY"', f'"{policy}"'.encode()).replace(b'"DIGEST"', f'"{digest}"'.encode()).replace(
            STATE.encode(), f"{number:04x}".encode())
    episodes = len(definition.tasks) * definition.card.episodes
    write(place, Manifest(
        format=1, name=place.name, contact="nobody", created="2025-01-01", policy=policy, policy_digest=digest,
        revision=1, simulator=definition.card.simulator, assets=assets, suite=definition.card.name,
        episodes=definition.card.episodes, tasks=tuple(definition.tasks), conditions=definition.conditions,
        versions=VERSIONS, files=(),
        rates={CLEAN: Claim(episodes=episodes, successes=successes, rate=round(successes / episodes, DIGITS))}), texts)


def _lines(definition: Definition, assets: str) -> Lines:
    found: Lines = {}
    for task in definition.tasks.values():
        for index in range(definition.card.episodes):
            found.setdefault(task.task_set, []).append(_pair(definition, assets, task, index))
    return found


def _pair(definition: Definition, assets: str, task: Task, index: int) -> tuple[bytes, bytes]:
    start = hashlib.sha256(f"{task.key} {index}".encode()).hexdigest()
    failure = EpisodeRecord(
        task=task.key, condition=CLEAN, index=index, seed=0, status="failure", success_once=False,
        success_at_end=False, steps=task.step_limit, seconds=1.0, instruction=task.instruction, realised={},
        changed={"action/asked": 1.0}, changed_first=(), frame={"agentview": start[:16]}, state=STATE + start[16:28],
        policy="POLICY", assets=assets, policy_digest="DIGEST",
        condition_digest=definition.card.conditions[CLEAN].digest, versions=VERSIONS)
    success = dataclasses.replace(failure, status="success", success_once=True, success_at_end=True,
                                  steps=task.step_limit // 2)
    return line(failure), line(success)

