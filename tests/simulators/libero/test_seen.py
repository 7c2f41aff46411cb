"""Whatever changes, policies still have something to see: pictures neither black nor white, and the goal in them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from vlabench import cards
from vlabench.cards.conditions import CLEAN, Condition, named
from vlabench.episode.chain import variant_of
from vlabench.evaluation.pictures import Cell
from vlabench.evaluation.preview import first_look
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero

CAMERAS = ("agentview", "wrist")
LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Rec. 709's."""
LIT = ("camera", "light", "looks", "corruptions", "clutter", "events", "robot")
"""Suites whose conditions may make pictures dark or bright, each at all severities."""
HIDING = ("camera", "clutter", "events", "robot", "layout")
"""Those that may take things out of the picture or hide them; who reaches through the view is to hide them."""
TASKS = (("libero_spatial", 0), ("libero_object", 0), ("libero_goal", 0), ("libero_10", 2), ("libero_10", 5))
STARTS = (0, 17, 34)


@pytest.fixture(params=["primitive", pytest.param("official", marks=pytest.mark.official)])
def engine(request: pytest.FixtureRequest) -> Libero:
    return Libero(request.param)


def looks(engine: Libero, suite: str) -> Iterator[tuple[str, str, LiberoScene, Cell]]:
    """Every condition of a suite at starts of the tasks that it has: what it is of, a scene where it is so, and what a
    policy sees: at the first look, or where something happens later, after that. Pictures are as large as policies of
    seven billion parameters have them.
    """
    card = cards.load_suite(f"libero-{suite}")
    by_variant: dict[object, list[Condition]] = {}
    for condition in card.conditions.values():
        if condition.name != CLEAN:
            by_variant.setdefault(variant_of(named(condition)), []).append(condition)
    for task_set, number in TASKS:
        if task_set not in card.task_sets:
            continue
        task = engine.tasks(task_set)[number]
        for variant, conditions in by_variant.items():
            scene = engine.open(task, 1, CAMERAS, 224, variant=variant)  # type: ignore[arg-type]
            assert isinstance(scene, LiberoScene)
            for condition, index in itertools.product(conditions, STARTS):
                yield (condition.name, f"{task.key} {index}", scene,
                       first_look(scene, task, condition, index, 0, CAMERAS, CAMERAS))
            scene.close()


@pytest.mark.long
@pytest.mark.parametrize("suite", LIT)
def test_no_picture_is_too_dark_or_too_bright(engine: Libero, suite: str) -> None:
    for name, where, _, cell in looks(engine, suite):
        for camera, picture in zip(CAMERAS, np.split(cell.picture, len(CAMERAS), axis=1), strict=True):
            mean = float((picture @ LUMA).mean()) / 255
            print(f"{engine.assets} {where} {name} {camera}: {mean:.3f}")
            assert 0.03 <= mean <= 0.97, (where, name, camera)


@pytest.mark.long
@pytest.mark.parametrize("suite", HIDING)
def test_what_the_goal_names_is_wide_enough_to_see(engine: Libero, suite: str) -> None:
    """12 px at 224, each thing alone, in one of the cameras, in 95 % of a condition's looks up to severity 3."""
    seen: dict[str, list[bool]] = {}
    for name, where, scene, _ in looks(engine, suite):
        if name.endswith(("-s4", "-s5")) or name.startswith("human_hand"):
            continue
        world = scene._world
        shown = [scene._bodies_seen(camera) for camera in CAMERAS]
        for each in sorted({world.parent(one) for _, *names in world.goals for one in names} - {""}):
            own = np.flatnonzero(world.bodies(each))
            wide = max(int(np.isin(bodies, own).any(axis=0).sum()) for bodies in shown)
            print(f"{engine.assets} {where} {name} {each}: {wide} px")
            seen.setdefault(name, []).append(wide >= 12)
    assert seen and not {name: found for name, found in seen.items() if np.mean(found) < 0.95}
