"""Things that stand around: of kinds that mislead nobody, clear of the task, and the task's own things as without."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import mujoco
import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.stats import ks_2samp

from tests.simulators.libero.conftest import NULL, episode
from tests.simulators.libero.test_changes import CLEAN, begun
from vlabench.cards.conditions import Condition, Part
from vlabench.errors import OptionError, UnsupportedError
from vlabench.seeding import stream
from vlabench.simulators.libero import clutter, hf_libero
from vlabench.simulators.libero.room import GAPS, ROOM, Room
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.types import EpisodeSpec, Floats

TASKS = [(task_set, name) for task_set in hf_libero.TASK_SETS for name in hf_libero.task_names(task_set)]
TASK = ("libero_goal", 8)  # the bowl on the plate, beside stove, cabinet, rack and bottle
CAMERAS = ("agentview",)
MOST = 8
CROWD = Condition("crowd", "libero", (Part(perturbation="distractors", count=MOST),))
Pair = tuple[LiberoScene, LiberoScene]


@pytest.mark.parametrize(("task_set", "name"), TASKS)
def test_no_task_is_offered_what_it_holds_or_names(task_set: str, name: str) -> None:
    kinds = clutter.kinds(task_set, name)
    text = hf_libero.bddl_file(task_set, name).read_text()
    assert len(kinds) >= MOST and len(set(kinds)) == len(kinds)
    assert not [kind for kind in kinds if re.search(rf"\b{kind}_\d", text)]
    nouns = {"mug", "mugs", "bowl", "plate", "book", "bottle", "pot", "pots"} & set(hf_libero.instruction(name).split())
    assert not [kind for kind in kinds for noun in nouns if kind.endswith(noun.rstrip("s"))]
    assert [clutter.chosen(task_set, name, count) for count in (1, MOST)] == [kinds[:1], kinds[:MOST]]


def test_kinds_by_hand() -> None:
    mug = clutter.free("libero_10", hf_libero.task_names("libero_10")[9])  # the yellow and white mug, microwave
    assert set(mug) == {kind for alike in clutter.SORTS.values() for kind in alike} - {
        "porcelain_mug", "red_coffee_mug", "white_yellow_mug"}


@pytest.mark.parametrize("variant", [
    (("others", 30),), (("others", -1),), (("others", 2.5),), (("positions", "outer"),)])
def test_what_cannot_be_had_is_said_before_a_scene_is_opened(variant: tuple[tuple[str, float | str], ...]) -> None:
    with pytest.raises(OptionError, match="others"):
        Libero("primitive").check_variant("libero_goal", variant)


@pytest.fixture(params=["primitive", pytest.param("official", marks=[pytest.mark.official, pytest.mark.long])],
                scope="module")
def pack(request: pytest.FixtureRequest) -> str:
    """LIBERO's own assets take their time."""
    return str(request.param)


def crowded(pack: str, count: int) -> LiberoScene:
    simulator = Libero(pack)
    task = simulator.tasks(TASK[0])[TASK[1]]
    scene = simulator.open(task, 1, CAMERAS, 128, privileged=True, variant=(
        ("other_objects", "mixed"), ("others", count)))
    assert isinstance(scene, LiberoScene)
    return scene


@pytest.fixture(scope="module")
def pair(opened: Callable[..., LiberoScene], pack: str) -> Iterator[Pair]:
    """Without and with eight things around."""
    scene = crowded(pack, MOST)
    yield opened(pack, *TASK, CAMERAS), scene
    scene.close()


def names(scene: LiberoScene) -> list[str]:
    """Of what stands around, as bodies are called."""
    return [f"{kind}_1" for kind, *_ in scene.stands()["others"]]


def test_the_task_s_own_things_begin_as_without(pair: Pair) -> None:
    plain, full = pair
    for index, sampled in ((0, True), (3, False)):
        for scene in pair:
            scene.place([EpisodeSpec(scene.task, "clean", index, sampled=sampled)])
        assert full.plain_digest() == plain.state_digest() != full.state_digest()
        for joint in range(plain.model.njnt):  # by name, as MuJoCo has them
            name = plain.model.joint(joint).name
            np.testing.assert_array_equal(full.data.joint(name).qpos, plain.data.joint(name).qpos)
            np.testing.assert_array_equal(full.data.joint(name).qvel, plain.data.joint(name).qvel)
        for name, body in plain.env.obj_body_id.items():
            np.testing.assert_allclose(full.data.xpos[full.env.obj_body_id[name]], plain.data.xpos[body], atol=1e-12)


