"""Random streams keyed by what an episode is: (suite seed, task, index, stream, …) → an independent numpy Generator.

Neither the condition nor its severity is part of a key, so every condition of an episode shares its draws and every
comparison is paired. Philox is counter-based: a stream costs microseconds to make and none depends on another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from vlabench.types import EpisodeSpec


def generator(*key: str | int) -> np.random.Generator:
    """The generator of a key. Equal keys give equal numbers on every machine; different keys are independent.

    Each part is hashed with its length, so ("ab", "c") and ("a", "bc") are different keys.
    """
    return np.random.Generator(np.random.Philox(key=int.from_bytes(_hash(*key), "little")))


@dataclass(frozen=True)
class Draws:
    """The random numbers of one named stream in one episode: those of the generators whose keys begin with `key`."""

    key: tuple[str | int, ...]

    def episode(self, *what: str | int) -> np.random.Generator:
        """For what is drawn once and held: the same numbers at every call within an episode."""
        return generator(*self.key, "episode", *what)

    def at(self, step: int, *what: str | int) -> np.random.Generator:
        """For what is drawn anew at a control step (and, with `what`, for a camera or a dimension)."""
        return generator(*self.key, "step", step, *what)


def choices(spec: EpisodeSpec) -> Draws:
    """The stream that the policy of an episode samples from, the only one that differs between repeats.

    Its key is a hash of the episode's identity: what a policy is given does not tell it which episode it plays. That
    keeps honest policies from depending on it; one that sets out to learn it can hash all identities there are.
    """
    open_key = stream(spec, f"policy/{spec.repeat}" if spec.repeat else "policy").key
    return Draws((_hash(*open_key).hex(),))


def stream(spec: EpisodeSpec, name: str) -> Draws:
    """The stream `name` of an episode; training's episodes (`sampled`) share none with an evaluation's."""
    return Draws((spec.seed, spec.task.key, spec.index, f"sampled/{name}" if spec.sampled else name))


def _hash(*key: str | int) -> bytes:
    """16 bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for part in key:
        text = f"{type(part).__name__}:{part}".encode()
        digest.update(len(text).to_bytes(4, "little") + text)
    return digest.digest()
