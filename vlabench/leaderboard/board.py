"""`vlabench board`: all submissions and the published numbers as board.json, board.md and a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vlabench import cards, stats
from vlabench.cards import published
from vlabench.cards.conditions import CLEAN
from vlabench.cards.suite import SuiteCard
from vlabench.errors import OptionError, StoreError
from vlabench.leaderboard import markdown, page
from vlabench.leaderboard.entries import Standing, standings
from vlabench.leaderboard.manifest import SCHEMA, SUBMISSIONS, schema
from vlabench.leaderboard.overall import groups
from vlabench.leaderboard.ranking import Rank, ranks
from vlabench.leaderboard.verifications import CLASSES, Verified
from vlabench.util.messages import shown

JSON, MARKDOWN, PAGE = "board.json", "board.md", "index.html"
DIGITS = 5
"""Decimal places of fractions: what libraries differ in lies far below."""
Table = dict[str, Any]


def build(folder: Path) -> list[Path]:
    """Write the board of a leaderboard's folder, and the schema of a submission; returns the files.

    Raises SubmissionError for submissions that are not what they claim, OptionError and StoreError for the folder.
    """
    paths = []
    for name, text in texts(folder).items():
        try:
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{shown(folder / name)}: cannot be written: {error.strerror}") from error
        paths.append(folder / name)
    return paths


def stale(folder: Path) -> list[Path]:
    """The files of the board that are not what `build` would write now. Raises what `build` raises."""
    found = []
    for name, text in texts(folder).items():
        try:
            current = (folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            current = None
        if current != text:
            found.append(folder / name)
    return found


def texts(folder: Path) -> dict[str, str]:
    """File's name → content: all that is built."""
    if not folder.is_dir():
        raise OptionError(f"--board {folder}: there is no such folder\n  fix: name a checkout's leaderboard")
    content = board(folder)
    return {JSON: json.dumps(content, indent=1, ensure_ascii=False) + "\n", MARKDOWN: markdown.render(content),
            PAGE: page.render(content), SCHEMA: schema()}


def board(folder: Path) -> Table:
    """The board as board.json has it. Raises SubmissionError."""
    found, outdated = standings(folder)
    suites: dict[str, list[Standing]] = {}
    for each in found:
        suites.setdefault(each.manifest.suite, []).append(each)
    return {"format": 2, "suites": [_suite(entries) for _, entries in sorted(suites.items())],
            "overall": _overall(found), "outdated": [{"name": each.name, "why": each.why} for each in outdated]}


def _suite(entries: Sequence[Standing]) -> Table:
    """All entries of one suite, a track an asset pack and class, and what papers report for its conditions."""
    manifest = entries[0].manifest
    card = cards.load_suite(manifest.suite)
    names = list(manifest.conditions)
    scored = [number for number, condition in enumerate(manifest.conditions.values()) if condition.parts] or [0]
    tracks: dict[tuple[str, str], list[Standing]] = {}
    for each in entries:
        tracks.setdefault((each.manifest.assets, each.known_as), []).append(each)
    packs = sorted({pack for pack, _ in tracks})
    return {"suite": manifest.suite, "simulator": manifest.simulator, "title": card.title, "source": card.source,
            "tasks": len(manifest.tasks), "episodes": manifest.episodes, "conditions": names,
            "scored": [names[number] for number in scored],
            "tracks": [{"assets": pack, "class": known, "entries": _track(tracks[pack, known], scored)}
                       for pack in packs for known in CLASSES if (pack, known) in tracks],
            "published": _published(card)}


def _track(entries: Sequence[Standing], scored: Sequence[int]) -> list[Table]:
    """All entries of one class on one pack, the best first; those that read the simulator's state have no rank."""
    ranked = [each for each in entries if not each.privileged]
    places: dict[str, Rank] = {}
    if ranked:
        outcomes = np.stack([each.outcomes[list(scored)] for each in ranked])
        places = dict(zip((each.manifest.name for each in ranked), ranks(outcomes), strict=True))
    rows = [_entry(each, scored, places.get(each.manifest.name)) for each in entries]
    return sorted(rows, key=lambda row: (-row["score"]["value"], row["name"]))


