"""Friction, mass, grip, damping and the lens of ManiSkill's scenes, by mechanics' and optics' own rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest

from tests.simulators.maniskill.test_scene import opened
from vlabench.errors import UnsupportedError
from vlabench.perturbations.base import Perturbation, find_perturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.maniskill import world as worlds
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.expert.expert import advise
from vlabench.simulators.maniskill.interface import PHYSICS_HZ
from vlabench.simulators.maniskill.planned import Planned
from vlabench.simulators.maniskill.robot import CLOSED, FINGER_STIFFNESS
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.world import FRICTION, TABLE_FRICTION, World, dynamics
from vlabench.types import EpisodeSpec, Floats

Episodes = Callable[..., EpisodeSpec]
GRAVITY = 9.81
BREAD = 2


def begun(spec: EpisodeSpec, kind: Perturbation | None = None) -> tuple[PlateScene, World]:
    """A scene under a perturbation, settled."""
    scene = opened("primitive")
    scene.place([spec])
    if kind:
        kind.scene(scene.slot(0), Draws((0, "matter", 0, "kind")))
    scene.settle()
    return scene, scene.worlds[0]


def change(name: str, **options: object) -> Perturbation:
    return find_perturbation(name).model_validate(options)


@pytest.mark.parametrize("factor", [None, 0.5])
def test_what_slides_is_slowed_by_the_friction_that_is_left(factor: float | None, episode: Episodes) -> None:
    """By μ·g, μ being the mean of object and table."""
    _, world = begun(episode(BREAD), change("friction", factor=factor) if factor else None)
    body = dynamics(world.object)
    world.object.set_pose(engine().Pose([-0.4, 0.3, world.object.pose.p[2]], world.object.pose.q))
    body.set_linear_velocity([0.0, 1.0, 0.0])
    steps = 40
    world.advance(steps)
    lost = 1.0 - float(body.linear_velocity[1])
    friction = (FRICTION + TABLE_FRICTION) / 2 * (factor or 1.0)
    assert lost == pytest.approx(friction * GRAVITY * steps / PHYSICS_HZ, rel=0.1)


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_the_table_carries_the_mass_that_there_is(factor: float, episode: Episodes) -> None:
    _, plain = begun(episode(BREAD))
    mass = dynamics(plain.object).mass
    _, world = begun(episode(BREAD), change("mass", factor=factor) if factor > 1 else None)
    pushed = 0.0
    world.advance(100)
    for contact in world.physics.get_contacts():
        if dynamics(world.object) in tuple(contact.bodies):
            sign = 1.0 if contact.bodies[0] == dynamics(world.object) else -1.0
            pushed += sign * sum(float(point.impulse[2]) for point in contact.points) * PHYSICS_HZ
    assert pushed == pytest.approx(mass * factor * GRAVITY, rel=0.05)


@pytest.mark.parametrize("factor", [None, 0.5])
def test_fingers_press_with_their_springs_share(factor: float | None, episode: Episodes) -> None:
    """Two springs of 1000 N/m, stretched from where the fingers are to where they should be."""
    scene, world = begun(episode(BREAD), change("gripper_weak", factor=factor) if factor else None)
    for _ in range(40):
        outcome = scene.step(advise(world)[0][None])
        if outcome.milestones["grasped"][0]:
            break
    for _ in range(4):
        scene.step(np.array([[0, 0, 0, 0, 0, 0, -1.0]]))
    stretched = world.robot.posture[6:] - CLOSED
    pressed = np.linalg.norm(world.forces()[:2], axis=1)
    assert pressed.sum() == pytest.approx((factor or 1.0) * FINGER_STIFFNESS * stretched.sum(), rel=0.1)


def test_stiff_joints_come_later(episode: Episodes) -> None:
    def reached(damping: float) -> float:
        scene, world = begun(episode(), change("joint_damping", damping=damping) if damping else None)
        before = np.array(world.robot.hand.p)
        scene.step(np.array([[0.03, 0, 0, 0, 0, 0, 1.0]]))
        return float(np.linalg.norm(np.array(world.robot.hand.p) - before))

    free, stiff, stiffer = reached(0.0), reached(20.0), reached(100.0)
    assert free > stiff > stiffer > 0


@pytest.mark.parametrize("name", ["friction", "mass", "gripper_weak", "joint_damping"])
def test_it_is_in_the_state_from_the_start_and_gone_with_the_episode(name: str, episode: Episodes) -> None:
    scene, _ = begun(episode())
    clean = scene.state_digest()
    scene.place([episode()])
    change(name).scene(scene.slot(0), Draws((0, "matter", 0, name)))
    assert scene.state_digest() != worlds_own(episode())
    scene.settle()
    assert scene.state_digest() != clean
    scene.reset([episode()])
    assert scene.state_digest() == clean


def worlds_own(spec: EpisodeSpec) -> tuple[str, ...]:
    scene = opened("primitive")
    scene.place([spec])
    return scene.state_digest()


@pytest.mark.parametrize("name", ["friction", "base_shift", "object_color", "robot_color"])
def test_maniskill_s_own_environment_says_that_it_has_none_of_it(name: str, episode: Episodes) -> None:
    class Changed:
        instruction = ""

        def set_up(self, scene: Scene) -> None:
            change(name).scene(scene, Draws((0, "matter", 0, name)))

        def tick(self, scene: Scene, step: int) -> None: ...

    with pytest.raises(UnsupportedError, match="friction, masses, forces, lenses, the robot's place and the colours"):
        Planned(episode(), (), lambda spec: Changed())


def test_through_a_wider_lens_things_are_smaller_by_its_factor(pack: str, episode: Episodes) -> None:
    """About the principal point: twice the tangents, half the pixels from there."""
    def corners(factor: float | None) -> Floats:
        scene = opened(pack, cameras=["third_person"], image_size=256)
        scene.place([episode(BREAD)])
        if factor:
            change("field_of_view", factor=factor).scene(scene.slot(0), Draws((0, "matter", 0, "lens")))
        scene.settle()
        camera = scene._views[0].camera
        rows, columns = np.nonzero(camera.shoot()[1] == scene.worlds[0].object.per_scene_id)
        centre = cast(Floats, camera.intrinsics[:2, 2])
        return np.array([[each.min(), each.max() + 1] for each in (columns, rows)]) - centre[:, None]

    assert np.allclose(corners(2.0), corners(None) / 2, atol=1.5)


def test_gravity_is_the_engine_s() -> None:
    worlds.configure()
    assert engine().physx.get_scene_config().gravity[2] == pytest.approx(-GRAVITY)
