"""The primitive pack against LIBERO's own, in hf-libero's environment: same state, same start, same rest.

As a script it plays the settle steps from every init state of every task on both packs (physics only, about 20 minutes
on one core) and prints, per task, what moved or tipped:

    python tests/simulators/libero/primitive/test_parity.py [init states per task] [task set ...]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from vlabench.simulators.libero import gl, packs, start_states
from vlabench.simulators.libero.hf_libero import TASK_SETS, init_states, make_environment, task_names

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SETTLE_STEPS = 10
EPISODES = 50
STILL = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])
MOVED = 0.01  # metres
TIPPED = np.deg2rad(10.0)
AT_REST = 0.05  # m/s

# One of each arena and each fixture: (task set, task number, init state).
SAMPLE = (
    ("libero_spatial", 3, 7),
    ("libero_spatial", 7, 21),
    ("libero_object", 0, 49),
    ("libero_goal", 5, 13),
    ("libero_10", 3, 11),
    ("libero_10", 4, 30),
    ("libero_10", 5, 2),
    ("libero_10", 9, 44),
)


@dataclass(frozen=True)
class Finish:
    """A finished task: joints at a value, and objects let go above the middle of a region, then settled.

    `shift` is in the world's frame (m), `pose` a world quaternion or None for the object's own at the start.
    """

    task_set: str
    task: str
    joints: dict[str, float] = field(default_factory=dict)
    held: str = ""
    region: str = ""
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pose: tuple[float, float, float, float] | None = None


KITCHEN = "KITCHEN_SCENE"
# A bottle on the rack lies along the slope with its foot on the lip. The rack is turned: z by 180, x by -58.75 degrees.
ON_THE_RACK = (0.0, 0.0, -0.4905, 0.8715)
FINISHES = (
    Finish("libero_goal", "turn_on_the_stove", {"flat_stove_1_button": 1.0}),
    Finish("libero_goal", "open_the_middle_drawer_of_the_cabinet", {"wooden_cabinet_1_middle_level": -0.155}),
    Finish(
        "libero_goal",
        "open_the_top_drawer_and_put_the_bowl_inside",
        {"wooden_cabinet_1_top_level": -0.155},
        "akita_black_bowl_1",
        "wooden_cabinet_1_top_region",
        (0.0, 0.0, 0.05),
    ),
    Finish(
        "libero_goal",
        "put_the_bowl_on_the_stove",
        held="akita_black_bowl_1",
        region="flat_stove_1_cook_region",
        shift=(0.0, 0.0, 0.08),
    ),
    Finish(
        "libero_goal",
        "put_the_wine_bottle_on_top_of_the_cabinet",
        held="wine_bottle_1",
        region="wooden_cabinet_1_top_side",
        shift=(0.0, 0.0, 0.05),
    ),
    Finish(
        "libero_goal",
        "put_the_wine_bottle_on_the_rack",
        held="wine_bottle_1",
        region="wine_rack_1_top_region",
        shift=(0.0, 0.004, 0.035),
        pose=ON_THE_RACK,
    ),
    Finish(
        "libero_10",
        f"{KITCHEN}3_turn_on_the_stove_and_put_the_moka_pot_on_it",
        {"flat_stove_1_button": 1.0},
        "moka_pot_1",
        "flat_stove_1_cook_region",
        (0.0, 0.0, 0.13),
    ),
    Finish(
        "libero_10",
        f"{KITCHEN}4_put_the_black_bowl_in_the_bottom_drawer_of_the_cabinet_and_close_it",
        # LIBERO counts a drawer as closed above 0, so it has to be pushed to its stop.
        {"white_cabinet_1_bottom_level": 0.001},
        "akita_black_bowl_1",
        "white_cabinet_1_bottom_region",
        (0.0, 0.0, -0.005),
    ),
    Finish(
        "libero_10",
        f"{KITCHEN}6_put_the_yellow_and_white_mug_in_the_microwave_and_close_it",
        {"microwave_1_microjoint": 0.0},
        "white_yellow_mug_1",
        "microwave_1_heating_region",
        (-0.03, -0.02, 0.0),
    ),
)


@dataclass(frozen=True)
class Settled:
    """Where each object is after the settle steps; arrays [init state, object].

    LIBERO's init states hold most objects a few centimetres above what they land on, and some a little inside it, from
    where they jump. So a fall is no movement: what counts is drift in the plane, leaning, and the height of rest.
    """

    objects: tuple[str, ...]
    drift: Floats  # horizontal distance from the start, m
    tilt: Floats  # angle between the object's vertical axis and where it pointed at the start, rad
    height: Floats  # of the body's origin, m
    speed: Floats  # m/s

    @property
    def restless(self) -> Flags:
        flags: Flags = (self.drift > MOVED) | (self.tilt > TIPPED)
        return flags


def restless_only_here(ours: Settled, theirs: Settled) -> Flags:
    """Objects that drifted, tipped or came to rest at another height, though they stand still in the official pack."""
    elsewhere = (np.abs(ours.height - theirs.height) > MOVED) & (theirs.speed < AT_REST)
    flags: Flags = (ours.restless | elsewhere) & ~theirs.restless
    return flags


def open_task(task_set: str, number: int, assets: Path) -> Any:
    gl.activate()
    env = make_environment(task_set, task_names(task_set)[number], assets)
    env.fixtures = start_states.published_fixtures(env.env, EPISODES)
    env.seed(0)
    env.reset()
    return env


def poses(env: Any) -> tuple[Floats, Floats, Floats]:
    """Positions [object, 3], the world's vertical in each object's own frame [object, 3], and speeds [object]."""
    data, bodies = env.sim.data, [env.env.obj_body_id[name] for name in env.env.objects_dict]
    turned = data.body_xmat[bodies].reshape(-1, 3, 3)
    speeds = np.linalg.norm(np.array([data.get_body_xvelp(env.sim.model.body_id2name(i)) for i in bodies]), axis=1)
    return data.body_xpos[bodies].copy(), turned[:, 2, :].copy(), speeds


def settle(env: Any, states: Floats, first: int = 0) -> Settled:
    """Play the settle steps of the published protocol from each state, those of the episodes from `first` on."""
    rows: list[tuple[Floats, Floats, Floats, Floats]] = []
    for state, fixtures in zip(states, env.fixtures[first:], strict=False):
        start_states.put_fixtures(env.env, fixtures)
        env.set_init_state(state)
        start, up, _ = poses(env)
        for _ in range(SETTLE_STEPS):
            env.step(STILL)
        end, up_end, speed = poses(env)
        drift = np.linalg.norm((end - start)[:, :2], axis=1)
        tilt = np.arccos(np.clip((up * up_end).sum(axis=1), -1.0, 1.0))
        rows.append((drift, tilt, end[:, 2], speed))
    return Settled(tuple(env.env.objects_dict), *(np.array(column) for column in zip(*rows, strict=True)))


def goal_holds(env: Any, state: Floats) -> bool:
    env.set_init_state(state)
    return bool(env.check_success())


def finished(env: Any, state: Floats, finish: Finish) -> tuple[bool, Floats]:
    """Whether the goal holds once everything is in place, and where the held object is from its region's middle."""
    env.set_init_state(state)
    data = env.sim.data
    for joint, value in finish.joints.items():
        data.set_joint_qpos(joint, value)
    env.sim.forward()
    if finish.held:
        joint = env.env.objects_dict[finish.held].joints[-1]
        pose = data.get_joint_qpos(joint).copy()
        pose[:3] = data.get_site_xpos(finish.region) + finish.shift
        pose[3:] = pose[3:] if finish.pose is None else finish.pose
        data.set_joint_qpos(joint, pose)
        data.set_joint_qvel(joint, np.zeros(6))
    for _ in range(2 * SETTLE_STEPS):
        env.step(STILL)
    if not finish.held:
        return bool(env.check_success()), np.zeros(3)
    body = env.env.obj_body_id[finish.held]
    return bool(env.check_success()), data.body_xpos[body] - data.get_site_xpos(finish.region)


