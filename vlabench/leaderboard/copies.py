"""Finds entries that are another policy's: the final states of whole physical simulations do not agree by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vlabench.leaderboard.manifest import Manifest

States = npt.NDArray[np.uint64]
"""[C, T, N], in a manifest's order: a hash of the final state of each episode."""
Block = tuple[list[int], States, npt.NDArray[np.bool_]]
"""One task under one condition: which entries played it, their states [k, N], and where there are such [k, N]."""
Entry = tuple[Manifest, States]
MOST = 0.5
"""Of an entry's final states, the share that may be those of another policy."""


def copies(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """(name, why it is refused) of every entry of which more than MOST of the final states are another policy's.

    Compared are the same episodes: simulator, condition's digest, task and index, of whatever suite and asset pack. Of
    two such entries the one that was made later is at fault, or the later by name, whichever of them holds the other.
    """
    order = sorted(range(len(entries)), key=lambda k: (entries[k][0].created, entries[k][0].name))
    blocks = _blocks(entries)
    suspects = _suspects([states.size for _, states in entries], blocks)
    equal = _equal(suspects, blocks)
    found: list[tuple[str, str]] = []
    refused: set[int] = set()
    suspected = [k for k in order if k in suspects]
    for place, later in enumerate(suspected):
        for earlier in suspected[:place]:
            share, of = max((equal[suspects[k], suspects[other]] / entries[k][1].size, k)
                            for k, other in ((later, earlier), (earlier, later)))
            different = entries[later][0].policy_digest != entries[earlier][0].policy_digest
            if earlier not in refused and different and share > MOST:
                refused.add(later)
                found.append((entries[later][0].name, _why(entries[later][0], entries[earlier][0], share,
                                                           entries[of][0].name)))
                break
    return found


def _why(later: Manifest, earlier: Manifest, share: float, of: str) -> str:
    return (f"{100 * share:.0f} % of the final states of {of!r} are equal in {later.name!r} ({later.created}) and in "
            f"{earlier.name!r} ({earlier.created}), which is of another policy: one of them is a copy\n"
            f"  mend: remove {later.name!r}, the later one, or submit what the policy really did")


def _blocks(entries: Sequence[Entry]) -> list[Block]:
    """Of each task and condition that several entries played."""
    members: dict[tuple[str, str, str], list[tuple[int, States]]] = {}
    for k, (manifest, states) in enumerate(entries):
        for c, condition in enumerate(manifest.conditions.values()):
            for t, task in enumerate(manifest.tasks):
                members.setdefault((manifest.simulator, condition.digest, task), []).append((k, states[c, t]))
    blocks = []
    for rows in members.values():
        if len(rows) > 1:
            block = np.zeros((len(rows), max(len(row) for _, row in rows)), dtype=np.uint64)
            there = np.zeros(block.shape, dtype=np.bool_)
            for n, (_, row) in enumerate(rows):
                block[n, : len(row)], there[n, : len(row)] = row, True
            blocks.append(([k for k, _ in rows], block, there))
    return blocks


def _suspects(sizes: Sequence[int], blocks: Sequence[Block]) -> dict[int, int]:
    """The entries that share any states with others, numbered anew; none if no entry shares enough to be refused."""
    shared = np.zeros(len(sizes))
    for members, block, there in blocks:
        order = np.argsort(block, axis=0, kind="stable")
        ranked, known = np.take_along_axis(block, order, axis=0), np.take_along_axis(there, order, axis=0)
        same = (ranked[1:] == ranked[:-1]) & known[1:] & known[:-1]
        twins = np.zeros(block.shape, dtype=np.bool_)
        twins[1:] |= same
        twins[:-1] |= same
        back = np.zeros_like(twins)
        np.put_along_axis(back, order, twins, axis=0)
        np.add.at(shared, members, back.sum(axis=1))
    if not (shared > MOST * np.asarray(sizes)).any():
        return {}
    return {int(k): n for n, k in enumerate(np.flatnonzero(shared))}


def _equal(suspects: dict[int, int], blocks: Sequence[Block]) -> npt.NDArray[np.float64]:
    """[S, S]: how many episodes of two suspects ended in the same state."""
    equal = np.zeros((len(suspects), len(suspects)))
    for members, block, there in blocks:
        rows = [n for n, k in enumerate(members) if k in suspects]
        numbers = np.array([suspects[members[n]] for n in rows], dtype=np.int64)
        states, known = block[rows], there[rows]
        for n, number in enumerate(numbers):
            equal[number, numbers] += ((states == states[n]) & known & known[n]).sum(axis=1)
    return equal
