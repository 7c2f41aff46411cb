"""Who acts while demonstrations are collected, on a made-up state whose expert is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from vlabench.adapters.demonstrator import EXPERT, KICK, LEARNER, Demonstrator
from vlabench.cards import load_policy
from vlabench.errors import OptionError
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import ActionSpace, Floats, Observation


@dataclass
class State:
    """An expert that answers with the step."""

    step: int

    def expert_advice(self) -> tuple[Floats, Floats]:
        return np.full(7, self.step / 1000), np.arange(9) / 9


def observe(step: int) -> Observation:
    images = {camera: np.zeros((1, 128, 128, 3), np.uint8) for camera in ("agentview", "wrist")}
    return Observation.now(images, np.zeros((1, 8), np.float32), ("turn on the stove",), step, (State(step),))


def episode(policy: Demonstrator, index: int, steps: int = 200,
            space: ActionSpace = SPACE) -> tuple[list[Floats], list[int]]:
    policy.configure(space)
    policy.reset([0], [Draws((0, "task/0", index, "policy"))])
    actions, actors = [], []
    for step in range(steps):
        decision = policy.act(observe(step))
        actions.append(decision.actions[0, 0])
        actors.append(decision.extras["actors"][0])
        assert decision.extras["labels"].tolist() == [[step / 1000] * 7]
        assert decision.extras["points"].shape == (1, 9)
    return actions, actors


def test_without_disturbance_it_is_the_expert() -> None:
    actions, actors = episode(Demonstrator(), 0, 30)
    assert set(actors) == {EXPERT} and np.allclose(actions, [[step / 1000] * 7 for step in range(30)])


def test_noise_is_gaussian_and_spares_the_gripper() -> None:
    actions, _ = episode(Demonstrator(noise=0.1), 1, 2000)
    noise = np.array(actions) - np.minimum(np.arange(2000)[:, None] / 1000, 1.0)
    early = noise[:400, :6]  # later the labels come near 1, where noise is clipped
    assert abs(early.std() - 0.1) < 0.005 and abs(early.mean()) < 0.01
    assert not noise[:1000, 6].any()


@pytest.mark.parametrize(("hertz", "start", "shortest", "longest"), [(20, 18, 4, 10), (5, 4, 1, 2), (2, 2, 1, 1)])
def test_kicks_come_at_their_rate_and_are_as_long_as_they_say(hertz: float, start: int, shortest: int,
                                                              longest: int) -> None:
    """0.2 to 0.5 s, and up to 0.9 s at the start, whatever the control rate."""
    lengths, starts, steps = [], [], 0
    for index in range(60):
        actions, actors = episode(Demonstrator(kicks=0.02), index, space=replace(SPACE, control_hz=hertz))
        kicked = [action.tobytes() if who == KICK else b"" for action, who in zip(actions, actors, strict=True)]
        changes = [0, *(t for t in range(1, 200) if kicked[t] != kicked[t - 1]), 200]
        for begin, end in zip(changes, changes[1:], strict=False):
            if kicked[begin] and begin and end < 200:
                lengths.append(end - begin)
        starts.append(changes[1] if kicked[0] else 0)
        steps += actors.count(EXPERT)
    assert max(starts) == start and start / 3 < np.mean(starts) < 2 * start / 3
    assert (min(lengths), max(lengths)) == (shortest, longest)
    assert 0.012 < len(lengths) / steps < 0.03


def test_an_episode_is_its_stream_s() -> None:
    first = episode(Demonstrator(noise=0.1, kicks=0.02), 5)
    policy = Demonstrator(noise=0.1, kicks=0.02)
    episode(policy, 6)
    again = episode(policy, 5)
    assert np.array_equal(first[0], again[0]) and first[1] == again[1]


@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
def test_the_learner_acts_in_its_share_of_the_turns(mix: float) -> None:
    actions, actors = episode(Demonstrator(learner=load_policy("still").foundation(), mix=mix), 2, 1600)
    assert set(actors) <= {EXPERT, LEARNER} and KICK not in actors
    turns = np.array(actors).reshape(-1, 8)  # the learner's card executes 8 actions a look
    assert (turns == turns[:, :1]).all()
    assert abs((turns[:, 0] == EXPERT).mean() - mix) < 0.1
    idle = [action.tolist() == [0, 0, 0, 0, 0, 0, -1] for action in actions]
    assert [who == LEARNER for who in actors] == idle


class Reaches(State):
    """One who wants the hand of another robot somewhere."""

    def expert_advice(self) -> tuple[Floats, Floats]:
        return np.array([0.5, 3.0, 0.1]), np.zeros(9)


def test_another_robot_is_disturbed_in_its_own_units_and_bounds() -> None:
    space = ActionSpace(("grip", "along", "across"), (0.0, -5.0, -0.5), (1.0, 5.0, 0.5), (1.0, 2.0, 0.25),
                        (1.0, 0.0, 0.0), 5, gripper=0, opens=1.0)
    policy = Demonstrator(noise=0.1, kicks=0.05)
    noise, kicks = list[Floats](), list[Floats]()
    policy.configure(space)
    for index in range(20):
        policy.reset([0], [Draws((0, "task/0", index, "policy"))])
        for step in range(100):
            decision = policy.act(Observation.now({}, np.zeros((1, 1), np.float32), ("go",), step, (Reaches(0),)))
            (noise if decision.extras["actors"][0] == EXPERT else kicks).append(decision.actions[0, 0])
    assert np.allclose(np.std(noise, axis=0), [0, 0.2, 0.025], rtol=0.1, atol=1e-9)
    low, high = np.min(kicks, axis=0), np.max(kicks, axis=0)
    assert (low >= [0, -2, -0.25]).all() and (high <= [1, 2, 0.25]).all()
    assert (high - low > [0.9, 0.9 * 4, 0.9 * 0.5]).all()
    assert {0.0, 1.0, 0.5} == set(np.array(kicks)[:, 0])


def test_impossible_options_are_refused() -> None:
    impossible: list[dict[str, Any]] = [{"noise": -0.1}, {"kicks": 0.9}, {"mix": 2.0}]
    for options in impossible:
        with pytest.raises(OptionError, match="must be in"):
            Demonstrator(**options)
