"""What a simulator must do: list tasks, open a scene, and step, observe and reset a batch of copies of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from vlabench import registry
from vlabench.errors import UnknownName, UnsupportedError
from vlabench.types import ActionSpace, EpisodeSpec, Floats, Observation, Outcome, Success, Task
from vlabench.util.diagnosis import Check, tried

Variant = tuple[tuple[str, Hashable], ...]
"""What must be known before a scene is built: sorted (name, value) pairs, the merged `Perturbation.variant`s."""


class Advises(Protocol):
    """What each element of `Observation.state` offers in a simulator with a scripted expert."""

    def expert_action(self) -> Floats:
        """What the expert does in this state, float [D]."""

    def expert_advice(self) -> tuple[Floats, Floats]:
        """The same action, and points float [3 K] (m, relative to the hand) behind it: `Simulator.points`."""

    def hand_pose(self) -> Floats:
        """Where the hand is: float [4, 4], a homogeneous matrix in the scene's frame (m), z up."""

    def told(self, points: Floats) -> Mapping[str, Floats]:
        """What a demonstration keeps of this moment, name → array, beside what policies see; points: of the advice."""

    def source(self) -> str:
        """What the scene is made of, in the simulator's own language; "" where there is no such text."""


class Scene(ABC):
    """B copies of tasks that share a `Simulator.batch_key`. Capabilities are methods of `slot(b)` beside these."""

    action_space: ActionSpace
    """What its simulator's `action_space` says."""

    @property
    def null_action(self) -> Floats:
        """float64 [D]: the null action of its space; a finished copy gets it until the batch ends."""
        return np.array(self.action_space.null, dtype=np.float64)

    @abstractmethod
    def place(self, episodes: Sequence[EpisodeSpec]) -> None:
        """Put copies into their episodes' start states, not yet settled; as many copies at most as were opened.

        What is observed and stepped from now on is that many copies. Nothing of earlier episodes may be left, caches of
        contacts included: where an engine cannot forget, building the copy anew here is right. What capabilities
        changed is put back before (`renew`).
        """

    def settle(self) -> None:
        """Let things come to rest; afterwards the first observation may be taken."""
        return None

    def reset(self, episodes: Sequence[EpisodeSpec]) -> None:
        """`place` and `settle`, for who perturbs no scene."""
        self.place(episodes)
        self.settle()

    @abstractmethod
    def observe(self) -> Observation:
        """Pictures, proprioception and instruction of now. The only place that renders."""

    @abstractmethod
    def step(self, actions: Floats) -> Outcome:
        """Advance by one control step with actions [B, D]; physics only, nothing is drawn."""

    @abstractmethod
    def state_digest(self) -> tuple[str, ...]:
        """A digest of each copy's state: two plays of one episode must agree on it.

        Of the whole physical state, and of every parameter that a capability can change and pictures need not show,
        such as a mass: a perturbation that changes nothing else would pass for one that does nothing.
        """

    def look_digest(self) -> tuple[str, ...]:
        """A digest of each copy's looks: of all that capabilities can change and pictures alone show, such as light,
        cameras and textures. Empty where there is nothing of the kind."""
        return ()

    def instructions(self) -> tuple[str, ...] | None:
        """What the copies just placed ask for, where a variant may ask for something else than their tasks; or None."""
        return None

    def plain_digest(self) -> tuple[str, ...]:
        """`state_digest` of the copies just placed, as they would be if the scene had been opened without a variant."""
        return self.state_digest()

    def slot(self, b: int) -> Scene:
        """The view of copy `b` that a perturbation's scene hooks act on. A scene of one copy is its own view."""
        if b:
            raise TypeError(f"{type(self).__name__} offers no view of a single copy")
        return self

    def save(self) -> Any:
        """All that its capabilities can change and `place` does not set: cameras, lights, colours, masses, …"""
        return None

    def restore(self, saved: Any) -> None:
        """Put back what `save` kept."""
        return None

    def renew(self) -> None:
        """New episodes are about to be placed: what those before changed in the scene is put back."""
        if self._touched:
            self.restore(self._saved)
        self._touched = False

    def touch(self) -> None:
        """These episodes, just placed, are going to change the scene: how it is now is kept."""
        self._saved, self._touched = self.save(), True

    _saved: Any = None
    _touched: bool = False

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
    offers: ClassVar[frozenset[type]] = frozenset()
    """The capabilities of its scenes: Protocols that the views of `Scene.slot` satisfy."""
    paints: ClassVar[frozenset[str]] = frozenset()
    """The parts of its scenes that `PaintsSurfaces` can name; none: not known before a scene is opened."""
    expert: ClassVar[bool] = False
    """Whether what its scenes tell those with privileges `Advises`."""
    points: ClassVar[Sequence[str]] = ("thing", "place", "waypoint")
    """What the K points of an expert's advice are: what is worked on, where it is to go, where the hand goes next …"""
    posture: ClassVar[str] = ""
    """Which of `Outcome.terms` says how its arm is, [B, J] (rad), by the name that `Advises.told` has for it, too; ""
    where none does."""
    earnings: ClassVar[str] = ""
    """Which of `Outcome.terms` says what an episode has earned so far, [B]: rewards are what it rises by; "" where none
    does."""
    max_batch: int = 1
    """How many episodes can be played side by side in one scene."""
    max_workers: int | None = None
    """How many workers there are at most, whatever was asked for: 1 where one fills the GPU. None: as many as asked."""
    revision: ClassVar[int] = 1
    """Part of every condition's digest: raised when the same episode comes to mean another one."""
    success: ClassVar[Success] = "once"
    """The rule by which an episode succeeds, and with `once` ends at once."""

    def __init__(self, assets: str) -> None:
        if assets not in self.packs:
            raise UnknownName("asset pack", assets, self.packs, where=f"simulator {type(self).__name__}")
        self.assets = assets

    @abstractmethod
    def check(self, cameras: Sequence[str] = ()) -> None:
        """Raise a VlabenchError that says what is missing (library, assets, for scenes with cameras what draws), before
        anything is opened."""

    @abstractmethod
    def tasks(self, task_set: str) -> list[Task]:
        """The tasks of a set, in their published order. Raises UnknownName."""

    @abstractmethod
    def open(self, task: Task, batch: int = 1, cameras: Sequence[str] = (), image_size: int = 256,
             privileged: bool = False, variant: Variant = ()) -> Scene:
        """A scene for up to `batch` episodes that share the task's `batch_key`, built as the `variant` says.

        It observes these cameras at image_size × image_size pixels (none: nothing is rendered).
        """

    def check_variant(self, task_set: str, variant: Variant) -> None:
        """Raises OptionError for a variant that scenes of a task set do not have, as `open` would; by default it is
        left to that."""
        return None

    def lacking(self, task: Task, needs: Collection[type]) -> str:
        """Why scenes of a task have nothing for one of these capabilities to act on, in few words; "" where they have.
        """
        return ""

    def batch_key(self, spec: EpisodeSpec) -> Hashable:
        """Episodes with equal keys can be played side by side in one scene; by default those of one task."""
        return spec.task

    @classmethod
    def diagnose(cls) -> list[Check]:
        """What it needs on this machine, by trying it, in a few seconds; needed is what its first pack needs."""
        def here(pack: str) -> str:
            cls(pack).check(cls.cameras)
            return str(cls.locate(pack) or "here")

        return [tried(f"{cls.__name__} {pack}", partial(here, pack), needed=pack == cls.packs[0]) for pack in cls.packs]

    @classmethod
    def locate(cls, pack: str) -> Path | None:
        """Where a pack's files are, which are made first where that can be done; None for a pack without any.

        Raises AssetsError where they are absent, and UnknownName.
        """
        return None

    @classmethod
    def fetch(cls, say: Callable[[str], None]) -> Path:
        """Download what cannot be made here; the folder. say: is told what the user should know.

        Raises AssetsError, and UnsupportedError where there is nothing to download.
        """
        raise UnsupportedError(f"simulator {cls.__name__} has nothing to download")

    @classmethod
    def build(cls, out: Path | None = None) -> Path:
        """Write the pack that is generated to a folder, by default the cache's; the folder.

        Raises AssetsError, and UnsupportedError where none is generated.
        """
        raise UnsupportedError(f"simulator {cls.__name__} generates no pack")

    @classmethod
    def remarks(cls, task_sets: Collection[str], assets: str, versions: Mapping[str, Collection[str]]) -> list[str]:
        """What a reader of results should know, a sentence each, about the versions (package → those there are) that
        these task sets were played with.
        """
        return []

    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """Package name → version, for everything that can change a record; `arithmetic` → the kernels."""


def find_simulator(name: str) -> type[Simulator]:
    """The class of a simulator. Raises UnknownName, PluginError."""
    return registry.load("simulator", name, Simulator)
