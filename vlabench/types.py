"""The frozen dataclasses that travel between the parts: Task, EpisodeSpec, Observation, Outcome, EpisodeRecord."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlabench.texts import NAME

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]
Status = Literal["success", "failure", "error"]
Phase = Literal["open", "reset", "observe", "act", "step", "worker"]
Success = Literal["once", "end"]
"""When an episode succeeds: its goal held at some step, or it held after the last one."""
Count = Annotated[int, Field(ge=0, le=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]
TaskKey = Annotated[str, Field(pattern=f"^{NAME}/[0-9]{{1,6}}$")]
Identity = tuple[str, str, int, int]
"""What the store knows an episode by: (task key, condition, index, seed)."""


@dataclass(frozen=True)
class Task:
    """One goal in one scene of one simulator. `init_states` is the number of published start states."""

    simulator: str
    task_set: str
    number: int
    name: str
    instruction: str
    step_limit: int
    init_states: int

    @property
    def key(self) -> str:
        """`libero_spatial/3`: the task's name in identities, records and random streams."""
        return f"{self.task_set}/{self.number}"


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
    instruction: B strings. step: the control step. Among perturbations it is the one at which the pictures were taken
    (a delay makes it lag behind); a policy gets that of now, so that its batch mates' delays are not its business.
    state: B privileged simulator states, only for policies whose card says `privileged`.
    """

    images: Mapping[str, Image]
    proprio: npt.NDArray[np.float32]
    instruction: tuple[str, ...]
    step: int
    state: tuple[Any, ...] | None = None

    def slot(self, b: int) -> Observation:
        """The observation of one copy, with B = 1 (views, not copies)."""
        return Observation(
            images={c: v[b : b + 1] for c, v in self.images.items()},
            proprio=self.proprio[b : b + 1],
            instruction=self.instruction[b : b + 1],
            step=self.step,
            state=None if self.state is None else self.state[b : b + 1],
        )

    def replace(self, **changes: Any) -> Observation:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class Outcome:
    """What a step led to: success bool [B] now, and what rewards are made of, float [B, …], where a simulator has it.

    LIBERO: `joints` [1, 7], the arm's positions (rad). milestones: name → bool [B], what has been reached on the way,
    such as `grasped`; one that holds at any step counts as reached.
    """

    success: npt.NDArray[np.bool_]
    terms: Mapping[str, Floats] = field(default_factory=dict)
    milestones: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)


class Ended(Protocol):
    """What is known of an episode that is over: a record, or what tables keep of one."""

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