def fixture_poses(env: Any) -> dict[str, Floats]:
    model = env.sim.model
    names = {name: env.env.obj_body_id[name] for name in env.env.fixtures_dict}
    return {name: np.concatenate([model.body_pos[i], model.body_quat[i]]) for name, i in names.items()}


@pytest.fixture(scope="module", params=SAMPLE, ids=lambda s: f"{s[0]}/{s[1]}")
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any, Floats]:
    """One task opened on both packs, and one of its init states [1, 1 + nq + nv]."""
    task_set, number, index = request.param
    states = init_states(task_set, task_names(task_set)[number])[index : index + 1]
    return open_task(task_set, number, packs.primitive()), open_task(task_set, number, packs.official()), states


@pytest.mark.official
@pytest.mark.slow
class TestOneTaskOnBothPacks:
    def test_state_vectors_have_the_same_layout(self, pair: tuple[Any, Any, Floats]) -> None:
        ours, theirs, states = pair
        assert states.shape[1] == 1 + ours.sim.model.nq + ours.sim.model.nv
        for kind in ("jnt_type", "jnt_axis", "jnt_pos", "jnt_range", "jnt_qposadr", "dof_damping", "dof_frictionloss"):
            mine, reference = getattr(ours.sim.model, kind), getattr(theirs.sim.model, kind)
            np.testing.assert_allclose(mine, reference, atol=1e-6, err_msg=kind)

    def test_fixtures_stand_in_the_same_place(self, pair: tuple[Any, Any, Floats]) -> None:
        ours, theirs, _ = pair
        mine, reference = fixture_poses(ours), fixture_poses(theirs)
        assert mine.keys() == reference.keys()
        for name, pose in reference.items():
            np.testing.assert_allclose(mine[name], pose, atol=1e-9, err_msg=name)

    def test_nothing_moves_that_rests_in_the_official_pack(self, pair: tuple[Any, Any, Floats]) -> None:
        ours, theirs, states = pair
        mine, reference = settle(ours, states), settle(theirs, states)
        assert mine.objects == reference.objects
        worse = restless_only_here(mine, reference)
        assert not worse.any(), [mine.objects[k] for k in np.nonzero(worse)[1]]

    def test_the_goal_does_not_hold_at_the_start(self, pair: tuple[Any, Any, Floats]) -> None:
        ours, theirs, states = pair
        assert not goal_holds(theirs, states[0])
        assert not goal_holds(ours, states[0])


