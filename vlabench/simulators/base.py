"""What a simulator must do: list tasks, open a scene, and step, observe and reset a batch of copies of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from vlabench.errors import UnknownName
from vlabench.types import ActionSpace, EpisodeSpec, Floats, Observation, Outcome, Success, Task


class Scene(ABC):
    """A batch of B copies of one task. A simulator's offers are methods of its scenes beside these."""

    null_action: Floats
    """float [D]: the action that leaves the robot where it is; a finished copy gets it until the batch ends."""

    @abstractmethod
    def reset(self, episodes: Sequence[EpisodeSpec]) -> None:
        """Put each copy into its episode's start state, settled, ready for the first observation."""

    @abstractmethod
    def observe(self) -> Observation:
        """Pictures, proprioception and instruction of now. The only place that renders."""

    @abstractmethod
    def step(self, actions: Floats) -> Outcome:
        """Advance by one control step with actions [B, D]; physics only, nothing is drawn."""

    @abstractmethod
    def state_digest(self) -> tuple[str, ...]:
        """A digest of each copy's full physical state: two plays of one episode must agree on it."""

    def slot(self, b: int) -> Scene:
        """The view of copy `b` that a perturbation's scene hooks act on. A scene of one copy is its own view."""
        if b:
            raise TypeError(f"{type(self).__name__} offers no view of a single copy")
        return self

    def close(self) -> None:
        """Let go of what the scene holds."""
        return None


class Simulator(ABC):
    """A source of tasks and scenes, on one asset pack. Constructing it is cheap; `open` imports the engine.

    Raises UnknownName for a pack that it does not know.
    """

    task_sets: ClassVar[Sequence[str]]
    packs: ClassVar[Sequence[str]]
    cameras: ClassVar[Sequence[str]]
    action_space: ClassVar[ActionSpace]
    offers: ClassVar[frozenset[str]] = frozenset()
    revision: ClassVar[int] = 1
    """Part of every condition's digest: raised when the same episode comes to mean another one."""
    success: ClassVar[Success] = "once"
    """The rule by which an episode succeeds, and with `once` ends at once."""

    def __init__(self, assets: str) -> None:
        if assets not in self.packs:
            raise UnknownName("asset pack", assets, self.packs, where=f"simulator {type(self).__name__}")
        self.assets = assets

    @abstractmethod
    def check(self) -> None:
        """Raise a VlabenchError that says what is missing (library, GL, assets), before anything is opened."""

    @abstractmethod
    def tasks(self, task_set: str) -> list[Task]:
        """The tasks of a set, in their published order. Raises UnknownName."""

    @abstractmethod
    def open(self, task: Task, batch: int = 1, cameras: Sequence[str] = (), image_size: int = 256,
             privileged: bool = False) -> Scene:
        """A scene that observes these cameras at image_size × image_size pixels (none: nothing is rendered)."""

    @classmethod
    def remarks(cls, task_sets: Collection[str], assets: str, versions: Mapping[str, Collection[str]]) -> list[str]:
        """What a reader of results should know, a sentence each, about the versions (package → those there are) that
        these task sets were played with.
        """
        return []

    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """Package name → version, for everything that can change a record; `arithmetic` → the kernels."""
