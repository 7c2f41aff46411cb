"""What OpenVLA is given of an observation: pictures, proprioception and a prompt, as its checkpoint wants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vlabench.errors import DataError
from vlabench.models import openvla, openvla_pictures
from vlabench.models.openvla_folder import Checkpoint
from vlabench.types import Image, Observation

PROMPT = "In: What action should the robot take to {}?\nOut:"


@dataclass(frozen=True)
class Inputs:
    """key, statistics: of the checkpoint's data set, by which proprioception is scaled. recorded, crop: as the options
    of `Openvla` say.
    """

    checkpoint: Checkpoint
    key: str
    statistics: Mapping[str, Any]
    recorded: bool
    crop: float

    def looked(self, network: openvla.OpenVLA, obs: Observation) -> tuple[Tensor, list[list[int]]]:
        """The embeddings [B, N, width] that a network makes of what is seen and felt, and the prompts."""
        felt = None if network.proprio_projector is None else self.felt(obs)
        return network.look(self.pictures(obs), felt), [self.prompt(text) for text in obs.instruction]

    def pictures(self, obs: Observation) -> Tensor:
        """float32 [B, n · 6, S, S]."""
        known = self.checkpoint
        rows = [np.concatenate([openvla_pictures.normalised(self.shaped(pictures[row]), known.means, known.deviations)
                                for pictures in obs.images.values()]) for row in range(len(obs.proprio))]
        return torch.from_numpy(np.stack(rows))

    def shaped(self, picture: Image) -> Image:
        """[H, W, 3] → [S, S, 3]."""
        shape = openvla_pictures.recorded if self.recorded else openvla_pictures.squashed
        picture = shape(picture, self.checkpoint.size)
        return openvla_pictures.cropped(picture, self.crop) if self.crop < 1 else picture

    def felt(self, obs: Observation) -> Tensor:
        """Proprioception, float32 [B, P] in [−1, 1]. Raises DataError for another P."""
        told = self.statistics["proprio"]
        low, high = np.array(told["q01"]), np.array(told["q99"])
        if obs.proprio.shape[1] != len(low):
            raise DataError(f"proprioception of {obs.proprio.shape[1]} numbers, and {self.key!r} has {len(low)}")
        scaled = np.where(told.get("mask", [True] * len(low)), 2 * (obs.proprio - low) / (high - low + 1e-8) - 1,
                          obs.proprio)
        return torch.from_numpy(scaled.clip(-1, 1).astype(np.float32))

    def prompt(self, instruction: str) -> list[int]:
        """Tokens, BOS first and a blank last."""
        ids: list[int] = self.checkpoint.tokenizer.encode(PROMPT.format(instruction.lower())).ids
        return ids if ids[-1] == openvla.BLANK else [*ids, openvla.BLANK]
