"""How often the expert still succeeds after other hands have played: `python -m` this, with the packs, prints tables.

    python -m tests.simulators.maniskill.expert.takes_over primitive official
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tests.simulators.maniskill.expert.all_objects import on_plate, share
from vlabench.simulators.maniskill import packs, starts
from vlabench.simulators.maniskill.expert.expert import advise
from vlabench.simulators.maniskill.expert.grasps import JAW, TIP
from vlabench.simulators.maniskill.expert.motion import CLOSE, OPEN, reachable
from vlabench.simulators.maniskill.expert.state import TABLE, look
from vlabench.simulators.maniskill.interface import SPACE, STEP_LIMIT
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.simulators.maniskill.world import World, dynamics
from vlabench.types import EpisodeSpec, Floats

EPISODES = 3
"""Of each of the 16 tasks, for each kind of disturbance."""
LIFTED = 0.02
"""The object is carried, not dragged, from so far (m) above the table on."""
DROPPED = 3
"""Control steps that the gripper opens for."""
THROW = (0.05, 0.10)
"""How far (m) aside the hand's target goes, in one control step."""
PUSH = 0.8
"""m/s, along the table; what slides gets 5 cm far."""
PUSHED_AT = 5
Hands = Callable[[World, np.random.Generator], Iterator[Floats | None]]
"""Other hands' actions [7], None where the expert plays; from its end on the expert plays alone."""


def randomly(steps: int, world: World, rng: np.random.Generator) -> Iterator[Floats | None]:
    """As the policy `maniskill-random`: within a unit in every dimension, the gripper anywhere."""
    for _ in range(steps):
        yield rng.uniform(-1, 1, SPACE.size) * SPACE.unit


def dropping(world: World, rng: np.random.Generator) -> Iterator[Floats | None]:
    """The gripper opens while the object is carried."""
    while not carried(world):
        yield None
    for _ in range(DROPPED):
        yield np.array(SPACE.null)


def throwing(when: Callable[[World], bool], grip: float, world: World,
             rng: np.random.Generator) -> Iterator[Floats | None]:
    """The hand's target jumps aside, wherever."""
    while not when(world):
        yield None
    far, angle = rng.uniform(*THROW), rng.uniform(0, 2 * math.pi)
    yield np.array([far * math.cos(angle), far * math.sin(angle), 0, 0, 0, 0, grip])


def pushing(world: World, rng: np.random.Generator) -> Iterator[Floats | None]:
    """The object slides or rolls away, wherever, before it is grasped."""
    for _ in range(PUSHED_AT):
        yield None
    angle = rng.uniform(0, 2 * math.pi)
    dynamics(world.object).set_linear_velocity(np.array([PUSH * math.cos(angle), PUSH * math.sin(angle), 0]))


def carried(world: World) -> bool:
    """The object is in the gripper, off the table."""
    state = look(world)
    return state.held and state.object.low > TABLE + LIFTED


def around(world: World) -> bool:
    """The open fingers have come down to the object's upper end."""
    state = look(world)
    near = math.dist(state.hand[:2], state.object.mass[:2]) < 2 * JAW
    return near and float(state.hand[2]) - TIP < state.object.top


KINDS: dict[str, Hands] = {
    "none": partial(randomly, 0),
    "random actions, 5 steps": partial(randomly, 5),
    "random actions, 15 steps": partial(randomly, 15),
    "random actions, 25 steps": partial(randomly, 25),
    "object pushed": pushing,
    "hand thrown aside as it comes down": partial(throwing, around, OPEN),
    "hand thrown aside as it carries": partial(throwing, carried, CLOSE),
    "gripper opened as it carries": dropping,
}


@dataclass(frozen=True)
class End:
    """left: steps that the expert had alone. lost: why nobody could have put the object on the plate, "" if one could:
    what held at take-over, or, as things roll on, at the end if the fingers have not touched the object since."""

    success: bool
    left: int
    lost: str


def play(pack: str, hands: Hands, spec: EpisodeSpec) -> End:
    """An episode in which other hands play, too."""
    world = World(starts.draw(spec), packs.pack(pack), drawn=False)
    world.settle()
    playing, left, touched, lost = hands(world, np.random.default_rng([spec.task.number, spec.index])), 0, False, ""
    for step in range(STEP_LIMIT):
        try:
            action = next(playing)
        except StopIteration:
            action, left, lost = None, left or STEP_LIMIT - step, lost if left else hopeless(world)
            touched = touched or bool(world.forces()[:2].any())
        world.step(advise(world)[0] if action is None else action)
    return End(on_plate(world), left, lost if touched else hopeless(world))


def hopeless(world: World) -> str:
    """Why nobody could put the object on the plate from here."""
    state = look(world)
    for name, thing in (("object", state.object), ("plate", state.receptacle)):
        if thing.top < TABLE:
            return f"{name} off the table"
        at = np.array([*thing.mass[:2], TABLE + TIP])
        if math.dist(reachable(at), at) > JAW:
            return f"{name} out of reach"
    return ""


def main(names: Sequence[str]) -> None:
    """Print a row for each kind of disturbance, then what was lost."""
    print(f"| disturbance | steps left | {' | '.join(f'{name} | impossible' for name in names)} |")
    print(f"|---|--:|{'--:|--:|' * len(names)}")
    tasks, notes = Maniskill(names[0]).tasks("maniskill_put_on_plate"), []
    for kind, hands in KINDS.items():
        cells, left = [], []
        for name in names:
            ends = []
            for task in tasks:
                for index in range(EPISODES):
                    end = play(name, hands, EpisodeSpec(task, "clean", index))
                    ends.append(end)
                    left += [end.left] if end.left else []
                    if not end.success:
                        why = end.lost or ("not put on the plate" if end.left else "never disturbed")
                        notes.append(f"- {kind}, {name}, `{task.name}` {index}: {why}")
            cells += [share(sum(end.success for end in ends), len(ends)),
                      str(sum(bool(end.lost) and not end.success for end in ends))]
        print(f"| {kind} | {np.median(left):.0f} ({min(left)} to {max(left)}) | {' | '.join(cells)} |", flush=True)
    print("\nWithout success at the end:\n\n" + "\n".join(notes))


if __name__ == "__main__":
    main(sys.argv[1:] or packs.PACKS)
