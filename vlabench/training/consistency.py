"""Consistency: for a look under newly drawn perturbations, do what the first policy does for it without any.

Not RobustVLA's. Its Jacobian penalty holds down how strongly the policy answers to small changes (λ in theorem 1); this
compares the two ends of a whole perturbation, which a simulator can, as it has the pictures without it.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from vlabench.errors import DataError
from vlabench.files import write_data
from vlabench.problems import shown
from vlabench.seeding import Draws, generator
from vlabench.training.curriculum import Level, Noise, draw
from vlabench.training.rollouts import Rollout
from vlabench.types import ActionSpace, Image, Observation

Floats32 = npt.NDArray[np.float32]
IMAGES = "images/"
SOFT = 0.1
"""Below it the distance of a chunk counts squared: a gradient that stays finite where the chunks are alike."""


class ConsistencyOptions(BaseModel):
    """updates: of an iteration, after those from rewards, each of `batch` looks of all rollouts so far, whatever came
    of them. rate: of their own AdamW. They minimise the `distance` of the policy's mean actions to those of the policy
    that the training started from, given the clean observation; perturbations are drawn like a rollout's, at the
    iteration's level. memory: so many looks are kept at most (0.1 MB each with two pictures of 128 × 128), rollouts
    of the oldest iterations going first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    updates: int = Field(default=250, ge=1)
    rate: float = Field(default=1e-4, gt=0)
    memory: int = Field(default=50_000, ge=1)


def distance(means: Tensor, wanted: Tensor) -> Tensor:
    """√(‖a − b‖² + SOFT²) [N] of chunks of actions [N, T, D]. Not squared: looks that no policy can tell apart any more
    are far off, and would outweigh those that have to be met precisely, most of all the clean ones.
    """
    return ((means - wanted).square().sum((1, 2)) + SOFT**2).sqrt()


def clean(rollouts: Sequence[Rollout]) -> Observation:
    """All looks of rollouts that have kept their clean pictures, with these."""
    cameras = rollouts[0].clean
    return Observation.now(
        images={camera: np.concatenate([rollout.clean[camera] for rollout in rollouts]) for camera in cameras},
        proprio=np.concatenate([rollout.proprio for rollout in rollouts]),
        instruction=tuple(rollout.instruction for rollout in rollouts for _ in range(len(rollout))), step=0)


class Memory:
    """Clean looks of iterations and the mean actions [T, D] to be reached for each, in memory and, so that a training
    that was killed finds them again, in its folder.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._blocks: dict[int, tuple[Observation, Floats32]] = {}

    def __len__(self) -> int:
        return sum(len(means) for _, means in self._blocks.values())

    def add(self, iteration: int, obs: Observation, means: Floats32) -> None:
        """What an iteration (from 1) has looked at, after all those before it. Raises DataError."""
        self._restore(iteration)
        arrays: dict[str, Any] = {IMAGES + camera: pictures for camera, pictures in obs.images.items()}
        arrays |= {"proprio": obs.proprio, "means": means, "instruction": np.array(obs.instruction)}
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        write_data(self._path(iteration), content.getvalue())
        self._blocks[iteration] = obs, means
        for oldest in sorted(self._blocks)[:-1]:
            if len(self) > self._limit:
                del self._blocks[oldest]
                self._path(oldest).unlink(missing_ok=True)

    def some(self, count: int, *key: str | int) -> tuple[Observation, Floats32]:
        """`count` different looks at most, drawn for `key`, and their means [N, T, D]."""
        chosen = generator("looks", *key).permutation(len(self))[:count]
        observations, means, start = [], [], 0
        for obs, known in self._blocks.values():
            rows = [int(row) - start for row in chosen if start <= row < start + len(known)]
            start += len(known)
            if rows:
                observations.append(obs.rows(rows))
                means.append(known[rows])
        joined = Observation.now({camera: np.concatenate([obs.images[camera] for obs in observations])
                              for camera in observations[0].images},
                             np.concatenate([obs.proprio for obs in observations]),
                             tuple(text for obs in observations for text in obs.instruction), 0)
        return joined, np.concatenate(means)

    def clear(self) -> None:
        """The training is over."""
        self._blocks.clear()
        for path in self._folder.glob(self._path("*").name):
            path.unlink()

    def _restore(self, iteration: int) -> None:
        """Read what the iterations before this one have left, where this process has not seen them."""
        for number in range(1, iteration):
            if number not in self._blocks and self._path(number).exists():
                self._blocks[number] = _read(self._path(number))

    def _path(self, iteration: int | str) -> Path:
        return self._folder / f"looks-{iteration}.npz"


def _read(path: Path) -> tuple[Observation, Floats32]:
    try:
        with np.load(io.BytesIO(path.read_bytes())) as kept:
            images = {name.removeprefix(IMAGES): kept[name] for name in kept if name.startswith(IMAGES)}
            return Observation.now(images, kept["proprio"], tuple(kept["instruction"].tolist()), 0), kept["means"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{shown(path)}: looks of this training that cannot be read: {error}\n"
                        f"  mend: train from the start, with another --out") from error


def redrawn(obs: Observation, noise: Noise, level: Level, space: ActionSpace, *key: str | int) -> Observation:
    """Clean looks as they might have been perturbed: one draw for each row, for `key`. space: of the robot."""
    cameras = tuple(obs.images)
    rows = [_perturbed({camera: obs.images[camera][row] for camera in cameras}, noise, level, space, *key, row)
            for row in range(len(obs.proprio))]
    return obs.replace(images={camera: np.stack([pictures[camera] for pictures in rows]) for camera in cameras})


def _perturbed(pictures: Mapping[str, Image], noise: Noise, level: Level, space: ActionSpace,
               *key: str | int) -> Mapping[str, Image]:
    """Pictures [H, W, 3] as at the beginning of an episode under perturbations drawn for `key`."""
    obs = Observation.now({camera: picture[None] for camera, picture in pictures.items()}, np.zeros((1, 0), np.float32),
                      ("",), 0)
    for name, kind in draw(noise, level, *key).items():
        perturbation, draws = kind.fresh(), Draws((0, "/".join(map(str, key)), 0, name))
        perturbation.begin(draws, 1, tuple(pictures), space)
        obs = perturbation.observation(obs, 0, draws)
    return {camera: picture[0] for camera, picture in obs.images.items()}
