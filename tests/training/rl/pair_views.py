"""A sheet of looks with PAIR's views of them: what preserves the task, a column a kind, and what alters it, twice.

    python -m tests.training.rl.pair_views [--out results/pictures/pair-views.png]

The expert plays, on primitive assets; a row is a look of one camera at one step of its episode.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vlabench import cards
from vlabench.episode.listening import Listener
from vlabench.episode.loop import play
from vlabench.simulators.base import Scene, find_simulator
from vlabench.training.objectives._views import ALTERING, PRESERVING
from vlabench.training.rl.views import ASKS, ASKS_ALTERING, ViewOptions, Views
from vlabench.types import EpisodeSpec, Image, Observation

SIZE = 112
"""Pixels a side, in the sheet, too."""
DPI, GAP, HEAD, LABEL, GRAIN = 100, 0.04, 0.2, 1.15, 4
EPISODES = (("maniskill", "maniskill_put_on_plate/0", 1, ("third_person",), (0,)),
            ("maniskill", "maniskill_pair/13", 0, ("third_person",), (0, 9, 16)),
            ("libero", "libero_spatial/0", 1, ("agentview", "wrist"), (0, 56)))
"""Simulator, task, number of a training's start, cameras, steps."""
COLUMNS = ("seen", *ASKS, "altering", "altering, again")


class Looks(Listener):
    """Has all views of some steps drawn: step → camera → column → picture."""

    asks_scene = True

    def __init__(self, steps: Sequence[int], can: Sequence[str]) -> None:
        self.found: dict[int, dict[str, dict[str, Image]]] = {}
        self._steps, self._can = steps, can

    def on_scene(self, scene: Scene) -> None:
        self._scene = scene.slot(0)

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        (self._spec,) = specs

    def on_clean(self, step: int, clean: Observation) -> None:
        if step not in self._steps:
            return
        seen = {camera: pictures[0] for camera, pictures in clean.images.items()}
        drawn = {"seen": seen}
        for kind in self._can:
            views = Views(ViewOptions(preserving={kind: 1.0}), (PRESERVING,))  # type: ignore[dict-item]
            drawn[kind] = dict(views.of(self._scene, seen, self._spec, step)[PRESERVING])
        for repeat, column in enumerate(COLUMNS[-2:]):
            views = Views(ViewOptions(), (ALTERING,))
            drawn[column] = dict(views.of(self._scene, seen, replace(self._spec, repeat=repeat), step)[ALTERING])
        self.found[step] = {camera: {column: pictures[camera] for column, pictures in drawn.items()} for camera in seen}


def rows() -> list[tuple[str, dict[str, Image]]]:
    """(what a row shows, column → picture)."""
    found = []
    policy = cards.load_policy("expert").make()
    for name, key, index, cameras, steps in EPISODES:
        simulator = find_simulator(name)("primitive")
        assert simulator.offers >= ASKS_ALTERING
        task_set, _, number = key.rpartition("/")
        task = replace(simulator.tasks(task_set)[int(number)], step_limit=max(steps) + 1)
        looks = Looks(steps, [kind for kind, asked in ASKS.items() if asked <= simulator.offers])
        policy.configure(simulator.action_space)
        scene = simulator.open(task, 1, cameras, SIZE, privileged=True)
        play(scene, policy, [EpisodeSpec(task, "clean", index, sampled=True)], [{}], replan=1, cameras=cameras,
             success=simulator.success, listeners=[looks])
        scene.close()
        found += [(f"{key}\n{camera}\nstep {step}", columns) for step, by_camera in looks.found.items()
                  for camera, columns in by_camera.items()]
    return found


def sheet(shown: Sequence[tuple[str, dict[str, Image]]], out: Path) -> None:
    """Write the rows as a PNG, in steps of GRAIN, which pack better."""
    from matplotlib.figure import Figure
    from PIL import Image as Pillow

    side = SIZE / DPI
    width, height = LABEL + len(COLUMNS) * (side + GAP), HEAD + len(shown) * (side + GAP)
    figure = Figure(figsize=(width, height))
    for column, name in enumerate(COLUMNS):
        figure.text((LABEL + column * (side + GAP)) / width, 1 - 0.14 / height, name, fontsize=7, weight="bold")
    for row, (label, pictures) in enumerate(shown):
        top = HEAD + row * (side + GAP)
        figure.text(GAP / width, 1 - (top + 0.1) / height, label, fontsize=6, va="top")
        for column, name in enumerate(COLUMNS):
            if name in pictures:
                left = LABEL + column * (side + GAP)
                axes = figure.add_axes((left / width, 1 - (top + side) / height, side / width, side / height))
                axes.imshow(pictures[name])
                axes.set_axis_off()
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI)
    coarse = [value // GRAIN * GRAIN * 255 // (256 - GRAIN) for value in range(256)]
    Pillow.open(drawn).convert("RGB").point(coarse * 3).save(out, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("results/pictures/pair-views.png"), metavar="FILE")
    sheet(rows(), parser.parse_args().out)