def test_they_stand_still_touch_nothing_and_the_next_episode_forgets(pair: Pair) -> None:
    _, scene = pair
    spec = EpisodeSpec(scene.task, "clean", 0)
    scene.reset([spec])
    first, said = scene.state_digest(), scene.stands()
    assert [kind for kind, *_ in said["others"]] == list(clutter.kinds("libero_goal", scene.task.name))
    before = {kind: scene.data.body(f"{kind}_1_main").xpos.copy() for kind, *_ in said["others"]}
    for kind, x, y, _ in said["others"]:
        np.testing.assert_allclose(before[kind][:2], (x, y), atol=0.02)
    for _ in range(10):
        scene.step(NULL[None])
    for kind, at in before.items():
        assert np.linalg.norm(scene.data.body(f"{kind}_1_main").xpos - at) < 0.005
        for geoms in scene.data.contact.geom[:scene.data.ncon]:
            bodies = [scene.model.body(int(scene.model.geom_bodyid[geom])).name for geom in geoms]
            assert not any(name.startswith(kind) for name in bodies) or any(
                name in ("world", "table") or "table" in name for name in bodies)
    scene.reset([EpisodeSpec(scene.task, "clean", 1)])
    assert scene.stands() != said
    scene.reset([spec])
    assert scene.state_digest() == first and scene.stands() == said


def ground_covered(scene: LiberoScene, name: str) -> Floats:
    """Points [n, 2], a centimetre or less apart, on what a thing's boxes cover, seen from above."""
    boxes = scene._world.geom_boxes(scene._world.solids(name))
    corners = boxes.centres[:, None] + np.einsum(
        "nij,ncj->nci", boxes.rotations, (np.array([*np.ndindex(2, 2, 2)]) * 2 - 1) * boxes.halves[:, None])
    share = np.linspace(0.0, 1.0, 9)[:, None, None, None, None]
    between = share * corners[:, :, None, :2] + (1 - share) * corners[:, None, :, :2]
    points: Floats = between.reshape(-1, 2)
    return points


def test_fingers_find_room_around_what_the_goal_names(pair: Pair) -> None:
    _, scene = pair
    for index in range(2):
        scene.reset(episode(scene, index))
        around = {name: cKDTree(ground_covered(scene, name)) for name in names(scene)}
        for goal in ("akita_black_bowl_1", "plate_1"):
            points = ground_covered(scene, goal)
            # 4 cm, but they settle a little
            assert min(tree.query(points)[0].min() for tree in around.values()) > 0.035
        assert all(tree.query(other.data)[0].min() > 0.002 for name, tree in around.items()
                   for another, other in around.items() if another != name)


def test_fewer_stand_where_they_stand_among_more(pair: Pair, pack: str) -> None:
    _, more = pair
    fewer = crowded(pack, 2)
    for index in range(2):
        for scene in (fewer, more):
            scene.reset(episode(scene, index))
        assert len(fewer.stands()["others"]) == 2 and len(more.stands()["others"]) == MOST
        assert fewer.stands()["others"] == more.stands()["others"][:2]
        assert len({(x, y) for _, x, y, _ in more.stands()["others"]}) == MOST
    fewer.close()


def test_they_are_things_of_the_picture_not_of_the_task(pair: Pair, pack: str) -> None:
    plain, full = pair
    for scene in pair:
        scene.reset(episode(scene, 1))
    task, things, empty = full.masks(False)["agentview"], full.masks(True)["agentview"], full.empty()["agentview"]
    shown = full._bodies_seen("agentview")
    for name in names(full):
        own = np.isin(shown, np.flatnonzero(full._world.bodies(name)))
        assert own.sum() >= 25 and own.any(axis=0).sum() >= 4, name  # at 128²
        assert things[own].all() and not task[own].any()
    assert things.sum() > plain.masks(True)["agentview"].sum()
    # what the goal names is as little hidden as `room.HIDDEN` has it
    assert task.sum() > 0.65 * plain.masks(False)["agentview"].sum()
    if pack == "primitive":  # nothing casts a shadow
        np.testing.assert_array_equal(empty, plain.empty()["agentview"])


