"""`vlabench board`: all submissions and the published numbers as board.json, board.md and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vlabench import cards, published, stats
from vlabench.card_types import SuiteCard
from vlabench.conditions import CLEAN
from vlabench.errors import OptionError, StoreError
from vlabench.leaderboard import markdown, page
from vlabench.leaderboard.manifest import SCHEMA, schema
from vlabench.leaderboard.ranking import Met, Rank, acquainted, among, ranks, strengths
from vlabench.leaderboard.standings import SUBMISSIONS, Standing, standings
from vlabench.problems import shown

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
        raise OptionError(f"--board {folder}: there is no such folder\n  mend: name a checkout's leaderboard")
    content = board(folder)
    return {JSON: json.dumps(content, indent=1, ensure_ascii=False) + "\n", MARKDOWN: markdown.render(content),
            PAGE: page.render(content), SCHEMA: schema()}


def board(folder: Path) -> Table:
    """The board as board.json has it. Raises SubmissionError."""
    found, outdated = standings(folder)
    suites: dict[str, list[Standing]] = {}
    packs: dict[tuple[str, str], list[Standing]] = {}
    for each in found:
        suites.setdefault(each.manifest.suite, []).append(each)
        packs.setdefault((each.manifest.simulator, each.manifest.assets), []).append(each)
    overall = [table for key, entries in sorted(packs.items()) for table in _overall(*key, entries)]
    return {"format": 1, "suites": [_suite(entries) for _, entries in sorted(suites.items())], "overall": overall,
            "outdated": [{"name": each.name, "why": each.why} for each in outdated]}


def _suite(entries: Sequence[Standing]) -> Table:
    """All entries of one suite, a track an asset pack, and what papers report for its conditions."""
    manifest = entries[0].manifest
    card = cards.load_suite(manifest.suite)
    names = list(manifest.conditions)
    scored = [number for number, condition in enumerate(manifest.conditions.values()) if condition.parts] or [0]
    tracks: dict[str, list[Standing]] = {}
    for each in entries:
        tracks.setdefault(each.manifest.assets, []).append(each)
    return {"suite": manifest.suite, "simulator": manifest.simulator, "title": card.title, "source": card.source,
            "tasks": len(manifest.tasks), "episodes": manifest.episodes, "conditions": names,
            "scored": [names[number] for number in scored],
            "tracks": [{"assets": pack, "entries": _track(tracks[pack], scored)} for pack in sorted(tracks)],
            "published": _published(card)}


def _track(entries: Sequence[Standing], scored: Sequence[int]) -> list[Table]:
    """All entries on one pack, the best first; those that read the simulator's state have no rank."""
    ranked = [each for each in entries if not each.privileged]
    places: dict[str, Rank] = {}
    if ranked:
        outcomes = np.stack([np.concatenate(each.outcomes[list(scored)], axis=1) for each in ranked])
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
    rates = {name: _rate(outcomes[number]) for number, name in enumerate(manifest.conditions)}
    return {
        "name": manifest.name, "title": each.title, "policy": manifest.policy, "policy_digest": manifest.policy_digest,
        "contact": manifest.contact, "notes": manifest.notes, "created": manifest.created, "sees": each.sees,
        "privileged": each.privileged, "trained_on": list(each.trained_on), "contaminated": list(each.contaminated),
        "unknown_origin": list(each.unknown),
        "rank": rank and rank._asdict(), "score": _score(each, scored), "drop": _drop(each, scored), "rates": rates,
        "versions": manifest.versions, "evidence": f"{SUBMISSIONS}/{manifest.name}", "manifest_sha256": each.digest,
    }  # fmt: skip


def _rate(outcomes: stats.Bools) -> Table:
    """Of a condition's episodes, with Wilson's interval."""
    rate = stats.success_rate(outcomes.ravel())
    return {"episodes": rate.n, "successes": rate.successes, **_interval(rate.rate, rate.low, rate.high)}


