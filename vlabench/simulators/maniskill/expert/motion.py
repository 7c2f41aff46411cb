"""From a wish (hand pose, gripper) to the 7-D action, and the ways down to a grasp and to the receptacle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vlabench.simulators.maniskill.expert.geometry import between, downward
from vlabench.simulators.maniskill.expert.grasps import LOWEST, STEP, TIP, Grasp
from vlabench.simulators.maniskill.expert.state import State, Thing
from vlabench.types import Floats

OPEN, CLOSE = 1.0, -1.0
TURN = 0.35
"""The hand's target turns this far (rad) in a control step at most."""
HALF_OPEN = 0.06
"""Half of the open hand's width (m), with room to spare."""
ASIDE = 0.04
"""Farther than that (m) to the side, the hand keeps above what lies on its way."""
REACH, LEVEL = 0.495, -0.048
"""The arm's (m) from its base's axis to a hand that points down, at this height (m) of the hand."""
CLEAR = 0.015
"""Between the fingertips, or what they carry, and what they pass over (m)."""


@dataclass(frozen=True)
class Move:
    """Where the hand's target should be (m, quaternion), and what the gripper should do."""

    at: Floats
    turn: Floats
    grip: float


def action(state: State, move: Move) -> Floats:
    """The action [7] that leads towards a move, never below `LOWEST`."""
    at = reachable(np.array([*move.at[:2], max(float(move.at[2]), LOWEST)]))
    step, turn = at - state.aimed, between(move.turn, state.aimed_turn)
    step *= min(1.0, STEP / max(float(np.linalg.norm(step)), 1e-9))
    turn *= min(1.0, TURN / max(float(np.linalg.norm(turn)), 1e-9))
    step[2] = max(float(step[2]), LOWEST - state.aimed[2])
    return np.concatenate([step, turn, [move.grip]])


def reachable(at: Floats) -> Floats:
    """The place itself, or the farthest at its height that an arm whose hand points down gets to."""
    far = math.sqrt(max(REACH ** 2 - (float(at[2]) - LEVEL) ** 2, 0.01))
    share = min(1.0, far / max(math.hypot(*at[:2]), 1e-9))
    return np.array([share * at[0], share * at[1], at[2]])


def stay(state: State, grip: float) -> Move:
    """Where the hand's target is."""
    return Move(state.aimed, state.aimed_turn, grip)


def rise(state: State, height: float) -> Move:
    """Straight up from where the hand is, the fingers open."""
    return Move(np.array([*state.hand[:2], height]), state.aimed_turn, OPEN)


def descend(state: State, grasp: Grasp, ready: bool) -> Move:
    """Towards a grasp from above: the farther to the side, or not `ready`, the higher the hand stays.

    A hand that is too deep for its error first rises, so a misaligned descent mends itself.
    """
    goal = downward(grasp.yaw)
    across = grasp.at[:2] + grasp.ahead - state.hand[:2]
    off, turn = grasp.off(state.hand), float(np.linalg.norm(between(goal, state.turn)))
    above = state.object.top + TIP + CLEAR
    back = min(max((off - grasp.slack) * 2.5, 0.0) + max(turn - 0.1, 0.0) * 0.3, max(above - grasp.at[2], 0.03))
    height = grasp.at[2] + back if ready else max(above, grasp.at[2] + 0.03)
    if off > ASIDE:
        height = max(height, passing(state, grasp.at, HALF_OPEN, (state.receptacle, *state.others)) + TIP)
    lack = height - state.hand[2]
    sideways = min(max(1.0 - (lack - 0.015) / 0.02, 0.0), 1.0)
    at = np.array([*(state.hand[:2] + sideways * across), height])
    return Move(at, goal if sideways > 0 else state.aimed_turn, OPEN)


def passing(state: State, to: Floats, margin: float, things: tuple[Thing, ...]) -> float:
    """The height (m) above all that lies within a margin (m) of the straight way from the hand to a place."""
    start, way = state.hand[:2], to[:2] - state.hand[:2]
    points = np.concatenate([thing.points for thing in things])
    share = np.clip((points[:, :2] - start) @ way / max(float(way @ way), 1e-9), 0.0, 1.0)
    near = np.linalg.norm(points[:, :2] - start - share[:, None] * way, axis=1) < margin
    return float(points[near, 2].max(initial=LOWEST - TIP)) + CLEAR
