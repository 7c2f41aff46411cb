"""A scene whose object has another size is the one that MuJoCo compiles of it, and begins where its clean twin does."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from tests.simulators.libero.test_changes import CLEAN, asked, begun
from vlabench.errors import UnsupportedError
from vlabench.simulators.libero.boxes import Box, Pose
from vlabench.simulators.libero.expert.grasps import Rim, candidates, fingers_fit
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.simulators.libero.sizes import Stir
from vlabench.types import Floats

BOWL = "akita_black_bowl_1"
FACTORS = (0.8, 1 / 1.15, 1.0, 1.15, 1.25)


@pytest.fixture(params=["primitive", pytest.param("official", marks=[pytest.mark.official, pytest.mark.long])],
                scope="module")
def whole(request: pytest.FixtureRequest, opened: Callable[..., LiberoScene]) -> LiberoScene:
    """A bowl on the table, of boxes alone or with a mesh."""
    return opened(str(request.param), "libero_spatial", 2, ("agentview",), 128)


@pytest.fixture
def scene(whole: LiberoScene) -> Iterator[LiberoScene]:
    """Left as it was opened."""
    before = {name: np.array(array) for name, array in whole._changeable().items()}
    yield whole
    whole.renew()
    for name, array in whole._changeable().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert not whole._world.scales


def sized(scene: LiberoScene, factor: float, settle: bool = False) -> None:
    """An episode with the bowl so many times as large."""
    begun(scene, CLEAN, settle=False)
    if factor != 1:
        assert scene.size_fits(factor)
        scene.scale_object(factor)
    if settle:
        scene.settle()


def compiled(scene: LiberoScene, factor: float) -> Any:
    """The scene's own description with every length of the bowl so many times as large, and its mass by volume."""
    import mujoco

    root = ET.fromstring(scene.env.model.get_xml())
    (body,) = (each for each in root.iter("body") if each.get("name") == f"{BOWL}_main")

    def times(each: ET.Element, key: str, power: int) -> None:
        if each.get(key):
            each.set(key, " ".join(repr(float(part) * factor**power) for part in str(each.get(key)).split()))

    for each in (*body.iter("geom"), *body.iter("site")):
        times(each, "pos", 1)
        times(each, "size", 1)
        times(each, "mass", 3)
    for each in body.iter("inertial"):
        for key, power in (("pos", 1), ("mass", 3), ("diaginertia", 5), ("fullinertia", 5)):
            times(each, key, power)
    meshes = {geom.get("mesh") for geom in body.iter("geom")} - {None}
    for mesh in root.iter("mesh"):
        if mesh.get("name") in meshes:
            mesh.set("scale", mesh.get("scale", "1 1 1"))
            times(mesh, "scale", 1)
    return mujoco.MjModel.from_xml_string(ET.tostring(root, encoding="unicode"))


def test_it_is_what_mujoco_compiles(scene: LiberoScene) -> None:
    sized(scene, 1.25)
    other = compiled(scene, 1.25)
    mine = scene.model
    assert other.nbody == mine.nbody and other.ngeom == mine.ngeom
    for name in ("geom_pos", "geom_size", "geom_aabb", "geom_rbound", "site_pos", "site_size", "body_mass",
                 "body_inertia", "body_ipos", "body_iquat", "dof_damping", "geom_friction"):
        np.testing.assert_allclose(getattr(mine, name), getattr(other, name), rtol=1e-5, atol=1e-9, err_msg=name)
    body = scene.env.obj_body_id[BOWL]
    for name, rows in (("body_subtreemass", [body]), ("body_invweight0", [body]),
                       ("dof_invweight0", np.flatnonzero(mine.dof_bodyid == body))):
        np.testing.assert_allclose(getattr(mine, name)[rows], getattr(other, name)[rows], rtol=1e-4, err_msg=name)
    if len(mine.bvh_aabb) == len(other.bvh_aabb):
        np.testing.assert_allclose(mine.bvh_aabb, other.bvh_aabb, rtol=1e-5, atol=1e-6)
    for mesh in scene._meshes:
        start, count = mine.mesh_vertadr[mesh], mine.mesh_vertnum[mesh]
        hulls = [ConvexHull(model.mesh_vert[start : start + count].astype(float)) for model in (mine, other)]
        assert hulls[0].volume == pytest.approx(hulls[1].volume, rel=1e-4)


def corners(scene: LiberoScene) -> Floats:
    """Of the bowl's boxes, in the world's frame [n, 3]."""
    model, data = scene.model, scene.data
    geoms = np.flatnonzero((model.geom_bodyid == scene.env.obj_body_id[BOWL]) & (model.geom_type == 6))
    signs = np.array([*np.ndindex(2, 2, 2)]) * 2.0 - 1
    found = [data.geom_xpos[geom] + (signs * model.geom_size[geom]) @ data.geom_xmat[geom].reshape(3, 3).T
             for geom in geoms]
    return cast(Floats, np.concatenate(found))


def test_lengths_masses_and_weights_grow_as_they_should(scene: LiberoScene) -> None:
    sized(scene, 1.0)
    body = scene.env.obj_body_id[BOWL]
    lift = int(scene.model.body_dofadr[body]) + 2
    extent, mass, weight = np.ptp(corners(scene), axis=0), scene.model.body_mass[body], scene.data.qfrc_bias[lift]
    seen = []
    for factor in FACTORS:
        sized(scene, factor)
        np.testing.assert_allclose(np.ptp(corners(scene), axis=0), factor * extent, rtol=1e-6)
        np.testing.assert_allclose(scene._world.extent(BOWL).size[:2] / extent[:2], factor, rtol=0.02)
        assert scene.model.body_mass[body] == pytest.approx(factor**3 * mass)
        assert scene.data.qfrc_bias[lift] == pytest.approx(factor**3 * weight)
        scene.settle()
        seen.append(np.isin(scene._bodies_seen("agentview"), [body]).sum())
    np.testing.assert_allclose(np.array(seen) / seen[2], np.array(FACTORS) ** 2, rtol=0.15)


