"""Finds entries that are another policy's: the final states of whole physical simulations do not agree by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench.leaderboard.manifest import Manifest

States = npt.NDArray[np.uint64]
"""[C, T, N], in a manifest's order: a hash of the final state of each episode."""
Entry = tuple[Manifest, States]
MOST = 0.5
"""Of an entry's final states under a condition, the share that may be those of other policies."""
NAMED = 10
"""Entries that a message names."""


class _Block(NamedTuple):
    """One task under one condition. members: (entry, which of its conditions) of those that played it; digests: of
    their policies, as numbers [k]; states [k, N], and where there are such [k, N].
    """

    members: list[tuple[int, int]]
    digests: npt.NDArray[np.int64]
    states: States
    there: npt.NDArray[np.bool_]


def copies(entries: Sequence[Entry]) -> list[tuple[tuple[str, ...], str]]:
    """(names, why they are refused) of every entry that under any of its conditions ended more than MOST of its
    episodes in states of other policies, together with the entries of those.

    Compared are the same episodes: simulator, condition's digest, task and index, of whatever suite and asset pack. It
    counts whether a state is that of any other policy, of whichever. Who was first does not follow from what
    submissions say of themselves, so nobody is blamed.
    """
    blocks = _blocks(entries)
    shares = _shares(entries, blocks)
    others = {k: _others(k, share > MOST, blocks) for k, share in enumerate(shares) if (share > MOST).any()}
    found: list[tuple[tuple[str, ...], str]] = []
    told: list[set[int]] = []
    for k in sorted(others, key=lambda k: (-len(others[k]), entries[k][0].name)):
        if not any({k, *others[k]} <= each for each in told):
            told.append({k, *others[k]})
            names = [entries[other][0].name for other in sorted(others[k], key=lambda n: (-others[k][n], n))]
            found.append(((entries[k][0].name, *names), _why(entries[k][0], shares[k], names)))
    return found


def _why(manifest: Manifest, shares: npt.NDArray[np.float64], others: Sequence[str]) -> str:
    condition = list(manifest.conditions)[int(shares.argmax())]
    named = ", ".join(map(repr, others[:NAMED])) + (f" and {len(others) - NAMED} more" if len(others) > NAMED else "")
    return (f"{100 * shares.max():.0f} % of the final states of {manifest.name!r} under {condition!r} are equal to "
            f"those of {named}, of {'other policies' if len(others) > 1 else 'another policy'}: one of them is a copy: "
            f"whole simulations do not end alike by chance\n"
            f"  fix: remove the one whose author cannot show that it was first")


def _blocks(entries: Sequence[Entry]) -> list[_Block]:
    """Of each task and condition that several policies played."""
    numbers: dict[str, int] = {}
    members: dict[tuple[str, str, str], list[tuple[int, int, States]]] = {}
    for k, (manifest, states) in enumerate(entries):
        numbers.setdefault(manifest.policy_digest, len(numbers))
        for c, condition in enumerate(manifest.conditions.values()):
            for t, task in enumerate(manifest.tasks):
                members.setdefault((manifest.simulator, condition.digest, task), []).append((k, c, states[c, t]))
    digest = [numbers[manifest.policy_digest] for manifest, _ in entries]
    blocks = []
    for rows in members.values():
        if len({digest[k] for k, _, _ in rows}) > 1:
            rows.sort(key=lambda row: digest[row[0]])
            block = np.zeros((len(rows), max(len(row) for _, _, row in rows)), dtype=np.uint64)
            there = np.zeros(block.shape, dtype=np.bool_)
            for n, (_, _, row) in enumerate(rows):
                block[n, : len(row)], there[n, : len(row)] = row, True
            blocks.append(_Block([(k, c) for k, c, _ in rows], np.array([digest[k] for k, _, _ in rows]), block, there))
    return blocks


def _shares(entries: Sequence[Entry], blocks: Sequence[_Block]) -> list[npt.NDArray[np.float64]]:
    """For each entry, by condition: the share of its final states that are those of any other policy."""
    counts = [np.zeros(len(states)) for _, states in entries]
    for members, digests, states, there in blocks:
        order = np.lexsort((states, there), axis=0)  # stable: equal ones by digest, as the rows are
        ranked, known = np.take_along_axis(states, order, axis=0), np.take_along_axis(there, order, axis=0)
        same = (ranked[1:] == ranked[:-1]) & known[1:] & known[:-1]
        edge = np.ones((1, states.shape[1]), dtype=np.bool_)
        place = np.arange(len(members))[:, None]
        first = np.maximum.accumulate(np.where(np.concatenate([edge, ~same]), place, 0), axis=0)
        last = np.minimum.accumulate(np.where(np.concatenate([~same, edge]), place, len(members))[::-1], axis=0)[::-1]
        by = digests[order]
        mixed = np.take_along_axis(by, first, axis=0) != np.take_along_axis(by, last, axis=0)
        back = np.zeros_like(mixed)
        np.put_along_axis(back, order, mixed, axis=0)
        for (k, c), count in zip(members, back.sum(axis=1), strict=True):
            counts[k][c] += count
    return [count / states[0].size for count, (_, states) in zip(counts, entries, strict=True)]


def _others(k: int, under: npt.NDArray[np.bool_], blocks: Sequence[_Block]) -> Counter[int]:
    """Entry of another policy → how many episodes ended as those of entry k under these of its conditions."""
    found: Counter[int] = Counter()
    for members, digests, states, there in blocks:
        for n in (n for n, (entry, c) in enumerate(members) if entry == k and under[c]):
            equal = ((states == states[n]) & there & there[n]).sum(axis=1) * (digests != digests[n])
            for m in np.flatnonzero(equal):
                found[members[m][0]] += int(equal[m])
    return found