def _published(card: SuiteCard) -> list[Table]:
    """A row for each policy of a paper's table. They are for whole task sets: a suite of some tasks has none."""
    rows: dict[tuple[str, str], Table] = {}
    for figure in published.figures(card) if not card.tasks else []:
        rows.setdefault((figure.source, figure.name), {})[figure.condition] = figure.rate
    return [{"method": method, "source": source, "rates": rates} for (source, method), rates in rows.items()]


def _entry(each: Standing, scored: Sequence[int], rank: Rank | None) -> Table:
    manifest, outcomes = each.manifest, each.outcomes
    rates = {name: _rate(each, outcomes[number]) for number, name in enumerate(manifest.conditions)}
    return {
        "name": manifest.name, "title": each.title, "policy": manifest.policy, "policy_digest": manifest.policy_digest,
        "contact": manifest.contact, "notes": manifest.notes, "created": manifest.created, "sees": each.sees,
        "privileged": each.privileged, "trained_on": list(each.trained_on), "contaminated": list(each.contaminated),
        "unknown_origin": list(each.unknown),
        "rank": rank and rank._asdict(), "score": _score(each, scored), "drop": _drop(each, scored), "rates": rates,
        "class": each.known_as, "verified": [_verified(one) for one in each.verified],
        "versions": manifest.versions, "evidence": f"{SUBMISSIONS}/{manifest.name}", "manifest_sha256": each.digest,
    }  # fmt: skip


def _verified(one: Verified) -> Table:
    form = one.form
    return {"what": form.what, "by": form.by, "when": form.when, "sample": form.sample, "total": form.total,
            "agreed": form.agreed, "seed": form.seed, "vlabench": form.vlabench, "revision": form.revision,
            "rerun": form.rerun and _interval(form.rerun.value, form.rerun.low, form.rerun.high), "file": one.file}


def _rate(each: Standing, outcomes: stats.Bools) -> Table:
    """Of a condition's episodes [T, N], on these tasks."""
    found = stats.rate(outcomes.ravel(), _labels(each))
    return {"episodes": outcomes.size, "successes": int(outcomes.sum()),
            **_interval(found.value, found.low, found.high)}


def _score(each: Standing, scored: Sequence[int]) -> Table:
    """The mean over the scored conditions, on these tasks."""
    found = stats.rate(_flat(each, scored), _labels(each))
    return _interval(found.value, found.low, found.high)


def _drop(each: Standing, scored: Sequence[int]) -> Table | None:
    """Scored conditions − clean, on the same episodes of these tasks; None for clean alone."""
    clean = list(each.manifest.conditions).index(CLEAN)
    if clean in scored:
        return None
    found = stats.difference(_flat(each, [clean] * len(scored)), _flat(each, scored), _labels(each))
    return _interval(found.value, found.low, found.high)


def _flat(each: Standing, conditions: Sequence[int]) -> stats.Bools:
    """The outcomes under some conditions, [C, T × N]."""
    return each.outcomes[list(conditions)].reshape(len(conditions), -1)


def _labels(each: Standing) -> list[str]:
    """The task of each episode of a condition."""
    return [task for task in each.manifest.tasks for _ in range(each.manifest.episodes)]


def _overall(entries: Sequence[Standing]) -> list[Table]:
    """Strengths over all suites: a table for each simulator, asset pack and class, and each group of policies that met.
    """
    packs: dict[tuple[str, str, int], list[Standing]] = {}
    for each in entries:
        if not each.privileged:
            key = each.manifest.simulator, each.manifest.assets, CLASSES.index(each.known_as)
            packs.setdefault(key, []).append(each)
    tables = []
    for (simulator, assets, known), members in sorted(packs.items()):
        for group in groups(members):
            rows: list[Table] = [
                {"policy": one.entries[0].manifest.policy, "policy_digest": one.entries[0].manifest.policy_digest,
                 "rank": one.rank._asdict(), "entries": [each.manifest.name for each in one.entries],
                 "strength": _interval(*one.strength)} for one in group]
            rows.sort(key=lambda row: (-row["strength"]["value"], row["policy"], row["policy_digest"]))
            tables.append({"simulator": simulator, "assets": assets, "class": CLASSES[known], "entries": rows})
    return tables


def _interval(value: float, low: float, high: float) -> Table:
    return {"value": _rounded(value), "low": _rounded(low), "high": _rounded(high)}


def _rounded(value: float) -> float:
    return round(float(value), DIGITS) + 0.0  # no −0.0
