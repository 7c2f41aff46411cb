"""Who acts while demonstrations are collected: the expert with disturbances, taking turns with a learner if asked to.

Behavioural cloning from undisturbed demonstrations fails where the learner errs: nothing there shows how to fix an
error. So the hand starts displaced, is kicked, and the learner itself acts (DAgger, Ross et al. 2011); the label is
what the expert would do in each state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from vlabench.adapters.base import Foundation, Policy
from vlabench.errors import OptionError
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Decision, Floats, Observation

EXPERT, KICK, LEARNER = 0, 1, 2
"""Who chose an action."""
START = 0.9
"""A displaced start is the same random action for 0 … this many seconds."""
KICKS = (0.2, 0.5)
"""A kick is the same random action for so many seconds, at least and at most."""
FUMBLE = 0.25
"""Share of kicks that open or close the hand at random, too; the others leave it as the expert wants it."""


@dataclass
class _Turn:
    """Whose turn it is in one slot, until which step, with which actions."""

    who: int = EXPERT
    until: int = 0
    began: int = 0
    actions: Floats = field(default_factory=lambda: np.zeros((0, 0)))


class Demonstrator(Policy):
    """One action for each row; the decision's extras are what the expert says of the same state: `labels` [B, D],
    `points` [B, 3 K], and `actors` [B], who chose.
    """

    def __init__(
        self,
        noise: Annotated[float, Field(
            description="Standard deviation of Gaussian noise on all but the gripper, in units of the action space; "
                        "the label stays the expert's action.")] = 0.0,
        kicks: Annotated[float, Field(
            description="Share of the control steps at which a kick begins; above 0, starts are displaced.")] = 0.0,
        learner: Annotated[Foundation | None, Field(
            description="Policy that acts instead of the expert in some turns, by name or card.")] = None,
        mix: Annotated[float, Field(
            description="Share of the turns in which the expert acts beside the learner.")] = 0.0,
    ) -> None:
        check_shares(noise, kicks, mix)
        self._noise, self._kicks, self._mix = noise, kicks, mix
        self._learner: Policy | None = None
        self._replan = 1
        if learner is not None:
            self._learner, self._replan = learner.make(), learner.replan
        self._turns: dict[int, _Turn] = {}
        self._draws: dict[int, Draws] = {}

    def configure(self, space: ActionSpace) -> None:
        """The learner is told, too."""
        super().configure(space)
        if self._learner is not None:
            self._learner.configure(space)

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """These episodes start with the expert's turn."""
        self._turns |= {slot: _Turn() for slot in slots}
        self._draws |= zip(slots, draws, strict=True)
        if self._learner is not None:
            self._learner.reset(slots, draws)

    def act(self, obs: Observation) -> Decision:
        """float [B, 1, D]; the observation must hold the simulator's state."""
        advice = [state.expert_advice() for state in obs.state or ()]
        labels = np.stack([action for action, _ in advice])
        turns = [self._turns[slot] for slot in obs.slots.tolist()]
        answers = [self._answer(turn, obs.slot(row), labels[row]) for row, turn in enumerate(turns)]
        return Decision(np.stack(answers)[:, None], {
            "labels": labels, "points": np.stack([points for _, points in advice]),
            "actors": np.array([turn.who for turn in turns], dtype=np.uint8)})

    def close(self) -> None:
        """Close the learner."""
        if self._learner is not None:
            self._learner.close()

    def _answer(self, turn: _Turn, obs: Observation, label: Floats) -> Floats:
        """The action of one slot (B = 1)."""
        step, draws = int(obs.steps[0]), self._draws[int(obs.slots[0])]
        if step >= turn.until:
            self._next_turn(turn, obs, step, draws, label)
        return self._action(turn, step, draws, label)

    def _next_turn(self, turn: _Turn, obs: Observation, step: int, draws: Draws, label: Floats) -> None:
        rng = draws.at(step, "turn")
        turn.who, turn.began, turn.until = EXPERT, step, step + 1
        start = step == 0 and self._kicks > 0
        if start or rng.random() < self._kicks:
            least, span = (0, (0.0, START)) if start else (1, KICKS)
            shortest, longest = (max(least, round(self.space.control_hz * time)) for time in span)
            length = int(rng.integers(shortest, longest + 1))
            if length:
                turn.who, turn.until, turn.actions = KICK, step + length, self._kick(rng, label)
        elif self._learner is not None:
            turn.until = step + self._replan
            if rng.random() >= self._mix:
                turn.who, turn.actions = LEARNER, self._learner.act(obs).actions[0]

    def _kick(self, rng: np.random.Generator, label: Floats) -> Floats:
        space, gripper = self.space, self.space.gripper
        action = rng.uniform(*space.within_a_unit, space.size)
        if gripper is not None:
            action[gripper] = (rng.choice([space.low[gripper], space.high[gripper]]) if rng.random() < FUMBLE
                               else label[gripper])
        return action[None]

    def _action(self, turn: _Turn, step: int, draws: Draws, label: Floats) -> Floats:
        if turn.who != EXPERT:
            return np.asarray(turn.actions[min(step - turn.began, len(turn.actions) - 1)], dtype=np.float64)
        noise: Floats = self._noise * draws.at(step, "noise").standard_normal(label.shape) * np.array(self.space.unit)
        if self.space.gripper is not None:
            noise[self.space.gripper] = 0.0
        noisy: Floats = np.clip(label + noise, self.space.low, self.space.high)
        return noisy


def check_shares(noise: float, kicks: float, mix: float) -> None:
    """Raises OptionError unless a demonstrator can have these."""
    if not (0 <= noise <= 1 and 0 <= kicks <= 0.5 and 0 <= mix <= 1):
        raise OptionError(f"noise {noise:g}, kicks {kicks:g}, mix {mix:g}: noise and mix must be in [0, 1], "
                          f"kicks in [0, 0.5]")
