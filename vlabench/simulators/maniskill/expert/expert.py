"""What to do next: open and leave, carry and lower, or go and take hold, as one function of the current state."""

from __future__ import annotations

import math

import numpy as np

from vlabench.simulators.maniskill.expert.geometry import between, downward, nearest, yaw_of
from vlabench.simulators.maniskill.expert.grasps import TIP, Grasp, choose
from vlabench.simulators.maniskill.expert.motion import CLEAR, CLOSE, OPEN, Move, action, descend, passing, rise, stay
from vlabench.simulators.maniskill.expert.state import WIDE, State, look
from vlabench.simulators.maniskill.goal import PRESS
from vlabench.simulators.maniskill.world import World
from vlabench.types import Floats

CENTERED = 0.010
"""The object is let go of within this (m) of the receptacle's middle."""
ABOVE = 0.004
"""And from this far (m) above the receptacle."""
WITHIN = 0.005
"""An object that lies this far (m) inside of what counts as on the receptacle is left there."""
CRUISE = 0.04
"""So much (m) above that height it is carried, and comes down over the last 2.5 cm."""
BROAD = 0.08
"""What is carried keeps above others that are nearer (m) than this to its way."""
SHUT = 0.0155
"""Fingers at most so far from the middle (m) have closed on nothing."""
SPREAD = 0.04
"""About how far (m) an open finger is from the middle of the hand."""
SIDE = -math.pi / 8
"""The turn (rad) in the middle of the half circle in which a finger is told: its ends are between the eighths of a turn
that RL4VLA's objects are turned by, so that what an object asks for is not now the one end, now the other."""
RETREAT = 0.05
"""How far (m) above the object the fingertips end."""


def advise(world: World) -> tuple[Floats, Floats]:
    """The action [7], and four points [12] (m, relative to the hand, axes of the robot's base) that led to it.

    The points are the object's center of mass, the receptacle's, where the hand is to go next, and a finger there.
    """
    state = look(world)
    move = decide(state)
    points = np.stack([state.object.mass, state.receptacle.mass, move.at, finger(move)])
    return action(state, move), (points - state.hand).ravel()


def finger(move: Move) -> Floats:
    """Where one of the two fingers is to be (m), `SPREAD` from the middle: always the one on the same side of the base,
    as the hand may as well be turned the other way round."""
    yaw = nearest(yaw_of(move.turn), SIDE)
    return move.at + SPREAD * np.array([-math.sin(yaw), math.cos(yaw), 0.0])


def decide(state: State) -> Move:
    """The move for a state."""
    if put(state):
        return leave(state)
    if state.held:
        return carry(state)
    return take(state)


def put(state: State) -> bool:
    """The object is where it should be, or falls there, or may be let go of."""
    thing, place = state.object, state.receptacle
    above = thing.low - place.top
    if state.held:
        loose = 1.0 if state.closing else 3.0
        return math.dist(thing.mass[:2], place.mass[:2]) < CENTERED * loose and above < ABOVE * loose
    there = state.pressed > PRESS or -0.002 < above < 3 * ABOVE
    return there and math.dist(thing.origin[:2], place.origin[:2]) < state.reach - WITHIN


def leave(state: State) -> Move:
    """Open, rise, and stay still."""
    letting_go = state.opening < WIDE and (state.moving > 0.002 or bool(state.touched.any()))
    height = state.object.top + TIP + RETREAT
    if state.closing or letting_go or state.aimed[2] > height - 0.002:
        return stay(state, OPEN)
    return rise(state, height)


def carry(state: State) -> Move:
    """Lift the object, bring its center of mass over the receptacle's, lower it."""
    if not state.closing:
        return stay(state, CLOSE)
    thing, place = state.object, state.receptacle
    across = place.mass[:2] - thing.mass[:2]
    off = math.hypot(*across)
    bottom = place.top + ABOVE - 0.002 + min(max(off - CENTERED + 0.003, 0.0) * 2.0, CRUISE)
    if off > CRUISE and state.others:
        bottom = max(bottom, passing(state, state.hand[:2] + across, BROAD, state.others))
    up = bottom - thing.low
    ready = min(max(1.0 - (up - 0.01) / 0.02, 0.0), 1.0)  # far too low, it only rises
    # a kick may have tilted the hand; on the table it stays as it took hold
    turn = downward(state.yaw) if thing.low > place.top + CLEAR else state.aimed_turn
    return Move(state.hand + np.array([*(ready * across), up]), turn, CLOSE)


def take(state: State) -> Move:
    """Come down on the grasp with open fingers, close."""
    grasp = choose(state)
    if at_grasp(state, grasp):
        return stay(state, CLOSE)
    return descend(state, grasp, ready=not state.closing and state.opening > WIDE)


def at_grasp(state: State, grasp: Grasp) -> bool:
    """The fingers may close here, or may go on closing."""
    if state.closing and state.opening < SHUT and not state.touched.any():
        return False
    if not state.closing and state.opening < WIDE:
        return False
    slack = 2.0 if state.closing else 1.0
    below = abs(float(grasp.at[2] - state.hand[2]))
    turn = float(np.linalg.norm(between(downward(grasp.yaw), state.turn)))
    # something below the palm or a finger stops the hand: it is as far down as it gets
    stuck = math.dist(state.aimed, grasp.at) < 0.003 and below < 0.02
    return grasp.off(state.hand) < 0.007 * slack and turn < 0.15 * slack and (below < 0.006 * slack or stuck)
