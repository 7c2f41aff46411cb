"""Where to take hold of an object as it lies now: from above, where it fits between the fingers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vlabench.simulators.maniskill.expert.geometry import nearest
from vlabench.simulators.maniskill.expert.state import TABLE, State
from vlabench.simulators.maniskill.interface import CONTROL_HZ
from vlabench.types import Floats

TIP = 0.0156
"""How far (m) the fingertips reach below the hand's origin."""
LOWEST = TABLE + TIP + 0.003
"""The hand's origin stays above this (m), so that the tips never press on the table."""
PALM = 0.018
"""What is between the fingers may stick up this far (m) above the hand's origin; 4 mm more, and it meets the palm."""
JAW = 0.0265
"""Half of what fits between open fingers (m)."""
THIN = 0.0065
"""Half of what is between closed ones (m): thinner than that slips through."""
FINGER = 0.0145
"""Half the width (m) of a finger, and of the palm's on the side that matters."""
THICK = 0.016
"""How thick (m) a finger is."""
YAWS = np.arange(12) * math.pi / 12
"""Tried from the object's own axis on (rad)."""
ALONG = np.arange(-4, 5) * 0.01
"""Tried along the object, across the opening, from the center of mass on (m)."""
NOTHING = 1e3
"""What a grasp costs that has nothing between the fingers."""
NEAR = 0.085
"""No finger is farther (m) from the object's center of mass, in x or y."""
LAG = 0.25
"""Of the hand behind its target (s)."""
STEP = 0.03
"""The hand's target moves this far (m) in a control step at most."""
END = 0.009
"""So far (m) from the object's end at least, so that the fingers hold more than its edge."""


@dataclass(frozen=True)
class Grasp:
    """A way to take hold of an object.

    at: where the hand's origin goes (m). yaw: how it is turned about the vertical (rad). width: the object's there (m).
    ahead [2]: how far (m) the object will have rolled until the hand can be there.
    """

    at: Floats
    yaw: float
    width: float
    ahead: Floats

    @property
    def slack(self) -> float:
        """How far (m) to the side a hand may be that comes down on it."""
        return min(max(JAW - self.width / 2, 0.002), 0.005)

    def off(self, hand: Floats) -> float:
        """How far (m) a hand is to the side of where the object is, will be, or comes through."""
        way, rest = self.ahead, hand[:2] - self.at[:2]
        share = min(max(float(rest @ way) / max(float(way @ way), 1e-9), 0.0), 1.0)
        return math.hypot(*(rest - share * way))


def choose(state: State) -> Grasp:
    """The cheapest of all that are tried: narrow, near the center of mass, with little turning."""
    thing, own = state.object, axis(state.object.points)
    yaws = np.array([nearest(own + yaw, state.yaw) for yaw in YAWS])
    opens = np.stack([-np.sin(yaws), np.cos(yaws)], axis=1)
    runs = np.stack([np.cos(yaws), np.sin(yaws)], axis=1)
    flat = (thing.points[:, :2] - thing.mass[:2]).astype(np.float32)
    height = thing.points[:, 2].astype(np.float32)
    across, along = opens.astype(np.float32) @ flat.T, runs.astype(np.float32) @ flat.T
    inside = np.abs(along[:, None, :] - ALONG[:, None].astype(np.float32)) <= FINGER  # [yaw, along, point]
    top = np.where(inside, height, -1.0).max(axis=2)
    z = np.maximum(np.maximum((top + thing.low) / 2, top - PALM), LOWEST)
    reached = inside & (height >= (z - TIP)[:, :, None])
    most = np.where(reached, across[:, None, :], -1.0).max(axis=2)
    least = np.where(reached, across[:, None, :], 1.0).min(axis=2)
    middle, half = (most + least) / 2, (most - least) / 2
    beyond = np.maximum(along.min(axis=1)[:, None] + END - ALONG, ALONG - along.max(axis=1)[:, None] + END)
    there = thing.mass[:2] + ALONG[:, None] * runs[:, None, :] + middle[:, :, None] * opens[:, None, :]
    z = np.maximum(z, _floor(state, there, opens, runs) + TIP + 0.002)
    cost = (half / 0.02 + np.abs(ALONG) / 0.03 + np.abs(middle) / 0.04 + (np.abs(yaws - state.yaw) / 3)[:, None]
            + np.maximum(z - top, 0.0) / 0.003 + np.where(beyond > 0, 5 + beyond / 0.005, 0.0)
            + np.where(half > JAW, 10 + half / 0.01, 0.0) + np.where(half < THIN, 10 - half / 0.01, 0.0))
    cost[half < 0] = NOTHING
    best = np.unravel_index(int(np.argmin(cost)), cost.shape)
    ahead = state.object.speed * time_to(state, there[best], float(z[best]))
    return Grasp(np.array([*there[best], z[best]]), float(yaws[best[0]]), float(2 * half[best]), ahead)


def time_to(state: State, there: Floats, z: float) -> float:
    """How long (s) the hand takes to a place: it lags behind its target."""
    way = max(math.dist(there, state.hand[:2]), abs(z - float(state.hand[2])))
    return min(LAG + way / (STEP * CONTROL_HZ), 1.5)


def axis(points: Floats) -> float:
    """How the longer horizontal side of a cloud is turned (rad)."""
    flat = points[:, :2] - points[:, :2].mean(axis=0)
    (xx, xy), (_, yy) = flat.T @ flat
    return 0.5 * math.atan2(2 * xy, xx - yy)


def _floor(state: State, there: Floats, opens: Floats, runs: Floats) -> Floats:
    """The height (m) of what lies below the open fingers of each grasp: receptacle and others. [yaw, along]"""
    points = np.concatenate([thing.points for thing in (state.receptacle, *state.others)])
    near = (np.abs(points[:, :2] - state.object.mass[:2]).max(axis=1) < NEAR) & (points[:, 2] > TABLE + 0.002)
    points = points[near].astype(np.float32)
    if not len(points):
        return np.full(there.shape[:2], TABLE)
    across = (opens.astype(np.float32) @ points[:, :2].T)[:, None] - np.einsum("yk,yak->ya", opens, there)[..., None]
    along = (runs.astype(np.float32) @ points[:, :2].T)[:, None] - np.einsum("yk,yak->ya", runs, there)[..., None]
    under = (np.abs(np.abs(across) - JAW - THICK / 2) < THICK / 2 + 0.004) & (np.abs(along) < FINGER + 0.003)
    floor: Floats = np.where(under, points[:, 2], TABLE).max(axis=2)
    return floor
