"""Where things stand: fixtures as the published loop's resets draw them; sampled starts from LIBERO's distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vlabench.seeding import stream
from vlabench.simulators.libero import hf_libero, packs, start_states
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.types import EpisodeSpec

pytestmark = pytest.mark.slow
Open = Callable[..., LiberoScene]


def drawn(scene: LiberoScene, count: int, seed: int = 0) -> np.ndarray:
    specs = [EpisodeSpec(scene.task, "clean", index, seed, sampled=True) for index in range(count)]
    scene.data.qpos[:] = scene._fresh.qpos  # the fingers', which are not drawn
    return np.stack([start_states.sample(scene.env, stream(spec, "start"))[0] for spec in specs])


def stand(env: Any) -> dict[str, np.ndarray]:
    """Name of a fixture → where its body stands in the model, position and quaternion [7]."""
    model = env.sim.model._model
    bodies = {name: env.sim.model.body_name2id(thing.root_body) for name, thing in env.fixtures_dict.items()}
    return {name: np.concatenate([model.body_pos[body], model.body_quat[body]]) for name, body in bodies.items()}


FEW = {"libero_spatial": (4,), "libero_object": (0,), "libero_goal": (0,), "libero_10": (9,)}
"""One of each set, and of those whose initializers grow."""
GROWING = {"libero_spatial": (4,), "libero_10": (3, 8, 9)}
"""All of these."""
SETS = [pytest.param(task_set, every, marks=[pytest.mark.long] if every or task_set != "libero_spatial" else [])
        for task_set in hf_libero.TASK_SETS for every in (False, True)]


@pytest.mark.parametrize(("task_set", "every"), SETS)
def test_fixtures_stand_where_the_published_loop_has_them(pack: str, task_set: str, every: bool) -> None:
    """Seeded once, reset before every episode; libero_spatial/4 and libero_10/3, /8, /9 have initializers of drawers,
    knobs and doors, which grow with each reset."""
    folder = packs.folder(pack)
    for number in range(10) if every else FEW[task_set]:
        control = hf_libero.make_environment(task_set, hf_libero.task_names(task_set)[number], folder)
        found = start_states.published_fixtures(control.env, 50)
        assert len(found) == 50
        control.seed(0)
        for fixtures in found[: 3 if every and number in GROWING.get(task_set, ()) else 2]:
            control.reset()
            there = stand(control.env)
            for name, (position, quaternion) in fixtures.items():
                np.testing.assert_array_equal(there[name], np.concatenate([position, quaternion]))
            still = there.keys() - fixtures.keys()
            assert all("table" in name or "floor" in name for name in still), still
        control.close()


@pytest.mark.official
@pytest.mark.parametrize(("task_set", "every"), SETS)
def test_fixtures_stand_alike_on_both_packs(task_set: str, every: bool) -> None:
    names = hf_libero.task_names(task_set)
    for name in names if every else [names[number] for number in FEW[task_set]]:
        found = []
        for pack in packs.PACKS:
            control = hf_libero.make_environment(task_set, name, packs.folder(pack))
            found.append([{fixture: np.concatenate(pose) for fixture, pose in fixtures.items()}
                          for fixtures in start_states.published_fixtures(control.env, 50)])
            control.close()
        for mine, theirs in zip(*found, strict=True):
            assert mine.keys() == theirs.keys()
            for fixture, pose in mine.items():
                np.testing.assert_array_equal(pose, theirs[fixture], err_msg=f"{name} {fixture}")


def test_each_episode_has_fixtures_of_its_own_in_any_order(opened: Open) -> None:
    scene = opened("primitive", "libero_goal", 0)
    first, fixed = [], []
    for index in (0, 1, 2, 1, 0):
        scene.reset([EpisodeSpec(scene.task, "clean", index)])
        first.append(scene.state_digest())
        fixed.append(stand(scene.env)["wooden_cabinet_1"])
    assert first[0] == first[4] and first[1] == first[3] and len({*first}) == 3
    np.testing.assert_array_equal(fixed[0], fixed[4])
    np.testing.assert_array_equal(fixed[1], fixed[3])
    assert 0.001 < np.abs(fixed[0] - fixed[1]).max() < 0.05  # metres


@pytest.mark.long
def test_what_the_expert_knows_of_a_fixture_does_not_depend_on_the_episode_that_asked_first(opened: Open) -> None:
    asked = []
    for first in (0, 7):
        simulator = Libero("primitive")
        scene = simulator.open(simulator.tasks("libero_goal")[0], privileged=True)
        assert isinstance(scene, LiberoScene)
        for index in (first, 3):
            scene.reset([EpisodeSpec(scene.task, "clean", index)])
            state = scene.observe().state
            assert state is not None
            box = state[0].box("wooden_cabinet_1")
        asked.append(np.concatenate([box.low, box.high]))
        scene.close()
    np.testing.assert_array_equal(asked[0], asked[1])


@pytest.mark.parametrize(("task_set", "number"), [("libero_goal", 0), ("libero_10", 0), ("libero_object", 4)])
def test_the_distribution_is_that_of_the_published_states(opened: Open, task_set: str, number: int) -> None:
    """Mean and spread of every coordinate over 60 draws against the 50 published states."""
    scene = opened("primitive", task_set, number)
    ours, theirs = drawn(scene, 60), hf_libero.init_states(task_set, scene.task.name)
    assert ours.shape[1] == theirs.shape[1]
    spread = theirs.std(0)
    error = spread * np.sqrt(1 / 60 + 1 / 50) + 1e-4
    assert (np.abs(ours.mean(0) - theirs.mean(0)) < 4.5 * error + 0.004).all()
    moving = spread > 2e-3
    ratio = ours.std(0)[moving] / spread[moving]
    assert 0.6 < ratio.min() and ratio.max() < 1.6
    assert np.abs(ours[:, ~moving].std(0)).max() < 5e-3
    nearest = np.abs(ours[:, None] - theirs[None]).max(-1).min()
    assert nearest > 1e-4  # none of them is a published one


def test_what_lies_in_a_drawer_starts_there(opened: Open) -> None:
    """The bowl in the cabinet's top drawer: at the height and within the spread of the published states."""
    scene = opened("primitive", "libero_spatial", 4)
    ours, theirs = drawn(scene, 40), hf_libero.init_states("libero_spatial", scene.task.name)
    columns = slice(10, 13)  # akita_black_bowl_1's position
    assert np.abs(ours[:, columns].mean(0) - theirs[:, columns].mean(0)).max() < 0.02
    assert np.abs(ours[:, 12] - np.median(theirs[:, 12])).max() < 0.01


