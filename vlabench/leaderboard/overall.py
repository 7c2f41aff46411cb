"""Strengths across suites: who met whom on which episodes, whatever suites these belong to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from vlabench import stats
from vlabench.leaderboard.entries import Standing
from vlabench.leaderboard.ranking import Met, Rank, acquainted, among, strengths

Played = tuple[str, str | None]
"""A condition's digest and the success that counts: what is the same where episodes are compared."""


class Strong(NamedTuple):
    """A policy with all its entries, its strength (value, low, high) and its rank among those that it met."""

    entries: list[Standing]
    strength: tuple[float, float, float]
    rank: Rank


def groups(entries: Sequence[Standing]) -> list[list[Strong]]:
    """Strengths within each group of policies that met, directly or through others, on some episode.

    entries: of one simulator and asset pack. Where a policy submitted an episode twice, the first entry counts.
    """
    policies: dict[tuple[str, str], list[Standing]] = {}
    for each in entries:
        policies.setdefault((each.manifest.policy, each.manifest.policy_digest), []).append(each)
    if len(policies) < 2:
        return []
    met = _met(list(policies.values()))
    members = list(policies.values())
    found = []
    for group in acquainted(met):
        strong, places = strengths(among(met, group))
        found.append([Strong(members[k], (strong.value[n], strong.low[n], strong.high[n]), place)
                      for n, (k, place) in enumerate(zip(group, places, strict=True))])
    return found


def _met(policies: Sequence[Sequence[Standing]]) -> Met:
    """Of each task, its episodes cut where suites end: within a piece, who played any played all."""
    whose: dict[str, list[Standing]] = {}
    for each in (each for group in policies for each in group):
        for task in each.manifest.tasks:
            whose.setdefault(task, []).append(each)
    met = {}
    for task, entries in whose.items():
        conditions = {kind: number for number, kind in enumerate(dict.fromkeys(
            kind for each in entries for kind in _conditions(each)))}
        for start, stop in pairwise(sorted({0, *(each.manifest.episodes for each in entries)})):
            met[f"{task} {start}"] = _piece(policies, task, conditions, slice(start, stop))
    return met


def _piece(policies: Sequence[Sequence[Standing]], task: str, conditions: dict[Played, int],
           episodes: slice) -> stats.Met:
    played = np.zeros((len(policies), len(conditions)), dtype=np.bool_)
    won = np.zeros((*played.shape, episodes.stop - episodes.start), dtype=np.bool_)
    for k, group in enumerate(policies):
        for each in reversed(group):
            if task in each.manifest.tasks and each.manifest.episodes >= episodes.stop:
                number = each.manifest.tasks.index(task)
                for row, kind in enumerate(_conditions(each)):
                    played[k, conditions[kind]] = True
                    won[k, conditions[kind]] = each.outcomes[row, number, episodes]
    return played, won


def _conditions(each: Standing) -> list[Played]:
    return [(condition.digest, each.manifest.success) for condition in each.manifest.conditions.values()]
