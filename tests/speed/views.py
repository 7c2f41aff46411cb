"""What PAIR's views cost: processor time of a look's, beside that of the look and of the step that follows it.

    OMP_NUM_THREADS=1 python -m tests.speed.views [--looks 40]

The expert plays, on primitive assets, one episode at a time; prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Mapping

from tests.speed.playing import processor_seconds
from vlabench.adapters.base import Policy
from vlabench.cards import load_policy
from vlabench.episode.child import ENVIRONMENT
from vlabench.simulators.base import find_simulator
from vlabench.training.objectives._views import ALTERING, PRESERVING
from vlabench.training.rl.views import ASKS, ViewOptions, Views
from vlabench.types import EpisodeSpec

TASKS = (("maniskill", "maniskill_put_on_plate", 0), ("maniskill", "maniskill_pair", 0),
         ("libero", "libero_spatial", 0))
SIZES = (128, 256)
FIRST = 3
"""Looks that are not counted: things are loaded in them."""


def measured(name: str, task_set: str, number: int, size: int, looks: int) -> Mapping[str, float]:
    """What is done at a look, and a step → milliseconds, the median of so many."""
    simulator = find_simulator(name)("primitive")
    task = simulator.tasks(task_set)[number]
    policy: Policy = load_policy("expert").make()
    policy.configure(simulator.action_space)
    scene = simulator.open(task, 1, simulator.cameras, size, privileged=True)
    spec = EpisodeSpec(task, "clean", 0, sampled=True)
    scene.reset([spec])
    slot = scene.slot(0)
    kinds = {kind: Views(ViewOptions(preserving={kind: 1.0}), (PRESERVING,))  # type: ignore[dict-item]
             for kind, asked in ASKS.items() if asked <= simulator.offers}
    kinds["altering"] = Views(ViewOptions(), (ALTERING,))
    found: dict[str, list[float]] = {}

    def note(what: str, done: Callable[[], object]) -> None:
        found.setdefault(what, []).append(1000 * processor_seconds(done))

    for look in range(FIRST + looks):
        obs = scene.observe()
        note("look", scene.observe)
        seen = {camera: pictures[0] for camera, pictures in obs.images.items()}
        for kind, views in kinds.items():
            note(kind, lambda views=views, seen=seen, look=look: views.of(slot, seen, spec, look))  # type: ignore[misc]
        action = policy.act(obs).actions[:, 0]
        note("step", lambda action=action: scene.step(action))  # type: ignore[misc]
    scene.close()
    return {what: statistics.median(times[FIRST:]) for what, times in found.items()}


def main(looks: int) -> None:
    """Measure and print."""
    columns = ("look", "step", *ASKS, "altering")
    print(f"| ms | {' | '.join(columns)} |\n| --- {'| --: ' * len(columns)}|")
    for name, task_set, number in TASKS:
        for size in SIZES:
            found = measured(name, task_set, number, size, looks)
            cells = [f"{found[column]:.2f}" if column in found else "–" for column in columns]
            print(f"| {task_set}/{number}, {size}² | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--looks", type=int, default=40, metavar="<int>", help="of each episode")
    os.environ.update(ENVIRONMENT)
    main(parser.parse_args().looks)