@pytest.mark.official
@pytest.mark.slow
@pytest.mark.parametrize("finish", FINISHES, ids=lambda finish: finish.task[:40])
def test_a_finished_task_is_one_on_both_packs(finish: Finish) -> None:
    number = task_names(finish.task_set).index(finish.task)
    start = init_states(finish.task_set, finish.task)[0]
    (done, where), (done_there, where_there) = (
        finished(open_task(finish.task_set, number, folder), start, finish)
        for folder in (packs.primitive(), packs.official())
    )
    assert done_there, "the example itself is wrong"
    assert done
    np.testing.assert_allclose(where, where_there, atol=0.01)


def line(task: str, ours: Settled, theirs: Settled, worse: Flags) -> str:
    """One task's row: largest drift and tilt, restless objects on either pack, and the first offenders by name."""
    notes = [
        f"{ours.objects[k]}[{i}] {1e3 * ours.drift[i, k]:.0f} mm {np.rad2deg(ours.tilt[i, k]):.0f} deg "
        f"{1e3 * (ours.height - theirs.height)[i, k]:+.0f} mm high"
        for i, k in np.argwhere(worse)
    ]
    sides = [
        f"{name} {1e3 * side.drift.max():6.1f} mm {np.rad2deg(side.tilt.max()):5.1f} deg {side.restless.sum():3} moved"
        for name, side in (("primitive", ours), ("official", theirs))
    ]
    return f"{task:17} {'  '.join(sides)}  only here {len(notes)} {'; '.join(notes[:6])}"


def report(count: int, task_sets: tuple[str, ...]) -> int:
    """Print the table of restless objects; returns how many are restless in the primitive pack only."""
    total = worse_total = 0
    for task_set in task_sets:
        for number, name in enumerate(task_names(task_set)):
            states = init_states(task_set, name)[:count]
            mine, reference = (
                settle(open_task(task_set, number, folder), states) for folder in (packs.primitive(), packs.official())
            )
            worse = restless_only_here(mine, reference)
            total, worse_total = total + worse.size, worse_total + int(worse.sum())
            print(line(f"{task_set}/{number}", mine, reference, worse), flush=True)
    print(f"{worse_total} of {total} objects restless in the primitive pack only")
    return worse_total


if __name__ == "__main__":
    asked = sys.argv[1:]
    sys.exit(report(int(asked[0]) if asked else 50, tuple(asked[1:]) or TASK_SETS) > 0)
