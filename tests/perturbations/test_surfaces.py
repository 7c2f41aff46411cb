"""Patterns, colours and a hand as asked of a scene that takes notes, against what they are said to be."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import chisquare, kstest, uniform

from tests.perturbations.conftest import ticked
from vlabench.errors import UnsupportedError
from vlabench.perturbations import _patterns
from vlabench.perturbations.base import Perturbation
from vlabench.perturbations.human_hand import HumanHand
from vlabench.perturbations.object_color import ObjectColor
from vlabench.perturbations.robot_color import RobotColor
from vlabench.perturbations.texture import Texture
from vlabench.seeding import Draws
from vlabench.simulators._values import Reach, Triple
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Image

MakeDraws = Callable[[int], Draws]
THERE = {"table": ("floor",), "floor": ("floor",), "walls": ("walls",), "objects": ("cup", "pan"), "robot": ("robot",)}


class Paint:
    """A room without a table, with two things; notes what is done to it."""

    def __init__(self, there: Mapping[str, Sequence[str]] = THERE) -> None:
        self.there = there
        self.told: dict[str, tuple[Any, float]] = {}
        self.hands: list[Reach | None] = []

    def surfaces(self) -> Mapping[str, Sequence[str]]:
        return self.there

    def color_surface(self, name: str, color: Triple, mix: float) -> None:
        assert name not in self.told
        self.told[name] = color, mix

    def cover_surface(self, name: str, pattern: Image, mix: float) -> None:
        assert name not in self.told
        self.told[name] = pattern, mix

    def show_hand(self, reach: Reach | None) -> None:
        self.hands.append(reach)


def painted(made: Perturbation, rng: Draws) -> dict[str, tuple[Any, float]]:
    stage = Paint()
    made.fresh().scene(cast(Any, stage), rng)
    return stage.told


@pytest.mark.parametrize(("made", "names"), [
    (Texture(), {"floor", "walls"}), (Texture(of=("table",)), {"floor"}), (Texture(of=("objects",)), {"cup", "pan"}),
    (ObjectColor(), {"cup", "pan"}), (RobotColor(), {"robot"})])
def test_each_surface_of_the_parts_asked_for_is_painted_once(
    made: Perturbation, names: set[str], draws: MakeDraws
) -> None:
    assert made.channels(("top",)) == {"look"} and made.from_start and made.certain and not made.shows_after
    assert set(painted(made, draws(0))) == names
    assert str(painted(made, draws(0))) == str(painted(made, draws(0))) != str(painted(made, draws(1)))


@pytest.mark.parametrize("kind", [Texture, ObjectColor, RobotColor])
def test_severities_share_what_is_drawn_and_mix_more_of_it(
    kind: type[Texture] | type[ObjectColor] | type[RobotColor], draws: MakeDraws
) -> None:
    told = [painted(kind.at(severity), draws(2)) for severity in range(1, 6)]
    for name in told[0]:
        assert all(np.array_equal(each[name][0], told[0][name][0]) for each in told)
        mixes = [each[name][1] for each in told]
        assert mixes == sorted(set(mixes)) and 0 < mixes[0] < mixes[4] <= 1


def test_things_have_colours_of_their_own_of_every_hue_none_dark_or_pale(draws: MakeDraws) -> None:
    told = [painted(ObjectColor(), draws(index)) for index in range(400)]
    assert all(each["cup"][0] != each["pan"][0] for each in told)
    hues, saturations, values = np.array([colorsys.rgb_to_hsv(*each["cup"][0]) for each in told]).T
    assert kstest(hues, uniform(0, 1).cdf).pvalue > 1e-3
    assert kstest(saturations, uniform(0.6, 0.4).cdf).pvalue > 1e-3
    assert kstest(values, uniform(0.5, 0.5).cdf).pvalue > 1e-3


def test_the_robot_s_colour_and_a_pattern_s_two_are_of_every_hue(draws: MakeDraws) -> None:
    """Of two strong colours a pattern is made of exactly these, and which is which does not matter."""
    robots = [painted(RobotColor(), draws(index))["robot"][0] for index in range(400)]
    hues, saturations, values = np.array([colorsys.rgb_to_hsv(*each) for each in robots]).T
    for found, law in ((hues, uniform(0, 1)), (saturations, uniform(0.6, 0.4)), (values, uniform(0.5, 0.5))):
        assert kstest(found, law.cdf).pvalue > 1e-3
    pictures = [painted(Texture(of=("walls",)), draws(index))["walls"][0] for index in range(400)]
    pairs = [each for picture in pictures if len(each := np.unique(picture.reshape(-1, 3), axis=0)) == 2]
    assert len(pairs) > 250  # all but marble
    found = np.array([colorsys.rgb_to_hsv(*(color / 255)) for pair in pairs for color in pair])
    assert kstest(found[:, 0], uniform(0, 1).cdf).pvalue > 1e-3
    assert found[:, 1].min() > 0.58 and found[:, 2].min() > 0.48 and found[:, 2].max() <= 1


def test_every_kind_of_pattern_is_drawn_alike_often(draws: MakeDraws) -> None:
    made, names = Texture(of=("walls",)), []
    for index in range(500):
        made.scene(cast(Any, Paint()), draws(index))
        names.append(made.realised()["walls"])
    assert set(names) == set(_patterns.KINDS) and chisquare(list(Counter(names).values())).pvalue > 1e-3


def test_a_pattern_has_two_colours_and_no_seam(draws: MakeDraws) -> None:
    seen: dict[str, int] = {}
    for index in range(60):
        name, picture = _patterns.pattern(draws(index).episode())
        assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
        seen[name] = len(np.unique(picture.reshape(-1, 3), axis=0))
        assert seen[name] == 2 or name == "marble"
        if name == "marble":  # where it is laid beside itself it goes on as smoothly as inside
            inside = np.abs(np.diff(picture.astype(int), axis=1)).max()
            assert np.abs(picture[:, 0].astype(int) - picture[:, -1]).max() <= 1.5 * inside + 1
    assert set(seen) == set(_patterns.KINDS)
    one = np.random.Generator(np.random.Philox(0))
    down, across = np.mgrid[:64, :64] / 64
    checks = _patterns.KINDS["checks"](across, down, 2, one)
    assert np.array_equal(checks, np.kron([[0, 1, 0, 1], [1, 0, 1, 0]] * 2, np.ones((16, 16))))


def test_parts_that_are_not_there_and_parts_that_there_are_not(draws: MakeDraws) -> None:
    with pytest.raises(ValidationError, match="'table', 'floor', 'walls' or 'objects'"):
        Texture(of=("ceiling",))
    for kind in (Texture, ObjectColor, RobotColor):
        for mix in (0.0, 1.5):
            with pytest.raises(ValidationError):
                kind(mix=mix)
    with pytest.raises(ValidationError):
        Texture(of=())
    with pytest.raises(UnsupportedError, match="texture: this scene has no objects; it has floor"):
        Texture(of=("objects",)).scene(cast(Any, Paint({"floor": ("floor",)})), draws(0))


# the hand


def shown(made: HumanHand, rng: Draws) -> list[Reach | None]:
    """What is shown after each of 80 steps, from the first to the last that there is a tick."""
    stage = Paint()
    return ticked(made, stage, stage.hands, rng, 80)


def test_a_hand_comes_in_from_a_side_and_goes_where_it_came_from(draws: MakeDraws) -> None:
    for index in range(20):
        *hands, gone = shown(HumanHand(step=10, steps=20), draws(index))
        assert gone is None and len(hands) == 20
        path = np.array([each.tip[0] for each in hands if each])
        first = hands[0]
        assert first is not None and all(each and each.tip[1] == first.tip[1] for each in hands)
        path *= -np.sign(path[0])  # as if from the left
        np.testing.assert_allclose(path, path[::-1], atol=1e-9)
        assert path[0] < -0.85 and (np.diff(path[:10]) > 0).all() and path.max() == pytest.approx(0.5, abs=0.02)


def test_where_a_hand_comes_from_is_drawn_evenly_and_severities_share_it(draws: MakeDraws) -> None:
    made, drawn = HumanHand(), []
    for index in range(400):
        made.begin(draws(index), 1, ("top",), SPACE)
        drawn.append(made.realised())
    assert chisquare(list(Counter(each["side"] for each in drawn).values())).pvalue > 1e-3
    assert kstest([each["height"] for each in drawn], uniform(-0.4, 0.8).cdf).pvalue > 1e-3
    assert kstest([each["slant"] for each in drawn], uniform(-20, 40).cdf).pvalue > 1e-3
    first = [shown(HumanHand.at(severity), draws(3)) for severity in range(1, 6)]
    assert len({(each[0].tip[1], each[0].angle) for each in first if each[0]}) == 1
    near = [each[0].near for each in first if each[0]]
    assert near == sorted(near, reverse=True) and [len(each) for each in first] == [13, 17, 25, 33, 41]


@pytest.mark.parametrize("parameters", [{"near": 0.0}, {"near": 1.0}, {"steps": 1}, {"step": 0}])
def test_a_hand_in_the_camera_or_the_table_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HumanHand(**parameters)