def test_a_sampled_episode_starts_the_same_whatever_came_before(opened: Open) -> None:
    scene = opened("primitive", "libero_goal", 0)
    spec = EpisodeSpec(scene.task, "clean", 3, 0, sampled=True)
    scene.reset([spec])
    first = scene.state_digest()
    np.random.seed(5)
    scene.reset([EpisodeSpec(scene.task, "clean", 4, 0, sampled=True)])
    assert scene.state_digest() != first
    scene.step(np.ones((1, 7)))
    scene.reset([spec])
    assert scene.state_digest() == first
    before = stand(scene.env)
    scene.reset([EpisodeSpec(scene.task, "clean", 3, 1, sampled=True)])
    assert scene.state_digest() != first
    for fixture in ("wooden_cabinet_1", "flat_stove_1", "wine_rack_1"):  # drawn too, and not as published
        assert 1e-4 < np.abs(stand(scene.env)[fixture] - before[fixture]).max() < 0.05


def test_sampled_fixtures_are_drawn_as_the_published_ones_are(opened: Open) -> None:
    """Mean and spread of 200 draws against those of the 50 published ones."""
    scene = opened("primitive", "libero_goal", 0)
    specs = [EpisodeSpec(scene.task, "clean", index, sampled=True) for index in range(200)]
    ours = [start_states.sample(scene.env, stream(spec, "start"))[1] for spec in specs]
    for name in ours[0]:
        mine = np.stack([fixtures[name][0] for fixtures in ours])[:, :2]
        theirs = np.stack([fixtures[name][0] for fixtures in scene._fixtures])[:, :2]
        assert np.abs(mine.mean(0) - theirs.mean(0)).max() < 4.5 * theirs.std(0).max() * np.sqrt(1 / 200 + 1 / 50)
        assert 0.7 < (mine.std(0) / theirs.std(0)).min() and (mine.std(0) / theirs.std(0)).max() < 1.4


def test_training_shares_no_draw_with_an_evaluation(opened: Open) -> None:
    task = opened("primitive", "libero_goal", 0).task
    published, sampled = EpisodeSpec(task, "clean", 7), EpisodeSpec(task, "clean", 7, sampled=True)
    assert stream(published, "policy").at(0).random() != stream(sampled, "policy").at(0).random()
