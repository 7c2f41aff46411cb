"""What a training method must do: turn options, and often another policy, into weights, and survive being killed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from vlabench import registry
from vlabench.cards.policy import PolicyCard
from vlabench.training.curves import Curves
from vlabench.training.display import Display


@dataclass(frozen=True)
class TrainingContext:
    """Where and with what a training runs.

    folder: checkpoints, curves and collected data, all that a resumed run needs. data: folders of demonstrations to use
    instead of collecting some. device: of torch. workers, on: what plays
    episodes, as in `machines`.
    """

    folder: Path
    card: PolicyCard
    device: str
    workers: int | None
    seed: int
    curves: Curves
    display: Display
    data: tuple[Path, ...] = ()
    on: str | None = None


class Method(ABC):
    """A training method. Options: a model of the card's `training.options`.

    What a policy was trained on is read from options called `task_sets`, `noise`, `init`, `base` and `learner` (see
    `vlabench.cards.lineage`); what a method shows its policy beside that, the card has to name in `trained_on`.
    """

    Options: ClassVar[type[BaseModel]]
    rollouts: ClassVar[bool] = False
    """Whether it learns from episodes that its policy plays, which a cluster can play."""

    def __init__(self, options: BaseModel) -> None:
        self.options = options

    @abstractmethod
    def train(self, place: TrainingContext) -> Path:
        """Train from where `place.folder` was left to the end; where the weights are then, a file or a folder."""

    def data(self, place: TrainingContext) -> str:
        """What it was trained on, in a few words, for the card."""
        return ""

    def spent(self, place: TrainingContext) -> Mapping[str, int]:
        """What the training took, for the card (`Made.spent`)."""
        return {}


def find_method(name: str) -> type[Method]:
    """The class of a training method. Raises UnknownName, PluginError."""
    return registry.load("method", name, Method)
