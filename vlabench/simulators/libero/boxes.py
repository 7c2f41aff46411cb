"""Poses, and boxes around shapes: how far points are from them, and how high they are along a way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlabench.types import Floats


@dataclass(frozen=True)
class Pose:
    """Position [3] in metres and rotation matrix [3, 3], in the world frame."""

    pos: Floats
    rot: Floats


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in some frame: lower and upper corner [3]."""

    low: Floats
    high: Floats

    @property
    def centre(self) -> Floats:
        """The middle [3]."""
        middle: Floats = (self.low + self.high) / 2
        return middle

    @property
    def size(self) -> Floats:
        """Full extents [3]."""
        extent: Floats = self.high - self.low
        return extent


@dataclass(frozen=True)
class Boxes:
    """n boxes: centres [n, 3], rotations [n, 3, 3], half extents [n, 3] in their own frames."""

    centres: Floats
    rotations: Floats
    halves: Floats

    def near(self, point: Floats, radius: float) -> Boxes:
        """Those that come within `radius` (m) of a point."""
        local = np.einsum("nji,nj->ni", self.rotations, point - self.centres)
        keep = np.linalg.norm(np.maximum(np.abs(local) - self.halves, 0.0), axis=1) < radius
        return Boxes(self.centres[keep], self.rotations[keep], self.halves[keep])

    def distance(self, points: Floats) -> Floats:
        """For each point [p, 3] the distance to the nearest box (0 inside)."""
        if not len(self.centres):
            return np.full(len(points), np.inf)
        local = np.matmul(points[None] - self.centres[:, None], self.rotations)  # [n, p, 3], in the boxes' frames
        gaps = np.maximum(np.abs(local) - self.halves[:, None], 0.0)
        gaps *= gaps
        nearest: Floats = np.sqrt((gaps[..., 0] + gaps[..., 1] + gaps[..., 2]).min(axis=0))
        return nearest

    def top(self, start: Floats, end: Floats, margin: float) -> float:
        """The highest z of the boxes within `margin` (m) of the flat segment between two points, else −inf."""
        if not len(self.centres):
            return -np.inf
        halves = np.einsum("nij,nj->ni", np.abs(self.rotations), self.halves)
        steps = np.linspace(0.0, 1.0, 9)[:, None]
        path = start[:2] * (1 - steps) + end[:2] * steps
        gaps = np.maximum(np.abs(path[:, None] - self.centres[:, :2]) - halves[:, :2], 0.0)
        crossed = (np.linalg.norm(gaps, axis=2) < margin).any(axis=0)
        return float((self.centres + halves)[crossed, 2].max()) if crossed.any() else -np.inf