def test_it_begins_as_its_clean_twin_and_comes_to_rest_there(scene: LiberoScene) -> None:
    sized(scene, 1.0)
    joint = slice(start := scene._free_joint(BOWL), start + 7)
    state, low = scene.data.qpos.copy(), corners(scene)[:, 2].min()
    own, others = state[joint], np.delete(state, range(start, start + 7))
    scene.settle()
    rest, height = scene.data.qpos.copy(), corners(scene)[:, 2].min()
    for factor in (0.8, 1.25):
        sized(scene, factor)
        now = scene.data.qpos
        np.testing.assert_array_equal(np.delete(now, range(start, start + 7)), others)
        np.testing.assert_array_equal(now[joint][[0, 1, 3, 4, 5, 6]], own[[0, 1, 3, 4, 5, 6]])
        assert corners(scene)[:, 2].min() == pytest.approx(low, abs=1e-6)
        scene.settle()
        np.testing.assert_allclose(scene.data.qpos[start : start + 2], rest[start : start + 2], atol=0.002)
        assert corners(scene)[:, 2].min() == pytest.approx(height, abs=0.001)
        assert np.abs(scene.data.qvel).max() < 0.1 and not scene.env._check_success()


def test_a_trial_leaves_nothing_behind_and_the_next_episode_knows_nothing(scene: LiberoScene) -> None:
    def played() -> tuple[Any, ...]:
        scene.settle()
        for action in ([0.3, 0.2, -0.5, 0.1, 0, 0, 1.0], [0, 0, 0, 0, 0, 0, -1.0]):
            scene.step(np.array([action]))
        return scene.state_digest(), scene.look_digest(), scene.observe().images["agentview"].tobytes()

    begun(scene, CLEAN, settle=False)
    clean = played()
    begun(scene, CLEAN, settle=False)
    before = scene.state_digest()
    assert scene.size_fits(1.25) and scene.size_fits(0.8) and scene.state_digest() == before
    assert played() == clean
    begun(scene, asked("object_size", 5), settle=False)
    assert played()[0] != clean[0]
    begun(scene, CLEAN, settle=False)
    assert played() == clean


def test_the_expert_takes_hold_of_its_own_rim(scene: LiberoScene) -> None:
    def away() -> Floats:
        middle = scene._world.pose(BOWL).pos[:2]
        found: Floats = np.array([np.linalg.norm(each.pos[:2] - middle) for each in candidates(scene._world, BOWL)])
        return found

    sized(scene, 1.0)
    clean = away()
    for factor in (0.8, 1.25):
        sized(scene, factor)
        np.testing.assert_allclose(away(), factor * clean, rtol=1e-6)
    assert Rim(0.05).scaled(0.5).depth < Rim(0.05).depth == Rim(0.05).scaled(2.0).depth


def test_what_is_to_be_shut_in_is_no_larger(scene: LiberoScene, monkeypatch: pytest.MonkeyPatch) -> None:
    sized(scene, 1.0)
    drawer = "wooden_cabinet_1_top_region"
    monkeypatch.setattr(scene._world, "goals", [("in", BOWL, drawer), ("close", drawer)])
    assert not scene.size_fits(1.05) and scene.size_fits(1 / 1.05)
    monkeypatch.setattr(scene._world, "goals", [("in", BOWL, drawer)])
    assert scene.size_fits(1.05)


def test_a_task_that_carries_nothing_is_told_so(scene: LiberoScene, monkeypatch: pytest.MonkeyPatch) -> None:
    sized(scene, 1.0)
    monkeypatch.setattr(scene, "task", Libero("primitive").tasks("libero_goal")[0])
    with pytest.raises(UnsupportedError, match="nothing is carried in this task"):
        scene.size_fits(1.1)


@pytest.mark.parametrize("field, worse", [("away", 0.03), ("speeds", 0.2), ("turned", -0.1), ("lows", -0.02)])
def test_one_of_several_that_lies_less_well_is_enough(field: str, worse: float) -> None:
    twin = Stir(away=np.array([0.0, 0.01]), turned=np.array([1.0, 0.99]), speeds=np.zeros(2),
                lows=np.array([0.9, 0.95]))
    stirred = replace(twin, **{field: getattr(twin, field) + [0.0, worse]})
    assert twin.calm(twin) and twin.calm(stirred) and stirred.calm(stirred) and not stirred.calm(twin)
    slightly = replace(twin, **{field: getattr(twin, field) + [worse / 25, 0.0]})
    assert slightly.calm(twin)


@pytest.mark.parametrize("turn, fits", [((0, 1, 2), True), ((2, 1, 0), False)])
def test_fingers_go_around_the_narrower_of_the_level_sides(turn: tuple[int, ...], fits: bool) -> None:
    """60 × 75 × 160 mm: ten per cent more is 66 mm where it stands, 83 mm where it lies on its narrow side."""
    half = np.array([0.03, 0.0375, 0.08])
    world = SimpleNamespace(kind=lambda name: "carton", box=lambda name: Box(-half, half),
                            pose=lambda name: Pose(np.zeros(3), np.eye(3)[list(turn)]))
    assert fingers_fit(cast(Any, world), "carton_1", 1.1) == fits
