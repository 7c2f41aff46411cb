"""What the perturbations of looks ask a scene for, on a scene that takes notes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import chisquare

from vlabench.cards.conditions import Condition, Part
from vlabench.errors import UnknownName, VlabenchError
from vlabench.evaluation import plan
from vlabench.perturbations.background import Background
from vlabench.perturbations.base import Perturbation, find_perturbation
from vlabench.perturbations.camera_pose import CameraPose
from vlabench.perturbations.field_of_view import FieldOfView
from vlabench.perturbations.lighting import Lighting
from vlabench.perturbations.texture_overlay import TextureOverlay
from vlabench.seeding import Draws
from vlabench.simulators._values import Crop, LightSetup, Orbit, Sun
from vlabench.simulators.base import Scene, find_simulator
from vlabench.simulators.libero.interface import SPACE

LOOKS: Mapping[str, Mapping[str, Any]] = {
    "background": {"mix": 0.5}, "texture_overlay": {"mix": 0.5}, "lighting": {"factor": 3.0},
    "camera_pose": {"yaw": -10.0}, "field_of_view": {"factor": 1.2}}
BEFORE = LightSetup((0.3, 0.3, 0.3), (
    Sun((0, 0, -2), (2, 2, 2)), Sun((-1, 0, -1), (1, 0.5, 1)), Sun((1, 1, -1), (1, 1, 1))))
MakeDraws = Callable[[int], Draws]


class Notebook:
    """Offers all that can be done to looks, and remembers what was."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.crop: Callable[[int], Crop] = lambda step: Crop(1, 0, 0)

    def lighting(self) -> LightSetup:
        return BEFORE

    def set_lighting(self, lighting: LightSetup) -> None:
        self.told.append(lighting)

    def orbit_camera(self, orbit: Orbit, camera: str = "") -> None:
        self.told.append((orbit, camera))

    def widen_view(self, factor: float, camera: str = "") -> None:
        self.told.append((factor, camera))

    def held_out_backgrounds(self) -> Sequence[str]:
        return ["glass", "stone", "wood"]

    def show_background(self, name: str, mix: float) -> None:
        self.told.append((name, mix))

    def textures(self) -> Sequence[str]:
        return ["a", "b", "c", "d"]

    def cover(self, texture: str, mix: float, whole: bool, crop: Callable[[int], Crop]) -> None:
        self.told.append((texture, mix, whole))
        self.crop = crop


def told(perturbation: Perturbation, rng: Draws) -> Notebook:
    """What it does to a scene in an episode."""
    notebook = Notebook()
    perturbation.fresh().scene(cast(Scene, notebook), rng)
    return notebook


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_declared_drawn_once_and_repeatable(name: str, draws: MakeDraws) -> None:
    made = find_perturbation(name)(**LOOKS[name])
    assert made.channels(("top",)) == {"look"} and made.certain and made.from_start
    assert made.dimension in ("camera", "light", "looks")
    first, again = told(made, draws(0)), told(made, draws(0))
    assert first.told == again.told and len(first.told) == 1
    if name not in ("camera_pose", "field_of_view"):
        assert len({str(told(made, draws(index)).told) for index in range(12)}) > 1


def test_severities_share_their_draws(draws: MakeDraws) -> None:
    for index in range(4):
        drawn = set()
        for severity in range(1, 6):
            background = told(Background.at(severity), draws(index))
            texture = told(TextureOverlay.at(severity), draws(index))
            light = Lighting.at(severity)
            light.scene(cast(Scene, Notebook()), draws(index))
            drawn.add((background.told[0][0], texture.told[0][0], texture.crop(3), light.realised()["lighting"]))
        assert len(drawn) == 1


def test_every_background_and_texture_is_drawn_alike_often(draws: MakeDraws) -> None:
    for kind, number in ((Background, 3), (TextureOverlay, 4)):
        counts = Counter(told(kind(), draws(index)).told[0][0] for index in range(600))
        assert len(counts) == number and chisquare(list(counts.values())).pvalue > 1e-3


def test_a_texture_s_part_is_another_at_every_step_and_stays_on_the_texture(draws: MakeDraws) -> None:
    notebook = told(TextureOverlay(smallest=0.25), draws(0))
    crops = [notebook.crop(step) for step in range(200)]
    assert len(set(crops)) == 200 and crops == [notebook.crop(step) for step in range(200)]
    sizes = np.array([crop.edge for crop in crops])
    assert 0.25 <= sizes.min() < 0.3 and 0.95 < sizes.max() <= 1
    assert all(0 <= at < 1 for crop in crops for at in (crop.left, crop.top))
    assert [told(TextureOverlay.at(2, over=over), draws(0)).told[0][2] for over in ("things", "picture")] == [
        False, True]


