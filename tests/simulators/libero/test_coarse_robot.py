"""The robot of the primitive pack: fewer triangles, the same colours, the same physics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from tests.simulators.libero.conftest import episode
from vlabench import cards
from vlabench.episode.loop import play
from vlabench.simulators.libero import scene as scene_module
from vlabench.simulators.libero.coarse_robot import MOST_FACES
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero

TASK = ("libero_spatial", 0)
SHOWN = 1  # robosuite's group of visual geoms


def _triangles(scene: LiberoScene) -> int:
    """Of the visible meshes of the robot (a collision mesh is drawn as its convex hull, which has no more)."""
    model = scene.model
    return sum(int(model.mesh_facenum[model.geom_dataid[geom]]) for geom in range(model.ngeom)
               if model.geom_group[geom] == SHOWN and model.geom_type[geom] == 7
               and model.body(model.geom_bodyid[geom]).name.startswith(("robot0", "gripper0", "mount0")))


@pytest.mark.long
def test_the_robot_is_coarse_but_none_of_its_parts_vanishes(
    opened: Callable[..., LiberoScene], monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse = opened("primitive", *TASK, ("agentview",))
    with monkeypatch.context() as patched:
        patched.setattr(scene_module, "draw_cheaply", lambda model: None)
        simulator = Libero("primitive")
        bare = simulator.open(simulator.tasks(TASK[0])[TASK[1]])
    assert isinstance(bare, LiberoScene)
    assert _triangles(coarse) < 0.25 * _triangles(bare)

    def drawn(scene: LiberoScene) -> set[int]:
        return {int(scene.model.geom_bodyid[g]) for g in range(scene.model.ngeom) if scene.model.geom_group[g] == SHOWN}

    assert drawn(coarse) == drawn(bare)
    for scene in (bare, coarse):
        scene.reset(episode(scene, 0))
    assert bare.state_digest() == coarse.state_digest()
    bare.close()
    assert MOST_FACES < 1000


def test_the_arm_is_white_and_the_stand_is_black(opened: Callable[..., LiberoScene]) -> None:
    model = opened("primitive", *TASK, ("agentview",)).model

    def colour(name: str) -> list[float]:
        geom = model.geom(name).id
        material = model.geom_matid[geom]
        return [float(v) for v in (model.mat_rgba[material] if material >= 0 else model.geom_rgba[geom])[:3]]

    assert min(colour("robot0_link2_collision") + colour("gripper0_hand_collision")) > 0.85
    assert max(colour("mount0_pedestal_col")) < 0.25


@pytest.mark.official
def test_it_looks_like_the_official_robot(opened: Callable[..., LiberoScene]) -> None:
    """The hand, where it hangs at the start, is about as bright as LIBERO's own."""
    bright = {}
    for pack in ("primitive", "official"):
        scene = opened(pack, *TASK, ("agentview",), 256)
        scene.reset(episode(scene, 0))
        bright[pack] = float(np.median(scene.render("agentview", 256)[28:50, 105:155]))
    assert abs(bright["primitive"] - bright["official"]) < 60, bright


@pytest.mark.long
def test_a_policy_of_the_pack_needs_its_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What README says of nano-sft: the same task, start states and objects, the robot drawn by its meshes."""
    pytest.importorskip("torch", reason="needs the extra `train`")
    card = cards.load_policy("nano-sft")
    policy, simulator = card.make(), Libero("primitive")
    policy.configure(simulator.action_space)
    task = dataclasses.replace(simulator.tasks("libero_goal")[0], step_limit=160)  # it needs about 110
    won = []
    for drawn in (True, False):
        if not drawn:
            monkeypatch.setattr(scene_module, "draw_cheaply", lambda model: None)
        scene = simulator.open(task, 1, card.cameras, card.image_size)
        assert isinstance(scene, LiberoScene)
        won.append([play(scene, policy, episode(scene, index), [{}], replan=card.replan,
                         cameras=card.cameras)[0].success_once for index in range(1)])
        scene.close()
    assert won == [[True], [False]]
