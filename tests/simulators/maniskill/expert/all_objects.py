"""How often the expert puts each of the 25 objects on the plate: `python -m` this, with the packs, prints a table.

    python -m tests.simulators.maniskill.expert.all_objects primitive official
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from vlabench.simulators.maniskill import catalogue, goal, packs, starts
from vlabench.simulators.maniskill.expert.expert import advise
from vlabench.simulators.maniskill.interface import STEP_LIMIT
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.simulators.maniskill.world import World
from vlabench.types import EpisodeSpec

EPISODES = 12
"""Of each object, at the starts of the first task's."""


def succeeds(pack: str, number: int, index: int) -> bool:
    """Whether the object of this number is on the plate after the last step."""
    task = Maniskill(pack).tasks("maniskill_put_on_plate")[0]
    start = starts.draw(EpisodeSpec(task, "clean", index))
    start = dataclasses.replace(start, object=dataclasses.replace(start.object, number=number))
    world = World(start, packs.pack(pack), drawn=False)
    world.settle()
    for _ in range(STEP_LIMIT):
        world.step(advise(world)[0])
    return on_plate(world)


def on_plate(world: World) -> bool:
    """Whether the object is on the plate now."""
    offset = np.asarray(world.object.pose.p, np.float64) - np.asarray(world.receptacle.pose.p, np.float64)
    return bool(goal.on_receptacle(offset[None], world.halves[0][None], world.halves[1][None], world.forces()[2:])[0])


def share(successes: int, played: int) -> str:
    """Both numbers, the success rate in % and its 95 % interval."""
    interval = binomtest(successes, played).proportion_ci(method="wilson")
    return (f"{successes}/{played}, {100 * successes / played:.1f} % "
            f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]")


def main(names: Sequence[str]) -> None:
    """Print a row for each object and one for all."""
    print(f"| object | {' | '.join(names)} |\n|---|{'--:|' * len(names)}")
    wins = {name: [sum(succeeds(name, number, index) for index in range(EPISODES))
                   for number in range(len(catalogue.OBJECTS))] for name in names}
    for number, thing in enumerate(catalogue.OBJECTS):
        held_out = "" if number in catalogue.TRAINING_OBJECTS else " (held out)"
        print(f"| {thing.name}{held_out} | {' | '.join(f'{wins[name][number]}/{EPISODES}' for name in names)} |")
    cells = [share(sum(wins[name]), EPISODES * len(catalogue.OBJECTS)) for name in names]
    print(f"| all | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1:] or packs.PACKS)
