"""The interface of all perturbations: parameters as fields, pass-through hooks, severities 1 (mild) to 5 (severe)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer
from typing_extensions import Self

from vlabench import registry
from vlabench.errors import UnknownName
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene, Simulator
from vlabench.types import ActionSpace, Floats, Observation, Task


class Perturbation(BaseModel):
    """One change to what the policy sees, is told or does, or to the scene.

    Fields are the parameters a card may set; `vlabench show` prints their descriptions. The loop takes `fresh()`
    copies, one per episode and slot; what a copy remembers within an episode (a held draw, old frames) lives in private
    attributes set by `begin`.

    Hooks get single-slot observations (B = 1) and single actions [D], and must return new arrays instead of writing
    into what they are given. Random numbers come only from `rng`; draw unit quantities first and scale them by the
    parameters, so that severities share their draws.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    needs: ClassVar[frozenset[type]] = frozenset()
    """The capabilities that it asks of a scene, among `Simulator.offers`: Protocols, such as one with `push(by)`."""
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {}
    """1 … 5 → the parameters that differ from the defaults; empty where there is no more and no less of it."""
    paper: ClassVar[int | None] = None
    """The severity that is the published setting, where there is one; of several the one that stands for them."""
    also_published: ClassVar[Sequence[int]] = ()
    """The severities of the other published settings."""
    revision: ClassVar[int] = 1
    """Part of a condition's digest: raised when the same parameters come to mean something else."""
    dimension: ClassVar[str] = "observation"
    """What it is a change of, in listings and in tables by dimension: observation, sensor, proprioception, action,
    timing, fault, camera, light, looks, clutter, layout, things, robot, physics, events, language, …"""

    later: ClassVar[frozenset[str]] = frozenset()
    """Parameters that came when there were records already: at their defaults they are left out of what is written of
    it, and so of conditions' digests, which stay what they were."""
    in_state: ClassVar[bool] = False
    """Whether what it does to the scene shows in `Scene.state_digest`: then no picture is needed to see it."""

    @classmethod
    def at(cls, severity: int, **parameters: Any) -> Self:
        """The perturbation at a severity, if it has any, with single parameters changed."""
        return cls(**{**(cls.severities[severity] if cls.severities else {}), **parameters})

    @classmethod
    def is_published(cls, severity: int) -> bool:
        """Whether a paper has this setting."""
        return severity == cls.paper or severity in cls.also_published

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {name: value for name, value in write(self).items()
                if name not in self.later or getattr(self, name) != fields[name].default}

    def fresh(self) -> Self:
        """A copy that remembers nothing, for one slot of one episode."""
        return type(self)(**self.model_dump())

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        """What it may change, among `images/<camera>`, `proprio`, `instruction`, `action`, `look`, `scene`.

        look: pictures of the scene are others from the start, its physical state is not. scene: that is another one.
        """
        raise TypeError(f"{type(self).__name__} must say which channels it changes")

    @property
    def from_start(self) -> bool:
        """Whether the very first observation (or action) must already be changed, in all but freak draws."""
        return True

    @property
    def shows_after(self) -> int:
        """The control steps after which a picture shows it best: 0, the first look, but for what happens later."""
        return 0

    @property
    def certain(self) -> bool:
        """Whether every episode must show the change (False where it happens with a probability per step)."""
        return True

    @property
    def caution(self) -> str:
        """What no audit can judge and whoever reads the results must know, as the end of a sentence; "" if nothing."""
        return ""

    @property
    def rewords(self) -> bool:
        """Whether what it makes of an instruction may be no task's sentence."""
        return False

    @property
    def knows_own_words(self) -> bool:
        """Whether it knows what to make of tasks' own sentences alone, and so comes before what rewords them."""
        return False

    def check(self, cameras: Sequence[str], space: ActionSpace) -> None:
        """Raise a VlabenchError that says what this machine or the robot lacks, before an episode is begun."""

    def check_simulator(self, kind: type[Simulator]) -> None:
        """Raise a VlabenchError for parameters that fit none of a simulator's scenes, before an episode is begun: by
        default UnknownName for one of its own `cameras` that there is not."""
        for camera in getattr(self, "cameras", ()):
            if camera not in kind.cameras:
                raise UnknownName("camera", camera, kind.cameras, where=f"the perturbation {type(self).__name__}")

    def check_tasks(self, tasks: Sequence[Task]) -> None:
        """Raise a VlabenchError that names those of the tasks that it cannot be used in, before an episode is begun."""

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        """A new episode; `replan` actions are executed between two looks. Draw here what is held.

        space: what the robot's actions mean; noise on them is in its units, clipping to its bounds.
        """

    def realised(self) -> dict[str, Any]:
        """The parameters as drawn in this episode, JSON-ready, for the record and for pictures."""
        return {}

    def wants_frame(self, step: int) -> bool:
        """Whether the observation of this step is needed later although the policy does not look now."""
        return False

    def scene_variant(self) -> Mapping[str, Hashable]:
        """What must be known before a scene is built, such as how many distractors it has: no draw of an episode's."""
        return {}

    def scene(self, scene: Scene, rng: Draws) -> None:
        """After the start state is placed, before it settles and anything is observed."""

    def instruction(self, text: str, rng: Draws) -> str:
        """The instruction as the policy will read it."""
        return text

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        """What the policy sees at `step`; called at its looks and at the steps of `wants_frame`."""
        return obs

    def action(self, action: Floats, step: int, rng: Draws) -> Floats:
        """The action [D] that reaches the robot at `step`."""
        return action

    def may_move(self, step: int) -> bool:
        """Whether `tick` may move the scene after `step` control steps: there the states before and after are compared.

        By default wherever there is a `tick`; one that acts at a few steps should say at which.
        """
        return type(self).tick is not Perturbation.tick

    def tick(self, scene: Scene, step: int, rng: Draws) -> None:
        """After each step: events in mid-episode."""


def find_perturbation(name: str) -> type[Perturbation]:
    """The class of a perturbation. Raises UnknownName, PluginError."""
    return registry.load("perturbation", name, Perturbation)
