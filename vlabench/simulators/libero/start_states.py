"""Where things stand at the start: fixtures as in the published loop; for training, all drawn by LIBERO's samplers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.seeding import Draws
from vlabench.types import Floats

Fixtures = Mapping[str, tuple[Floats, Floats]]
"""Name of a fixture (cabinet, stove, rack: no joint moves it) → position [3] (m), quaternion [4] (w, x, y, z)."""
PUBLISHED_SEED = 0
"""What published evaluations seed the environment with, once (`env.seed(0)` in OpenVLA's and OpenVLA-OFT's code)."""
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


def published_fixtures(env: Any, count: int) -> list[Fixtures]:
    """Where the fixtures of episodes 0 … count − 1 stand: those of the first `count` resets after `seed(0)`.

    Init states hold joints only, and the published loop resets before every episode, so that each has fixtures of its
    own, a centimetre or two from the others'. Here all draws of these resets are made without them, which takes 1 ms
    instead of 0.1 to 1.5 s each. `env` must be as its constructor leaves it: every later reset adds to its list of
    initializers (of drawers and knobs) the same ones again, and each draws.
    """
    from robosuite.utils.errors import RandomizationError

    own, joints = tuple(env.object_property_initializers), len(env.robots[0].init_qpos)
    found: list[Fixtures] = []
    resets = 0
    with numpy_seeded(PUBLISHED_SEED), _fixtures_at_origin(env):
        while len(found) < count:
            resets += 1
            np.random.randn(joints)  # the arm's start noise, of magnitude 0
            for initializer in own * (resets + 1):
                initializer.sample()
            try:
                found.append(_fixtures(env, _placed_once(env)))
            except RandomizationError:  # hf-libero resets once more
                continue
    return found


def put_fixtures(env: Any, fixtures: Fixtures) -> None:
    """Move the model's fixtures there; what follows from it is computed by the next forward pass."""
    model = env.sim.model._model
    for name, (position, quaternion) in fixtures.items():
        body = env.obj_body_id[name]
        model.body_pos[body], model.body_quat[body] = position, quaternion


def sample(env: Any, draws: Draws) -> tuple[npt.NDArray[np.float64], Fixtures]:
    """A start state (time, qpos, qvel) [1 + nq + nv] of the task that `env` has open, whose state is overwritten, and
    where the fixtures stand.

    Drawn are the joints of drawers and knobs, the poses of fixtures and movable objects and the arm's joints, from the
    task file's ranges.
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
    return state, _fixtures(env, placements)


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
    """`_placed_once`, again where it fails."""
    from robosuite.utils.errors import RandomizationError

    for attempt in range(TRIES):
        try:
            return _placed_once(env)
        except RandomizationError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _placed_once(env: Any) -> dict[str, Any]:
    """Name → (position [3], quaternion [4] (w, x, y, z), object), as the environment's `reset` draws them.

    Raises robosuite's RandomizationError where a sampler finds no room.
    """
    placed = env.placement_initializer.sample()
    placed = env.conditional_placement_initializer.sample(env.sim, placed)
    return dict(env.conditional_placement_on_objects_initializer.sample(placed))


def _fixtures(env: Any, placements: Mapping[str, Any]) -> Fixtures:
    return {name: (np.array(position, dtype=np.float64), np.array(quaternion, dtype=np.float64))
            for name, (position, quaternion, _) in placements.items() if name in env.fixtures_dict}
