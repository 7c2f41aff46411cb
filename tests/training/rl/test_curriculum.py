"""What a noise level means, who gets which perturbations, and how the level moves."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from vlabench.cards.noise import NEUTRAL, Curriculum, Noise
from vlabench.perturbations._image import ImagePerturbation
from vlabench.perturbations.base import find_perturbation
from vlabench.training.rl.curriculum import Level, advance, at_level, draw


def test_the_curriculum_by_hand() -> None:
    """Average = 0.9 · success + 0.1 · average before; thresholds 0.6 and 0.8; steps 0.2 and 0.02."""
    level = Level()
    for iteration, (success, average, observation, action) in enumerate([
        (0.50, 0.45, 0.0, 0.0),  # low, but at the bottom already
        (0.90, 0.855, 0.2, 0.02),
        (0.70, 0.7155, 0.2, 0.02),  # between the thresholds
        (0.90, 0.88155, 0.4, 0.04),
        (0.50, 0.538155, 0.2, 0.02),
        (1.00, 0.9538155, 0.4, 0.04), (1.00, 0.99538155, 0.6, 0.06), (1.0, 0.999538155, 0.8, 0.08),
        (1.00, 0.9999538155, 1.0, 0.1), (1.0, 0.99999538155, 1.0, 0.12),  # observation is at the top
    ], start=1):
        level = advance(level, success, iteration, Curriculum())
        assert level.success == pytest.approx(average)
        assert (level.observation, level.action) == (observation, action)
    for iteration in range(11, 30):
        level = advance(level, 1.0, iteration, Curriculum())
    assert (level.observation, level.action) == (1.0, 0.3)


def test_it_moves_every_so_many_iterations_and_not_at_all_without_a_curriculum() -> None:
    rule = Curriculum(every=3, average=1.0)
    level = Level(0.4, 0.1)
    assert [advance(level, 1.0, iteration, rule).observation for iteration in (1, 2, 3, 4, 6)] == [0.4, 0.4, 0.6, 0.4,
                                                                                                 0.6]
    assert advance(level, 0.0, 3, None) is level


def test_a_level_leads_from_nothing_to_the_published_setting() -> None:
    """Appendix A.4: 0.3 of the size, 30 degrees, factors up to 3, sides up to 20, 0.1 of the area."""
    published = {"shift": {"fraction": 0.3}, "rotation": {"degrees": 30.0}, "color_jitter": {"low": 0.0, "high": 3.0},
                 "occlusion": {"side": 20.0, "blocks": 3}, "erasing": {"area": 0.1}}
    assert published.keys() == NEUTRAL.keys()
    for name, parameters in published.items():
        at_one, at_zero = at_level(name, 1.0), at_level(name, 0.0)
        assert {key: getattr(at_one, key) for key in parameters} == parameters
        kind = find_perturbation(name)
        assert kind.paper is not None and at_one == kind.at(kind.paper)
        assert isinstance(at_zero, ImagePerturbation) and at_zero.neutral
    jitter = at_level("color_jitter", 0.4).model_dump()
    assert (jitter["low"], jitter["high"]) == pytest.approx((0.6, 1.8))
    assert at_level("rotation", 0.2).model_dump()["degrees"] == pytest.approx(6.0)


def test_draws_have_the_shares_they_should() -> None:
    """4000 draws; shares within four standard deviations."""
    noise, level = Noise(clean=0.15, most=3), Level(0.5, 0.1)
    drawn = [draw(noise, level, 0, number) for number in range(4000)]
    clean = np.mean([not chain for chain in drawn])
    assert abs(clean - 0.15) < 4 * np.sqrt(0.15 * 0.85 / 4000)
    sizes = Counter(len(chain) - 1 for chain in drawn if chain)
    assert set(sizes) == {1, 2, 3} and all(abs(number / 4000 - 0.85 / 3) < 0.03 for number in sizes.values())
    names = Counter(name for chain in drawn for name in chain)
    assert names["action_noise"] == sum(map(bool, drawn))
    assert all(abs(names[name] / names["action_noise"] - 2 / 5) < 0.04 for name in NEUTRAL)
    assert all(list(chain) == [*(name for name in NEUTRAL if name in chain), "action_noise"]
               for chain in drawn if chain)


def test_a_draw_is_its_key_s_and_a_level_of_0_is_no_perturbation() -> None:
    noise = Noise(clean=0.0)
    assert draw(noise, Level(0.5, 0.1), 1, 2) == draw(noise, Level(0.5, 0.1), 1, 2)
    assert len({tuple(draw(noise, Level(0.5, 0.1), 1, n)) for n in range(50)}) > 5
    assert draw(noise, Level(0.0, 0.0), 1, 2) == {} and list(draw(noise, Level(0.0, 0.2), 1, 2)) == ["action_noise"]
    assert draw(noise, Level(0.0, 0.2), 1, 2)["action_noise"].model_dump()["sigma"] == 0.2
    low, high = (draw(noise, Level(each, 0.1), 1, 3) for each in (0.2, 1.0))
    assert low.keys() == high.keys() and low != high


def test_only_the_kinds_that_are_asked_for_are_drawn() -> None:
    level = Level(1.0, 0.15)
    turned = Noise(clean=0.0, kinds=("rotation",))
    assert {tuple(draw(turned, level, n)) for n in range(50)} == {("rotation", "action_noise")}
    two = Noise(clean=0.0, kinds=("erasing", "shift"), most=5)
    assert {tuple(draw(two, level, n))[:-1] for n in range(50)} == {("shift",), ("erasing",), ("shift", "erasing")}
    assert [draw(Noise(kinds=tuple(reversed(Noise().kinds))), level, n) for n in range(50)] == \
           [draw(Noise(), level, n) for n in range(50)] and set(Noise().kinds) == set(NEUTRAL)


def test_levels_outside_their_range_are_refused() -> None:
    with pytest.raises(ValidationError):
        Noise.model_validate_json('{"kinds": ["rotations"]}')
    with pytest.raises(ValidationError):
        Noise.model_validate_json('{"kinds": []}')
    with pytest.raises(ValidationError):
        Noise(observation=1.2)
    with pytest.raises(ValidationError):
        Noise.model_validate_json('{"curriculum": {"step": 0.2}}')
