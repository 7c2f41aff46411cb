"""Records → outcomes of each policy, and the figures over task sets and conditions that tables are made of."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vlabench import stats
from vlabench.cards.conditions import CLEAN
from vlabench.cards.find import simulator_of
from vlabench.cards.lineage import Seen, as_trained, described, familiar, recipe, recorded, seen
from vlabench.cards.policy import PolicyCard
from vlabench.errors import VlabenchError
from vlabench.records.frame import Loaded, episodes_of, reached, successes
from vlabench.records.read import Origin, PolicyOnAssets
from vlabench.reports.tables.cutting import against, cut, remarked
from vlabench.reports.tables.outcomes import Leaf, Outcomes, Side
from vlabench.simulators.base import find_simulator
from vlabench.stats import TasksAs
from vlabench.types import Success

if TYPE_CHECKING:
    import pandas

Leaves = Sequence[Leaf] | Mapping[Leaf, float]
AT_END = "Success has to hold at the end of the episode."
ENGINES = {"mujoco": "MuJoCo", "sapien": "sapien"}
"""The packages that compute contacts, of which versions differ, and what they are called."""


@dataclass(frozen=True)
class Cell:
    """A figure of a table: fractions. n, tasks: different episodes and tasks behind it. p: of a difference, corrected
    after Holm.

    acted: of the rate under one perturbed condition, in how many of its episodes that changed anything. familiar: some
    condition holds a perturbation that the policy was trained under. played: a number for the episodes that it stands
    on, errors included; only figures with the same are fit to compete. spread: the standard deviation between
    trainings, or what a paper prints after ±. label: what the figure is of, where the column does not say.
    """

    value: float
    low: float
    high: float
    n: int
    errors: int = 0
    p: float | None = None
    acted: int | None = None
    familiar: bool = False
    tasks: int = 0
    played: int = 0
    spread: float | None = None
    label: str = ""


def sides(
    loaded: Loaded, counts: Success | None = None, tasks_as: TasksAs = "fixed", together: bool = False,
    versus: str | None = None, milestone: str | None = None,
) -> tuple[list[Side], list[str]]:
    """The sides, and sentences about what is not in them.

    counts: the success that counts (`types.won`). tasks_as: the question that their figures answer. together: only the
    episodes that all policies of a pack have an outcome for (`cutting.cut`, which see for errors). versus: only
    those that each shares with this policy (`cutting.against`). Otherwise each has its own. milestone: whether it was
    reached, instead of success; for records that were loaded with milestones.
    """
    made = [replace(_side(owner, loaded, counts, milestone), tasks_as=tasks_as) for owner in loaded.records]
    notes: list[str] = []
    if together:
        made, notes = cut(made)
    elif versus is not None:
        made, notes = against(made, versus, loaded.notes)
    notes += remarked("Ended in errors, which enter no rate: {}.", {s.owner: sum(s.errors.values()) for s in made})
    return made, [*notes, *engines(loaded)]


def engines(loaded: Loaded) -> list[str]:
    """A sentence for each pack whose records were not all played with one version of the physics engine."""
    said = []
    packs = dict.fromkeys(owner.assets for owner in loaded.records)
    for assets, (engine, name) in itertools.product(packs, ENGINES.items()):
        found = {owner.policy: origin.versions[engine] for owner, origin in loaded.origins.items()
                 if owner.assets == assets and engine in origin.versions and len(loaded.records.get(owner, ()))}
        if len({version for versions in found.values() for version in versions}) > 1:
            by_version: dict[str, list[str]] = {}
            for policy, versions in found.items():
                by_version.setdefault(" and ".join(versions), []).append(policy)
            listed = "; ".join(f"{', '.join(policies)} with {versions}" for versions, policies in by_version.items())
            said.append(f"On {assets} assets not all was played with one version of {name}, to which part of a "
                        f"difference may be due: {listed}.")
    return said


def rules(counts: Success | None, cut: Sequence[Side]) -> list[str]:
    """What counts as success, where that is not that an episode ended with it. counts: see `types.won`."""
    if counts == "end":
        return [AT_END]
    names = dict.fromkeys(task_set for side in cut for task_set in side.task_sets)
    late = [name for name in names if (home := simulator_of(name)) and find_simulator(home).success == "end"]
    how = "success at any step counts" if counts == "once" else "success has to hold at the end of the episode"
    return [f"In {', '.join(late)} {how}."] if late else []


def rate(side: Side, leaves: Leaves) -> Cell | None:
    """The mean over conditions of the mean over tasks, each with the same weight; None unless every leaf has outcomes.

    leaves: those, or their shares, of which a condition has as much as its leaves have together.

    The interval answers the side's question (`stats.tasks`). Several conditions of one episode are one score.
    """
    if not leaves or not all(side.outcomes.get(leaf) for leaf in leaves):
        return None
    tasks, outcomes = _block(_by_condition(side, leaves))
    found = stats.rate(outcomes, tasks, side.tasks_as, weights=_weights(leaves))
    return Cell(found.value, found.low, found.high, found.n, sum(side.errors.get(leaf, 0) for leaf in leaves),
                acted=_acted(side, leaves), familiar=any(condition in side.familiar for condition, _ in leaves),
                tasks=len(set(tasks)), played=identity(side, leaves))


def mean_rate(members: Sequence[Side], leaves: Leaves) -> Cell | None:
    """The mean of the rates of several trainings on the episodes that all have, with their standard deviation; None
    unless each has outcomes everywhere.

    The interval is that of `stats.trainings`, and nowhere narrower than one about the episodes alone, whose one score
    is their mean over the trainings: where nothing varies, that still knows how few they are.
    """
    if len(members) < 2 or not all(rate(side, leaves) for side in members):
        return None
    tasks, outcomes = _stacked(members, leaves)
    tasks_as, shares = members[0].tasks_as, _weights(leaves)
    found = stats.trainings(outcomes, tasks, tasks_as, shares)
    if not found.n:
        return None
    shared = np.where(np.isnan(outcomes).any(axis=0), math.nan, outcomes).reshape(-1, len(tasks))
    alone = stats.rate(shared, tasks, tasks_as,
                       weights=shares and [each / len(members) for _ in members for each in shares])
    return Cell(found.value, min(alone.low, found.low), max(alone.high, found.high), found.n,
                sum(side.errors.get(leaf, 0) for side in members for leaf in leaves), spread=found.spread,
                familiar=any(condition in side.familiar for side in members for condition, _ in leaves),
                tasks=len(set(tasks)))


def mean_contrast(first: Sequence[Side], second: Sequence[Side], leaves: Leaves) -> Cell | None:
    """The mean of the second sides' rates minus that of the first's, each side the trainings of a recipe, on the
    episodes that all have; None unless each has outcomes everywhere. Interval and p as of `mean_rate`; of one policy
    and another, those of their episodes. leaves: see `rate`.
    """
    if not leaves or not all(side.outcomes.get(leaf) for side in (*first, *second) for leaf in leaves):
        return None
    tasks, outcomes = _stacked([*first, *second], leaves)
    tasks_as, shares = first[0].tasks_as, _weights(leaves)
    shared = np.where(np.isnan(outcomes).any(axis=0), math.nan, outcomes)
    before, after = np.split(shared, [len(first)])
    every = None if shares is None else [share / (len(first) * len(second)) for _ in first for _ in second
                                         for share in shares]
    alone = stats.difference(np.repeat(before, len(second), axis=0).reshape(-1, len(tasks)),  # of any with any other
                             np.tile(after, (len(first), 1, 1)).reshape(-1, len(tasks)), tasks, tasks_as, weights=every)
    if len(outcomes) == 2:
        return difference_cell(alone, len(set(tasks)))
    found = stats.trainings_difference(before, after, tasks, tasks_as, shares)
    if not found.n:
        return None
    return Cell(found.value, min(alone.low, found.low), max(alone.high, found.high), found.n,
                p=max(alone.p, found.p), tasks=len(set(tasks)))


def _stacked(members: Sequence[Side], leaves: Leaves) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The tasks [N] and outcomes [K, C, N] of K sides under C conditions."""
    tables = [_by_condition(side, leaves) for side in members]
    tasks, outcomes = _block([table for each in tables for table in each])
    return tasks, outcomes.reshape(len(members), len(tables[0]), -1)