def test_there_are_twenty_lightings_none_of_them_training_s() -> None:
    kind = Lighting(factor=2.0, tilt=30.0)
    lit = [kind.lit(BEFORE, number) for number in range(20)]
    assert len({str(each) for each in [*lit, BEFORE]}) == 21
    brightness = [tuple(round(each.ambient[0] / 0.3 if k < 0 else each.suns[k].color[0] / BEFORE.suns[k].color[0], 6)
                        for k in range(-1, 3)) for each in lit]
    assert len(set(brightness[:16])) == 16 and {value for row in brightness[:16] for value in row} == {0.5, 2.0}
    assert set(brightness[16:]) == {(1.0,) * 4}
    assert brightness[6] == (0.5, 2.0, 2.0, 0.5)  # as the module says: 0110
    for each in lit[:16]:
        assert [sun.direction for sun in each.suns] == [sun.direction for sun in BEFORE.suns]
    for each in lit[16:]:
        key = np.array(each.suns[0].direction)
        assert -key[2] / np.linalg.norm(key) == pytest.approx(math.cos(math.radians(30)))
        assert each.suns[1:] == BEFORE.suns[1:]
    aside = np.array([each.suns[0].direction[:2] for each in lit[16:]])
    assert np.allclose(aside.sum(0), 0) and np.linalg.matrix_rank(aside) == 2


def test_light_keeps_the_shares_of_its_colours_and_is_written_as_before_without(draws: MakeDraws) -> None:
    assert Lighting.at(3).model_dump(mode="json") == {"factor": 2.0, "tilt": 45.0}
    warm = Lighting(tint=(1.0, 0.8, 0.5))
    (plain,), (seen,) = (told(each, draws(4)).told for each in (Lighting(), warm))
    assert seen.ambient == pytest.approx(np.multiply(plain.ambient, [1, 0.8, 0.5]))
    for old, new in zip(plain.suns, seen.suns, strict=True):
        assert new.color == pytest.approx(np.multiply(old.color, [1, 0.8, 0.5])) and new.direction == old.direction
    with pytest.raises(ValidationError):
        Lighting(tint=(1.0, 0.0, 2.0))


def test_each_of_the_lightings_is_drawn_alike_often(draws: MakeDraws) -> None:
    made = Lighting()
    seen = Counter(str(told(made, draws(index)).told[0]) for index in range(1000))
    assert len(seen) == 20 and str(BEFORE) not in seen
    assert chisquare(list(seen.values())).pvalue > 1e-3


def test_a_scene_with_one_light_can_be_lit(draws: MakeDraws) -> None:
    single = LightSetup((0.1, 0.1, 0.1), BEFORE.suns[:1])
    assert all(len(Lighting().lit(single, number).suns) == 1 for number in range(20))


@pytest.mark.parametrize(("kind", "parameters"), [
    (CameraPose, {"yaw": 0.0}), (FieldOfView, {"factor": 1.0}), (Lighting, {"factor": 1.0}), (Lighting, {"tilt": 0.0}),
    (Background, {"mix": 0.0}),
    (TextureOverlay, {"mix": 0.0}), (TextureOverlay, {"smallest": 0.0})])
def test_what_would_change_nothing_is_refused(kind: type[Perturbation], parameters: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind(**parameters)


def test_what_camera_pose_was_before_it_could_roll_is_written_as_it_was() -> None:
    """The digests of conditions, and so all records under them, depend on it."""
    assert CameraPose.at(3).model_dump(mode="json") == {"yaw": 20.0, "pitch": 0.0}
    assert Condition("c", "maniskill", (Part(perturbation="camera_pose", severity=3),)).digest == (
        "81b6633157e898570ed2a7ee6f6161beebce591071fa884319c6b77e3dd71ec8")
    rolled = CameraPose(yaw=0.0, roll=5.0, cameras=("wrist",))
    assert rolled.model_dump(mode="json") == {"yaw": 0.0, "pitch": 0.0, "roll": 5.0, "cameras": ["wrist"]}
    assert rolled.fresh() == rolled


@pytest.mark.parametrize("kind", [CameraPose, FieldOfView])
def test_cameras_are_chosen_by_name(kind: type[CameraPose] | type[FieldOfView], draws: MakeDraws) -> None:
    assert [camera for _, camera in told(kind(), draws(0)).told] == [""]
    both = kind(cameras=("top", "wrist"))
    assert [camera for _, camera in told(both, draws(0)).told] == ["top", "wrist"]
    both.check(("top", "wrist"), SPACE)
    both.check((), SPACE)
    with pytest.raises(UnknownName, match="unknown camera 'wrist' in the perturbation"):
        both.check(("top",), SPACE)


@pytest.mark.parametrize(("simulator", "part", "words"), [
    ("libero", Part(perturbation="camera_pose", yaw=5.0, cameras=("topdown",)), "unknown camera 'topdown'"),
    ("maniskill", Part(perturbation="field_of_view", severity=2, cameras=("wrist",)), "unknown camera 'wrist'"),
    ("libero", Part(perturbation="rotation", cameras=("topdown",)), "unknown camera 'topdown'"),
    ("maniskill", Part(perturbation="texture", of=("walls", "floor")), "scenes of Maniskill have none of these; they")])
def test_what_no_scene_of_a_simulator_has_is_said_before_one_is_opened(simulator: str, part: Part, words: str) -> None:
    kind = find_simulator(simulator)
    with pytest.raises(VlabenchError, match=words):
        plan.check_offered(Condition("c", simulator, (part,)), kind("primitive"), kind.task_sets)
