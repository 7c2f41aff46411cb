"""Start states for training, drawn by LIBERO's own samplers from a task's placement regions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.seeding import Draws

JOINT_NOISE = 0.02
"""Standard deviation (rad) of the arm's joints around robosuite's start pose: its `initialization_noise`, with which
LIBERO's published init states were made too."""
TRIES = 100
"""A sampler that finds no room for an object gives up after 5000 tries of its own and begins anew."""


@contextmanager
def numpy_seeded(seed: int) -> Iterator[None]:
    """numpy's global generator, from which robosuite and hf-libero draw, seeded inside and as it was afterwards."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)


def sample(env: Any, draws: Draws) -> npt.NDArray[np.float64]:
    """A start state (time, qpos, qvel) [1 + nq + nv] of the task that `env` has open; its state is overwritten.

    Drawn are the joints of drawers and knobs, the poses of movable objects and the arm's joints, from the task file's
    ranges. Fixtures stay where they are: an evaluation has them there for all its episodes. What lies in or on one is
    placed as if the fixture were drawn too, a centimetre or two off, as in the published init states.
    """
    rng = draws.episode()
    with numpy_seeded(int(rng.integers(2**32))):
        for initializer in env.object_property_initializers:
            env.object_states_dict[initializer.name].set_joint(initializer.sample())
        with _fixtures_at_origin(env):
            placements = _placements(env)
    for name, (position, quaternion, placed) in placements.items():
        if name not in env.fixtures_dict:
            env.sim.data.set_joint_qpos(placed.joints[-1], np.concatenate([position, quaternion]))
    robot = env.robots[0]
    noise = JOINT_NOISE * rng.standard_normal(len(robot.init_qpos))
    env.sim.data.qpos[robot._ref_joint_pos_indexes] = robot.init_qpos + noise
    env.sim.data.qvel[:] = 0.0
    state: npt.NDArray[np.float64] = env.sim.get_state().flatten()
    state[0] = 0.0
    return state


@contextmanager
def _fixtures_at_origin(env: Any) -> Iterator[None]:
    """LIBERO's sampler for regions of fixtures takes their sites' world positions for offsets from the fixture."""
    model = env.sim.model._model
    bodies = [env.obj_body_id[name] for name in env.fixtures_dict]
    before = model.body_pos[bodies].copy(), model.body_quat[bodies].copy()
    model.body_pos[bodies], model.body_quat[bodies] = 0.0, [1.0, 0.0, 0.0, 0.0]
    env.sim.forward()
    try:
        yield
    finally:
        model.body_pos[bodies], model.body_quat[bodies] = before
        env.sim.forward()


def _placements(env: Any) -> dict[str, Any]:
    """Name → (position [3], quaternion [4] (w, x, y, z), object), as the environment's `reset` draws them."""
    from robosuite.utils.errors import RandomizationError

    for attempt in range(TRIES):
        try:
            placed = env.placement_initializer.sample()
            placed = env.conditional_placement_initializer.sample(env.sim, placed)
            return dict(env.conditional_placement_on_objects_initializer.sample(placed))
        except RandomizationError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")
