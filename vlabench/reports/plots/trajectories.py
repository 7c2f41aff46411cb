"""The figure of the ways that the hand took through space, coloured by how far it has turned (RL4VLA's figure 8)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vlabench.cards.conditions import CLEAN, Condition, named
from vlabench.cards.find import find_condition, find_task, fits
from vlabench.episode.chain import variant_of
from vlabench.episode.listening import Listener
from vlabench.episode.loop import EpisodeError, play
from vlabench.episode.recording import Recording, Replayed
from vlabench.errors import OptionError, StoreError, UnsupportedError
from vlabench.records.store import recording_of
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.episodes import Choice, common, ordered, record_of
from vlabench.reports.plots.style import INK, canvas, footnote, styled
from vlabench.reports.tables.outcomes import Side
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeSpec, Floats, Observation
from vlabench.util.text import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRAJECTORIES = "trajectories"
"""Its name as a kind of plot."""
EPISODES = (1, 200)
"""Least and most of a policy."""
ACROSS = 4
"""Policies beside each other."""
NARROWEST = 0.02
"""m, of half a space along each axis."""


@dataclass(frozen=True)
class Course:
    """The hand's way in an episode of S steps. places: [S + 1, 3] (m), z up. turns: [S + 1], degrees about the vertical
    since the start, counter-clockwise from above. won: whether the episode counts as a success.
    """

    places: Floats
    turns: Floats
    won: bool


@dataclass
class Following(Listener):
    """Keeps where the hand of the first copy is, at the start and after every step, [4, 4] each."""

    poses: list[Floats] = field(default_factory=list)
    every_frame = True

    def on_frame(self, step: int, clean: Observation) -> None:
        assert clean.state is not None
        self.poses.append(clean.state[0].hand_pose())


def trajectories(data: Data, choice: Choice, episodes: int, say: Callable[[str], None]) -> Figure:
    """The ways of each policy's hand in the same recorded episodes. episodes: how many. say: hears what is going on.

    Raises OptionError for a number out of range, and where no episode that fits is recorded for all policies;
    UnsupportedError for a simulator that does not tell where the hand is; StoreError for a recording that does not end
    as on record.
    """
    if not EPISODES[0] <= episodes <= EPISODES[1]:
        raise OptionError(f"--episodes {episodes}: must be in {EPISODES[0]} … {EPISODES[1]}")
    data = ordered(data, choice)
    specs = chosen(data, choice, episodes)
    say(f"playing {counted(len(specs), 'episode')} of {', '.join(map(data.label, data.sides))} again")
    return drawn(data, specs, {data.label(side): courses(data, side, specs) for side in data.sides})


def chosen(data: Data, choice: Choice, episodes: int) -> list[EpisodeSpec]:
    """The first starts of each task, evenly over tasks, of which all policies have a recording; of the control, unless
    conditions are asked for. Raises OptionError where there is none.
    """
    names = [name for name in data.conditions if fits(name, choice.conditions or (CLEAN,))]
    tasks = [task for task in data.tasks if fits(task, choice.tasks)]
    found = [EpisodeSpec(find_task(task), name, index, seed) for name in names
             for task, index, seed in common(data.sides, name, data.tasks)
             if task in tasks and choice.index in (None, index)]
    found = [spec for spec in found if all(_path(data, side, spec).is_file() for side in data.sides)]
    if not found:
        whose = " and of ".join(f"{side.owner.policy} on {side.owner.assets}" for side in data.sides)
        raise OptionError(f"no recording of {whose} fits, under {', '.join(names) or ', '.join(choice.conditions)}\n"
                          f"  fix: vlabench run --policy P --suite S --record, of each policy")
    place = {name: number for number, name in enumerate(names)}
    found.sort(key=lambda spec: (spec.seed, spec.index, place[spec.condition]))  # tasks stay in their order
    return found[:episodes]


def courses(data: Data, side: Side, specs: Sequence[EpisodeSpec]) -> list[Course]:
    """A policy's, played again by its recordings, without pictures."""
    order = sorted(specs, key=lambda spec: (spec.task.key, spec.condition))
    found: dict[EpisodeSpec, Course] = {}
    for _, group in itertools.groupby(order, key=lambda spec: (spec.task.key, spec.condition)):
        found |= _in_one_scene(data, side, list(group))
    return [found[spec] for spec in specs]


def turned(poses: Floats) -> Floats:
    """How far (degrees) a hand with poses [N, 4, 4] has turned about the vertical since the first; [N], continuous.

    The turn that is left when the shortest tilt of the vertical is taken away (swing and twist).
    """
    since = poses[:, :3, :3] @ poses[0, :3, :3].T
    angles = np.arctan2(since[:, 1, 0] - since[:, 0, 1], since[:, 0, 0] + since[:, 1, 1])
    found: Floats = np.degrees(np.unwrap(angles))
    return found


