"""Whatever changes, policies still have something to see: pictures neither black nor white, and the goal in them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from vlabench import cards
from vlabench.cards.conditions import CLEAN, Condition, named
from vlabench.episode.chain import variant_of
from vlabench.evaluation.preview import Cell, first_look
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.libero.simulator import Libero

CAMERAS = ("agentview", "wrist")
LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Rec. 709's."""
LIT = ("camera", "light", "looks", "corruptions")
"""Suites whose conditions may make pictures dark or bright, each at all severities."""
HIDING = ("camera", "clutter", "events")
"""Those that may take things out of the picture or hide them; who reaches through the view is to hide them."""
TASKS = (("libero_spatial", 0), ("libero_object", 0), ("libero_goal", 0), ("libero_10", 2), ("libero_10", 5))


@pytest.fixture(params=["primitive", pytest.param("official", marks=pytest.mark.official)])
def engine(request: pytest.FixtureRequest) -> Libero:
    return Libero(request.param)


def looks(engine: Libero, task_set: str, number: int, suite: str) -> Iterator[tuple[str, LiberoScene, Cell]]:
    """Every condition of a suite, a scene where it is so, and what a policy sees: at the first look, or where something
    happens later, after that. Pictures are as large as policies of seven billion parameters have them."""
    task = engine.tasks(task_set)[number]
    by_variant: dict[object, list[Condition]] = {}
    for condition in cards.load_suite(f"libero-{suite}").conditions.values():
        if condition.name != CLEAN:
            by_variant.setdefault(variant_of(named(condition)), []).append(condition)
    for conditions in by_variant.values():
        scene = engine.open(task, 1, CAMERAS, 224, variant=variant_of(named(conditions[0])))
        assert isinstance(scene, LiberoScene)
        for condition in conditions:
            yield condition.name, scene, first_look(scene, task, condition, 0, 0, CAMERAS, CAMERAS)
        scene.close()


@pytest.mark.long
@pytest.mark.parametrize(("task_set", "number"), TASKS)
@pytest.mark.parametrize("suite", LIT)
def test_no_picture_is_too_dark_or_too_bright(engine: Libero, task_set: str, number: int, suite: str) -> None:
    for name, _, cell in looks(engine, task_set, number, suite):
        mean = float((cell.picture @ LUMA).mean()) / 255
        print(f"{engine.assets} {task_set}/{number} {name}: {mean:.3f}")
        assert 0.03 <= mean <= 0.97, name


@pytest.mark.long
@pytest.mark.parametrize(("task_set", "number"), TASKS)
def test_what_the_goal_names_is_wide_enough_to_see(engine: Libero, task_set: str, number: int) -> None:
    """12 px at 224, each thing alone, in one of the cameras, in 95 % of looks up to severity 3."""
    seen = []
    for suite in HIDING:
        if suite == "events" and task_set == "libero_goal":
            continue  # two of whose tasks carry nothing
        for name, scene, _ in looks(engine, task_set, number, suite):
            if name.endswith(("-s4", "-s5")) or name.startswith("human_hand"):
                continue
            world = scene._world
            shown = [scene._bodies_seen(camera) for camera in CAMERAS]
            for each in sorted({world.parent(one) for _, *names in world.goals for one in names} - {""}):
                own = np.flatnonzero(world.bodies(each))
                wide = max(int(np.isin(bodies, own).any(axis=0).sum()) for bodies in shown)
                print(f"{engine.assets} {task_set}/{number} {name} {each}: {wide} px")
                seen.append(wide >= 12)
    assert np.mean(seen) >= 0.95
