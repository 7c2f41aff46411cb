"""The looks that consistency learns from: clean ones of all iterations, as they might have been perturbed."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from vlabench.cards.noise import Noise
from vlabench.errors import DataError
from vlabench.seeding import Draws, generator
from vlabench.training.rl.curriculum import Level, draw
from vlabench.training.rl.rollouts import Rollout
from vlabench.types import ActionSpace, Image, Observation
from vlabench.util.files import write_data
from vlabench.util.messages import shown

Floats32 = npt.NDArray[np.float32]
IMAGES = "images/"


class ConsistencyOptions(BaseModel):
    """Updates towards consistency, each of `batch` looks of all rollouts so far, whatever came of them.

    They minimise the `distance` of the policy's mean actions to those of the policy that the training started from,
    given the clean observation (`objectives.consistency`); perturbations are drawn like a rollout's, at the iteration's
    level.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    updates: int = Field(
        default=250, ge=1, description="Updates of an iteration, after those from rewards.")
    learning_rate: float = Field(
        default=1e-4, gt=0, description="Learning rate of AdamW, which these updates have for themselves.")
    perturbed: bool = Field(
        default=True,
        description="Whether the looks are perturbed; without it the updates hold the policy to the first one where "
                    "pictures are clean, and nothing more.")
    memory: int = Field(
        default=50_000, ge=1,
        description="Most looks that are kept, those of the oldest iterations going first; 0.1 MB each with two "
                    "pictures of 128 × 128 pixels.")


def clean(rollouts: Sequence[Rollout]) -> Observation:
    """All looks of rollouts that have kept their clean pictures, with these."""
    cameras = rollouts[0].clean
    return Observation.now(
        images={camera: np.concatenate([rollout.clean[camera] for rollout in rollouts]) for camera in cameras},
        proprio=np.concatenate([rollout.proprio for rollout in rollouts]),
        instruction=tuple(rollout.instruction for rollout in rollouts for _ in range(len(rollout))), step=0)


@dataclass(frozen=True)
class Looks:
    """N clean looks. actions: [N, T, D], drawn at them when they were perturbed. wanted: [N, T, D], the mean actions to
    be reached.
    """

    obs: Observation
    actions: Floats32
    wanted: Floats32

    def __len__(self) -> int:
        return len(self.wanted)

    def rows(self, chosen: Sequence[int]) -> Looks:
        """Some of them, copied."""
        return Looks(self.obs.rows(chosen), self.actions[chosen], self.wanted[chosen])


class Memory:
    """The looks of iterations, in memory and, so that a training that was killed finds them again, in its folder.

    writes: whether this process keeps the folder's files; of several that train together one does.
    """

    def __init__(self, folder: Path, limit: int, writes: bool = True) -> None:
        self._folder, self._limit, self._writes = folder, limit, writes
        self._blocks: dict[int, Looks] = {}

    def __len__(self) -> int:
        return sum(map(len, self._blocks.values()))

    def add(self, iteration: int, looks: Looks) -> None:
        """What an iteration (from 1) has looked at, after all those before it. Raises DataError."""
        if self._writes:
            self._write(iteration, looks)
        self._blocks[iteration] = looks
        for oldest in sorted(self._blocks)[:-1]:
            if len(self) > self._limit:
                del self._blocks[oldest]
                if self._writes:
                    self._path(oldest).unlink(missing_ok=True)

    def _write(self, iteration: int, looks: Looks) -> None:
        arrays: dict[str, Any] = {IMAGES + camera: pictures for camera, pictures in looks.obs.images.items()}
        arrays |= {"proprio": looks.obs.proprio, "instruction": np.array(looks.obs.instruction),
                   "actions": looks.actions, "wanted": looks.wanted}
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        write_data(self._path(iteration), content.getvalue())

    def some(self, count: int, *key: str | int) -> Looks:
        """`count` different looks at most, drawn for `key`."""
        chosen = generator("looks", *key).permutation(len(self))[:count]
        found, start = [], 0
        for looks in self._blocks.values():
            rows = [int(row) - start for row in chosen if start <= row < start + len(looks)]
            start += len(looks)
            if rows:
                found.append(looks.rows(rows))
        obs = Observation.now({camera: np.concatenate([looks.obs.images[camera] for looks in found])
                               for camera in found[0].obs.images},
                              np.concatenate([looks.obs.proprio for looks in found]),
                              tuple(text for looks in found for text in looks.obs.instruction), 0)
        return Looks(obs, np.concatenate([looks.actions for looks in found]),
                     np.concatenate([looks.wanted for looks in found]))

    def clear(self) -> None:
        """The training is over."""
        self._blocks.clear()
        for path in self._folder.glob(self._path("*").name):
            path.unlink()

    def restore(self, iteration: int) -> None:
        """Read what the iterations up to this one have left. Raises DataError."""
        for number in range(1, iteration + 1):
            if self._path(number).exists():
                self._blocks[number] = _read(self._path(number))

    def _path(self, iteration: int | str) -> Path:
        return self._folder / f"looks-{iteration}.npz"


def _read(path: Path) -> Looks:
    try:
        with np.load(io.BytesIO(path.read_bytes())) as kept:
            images = {name.removeprefix(IMAGES): kept[name] for name in kept if name.startswith(IMAGES)}
            obs = Observation.now(images, kept["proprio"], tuple(kept["instruction"].tolist()), 0)
            return Looks(obs, kept["actions"], kept["wanted"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{shown(path)}: looks of this training that cannot be read: {error}\n"
                        f"  fix: train from the start, with another --out") from error


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