def test_what_perturbs_them_is_undone(pair: Pair) -> None:
    _, scene = pair
    begun(scene, CROWD)
    clean, look = scene.state_digest(), scene.look_digest()
    before = {name: np.array(array) for name, array in scene._changeable().items()}
    more = tuple(Part(perturbation=name, severity=3) for name in ("mass", "friction", "object_color", "robot_pose"))
    chain = begun(scene, Condition("more", "libero", (*CROWD.parts, *more)))
    assert len(chain.realised()["distractors"]["others"]) == MOST
    assert scene.state_digest() != clean and scene.look_digest() != look
    begun(scene, CROWD)
    assert scene.state_digest() == clean and scene.look_digest() == look
    for name, array in scene._changeable().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_in_turn_with_clean_episodes_neither_scene_knows_of_the_other(pair: Pair) -> None:
    """As one worker plays them, of whose process much is shared: numpy's state, hf-libero's folders, contexts."""
    plain, full = pair

    def played(scene: LiberoScene, condition: Condition, index: int) -> tuple[str, ...]:
        begun(scene, condition, index)
        for _ in range(3):
            scene.step(NULL[None])
        return (*scene.state_digest(), str(scene.observe().images["agentview"].sum()))

    alone = [played(plain, CLEAN, index) for index in (0, 1)], [played(full, CROWD, index) for index in (0, 1)]
    assert [(played(plain, CLEAN, index), played(full, CROWD, index)) for index in (1, 0)] == list(
        zip(*alone, strict=True))[::-1]


def test_the_expert_works_among_them(pair: Pair) -> None:
    _, scene = pair
    scene.reset(episode(scene, 0))
    action, points = scene._world.expert_advice()
    assert action.shape == (7,) and np.isfinite(points).all()
    assert scene._world.told(points)["states"].shape == (1 + scene.model.nq + scene.model.nv,)
    assert any(scene.step(scene._world.expert_action()[None]).success[0] for _ in range(scene.task.step_limit))


def test_where_there_is_no_room_it_is_said(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    _, scene = pair
    monkeypatch.setattr(clutter, "ROOM", ((-0.05, 0.05), (-0.05, 0.05)))
    with pytest.raises(UnsupportedError, match=r"libero_goal/8: there is no room for .* 8 things"):
        scene.place(episode(scene, 0))


def test_a_spot_is_uniform_on_what_is_free(pair: Pair) -> None:
    """Of one moment: against spots that are drawn one by one over the whole table and kept where there is room."""
    _, scene = pair
    scene.reset(episode(scene, 0))
    stage, rng = scene._clutter, np.random.default_rng(0)
    assert stage is not None
    away = stage.widened(np.concatenate([[scene.data.time], scene.data.qpos, scene.data.qvel]))
    scene.data.qpos[:] = away[1:1 + scene.model.nq]
    mujoco.mj_forward(scene.model, scene.data)
    room = stage._room = Room(stage._world, stage.names)
    ours: list[tuple[float, ...]] = []
    theirs: list[tuple[float, ...]] = []
    for index in range(150):
        stage._draws, stage._times = stream(EpisodeSpec(scene.task, "clean", index, 3), "distribution"), [0] * MOST
        room.leave(0)
        drawn = stage._draw(0)
        ours.append((*drawn.pose[:2], drawn.turn))
    own = stage._world.box(stage.names[0])
    while len(theirs) < 150:
        spot, turn = room.middle + [rng.uniform(*side) for side in ROOM], rng.uniform(-180.0, 180.0)
        turned = Rotation.from_euler("z", turn, degrees=True) * stage._upright[0]
        half = np.abs(turned.as_matrix()) @ own.size / 2
        middle = np.array([*spot, room.ground + half[2]]) + [*turned.apply(own.centre)[:2], 0.0]
        room.leave(0)
        if room.first((middle - half)[None], (middle + half)[None], GAPS[0]) is not None:
            theirs.append((*spot, turn))
    for mine, other in zip(np.transpose(ours), np.transpose(theirs), strict=True):
        assert ks_2samp(mine, other).pvalue > 0.001
    assert ks_2samp(np.transpose(ours)[0] + 0.08, np.transpose(theirs)[0]).pvalue < 0.001  # it would be seen