def identity(side: Side, leaves: Iterable[Leaf]) -> int:
    """The same number for the same episodes under the same conditions."""
    return hash(tuple(sorted((leaf, side.played.get(leaf, 0)) for leaf in set(leaves))))


def _by_condition(side: Side, leaves: Iterable[Leaf]) -> list[Outcomes]:
    """The outcomes under each condition, over its task sets."""
    found: dict[str, list[str]] = {}
    for condition, task_set in dict.fromkeys(leaves):
        found.setdefault(condition, []).append(task_set)
    return [side.merged(*each) for each in found.items()]


def _weights(leaves: Leaves) -> list[float] | None:
    """Of the conditions, in their order; None where all have the same."""
    if not isinstance(leaves, Mapping):
        return None
    found: dict[str, float] = {}
    for (condition, _), share in leaves.items():
        found[condition] = found.get(condition, 0.0) + share
    return [*found.values()]


def _acted(side: Side, leaves: Leaves) -> int | None:
    """In how many episodes of one perturbed condition anything differed; None for several conditions, or clean."""
    conditions = {condition for condition, _ in leaves}
    if len(conditions) > 1 or CLEAN in conditions:
        return None
    return sum(len(side.outcomes[leaf].keys() - side.idle.get(leaf, ())) for leaf in leaves)


def drop(side: Side, condition: str, task_sets: Sequence[str], control: str = CLEAN) -> Cell | None:
    """The paired difference condition − control; None without a pair."""
    if condition == control:
        return None
    return _difference(side.merged(control, task_sets), side.merged(condition, task_sets), side.tasks_as)


