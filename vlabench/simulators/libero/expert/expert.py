"""Which goal to work on now, and the skill for it: the whole expert as one function of the current state."""

from __future__ import annotations

import numpy as np

from vlabench.simulators.libero.expert.drawers import (
    OPEN_ENOUGH,
    WIDE_OPEN,
    drawer,
    free_spot,
    gap,
    pull_open,
    push_shut,
)
from vlabench.simulators.libero.expert.fixtures import into_microwave, slide, swing_shut, turn_knob
from vlabench.simulators.libero.expert.motion import Move, action
from vlabench.simulators.libero.expert.place import held, pick_and_place, release, retreat, target
from vlabench.simulators.libero.world import Goal, World
from vlabench.types import Floats

ORDER = {"turnon": 0, "open": 1, "on": 2, "in": 3, "close": 4}
"""Goals are worked on in this order: a knob while the stove is free, a door only when everything is in."""
FOOT = 0.005
"""Height (m) of a cabinet's origin above the table it stands on."""


def decide(world: World) -> Move:
    """The move for the first goal that does not hold or whose object has not been let go of."""
    for goal in in_order(world):
        if not world.holds(goal) or (len(goal) == 3 and held(world, goal[1])):
            return work_on(world, goal)
        if len(goal) == 3 and any(world.touched(goal[1])):
            return release(world, goal[1])
    return retreat(world)


def in_order(world: World) -> list[Goal]:
    """The goals in the order in which they are worked on."""
    return sorted(world.goals, key=lambda goal: ORDER[goal[0]])


def work_on(world: World, goal: Goal) -> Move:
    """The move towards one goal."""
    verb, place = goal[0], goal[-1]
    kind = world.kind(place)
    if verb == "turnon":
        return turn_knob(world, place)
    if verb == "open":
        return pull_open(world, place)
    if verb == "close":
        return swing_shut(world, place) if kind == "microwave" else push_shut(world, place)
    if verb == "in" and kind == "microwave":
        return into_microwave(world, goal)
    if verb == "in" and kind.endswith("cabinet"):
        return into_drawer(world, goal)
    if verb == "on" and world.kind(goal[1]) == "plate":
        return slide(world, goal[1], target(world, goal)[0])
    return pick_and_place(world, goal)


def into_drawer(world: World, goal: Goal) -> Move:
    """Clear the drawer's way, open it, place into it."""
    name, region = goal[1], goal[2]
    at = drawer(world, region)
    pulling = all(world.touched(world.parent(region))) and world.grip > 0.5
    if at.opened < (WIDE_OPEN if pulling else OPEN_ENOUGH):
        spot = free_spot(world, name, at, table=float(world.pose(world.parent(region)).pos[2]) - FOOT)
        if spot is None and not held(world, name):
            return pull_open(world, region)
        return pick_and_place(world, goal, aim=world.pose(name).pos if spot is None else spot)
    aim = gap(at, world.pose(region), covered=not region.endswith("top_region"))
    aim[2] = target(world, goal)[0][2]
    return pick_and_place(world, goal, aim=aim)


def act(world: World) -> Floats:
    """The expert's action [7] in [−1, 1] for the current state."""
    return action(world, decide(world))


FAR = 0.3
"""A waypoint is named at most this far (m) from the hand, in each direction."""


def advise(world: World) -> tuple[Floats, Floats]:
    """The expert's action [7], and three points [9] (m, relative to the hand, world axes) that led to it.

    The points are what is worked on now (an object, a drawer's handle, a knob or door's hinge), where it should go, and
    the next waypoint of the hand. A policy that learns from pictures learns them beside the action.
    """
    move, hand = decide(world), world.hand.pos
    left = [goal for goal in in_order(world) if not world.holds(goal)]
    thing, place = focus(world, (left or in_order(world)[-1:])[0])
    return action(world, move), np.concatenate([thing - hand, place - hand, np.clip(move.pos - hand, -FAR, FAR)])


def focus(world: World, goal: Goal) -> tuple[Floats, Floats]:
    """Where a goal's object or moving part is, and where it should be; positions [3] in the world frame."""
    if len(goal) == 3:
        return world.pose(goal[1]).pos, target(world, goal)[0]
    if world.kind(goal[1]).endswith("cabinet"):
        at = drawer(world, goal[1])
        return at.bar, at.bar - at.outward * (at.opened - (WIDE_OPEN if goal[0] == "open" else 0.0))
    hinge = world.joint(world.joints_of(goal[1])[0])[1].pos
    return hinge, hinge
