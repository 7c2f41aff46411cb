"""What happens in mid-episode, and where the base stands: on scenes that take notes, against independent drawing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from scipy.stats import chisquare, kstest, uniform

from tests.perturbations.conftest import ticked
from vlabench.errors import UnsupportedError
from vlabench.perturbations.base import Perturbation
from vlabench.perturbations.base_shift import BaseShift
from vlabench.perturbations.camera_bumped import CameraBumped
from vlabench.perturbations.friction import Friction
from vlabench.perturbations.gripper_weak import GripperWeak
from vlabench.perturbations.joint_damping import JointDamping
from vlabench.perturbations.lights_out import LightsOut
from vlabench.perturbations.mass import Mass
from vlabench.perturbations.object_dropped import ObjectDropped
from vlabench.perturbations.object_moved import ObjectMoved
from vlabench.seeding import Draws
from vlabench.simulators._values import LightSetup, Orbit, Spot, Sun
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import ActionSpace, Floats

MakeDraws = Callable[[int], Draws]
LIT = LightSetup((0.2, 0.2, 0.4), (Sun((0, 0, -1), (1, 1, 0.5)), Sun((1, 0, -1), (0.5, 0.5, 0.5))))


class Stage:
    """Notes what is done to it. Its object begins in the middle; what is nearer than 5 cm to its plate is not free."""

    def __init__(self, plate: Spot = (9.0, 9.0), reach: float = 9.0) -> None:
        self.told: list[Any] = []
        self.plate, self.reach = plate, reach

    def lighting(self) -> LightSetup:
        return LIT

    def object_spot(self) -> Spot:
        return (0.5, -0.5)

    def is_free(self, spot: Spot) -> bool:
        return math.dist(spot, self.plate) > 0.05 and math.dist(spot, self.object_spot()) < self.reach

    def note(self, *what: Any) -> None:
        self.told.append(what[0])

    set_lighting = orbit_camera = move_object = shift_base = note
    scale_friction = scale_mass = scale_grip = add_damping = note


def happened(made: Perturbation, rng: Draws, **stage: Any) -> list[Any]:
    """What an event does, at whichever step it happens."""
    noted = Stage(**stage)
    return ticked(made, noted, noted.told, rng)


@pytest.mark.parametrize("kind", [LightsOut, CameraBumped, ObjectMoved])
def test_an_event_happens_once_at_its_step_and_an_episode_that_ends_before_says_so(
    kind: type[LightsOut] | type[CameraBumped] | type[ObjectMoved], draws: MakeDraws
) -> None:
    made = kind(step=7)
    assert not made.from_start and made.certain and not any(map(made.may_move, (6, 8)))
    assert len(happened(made, draws(0))) == 1 and made.realised()["step"] == 7
    drawn = made.realised()
    made.begin(draws(1), 1, ("top",), SPACE)
    assert made.realised() in ({}, {"step": 7})
    assert made.channels(("top",)) == ({"scene"} if kind is ObjectMoved else {"look"})
    assert happened(kind(step=7), draws(0)) == happened(made, draws(0)) and made.realised() == drawn


def test_the_same_share_of_every_light_stays(draws: MakeDraws) -> None:
    for severity, share in enumerate((0.6, 0.4, 0.25, 0.15, 0.12), 1):
        (dark,) = happened(LightsOut.at(severity), draws(0))
        assert dark.ambient == pytest.approx(np.multiply(LIT.ambient, share))
        for old, new in zip(LIT.suns, dark.suns, strict=True):
            assert new.color == pytest.approx(np.multiply(old.color, share)) and new.direction == old.direction


def test_a_bump_goes_any_way_as_far_as_it_says(draws: MakeDraws) -> None:
    orbits = [orbit for index in range(500) for orbit in happened(CameraBumped.at(3), draws(index))]
    ways = np.array([(orbit.yaw, orbit.pitch, orbit.roll) for orbit in orbits])
    assert np.linalg.norm(ways, axis=1) == pytest.approx(10)
    for axis in range(3):  # Archimedes: on a sphere every height is alike likely
        assert kstest(ways[:, axis], uniform(-10, 20).cdf).pvalue > 1e-4
    mild, severe = (happened(CameraBumped.at(severity), draws(0))[0] for severity in (1, 5))
    assert [severe.yaw, severe.pitch, severe.roll] == pytest.approx([20 / 3 * part for part in (
        mild.yaw, mild.pitch, mild.roll)])
    assert severe == Orbit(severe.yaw, severe.pitch, severe.roll)


def test_an_object_is_moved_in_any_free_direction(draws: MakeDraws) -> None:
    turns = []
    for index in range(400):
        ((x, y),) = happened(ObjectMoved.at(3), draws(index), plate=(0.6, -0.5))
        assert math.dist((x, y), (0.5, -0.5)) == pytest.approx(0.1)
        turns.append(round(math.atan2(y + 0.5, x - 0.5) / (math.pi / 8)) % 16)
    free = [turn for turn in range(16) if math.dist(
        (0.1 * math.cos(turn * math.pi / 8), 0.1 * math.sin(turn * math.pi / 8)), (0.1, 0)) > 0.05]
    assert set(turns) == set(free) and len(free) < 16
    assert chisquare([turns.count(turn) for turn in free]).pvalue > 1e-3


def test_where_there_is_no_room_it_goes_farther_and_where_there_is_none_at_all_it_says_so(draws: MakeDraws) -> None:
    made = ObjectMoved(distance=0.03)
    happened(made, draws(0), plate=(0.5, -0.5))
    assert made.realised()["distance"] in (0.05, 0.06)  # in steps of 1 from 3, but for a last bit
    with pytest.raises(UnsupportedError, match="no free spot around the object"):
        happened(made, draws(0), reach=0.02)
    small = ObjectMoved.at(5)
    happened(small, draws(0), reach=0.105)
    assert small.realised()["distance"] == 0.1
    apart = [math.dist(happened(ObjectMoved.at(severity), draws(3))[0], (0.5, -0.5)) for severity in range(1, 6)]
    assert apart == pytest.approx([0.03, 0.06, 0.1, 0.14, 0.18])


def test_the_base_goes_any_way_and_the_farther_the_severer(draws: MakeDraws) -> None:
    stage = Stage()
    for index in range(400):
        BaseShift.at(3).scene(cast(Any, stage), draws(index))
    by = np.array(stage.told)
    assert np.linalg.norm(by, axis=1) == pytest.approx(0.04)
    assert kstest(np.arctan2(by[:, 1], by[:, 0]), uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3
    stage.told.clear()
    for severity in range(1, 6):
        BaseShift.at(severity).scene(cast(Any, stage), draws(5))
    for way, distance in zip(stage.told, (0.01, 0.02, 0.04, 0.06, 0.08), strict=True):
        assert np.divide(way, distance) == pytest.approx(np.divide(stage.told[0], 0.01))


@pytest.mark.parametrize("kind, rises", [(Friction, False), (Mass, True), (GripperWeak, False), (JointDamping, True)])
def test_constants_go_further_and_further(kind: type[Perturbation], rises: bool, draws: MakeDraws) -> None:
    stage = Stage()
    for severity in range(1, 6):
        made = kind.at(severity)
        assert made.channels(("top",)) == {"scene"} and made.in_state and made.from_start
        made.scene(cast(Any, stage), draws(0))
        assert list(made.realised().values()) == stage.told[-1:]
    assert stage.told == sorted(stage.told, reverse=not rises) and len(set(stage.told)) == 5


# the hand


def hand(made: ObjectDropped, asked: list[float], draws: MakeDraws, space: ActionSpace = SPACE) -> list[float]:
    """What the gripper does of what it is asked at each step; the arm always does."""
    made.begin(draws(0), 1, (), space)
    done = []
    for step, value in enumerate(asked):
        action: Floats = np.array([0.3] * 6 + [value])
        action.flags.writeable = False
        done.append(made.action(action, step, draws(0)))
        assert (done[-1][:6] == 0.3).all()
    return [float(action[6]) for action in done]


def test_the_hand_opens_once_and_holds_again(draws: MakeDraws) -> None:
    made = ObjectDropped(after=10, hold=4)
    asked = [-1.0] * 3 + [1.0] * 30
    assert hand(made, asked, draws) == [*asked[:13], *[-1.0] * 4, *asked[17:]]
    assert made.realised() == {"onset": 13, "hold": 4}
    assert hand(made, [-1.0] * 40, draws) == [-1.0] * 40 and made.realised()["onset"] is None
    onsets = []
    for severity in range(1, 6):
        severe = ObjectDropped.at(severity)
        hand(severe, asked, draws)
        onsets.append(severe.realised()["onset"])
    assert onsets == [15, 19, 23, 28, 33]


def test_a_gripper_that_closes_downwards_and_none_at_all(draws: MakeDraws) -> None:
    other = ActionSpace(SPACE.names, SPACE.low, SPACE.high, SPACE.unit, (0.0,) * 6 + (1.0,), 5, 6, 1.0)
    assert hand(ObjectDropped(after=2, hold=2), [1.0, *[-1.0] * 5], draws, other) == [1.0, -1, -1, 1, 1, -1]
    bare = ActionSpace(("x",), (-1.0,), (1.0,), (1.0,), (0.0,), 5)
    with pytest.raises(UnsupportedError, match="the robot has no gripper: its actions are x"):
        ObjectDropped().check((), bare)