def contrast(first: Side, second: Side, condition: str, task_sets: Sequence[str]) -> Cell | None:
    """The paired difference second − first of two policies under a condition; None without a pair or a second one."""
    if first.owner == second.owner:
        return None
    return _difference(first.merged(condition, task_sets), second.merged(condition, task_sets), first.tasks_as)


def lost(one: Outcomes, other: Outcomes, tasks_as: TasksAs) -> stats.Difference:
    """other − one, on the episodes that both have."""
    keys, first, second = stats.pair(one, other)
    return stats.difference(first, second, [task for task, _, _ in keys], tasks_as)


def mean_difference(pairs: Sequence[tuple[Outcomes, Outcomes]], tasks_as: TasksAs) -> stats.Difference:
    """The mean over several pairs of outcomes of second − first, on the episodes that both have.

    Each pair that has any episode in common has the same weight.
    """
    joined = [stats.pair(first, second) for first, second in pairs]
    joined = [each for each in joined if each[0]]
    if not joined:
        return stats.NO_DIFFERENCE
    place = {key: number for number, key in enumerate(dict.fromkeys(key for keys, _, _ in joined for key in keys))}
    sides = np.full((2, len(joined), len(place)), math.nan)
    for row, (keys, first, second) in enumerate(joined):
        sides[:, row, [place[key] for key in keys]] = first, second
    return stats.difference(sides[0], sides[1], [task for task, _, _ in place], tasks_as)


def difference_cell(found: stats.Difference, tasks: int = 0) -> Cell | None:
    """A difference as a table's figure; None without a pair. tasks: how many are behind it."""
    return Cell(found.value, found.low, found.high, found.n, p=found.p, tasks=tasks) if found.n else None


def _difference(one: Outcomes, other: Outcomes, tasks_as: TasksAs) -> Cell | None:
    return difference_cell(lost(one, other, tasks_as), len({key[0] for key in one.keys() & other.keys()}))


def block(
    side: Side, conditions: Sequence[str], task_sets: Sequence[str]
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The tasks [N] and outcomes [C, N] of all episodes under C conditions; NaN where an episode has no outcome."""
    return _block([side.merged(condition, task_sets) for condition in conditions])


def _block(tables: Sequence[Outcomes]) -> tuple[list[str], npt.NDArray[np.float64]]:
    keys = list(dict.fromkeys(key for table in tables for key in table))
    outcomes = np.array([[table.get(key, math.nan) for key in keys] for table in tables], dtype=np.float64)
    return [task for task, _, _ in keys], outcomes.reshape(len(tables), len(keys))


def _side(owner: PolicyOnAssets, loaded: Loaded, counts: Success | None, milestone: str | None) -> Side:
    rows = loaded.records[owner]
    broken = (rows.status == "error").to_numpy()
    won = reached(rows, milestone) if milestone else successes(rows, counts)
    there = won.notna().to_numpy() & ~broken
    ended = rows[there]
    good, same = (column.to_numpy(np.bool_) for column in (won[there], ~ended.acted))
    keys, lost = episodes_of(ended), episodes_of(rows[broken])
    cells = _cells(ended)
    outcomes = {leaf: dict(zip(keys[at].tolist(), good[at].tolist(), strict=True)) for leaf, at in cells.items()}
    idle = {leaf: {*keys[at[same[at]]].tolist()} for leaf, at in cells.items() if same[at].any()}
    failed = {leaf: {*lost[at].tolist()} for leaf, at in _cells(rows[broken]).items()}
    errors = {leaf: len(keys) for leaf, keys in failed.items()}
    played = {leaf: hash(frozenset([*each, *failed.get(leaf, ())])) for leaf, each in outcomes.items()}
    side = Side(owner, outcomes, errors, idle, played=played, failed=failed)
    origin = loaded.origins.get(owner)
    card = recorded(owner.policy, origin.policy, origin.folder.parent.parent) if origin else None
    return informed(side, origin, card) if origin and card else side


def _cells(rows: pandas.DataFrame) -> dict[Leaf, npt.NDArray[np.intp]]:
    """The places of each cell's rows, counted from 0; the cells in the order of their first ones."""
    found = rows.groupby(["condition", "task_set"], sort=False, observed=True).indices
    return dict(sorted(found.items(), key=lambda cell: int(cell[1][0])))


def informed(side: Side, origin: Origin, card: PolicyCard) -> Side:
    """The same with what the policy's card says of its training."""
    try:
        known = seen(card)
    except VlabenchError:
        return side
    return replace(knowing(side, origin, known), recipe=recipe(card), told=described(card), made=card.made)


def knowing(side: Side, origin: Origin, known: Seen) -> Side:
    """The same with what the policy was trained on."""
    alike = as_trained(origin.conditions, known.names)
    met = dict.fromkeys([*familiar(origin.holds, known.perturbations), *alike])
    return replace(side, seen=known, familiar=tuple(met), as_trained=alike)