def _score(each: Standing, scored: Sequence[int]) -> Table:
    """The mean over the scored conditions; of a single one, its rate, else with an interval that resamples tasks."""
    outcomes = each.outcomes[list(scored)]
    rate = stats.success_rate(outcomes.ravel())
    interval = None
    if len(scored) > 1:
        labels = _labels(each, len(scored))
        interval = stats.Clusters(labels).interval_of_mean(outcomes.ravel(), within=(0.0, 1.0))
    return _interval(rate.rate, *(interval or (rate.low, rate.high)))


def _drop(each: Standing, scored: Sequence[int]) -> Table | None:
    """Scored conditions − clean, on the same episodes, with an interval that resamples tasks; None for clean alone."""
    clean = list(each.manifest.conditions).index(CLEAN)
    if clean in scored:
        return None
    control = np.repeat(each.outcomes[[clean]], len(scored), axis=0)
    found = stats.paired_difference(control.ravel(), each.outcomes[list(scored)].ravel(), _labels(each, len(scored)))
    return _interval(found.value, found.low, found.high)


def _overall(simulator: str, assets: str, entries: Sequence[Standing]) -> list[Table]:
    """One table of strengths for each group of policies that met, directly or through others, on some episode."""
    policies: dict[tuple[str, str], list[Standing]] = {}
    for each in entries:
        if not each.privileged:
            policies.setdefault((each.manifest.policy, each.manifest.policy_digest), []).append(each)
    if len(policies) < 2:
        return []
    met = _met(list(policies.values()))
    keys = list(policies)
    tables: list[Table] = []
    for group in acquainted(met):
        found, places = strengths(among(met, group))
        rows: list[Table] = [{"policy": keys[k][0], "policy_digest": keys[k][1], "rank": place._asdict(),
                 "entries": [each.manifest.name for each in policies[keys[k]]],
                 "strength": _interval(found.value[n], found.low[n], found.high[n])}
                for n, (k, place) in enumerate(zip(group, places, strict=True))]
        rows.sort(key=lambda row: (-row["strength"]["value"], row["policy"], row["policy_digest"]))
        tables.append({"simulator": simulator, "assets": assets, "entries": rows})
    return tables


def _met(policies: Sequence[Sequence[Standing]]) -> Met:
    """Task → (played, won) [K, N] over all conditions; where a policy submitted an episode twice, the first counts."""
    sizes: dict[str, dict[str, int]] = {}
    for each in (each for group in policies for each in group):
        for task in each.manifest.tasks:
            for condition in each.manifest.conditions:
                known = sizes.setdefault(task, {})
                known[condition] = max(known.get(condition, 0), each.manifest.episodes)
    met = {}
    for task, conditions in sizes.items():
        starts = dict(zip(conditions, np.cumsum([0, *conditions.values()]).tolist(), strict=False))
        played = np.zeros((len(policies), sum(conditions.values())), dtype=np.bool_)
        won = np.zeros_like(played)
        for k, group in enumerate(policies):
            for each in reversed(group):
                _fill(played[k], won[k], each, task, starts)
        met[task] = (played, won)
    return met


def _fill(played: stats.Bools, won: stats.Bools, each: Standing, task: str, starts: Mapping[str, int]) -> None:
    if task not in each.manifest.tasks:
        return
    number = each.manifest.tasks.index(task)
    for row, condition in enumerate(each.manifest.conditions):
        here = slice(starts[condition], starts[condition] + each.manifest.episodes)
        played[here], won[here] = True, each.outcomes[row, number]


def _labels(each: Standing, conditions: int) -> list[str]:
    """The task of each outcome of so many conditions, flattened."""
    return [task for _ in range(conditions) for task in each.manifest.tasks for _ in range(each.manifest.episodes)]


def _interval(value: float, low: float, high: float) -> Table:
    return {"value": _rounded(value), "low": _rounded(low), "high": _rounded(high)}


def _rounded(value: float) -> float:
    return round(float(value), DIGITS) + 0.0  # no −0.0