def drawn(data: Data, specs: Sequence[EpisodeSpec], ways: Mapping[str, Sequence[Course]]) -> Figure:
    """A space for each policy, all to one scale."""
    everything = np.concatenate([course.places for each in ways.values() for course in each])
    middle, half = (everything.max(0) + everything.min(0)) / 2, np.maximum(np.ptp(everything, axis=0) / 2, NARROWEST)
    low, high = middle - half, middle + half
    widest = max(1.0, *(float(np.abs(course.turns).max()) for each in ways.values() for course in each))
    with styled():
        across = min(ACROSS, len(ways))
        down = -(-len(ways) // across)
        figure = canvas(0.9 + 3.3 * across, 0.9 + 2.9 * down)
        shown: Any = None
        for number, (name, each) in enumerate(ways.items()):
            axes: Any = figure.add_subplot(down, across, number + 1, projection="3d")
            shown = _space(axes, each, widest)
            axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
            axes.set_box_aspect(half, zoom=0.92)
            axes.set_title(f"{name}: {sum(course.won for course in each)} of {len(each)} succeed\n{_said(each)}",
                           fontsize=9.0, loc="center")
        figure.colorbar(shown, ax=figure.axes, label="turned, degrees", shrink=0.6, pad=0.08)
        tasks = ", ".join(dict.fromkeys(spec.task.task_set for spec in specs))
        conditions = ", ".join(dict.fromkeys(spec.condition for spec in specs))
        footnote(figure, [
            f"The hand's ways in {counted(len(specs), 'episode')} of {tasks}, {conditions}, the same starts for all; "
            f"metres. Colour: how far it has turned about the vertical since the start, counter-clockwise from above. "
            f"· is a start, ● an end in success, × in failure. Spread: standard deviation of all places about their "
            f"mean, and of all turns.", data.caption])
    return figure


def _path(data: Data, side: Side, spec: EpisodeSpec) -> Path:
    return data.origins[side.owner].folder / recording_of(spec.identity)


def _in_one_scene(data: Data, side: Side, specs: Sequence[EpisodeSpec]) -> dict[EpisodeSpec, Course]:
    """Episodes of one task under one condition."""
    task, name = specs[0].task, specs[0].condition
    kind = find_simulator(task.simulator)
    if not kind.expert:
        raise UnsupportedError(f"simulator {task.simulator!r} does not tell where the hand is\n  fix: vlabench plot "
                               f"strips shows what was seen")
    condition = data.suite.conditions[name] if data.suite else find_condition(name, task.simulator)
    simulator = kind(side.owner.assets)
    simulator.check()
    scene = simulator.open(task, 1, (), privileged=True, variant=variant_of(named(condition)))
    try:
        return {spec: _course(data, side, scene, spec, condition) for spec in specs}
    finally:
        scene.close()


def _course(data: Data, side: Side, scene: Any, spec: EpisodeSpec, condition: Condition) -> Course:
    path = _path(data, side, spec)
    recording, following = Recording.load(path), Following()
    success = find_simulator(spec.task.simulator).success
    try:
        (played,) = play(scene, Replayed(recording), [spec], [named(condition)], replan=recording.replan, cameras=(),
                         success=success, listeners=[following])
    except EpisodeError as error:
        raise StoreError(f"{path}: this recording cannot be played again: {error.cause}") from error
    record = record_of(data.origins[side.owner], spec, condition)
    if record is None or (record.state, record.steps) != (played.state, played.steps):
        raise StoreError(f"{path}: played again, it does not end as on record: it is of other versions, or of "
                         f"another machine\n  fix: vlabench run --policy {side.owner.policy} --suite S --record "
                         f"--results NEW, and the same of the others")
    poses = np.stack(following.poses)
    won = side.outcomes[spec.condition, spec.task.task_set][spec.task.key, spec.index, spec.seed]
    return Course(poses[:, :3, 3], turned(poses), won)


def _space(axes: Any, ways: Sequence[Course], widest: float) -> Any:
    """Lines, their ends, and what their colours mean."""
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    lines: Any = None
    for course in ways:
        points = course.places[:, None]
        lines = Line3DCollection(np.concatenate([points[:-1], points[1:]], axis=1), cmap="viridis", linewidths=1.0)
        lines.set_array((course.turns[:-1] + course.turns[1:]) / 2)
        lines.set_clim(-widest, widest)
        axes.add_collection3d(lines)
        axes.plot(*course.places[0], color=INK, marker=".", markersize=3, linestyle="none")
        axes.plot(*course.places[-1], color=INK, marker="o" if course.won else "x", markersize=3.2, linestyle="none")
    for name in "xyz":  # the layout knows nothing of these labels: further out they would lie on the small print
        getattr(axes, f"set_{name}label")(name, labelpad=-7 if name == "z" else -5)
    axes.tick_params(labelsize=6.5, pad=-1)
    axes.locator_params(nbins=4)
    axes.view_init(elev=24, azim=-60)
    return lines


def _said(ways: Sequence[Course]) -> str:
    """How much of the workspace they take, in words."""
    places = np.concatenate([course.places for course in ways])
    spread = 100 * float(np.sqrt(places.var(0).sum()))
    turns = float(np.concatenate([course.turns for course in ways]).std())
    return f"spread {spread:.1f} cm, {turns:.1f}°"
