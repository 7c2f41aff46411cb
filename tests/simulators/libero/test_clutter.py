"""Things that stand around: of kinds that mislead nobody, clear of the task, and the task's own things as without."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from tests.simulators.libero.conftest import NULL
from vlabench.errors import OptionError
from vlabench.simulators.libero import clutter, hf_libero
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero
from vlabench.types import EpisodeSpec

TASKS = [(task_set, name) for task_set in hf_libero.TASK_SETS for name in hf_libero.task_names(task_set)]


@pytest.mark.parametrize(("task_set", "name"), TASKS)
def test_no_task_is_offered_what_it_holds_or_names(task_set: str, name: str) -> None:
    kinds = clutter.kinds(task_set, name)
    text = hf_libero.bddl_file(task_set, name).read_text()
    assert len(kinds) >= 8 and len(set(kinds)) == len(kinds)
    assert not [kind for kind in kinds if re.search(rf"\b{kind}_\d", text)]
    nouns = {"mug", "mugs", "bowl", "plate", "book", "bottle", "pot", "pots"} & set(hf_libero.instruction(name).split())
    assert not [kind for kind in kinds for noun in nouns if kind.endswith(noun.rstrip("s"))]
    assert [clutter.chosen(task_set, name, count) for count in (1, 8)] == [kinds[:1], kinds[:8]]


def test_kinds_by_hand() -> None:
    mug = clutter.free("libero_10", hf_libero.task_names("libero_10")[9])  # the yellow and white mug, microwave
    assert set(mug) == {kind for alike in clutter.SORTS.values() for kind in alike} - {
        "porcelain_mug", "red_coffee_mug", "white_yellow_mug"}


@pytest.mark.parametrize("variant", [
    (("others", 30),), (("others", -1),), (("others", 2.5),), (("positions", "outer"),)])
def test_what_cannot_be_had_is_said_before_a_scene_is_opened(variant: tuple[tuple[str, float | str], ...]) -> None:
    with pytest.raises(OptionError, match="others"):
        Libero("primitive").check_variant("libero_goal", variant)


@pytest.fixture(scope="module")
def pair(opened: Callable[..., LiberoScene], pack: str) -> tuple[LiberoScene, LiberoScene]:
    """Without and with four things around."""
    simulator = Libero(pack)
    task = simulator.tasks("libero_goal")[8]
    scene = simulator.open(task, 1, (), 64, privileged=True, variant=(("other_objects", "mixed"), ("others", 4)))
    assert isinstance(scene, LiberoScene)
    return opened(pack, "libero_goal", 8, (), 64), scene


@pytest.mark.parametrize("sampled", [False, True])
def test_the_task_s_own_things_begin_as_without(pair: tuple[LiberoScene, LiberoScene], sampled: bool) -> None:
    plain, full = pair
    for index in (0, 3):
        for scene in pair:
            scene.place([EpisodeSpec(scene.task, "clean", index, sampled=sampled)])
        assert full.plain_digest() == plain.state_digest() != full.state_digest()
        for joint in range(plain.model.njnt):  # by name, as MuJoCo has them
            name = plain.model.joint(joint).name
            np.testing.assert_array_equal(full.data.joint(name).qpos, plain.data.joint(name).qpos)
            np.testing.assert_array_equal(full.data.joint(name).qvel, plain.data.joint(name).qvel)
        for name, body in plain.env.obj_body_id.items():
            np.testing.assert_allclose(full.data.xpos[full.env.obj_body_id[name]], plain.data.xpos[body], atol=1e-12)


def test_they_stand_still_touch_nothing_and_the_next_episode_forgets(pair: tuple[LiberoScene, LiberoScene]) -> None:
    _, scene = pair
    spec = EpisodeSpec(scene.task, "clean", 0)
    scene.reset([spec])
    first, said = scene.state_digest(), scene.stands()
    assert [kind for kind, *_ in said["others"]] == list(clutter.kinds("libero_goal", scene.task.name)[:4])
    before = {kind: scene.data.body(f"{kind}_1_main").xpos.copy() for kind, *_ in said["others"]}
    for kind, x, y, _ in said["others"]:
        np.testing.assert_allclose(before[kind][:2], (x, y), atol=0.02)
    for _ in range(10):
        scene.step(NULL[None])
    for kind, at in before.items():
        assert np.linalg.norm(scene.data.body(f"{kind}_1_main").xpos - at) < 0.005
        for geoms in scene.data.contact.geom[:scene.data.ncon]:
            names = [scene.model.body(int(scene.model.geom_bodyid[geom])).name for geom in geoms]
            assert not any(name.startswith(kind) for name in names) or any(
                name in ("world", "table") or "table" in name for name in names)
    scene.reset([EpisodeSpec(scene.task, "clean", 1)])
    assert scene.stands() != said
    scene.reset([spec])
    assert scene.state_digest() == first and scene.stands() == said
