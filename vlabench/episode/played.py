"""What an episode led to, before it is put on record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlabench.types import EpisodeRecord, EpisodeSpec, Status


@dataclass(frozen=True)
class Played:
    """What an episode led to; the fields mean what they mean in `EpisodeRecord`."""

    spec: EpisodeSpec
    status: Status
    success_once: bool
    success_at_end: bool
    steps: int
    seconds: float
    instruction: str
    realised: Mapping[str, Any]
    changed: Mapping[str, float]
    changed_first: tuple[str, ...]
    frame: Mapping[str, str]
    state: str
    milestones: Mapping[str, bool]

    def record(self, **known: Any) -> EpisodeRecord:
        """The episode's line for the store; `known`: the fields that an episode does not know, from `policy` on."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "spec"}
        task, condition, index, seed = self.spec.identity
        return EpisodeRecord(task=task, condition=condition, index=index, seed=seed, **own, **known)
