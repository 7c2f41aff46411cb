"""Sampled starts: LIBERO's own distribution, other draws than the published ones, repeatable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vlabench.seeding import stream
from vlabench.simulators.libero import package, starts
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.types import EpisodeSpec

pytestmark = pytest.mark.slow
Open = Callable[..., LiberoScene]


def drawn(scene: LiberoScene, count: int, seed: int = 0) -> np.ndarray:
    specs = [EpisodeSpec(scene.task, "clean", index, seed, sampled=True) for index in range(count)]
    return np.stack([starts.sample(scene.env, stream(spec, "start")) for spec in specs])


@pytest.mark.parametrize(("task_set", "number"), [("libero_goal", 0), ("libero_10", 0), ("libero_object", 4)])
def test_the_distribution_is_that_of_the_published_states(opened: Open, task_set: str, number: int) -> None:
    """Mean and spread of every coordinate over 60 draws against the 50 published states."""
    scene = opened("primitive", task_set, number)
    ours, theirs = drawn(scene, 60), package.init_states(task_set, scene.task.name)
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
    ours, theirs = drawn(scene, 40), package.init_states("libero_spatial", scene.task.name)
    columns = slice(10, 13)  # akita_black_bowl_1's position
    assert np.abs(ours[:, columns].mean(0) - theirs[:, columns].mean(0)).max() < 0.02
    assert np.abs(ours[:, 12] - np.median(theirs[:, 12])).max() < 0.01


def test_an_episode_starts_the_same_whatever_came_before_and_leaves_the_fixtures_alone(opened: Open) -> None:
    scene = opened("primitive", "libero_goal", 0)
    fixtures = [scene.env.obj_body_id[name] for name in scene.env.fixtures_dict]
    before = scene.model.body_pos[fixtures].copy()
    spec = EpisodeSpec(scene.task, "clean", 3, 0, sampled=True)
    scene.reset([spec])
    first = scene.state_digest()
    np.random.seed(5)
    scene.reset([EpisodeSpec(scene.task, "clean", 4, 0, sampled=True)])
    assert scene.state_digest() != first
    scene.step(np.ones((1, 7)))
    scene.reset([spec])
    assert scene.state_digest() == first
    assert np.array_equal(scene.model.body_pos[fixtures], before)
    scene.reset([EpisodeSpec(scene.task, "clean", 3, 1, sampled=True)])
    assert scene.state_digest() != first


def test_training_shares_no_draw_with_an_evaluation(opened: Open) -> None:
    task = opened("primitive", "libero_goal", 0).task
    published, sampled = EpisodeSpec(task, "clean", 7), EpisodeSpec(task, "clean", 7, sampled=True)
    assert stream(published, "policy").at(0).random() != stream(sampled, "policy").at(0).random()
