"""The frozen dataclasses that travel between the parts: Task, EpisodeSpec, Observation, Outcome, EpisodeRecord."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlabench.util.text import NAME

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Status = Literal["success", "failure", "error"]
Phase = Literal["open", "reset", "observe", "act", "step", "collect", "worker"]
"""Where an episode met an error; `collect`: in what listens to it and keeps something of it."""
Success = Literal["once", "end"]
"""When an episode succeeds: its goal held at some step, or it held after the last one."""
Count = Annotated[int, Field(ge=0, le=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]
TaskKey = Annotated[str, Field(pattern=f"^{NAME}/[0-9]{{1,6}}$")]
Identity = tuple[str, str, int, int]
"""What the store knows an episode by: (task key, condition, index, seed)."""


@dataclass(frozen=True)
class ActionSpace:
    """What the D numbers of an action mean to a simulator.

    names: of the dimensions. low, high: what the simulator clips to. unit: the size of one unit of perturbations and of
    policies. null: the action that leaves the robot where it is, with the gripper as episodes start. control_hz:
    actions a second. gripper: the dimension that moves it, and opens: the value that opens it; None where there is no
    gripper. Raises ValueError for numbers that do not fit each other.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    unit: tuple[float, ...]
    null: tuple[float, ...]
    control_hz: float
    gripper: int | None = None
    opens: float | None = None

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.low) == len(self.high) == len(self.unit) == len(self.null):
            raise ValueError(f"an action of {self.size} dimensions has as many low, high, unit and null")
        if not all(low <= null <= high and unit > 0 for low, null, high, unit
                   in zip(self.low, self.null, self.high, self.unit, strict=True)) or self.control_hz <= 0:
            raise ValueError("actions need low ≤ null ≤ high, a unit above 0 and control_hz above 0")
        if (self.gripper is None) != (self.opens is None) or not 0 <= (self.gripper or 0) < self.size:
            raise ValueError(f"gripper {self.gripper}, opens {self.opens}: one of 0 … {self.size - 1} and its value")

    @property
    def size(self) -> int:
        """D."""
        return len(self.names)

    @property
    def closes(self) -> float | None:
        """The value that closes the gripper: as far on the other side of the middle as `opens`. None without one."""
        if self.gripper is None or self.opens is None:
            return None
        return self.low[self.gripper] + self.high[self.gripper] - self.opens

    @property
    def within_a_unit(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Bounds of what is one unit from 0 at most, low and high: what random actions are drawn from. A robot whose
        own bounds are far beyond its units (a metre a step) would be thrown against its limits."""
        return (tuple(max(low, -unit) for low, unit in zip(self.low, self.unit, strict=True)),
                tuple(min(high, unit) for high, unit in zip(self.high, self.unit, strict=True)))


@dataclass(frozen=True)
class Task:
    """One goal in one scene of one simulator. `init_states` is the number of published start states; None where there
    are none, and every index from 0 has a start of its own.
    """

    simulator: str
    task_set: str
    number: int
    name: str
    instruction: str
    step_limit: int
    init_states: int | None = None

    @property
    def key(self) -> str:
        """`libero_spatial/3`: the task's name in identities, records and random streams."""
        return f"{self.task_set}/{self.number}"

    def starts(self, index: int) -> bool:
        """Whether there is a start state for the episode of this index."""
        return index >= 0 and (self.init_states is None or index < self.init_states)

    @property
    def indices(self) -> str:
        """Those of its episodes, as messages say it: `0 … 49`, or `0 …` without end."""
        return f"0 … {'' if self.init_states is None else self.init_states - 1}".rstrip()


@dataclass(frozen=True)
class EpisodeSpec:
    """One attempt. `index` picks the init state and, with `seed`, every random draw; the condition picks none.

    sampled: for training: the start is drawn from the task's own placement regions instead of being one of the
    published init states, and no draw is shared with an evaluation; `index` may then be any number from 0.
    repeat: for training: episodes that differ in it alone share start state and perturbations, and sample other
    actions.
    """

    task: Task
    condition: str
    index: int
    seed: int = 0
    sampled: bool = False
    repeat: int = 0

    @property
    def identity(self) -> Identity:
        """What the store knows this episode by."""
        return (self.task.key, self.condition, self.index, self.seed)


@dataclass(frozen=True)
class Observation:
    """What a policy receives, for B copies of a task.

    images: camera name → uint8 [B, H, W, 3] in policy-facing orientation; empty for a policy that reads no camera.
    proprio: float32 [B, P]; LIBERO: end-effector position 3 (m), axis-angle 3 (rad), gripper joints 2 (m).
    instruction: B strings. steps: int [B], the control step of each episode. Among perturbations it is the one at which
    the pictures were taken (a delay makes it lag behind); a policy gets that of now. slots: int [B], which of the
    policy's slots (`Policy.reset`) each row belongs to: a batch need not hold all of them, nor in order.
    state: B privileged simulator states, only for policies whose card says `privileged`.
    """

    images: Mapping[str, Image]
    proprio: npt.NDArray[np.float32]
    instruction: tuple[str, ...]
    steps: Ints
    slots: Ints
    state: tuple[Any, ...] | None = None

    @classmethod
    def now(cls, images: Mapping[str, Image], proprio: npt.NDArray[np.float32], instruction: Sequence[str], step: int,
            state: tuple[Any, ...] | None = None) -> Observation:
        """Of B copies that are all at the same step, in the slots 0 … B − 1."""
        copies = len(proprio)
        return cls(images, proprio, tuple(instruction), np.full(copies, step), np.arange(copies), state)

    def rows(self, chosen: Sequence[int]) -> Observation:
        """Some rows, copied."""
        return Observation(
            images={camera: pictures[chosen] for camera, pictures in self.images.items()},
            proprio=self.proprio[chosen], instruction=tuple(self.instruction[row] for row in chosen),
            steps=self.steps[chosen], slots=self.slots[chosen],
            state=None if self.state is None else tuple(self.state[row] for row in chosen))

    def slot(self, b: int) -> Observation:
        """The observation of one copy, with B = 1 (views, not copies)."""
        return Observation(
            images={c: v[b : b + 1] for c, v in self.images.items()},
            proprio=self.proprio[b : b + 1],
            instruction=self.instruction[b : b + 1],
            steps=self.steps[b : b + 1],
            slots=self.slots[b : b + 1],
            state=None if self.state is None else self.state[b : b + 1],
        )

    def replace(self, **changes: Any) -> Observation:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class Decision:
    """A policy's answer to an observation of B copies.

    actions: float [B, T, D], the next T actions of each. extras: name → float [B, …], what else is to be known of them,
    such as the log-probabilities of actions that were drawn.
    """

    actions: Floats
    extras: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def slot(self, b: int) -> Decision:
        """That of one copy, with B = 1 (views, not copies)."""
        return Decision(self.actions[b : b + 1], {name: value[b : b + 1] for name, value in self.extras.items()})


@dataclass(frozen=True)
class Outcome:
    """What a step led to: success bool [B] now; terms: what rewards are made of, by the simulator's own names, float
    [B, …], where it has it (`Simulator.posture`). milestones: name → bool [B], what has been reached on the way,
    such as `grasped`; one that holds at any step counts as reached.
    """

    success: npt.NDArray[np.bool_]
    terms: Mapping[str, Floats] = field(default_factory=dict)
    milestones: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def slot(self, b: int) -> Outcome:
        """That of one copy, with B = 1 (views, not copies)."""
        return Outcome(self.success[b : b + 1], {name: value[b : b + 1] for name, value in self.terms.items()},
                       {name: value[b : b + 1] for name, value in self.milestones.items()})


class Ended(Protocol):
    """What is known of an episode that is over, as of a record."""

    @property
    def status(self) -> Status: ...
    @property
    def success_once(self) -> bool: ...
    @property
    def success_at_end(self) -> bool: ...


def won(episode: Ended, counts: Success | None = None) -> bool:
    """Whether an episode is a success, by what a suite counts; None leaves it to its simulator's rule, the status.

    An episode that ended in an error is none; whoever computes rates leaves it out before.
    """
    if episode.status == "error":
        return False
    if counts is None:
        return episode.status == "success"
    return episode.success_once if counts == "once" else episode.success_at_end


@dataclass(frozen=True)
class EpisodeRecord:
    """One line of the store. All fields but `seconds` and `finished` are the same whenever the episode is played again.

    status: by the simulator's rule (`Simulator.success`). milestones: name → whether it was reached, for simulators
    that have them.
    changed: channel → share of the policy's looks (pictures, proprioception, instruction) or of the executed steps
    (action) at which what was received differed from what the scene showed or the policy asked for. Beside them
    `action/asked` → share of the steps at which the policy asked for another action than at the step before.
    changed_first: the channels that differed at the very first look or step.
    frame: digest per camera of the first unperturbed picture, equal for all conditions that leave the scene alone.
    """

    task: TaskKey
    condition: str
    index: Count
    seed: int
    status: Status
    success_once: bool
    success_at_end: bool
    steps: Count
    seconds: float
    instruction: str
    realised: Mapping[str, Any]
    changed: Mapping[str, Share]
    changed_first: tuple[str, ...]
    frame: Mapping[str, str]
    state: str
    policy: str
    assets: str
    policy_digest: str
    condition_digest: str
    versions: Mapping[str, str]
    finished: str = ""
    phase: str = ""
    error: str = ""
    message: str = ""
    milestones: Mapping[str, bool] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        """The same tuple as `EpisodeSpec.identity`."""
        return (self.task, self.condition, self.index, self.seed)
