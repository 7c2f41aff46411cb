"""Where the things are that the expert looks at, for networks that say so, such as the compact policy's."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as functional
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from vlabench.training.objectives.base import Batch, Forward, Loss, Objective

POINT_SCALE = 0.05
"""Metres at which the error of a point turns from squared to linear: what a hand can fix in one step."""
BLUR = 0.7
"""Standard deviation, in cells of the map, of the blob that says where a point is in a picture."""
MAPS = "maps/"
"""With a camera's name: what a network's map of this camera's picture is called."""


class LocatingOptions(BaseModel):
    """Of the two terms."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    points: float = Field(
        default=1.0, ge=0, description="Weight of the error of the points relative to the hand.")
    pixels: float = Field(
        default=0.1, ge=0, description="Weight of the divergence of the points' maps in the pictures.")


class Locating(Objective):
    """Needs `points` [N, K, 3], the thing to work on, its place, the next waypoint … relative to the hand (m, NaN where
    unknown), and `pixels` [N, C, K, 2], where they are in the pictures. Reads the network's own `points` and, for each
    camera, `maps/<camera>`, log-maps [N, K, cells²]; of K points as many as both have.
    """

    Options: ClassVar[type[BaseModel]] = LocatingOptions
    options: LocatingOptions
    needs = frozenset({"points", "pixels"})
    reads = frozenset({"points"})

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Shown beside it: both terms, unweighted, and distances in centimetres: `thing_cm` …, as the batch has names.
        """
        everything, found = batch.whole or batch, forward.encoded["points"]
        few = slice(min(found.shape[1], batch["points"].shape[1]))
        points, distances = point_loss(found[:, few], batch["points"][:, few], everything["points"][:, few])
        maps = [(number, forward.encoded[MAPS + camera]) for number, camera in enumerate(batch.obs.images)
                if MAPS + camera in forward.encoded]
        pixels = torch.stack([pixel_loss(log_maps[:, few], batch["pixels"][:, number, few],
                                         everything["pixels"][:, number, few]) for number, log_maps in maps]).mean()
        shown = {"points": points, "pixels": pixels,
                 **{f"{name}_cm": each for name, each in zip(batch.named, 100 * distances, strict=False)}}
        return Loss(self.options.points * points + self.options.pixels * pixels, shown)


def point_loss(found: Tensor, wanted: Tensor, everything: Tensor) -> tuple[Tensor, Tensor]:
    """Smooth L1 of points [N, K, 3] in units of POINT_SCALE, over the known ones, and mean distances [K] (m): a part's
    of the minibatch's means, whose wanted points are `everything`.
    """
    known = torch.isfinite(wanted)
    target = torch.where(known, wanted, found.detach())
    each = functional.smooth_l1_loss(found / POINT_SCALE, target / POINT_SCALE, reduction="none")
    rows = known.all(-1)
    there = torch.isfinite(everything)
    distances = ((found - target).norm(dim=-1) * rows).sum(0) / there.all(-1).sum(0).clamp(min=1)
    return (each * known).sum() / there.sum().clamp(min=1), distances


def pixel_loss(log_maps: Tensor, wanted: Tensor, everything: Tensor) -> Tensor:
    """Kullback–Leibler divergence of blobs around points [N, K, 2] from softmax maps [N, K, cells²]; of a minibatch's
    mean as `point_loss`.

    Points outside the picture, and unknown ones (NaN), do not count.
    """
    cells = round(log_maps.shape[-1] ** 0.5)
    axis = (torch.arange(cells, device=log_maps.device) + 0.5) * (2.0 / cells) - 1.0
    inside, all_inside = (((each.abs() < 1.0) & torch.isfinite(each)).all(-1) for each in (wanted, everything))
    centre = torch.where(inside.unsqueeze(-1), wanted, torch.zeros_like(wanted)).unsqueeze(-1)
    columns, rows = torch.softmax(-0.5 * ((axis - centre) / (BLUR * 2.0 / cells)).square(), dim=-1).unbind(-2)
    blob = (rows.unsqueeze(-1) * columns.unsqueeze(-2)).flatten(-2)
    divergence = (torch.special.xlogy(blob, blob) - blob * log_maps).sum(-1)
    mean: Tensor = (divergence * inside).sum() / all_inside.sum().clamp(min=1)
    return mean
