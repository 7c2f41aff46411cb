"""`vlabench preview`: one picture of what a policy would see, tasks in rows, conditions in columns.

Each cell is a real episode: the scene opened, reset and perturbed by the loop itself, and the observation that a
policy receives at its first look, or after what happens in mid-episode. Below it are the parameters as drawn in that
episode. Of several suites it is a sheet of small cells, every condition once, with what the policy is told below where
that is not the task's own.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from vlabench import cards
from vlabench.adapters.base import Policy
from vlabench.cards.conditions import CLEAN, Condition, named
from vlabench.cards.schema import SIDES
from vlabench.cards.suite import SuiteCard
from vlabench.episode.chain import variant_of
from vlabench.episode.loop import play
from vlabench.errors import OptionError, StoreError, UnknownName, near
from vlabench.evaluation.plan import RunOptions, check_offered, check_tasks, choose_conditions, choose_tasks
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene, Simulator
from vlabench.types import Decision, EpisodeSpec, Floats, Image, Observation, Task

COLUMNS = 6
"""More conditions than this go on in the next row of pictures."""
_DPI = 100
_CELL = 2.3  # inches, a picture's side
_GAP = 0.12
_LABEL = 1.55  # inches, the column with the tasks' names
_LINE = 0.155  # inches, a line of text below a picture
_LETTERS = 33  # per line of text below a picture
_ACROSS = 10  # cells of a sheet in a row,
_SMALL, _SMALL_LETTERS = 1.28, 30  # as large (inches), with so many letters in a line below


@dataclass(frozen=True)
class Cell:
    """What a policy receives first under a condition. picture: its cameras side by side, uint8 [H, W, 3]."""

    task: Task
    condition: str
    picture: Image
    instruction: str
    realised: Mapping[str, Any]


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
    for name in names:
        suite = cards.load_suite(name)
        simulator = suite.engine(assets or suite.engine.packs[0])
        _check(simulator, cameras, index, size, out)
        shown = cameras or simulator.cameras[:1]
        simulator.check(shown)
        chosen = _tasks(suite, simulator, tasks, index)[:1 if len(names) > 1 else None]
        cells = list(_cells(suite, simulator, chosen, conditions, index, seed, shown, size, known))
        known |= {(cell.task.key, cell.condition) for cell in cells}
        by_suite[suite.name] = cells
    about = f"{simulator.assets} assets, episode {index}, {', '.join(shown)}"
    figure = _drawn(cells, f"{suite.name}, {about}") if len(names) == 1 else _sheet(by_suite, about)
    _written(figure, out, sheet=len(names) > 1)
    return [cell for cells in by_suite.values() for cell in cells]


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
        for perturbation in condition.perturbations:
            perturbation.check(simulator.cameras, simulator.action_space)
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


def described(realised: Mapping[str, Any], letters: int) -> list[str]:
    """Realised parameters in lines of at most `letters` letters: `rotation: degrees 12.4`."""
    lines = []
    for name, values in realised.items():
        text = _plain(values)
        lines += textwrap.wrap(f"{name}: {text}" if text else name, letters, subsequent_indent="  ")
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        between = "; " if any(isinstance(inner, Mapping) for inner in value) else ", "
        return "[" + between.join(_plain(inner) for inner in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _drawn(cells: Sequence[Cell], title: str) -> Any:
    """A matplotlib figure of the cells, in inches counted from the upper left corner."""
    from matplotlib.figure import Figure

    by_task: dict[str, list[Cell]] = {}
    for cell in cells:
        by_task.setdefault(cell.task.key, []).append(cell)
    across = min(COLUMNS, max(len(row) for row in by_task.values()))
    wide = _CELL * max(cell.picture.shape[1] / cell.picture.shape[0] for cell in cells)
    rows = [row[i : i + across] for row in by_task.values() for i in range(0, len(row), across)]
    heights = [_CELL + 0.25 + _LINE * max(len(_text(cell)) for cell in row) + _GAP for row in rows]
    width, height = _LABEL + across * (wide + _GAP) + _GAP, 0.4 + sum(heights)
    figure = Figure(figsize=(width, height))
    figure.text(_GAP / width, 1 - 0.25 / height, title, fontsize=10, weight="bold")
    top = 0.4
    for number, row in enumerate(rows):
        if number == 0 or row[0].task != rows[number - 1][0].task:
            label = row[0].task.key + "\n\n" + textwrap.fill(row[0].task.instruction, 22)
            figure.text(_GAP / width, 1 - (top + 0.25) / height, label, fontsize=8, va="top")
        for column, cell in enumerate(row):
            left = _LABEL + column * (wide + _GAP)
            axes = figure.add_axes((left / width, 1 - (top + 0.2 + _CELL) / height, wide / width, _CELL / height))
            axes.imshow(cell.picture)
            axes.set_axis_off()
            axes.set_title(cell.condition, fontsize=9, pad=2)
            figure.text(left / width, 1 - (top + 0.24 + _CELL) / height, "\n".join(_text(cell)), fontsize=8, va="top",
                        family="monospace")
        top += heights[number]
    return figure


def _text(cell: Cell) -> list[str]:
    """The lines below a picture, as long as it is wide."""
    letters = _LETTERS * cell.picture.shape[1] // cell.picture.shape[0]
    return described(cell.realised, letters) + _told(cell, "told: ", letters)


def _told(cell: Cell, before: str, letters: int) -> list[str]:
    return [] if cell.instruction == cell.task.instruction else textwrap.wrap(before + cell.instruction, letters)


def _sheet(by_suite: Mapping[str, Sequence[Cell]], title: str) -> Any:
    """A matplotlib figure of small cells, suite after suite, each suite's name over its first one."""
    from matplotlib.figure import Figure

    cells = [(name if number == 0 else "", cell) for name, some in by_suite.items() for number, cell in enumerate(some)]
    rows = [cells[i : i + _ACROSS] for i in range(0, len(cells), _ACROSS)]
    wide = _SMALL * max(cell.picture.shape[1] / cell.picture.shape[0] for _, cell in cells)
    letters = int(_SMALL_LETTERS * wide / _SMALL)
    heights = [_SMALL + 0.33 + 0.11 * max(len(_told(cell, "", letters)) for _, cell in row) + _GAP for row in rows]
    width, height = _ACROSS * (wide + _GAP) + _GAP, 0.3 + sum(heights)
    figure = Figure(figsize=(width, height))
    tasks = dict.fromkeys(f"{cell.task.key}: {cell.task.instruction}" for _, cell in cells)
    figure.text(_GAP / width, 1 - 0.2 / height, f"{'; '.join(tasks)} ({title})", fontsize=8, weight="bold")
    for number, row in enumerate(rows):
        top = 0.3 + sum(heights[:number])
        for column, (name, cell) in enumerate(row):
            left = _GAP + column * (wide + _GAP)
            figure.text(left / width, 1 - (top + 0.12) / height, name, fontsize=7, weight="bold")
            axes = figure.add_axes((left / width, 1 - (top + 0.28 + _SMALL) / height, wide / width, _SMALL / height))
            axes.imshow(cell.picture)
            axes.set_axis_off()
            axes.set_title(cell.condition, fontsize=7, pad=2)
            figure.text(left / width, 1 - (top + 0.3 + _SMALL) / height, "\n".join(_told(cell, "", letters)),
                        fontsize=6, va="top")
    return figure


def _written(figure: Any, out: Path, *, sheet: bool) -> None:
    from matplotlib import rc_context

    try:
        with rc_context({"pdf.fonttype": 42}):  # TrueType: letters stay letters in a PDF
            figure.savefig(out, dpi=_DPI)
    except (OSError, ValueError) as error:
        raise StoreError(f"{out}: the picture cannot be written: {error}") from error
