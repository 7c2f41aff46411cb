"""`vlabench preview`: what a policy would see first under each condition, on one picture.

Each cell is a real episode: the scene opened, reset and perturbed by the loop itself, and the observation that a
policy receives at its first look, or after what happens in mid-episode. Of several suites every condition is shown
once. `pictures` draws them.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from vlabench import cards
from vlabench.adapters.base import Policy
from vlabench.cards.conditions import CLEAN, Condition, named
from vlabench.cards.schema import SIDES
from vlabench.cards.suite import SuiteCard
from vlabench.episode.chain import variant_of
from vlabench.episode.loop import play
from vlabench.errors import OptionError, UnknownName, near
from vlabench.evaluation.pictures import Cell, drawn, sheet, write
from vlabench.evaluation.plan import (
    RunOptions,
    check_offered,
    check_parts,
    check_tasks,
    choose_conditions,
    choose_tasks,
)
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene, Simulator
from vlabench.types import Decision, EpisodeSpec, Floats, Observation, Task


def preview(suites: str | Sequence[str], out: Path, *, assets: str | None = None, tasks: Sequence[str] = (),
            conditions: Sequence[str] = (), index: int = 0, seed: int = 0, cameras: Sequence[str] = (),
            size: int = 256) -> list[Cell]:
    """Write the picture to `out` (PNG, or what its suffix says) and return what is on it.

    suites: one, or several for a sheet of the first task of each. assets: by default the simulator's first pack. tasks,
    conditions: as in `plan.RunOptions`; without tasks the first of each task set. cameras: by default the simulator's
    first. size: pixels per side of a camera's picture. Raises what cards and plan raise, OptionError, UnknownName
    (camera, asset pack), StoreError (the file cannot be written) and what the simulator lacks.
    """
    names = [suites] if isinstance(suites, str) else list(suites)
    by_suite: dict[str, list[Cell]] = {}
    known: set[tuple[str, str]] = set()
    cards_of = [cards.load_suite(name) for name in names]
    for suite in cards_of:
        simulator = suite.engine(assets or suite.engine.packs[0])
        _check(simulator, cameras, index, size, out)
        shown = cameras or simulator.cameras[:1]
        simulator.check(shown)
        chosen = _tasks(suite, simulator, tasks, index)[:1 if len(names) > 1 else None]
        asked = _asked_of(suite, cards_of, conditions)
        cells = list(_cells(suite, simulator, chosen, asked, index, seed, shown, size, known))
        known |= {(cell.task.key, cell.condition) for cell in cells}
        by_suite[suite.name] = cells
    about = f"{simulator.assets} assets, episode {index}, {', '.join(shown)}"
    figure = drawn(cells, f"{suite.name}, {about}") if len(names) == 1 else sheet(by_suite, about)
    write(figure, out)
    return [cell for cells in by_suite.values() for cell in cells]


def _asked_of(suite: SuiteCard, all_of: Sequence[SuiteCard], patterns: Sequence[str]) -> list[str]:
    """Those patterns that this suite has conditions of or none of them has, if there are any; else its control alone.
    """
    def has(card: SuiteCard, pattern: str) -> bool:
        return bool(fnmatch.filter(card.conditions, pattern))

    asked = [pattern for pattern in patterns
             if has(suite, pattern) or not any(has(card, pattern) for card in all_of)]
    return asked or [CLEAN] * bool(patterns)


def _tasks(suite: SuiteCard, simulator: Simulator, patterns: Sequence[str], index: int) -> tuple[Task, ...]:
    chosen = choose_tasks(suite, simulator, patterns)
    if not patterns:
        chosen = tuple({task.task_set: task for task in reversed(chosen)}.values())[::-1]
    for task in chosen:
        if not task.starts(index):
            raise OptionError(f"--index {index}: {task.key} has the init states {task.indices}")
    return chosen


def _check(simulator: Simulator, cameras: Sequence[str], index: int, size: int, out: Path) -> None:
    for camera in cameras:
        if camera not in simulator.cameras:
            raise UnknownName("camera", camera, simulator.cameras, where="--camera")
    if index < 0:
        raise OptionError(f"--index {index}: episodes are counted from 0")
    if not SIDES[0] <= size <= SIDES[1]:
        raise OptionError(f"--size {size}: must be in {SIDES[0]} … {SIDES[1]} pixels")
    suffixes = ("png", "jpg", "jpeg", "webp", "pdf", "svg")
    suffix = out.suffix.lstrip(".").lower()
    if suffix not in suffixes:
        raise OptionError(f"--out {out}: {suffix!r} is no kind of picture: {near(suffix, suffixes)}")
    if not out.absolute().parent.is_dir():
        raise OptionError(f"--out {out}: there is no folder {out.absolute().parent}")


def _cells(suite: SuiteCard, simulator: Simulator, tasks: Sequence[Task], conditions: Sequence[str], index: int,
           seed: int, cameras: Sequence[str], size: int, known: Collection[tuple[str, str]]) -> Iterator[Cell]:
    """The cells, task by task, `clean` first, but those `known`: a task's key and a condition's name."""
    chosen = choose_conditions(suite, RunOptions(conditions=tuple(conditions)))
    ordered = sorted(chosen.values(), key=lambda condition: condition.name != CLEAN)
    for condition in ordered:
        check_offered(condition, simulator, {task.task_set for task in tasks})
        check_tasks([condition], tasks, simulator)
        check_parts(condition, simulator.cameras, simulator.action_space)
    for task in tasks:
        new = [condition for condition in ordered if (task.key, condition.name) not in known]
        for variant, alike in groupby(new, lambda condition: variant_of(named(condition))):
            scene = simulator.open(task, 1, simulator.cameras, size, variant=variant)
            try:
                for condition in alike:
                    yield first_look(scene, task, condition, index, seed, cameras, simulator.cameras)
            finally:
                scene.close()


def first_look(scene: Scene, task: Task, condition: Condition, index: int, seed: int, shown: Sequence[str],
               cameras: Sequence[str]) -> Cell:
    """The cell of one episode, on an open scene that observes `cameras`; of these, `shown` are in the picture."""
    after = max((each.shows_after for each in condition.perturbations), default=0)
    nothing = np.repeat(scene.null_action[None], max(after, 1), axis=0)
    space = scene.action_space
    if any(each.shows_after and "action" in each.channels(cameras) for each in condition.perturbations):
        nothing[:, space.gripper] = space.closes  # what happens to a hand that was told to close
    eye = _Eye(nothing)
    short = dataclasses.replace(task, step_limit=after + 1)  # the loop ends one step after the look
    (played,) = play(scene, eye, [EpisodeSpec(short, condition.name, index, seed)], [named(condition)],
                     replan=max(after, 1), cameras=cameras)
    assert eye.seen is not None
    picture = np.concatenate([eye.seen.images[camera][0] for camera in shown], axis=1)
    return Cell(task, condition.name, picture, played.instruction, played.realised)


class _Eye(Policy):
    """Keeps what it saw last, and does nothing for so many actions [T, D]."""

    def __init__(self, nothing: Floats) -> None:
        self.seen: Observation | None = None
        self._nothing = nothing

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        self.seen = None

    def act(self, obs: Observation) -> Decision:
        self.seen = obs
        return Decision(self._nothing[None])
