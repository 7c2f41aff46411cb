"""Behavioural cloning: the expert's actions as soft bins, and where the things are that it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from vlabench.models.bins import BinnedActions, soft_targets
from vlabench.models.nano import Trunk

POINT_SCALE = 0.05
"""Metres at which the error of a point turns from squared to linear: what a hand can mend in one step."""
BLUR = 0.7
"""Standard deviation, in cells of the map, of the blob that says where a point is in a picture."""


@dataclass(frozen=True)
class CloningWeights:
    """sigma: of the soft targets, in bins. points, pixels: weights of the auxiliary terms beside the actions' 1."""

    sigma: float = 2.0
    points: float = 1.0
    pixels: float = 0.1


def cloning(trunk: Trunk, actions: BinnedActions, batch: Mapping[str, Tensor],
            weights: CloningWeights) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss, and its terms and errors to look at (`thing_cm` …: distances in centimetres).

    batch: `actions` [N, T, D], `mask` bool [N, T], `points` [N, 3, 3] (m, NaN where unknown), `pixels` [N, C, 3, 2].
    """
    counted = batch["mask"].unsqueeze(-1).float()
    cross = -(soft_targets(batch["actions"], weights.sigma) * actions.log_probs).sum(-1)
    action = (cross * counted).sum() / (counted.sum() * cross.shape[-1])
    points, distances = point_loss(trunk.points, batch["points"])
    pixels = torch.stack([pixel_loss(log_maps, batch["pixels"][:, number])
                          for number, log_maps in enumerate(trunk.seen.values())]).mean()
    with torch.no_grad():
        off = ((actions.mean - batch["actions"]).abs() * counted).sum((0, 1)) / counted.sum()
    shown = {"action": action, "points": points, "pixels": pixels, "move_error": off[:3].mean(),
             "turn_error": off[3:6].mean(), "grip_error": off[6],
             **dict(zip(("thing_cm", "place_cm", "waypoint_cm"), 100 * distances, strict=True))}
    return action + weights.points * points + weights.pixels * pixels, {k: v.detach() for k, v in shown.items()}


def point_loss(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Smooth L1 of points [N, K, 3] in units of POINT_SCALE, over the known ones, and mean distances [K] (m)."""
    known = torch.isfinite(wanted)
    target = torch.where(known, wanted, found.detach())
    each = functional.smooth_l1_loss(found / POINT_SCALE, target / POINT_SCALE, reduction="none")
    rows = known.all(-1)
    distances = ((found - target).norm(dim=-1) * rows).sum(0) / rows.sum(0).clamp(min=1)
    return (each * known).sum() / known.sum().clamp(min=1), distances


def pixel_loss(log_maps: Tensor, wanted: Tensor) -> Tensor:
    """Kullback–Leibler divergence of blobs around points [N, K, 2] from softmax maps [N, K, cells²].

    Points outside the picture, and unknown ones (NaN), do not count.
    """
    cells = round(log_maps.shape[-1] ** 0.5)
    axis = (torch.arange(cells, device=log_maps.device) + 0.5) * (2.0 / cells) - 1.0
    inside = ((wanted.abs() < 1.0) & torch.isfinite(wanted)).all(-1)
    centre = torch.where(inside.unsqueeze(-1), wanted, torch.zeros_like(wanted)).unsqueeze(-1)
    columns, rows = torch.softmax(-0.5 * ((axis - centre) / (BLUR * 2.0 / cells)).square(), dim=-1).unbind(-2)
    blob = (rows.unsqueeze(-1) * columns.unsqueeze(-2)).flatten(-2)
    divergence = (torch.special.xlogy(blob, blob) - blob * log_maps).sum(-1)
    mean: Tensor = (divergence * inside).sum() / inside.sum().clamp(min=1)
    return mean
