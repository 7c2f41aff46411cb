"""augment: transforms of albumentations by closed forms, with the episode's numbers; clear words for what cannot be."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from tests.perturbations.conftest import CAMERAS
from vlabench.errors import MissingExtra, OptionError, UnknownName, UnsupportedError, VlabenchError
from vlabench.perturbations import augment
from vlabench.perturbations.augment import Augment
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Image

MakeDraws = Callable[[int], Draws]
here = pytest.mark.skipif(importlib.util.find_spec("albumentations") is None, reason="needs the extra `augment`")
SHIFTED = {"brightness_limit": [-0.2, 0.2], "contrast_limit": [0.0, 0.0], "brightness_by_max": True}


@pytest.fixture(autouse=True)
def uncached() -> Iterator[None]:
    yield
    for each in (augment.library, augment.transforms, augment.try_out):
        each.cache_clear()


def changed(image: Image, rng: Draws, step: int = 0, **parameters: Any) -> Image:
    perturbation = Augment(**parameters)
    perturbation.check(CAMERAS, SPACE)
    perturbation.begin(rng, 1, CAMERAS, SPACE)
    return perturbation.picture(image, "wrist", step, rng)


def test_without_the_library_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)
    for each in (augment.library, augment.transforms, augment.try_out):
        each.cache_clear()
    with pytest.raises(MissingExtra, match=r"^the perturbation Augment needs .*'albumentations'(.|\n)*\[augment\]"):
        Augment().check(CAMERAS, SPACE)


def test_the_library_is_kept_from_looking_for_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "albumentations.py").write_text("import os\nLOOK = os.environ.get('NO_ALBUMENTATIONS_UPDATE')\n")
    monkeypatch.setitem(sys.modules, "albumentations", None)
    del sys.modules["albumentations"]  # what is imported below goes with it, afterwards
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(augment.NO_LOOK, "")
    monkeypatch.delenv(augment.NO_LOOK)
    augment.library.cache_clear()
    assert augment.library().LOOK == "1"


@here
def test_pictures_are_those_of_the_transform(picture: Image, draws: MakeDraws) -> None:
    assert np.array_equal(changed(picture, draws(0), transform="InvertImg"), 255 - picture)
    assert np.array_equal(changed(picture, draws(0), transform="HorizontalFlip"), picture[:, ::-1])
    mixed = changed(picture, draws(0), transform="InvertImg", share=0.25)
    assert np.abs(mixed - (0.75 * picture + 0.25 * (255.0 - picture))).max() <= 0.51
    levels = changed(picture, draws(0), transform="Posterize", parameters={"num_bits": [2, 2]})
    assert set(np.unique(levels)) <= {0, 64, 128, 192}


@here
def test_draws_are_those_of_the_episodes_and_spread_as_the_transform_says(draws: MakeDraws) -> None:
    grey = np.full((16, 16, 3), 100, np.uint8)
    added = [int(changed(grey, draws(index), transform="RandomBrightnessContrast", parameters=SHIFTED)[0, 0, 0]) - 100
             for index in range(150)]
    assert kstest(np.array(added) / 255, "uniform", (-0.2, 0.4)).pvalue > 0.01
    assert len(set(added)) > 40


@here
@pytest.mark.parametrize("transform", ["RandomFog", "Spatter", "ElasticTransform", "GlassBlur", "CoarseDropout"])
def test_numbers_come_from_the_stream_alone(transform: str, picture: Image, draws: MakeDraws) -> None:
    small = picture[:96, :96].copy()
    first = changed(small, draws(0), transform=transform)
    np.random.seed(5)
    random.seed(5)
    before = str(np.random.get_state()), random.getstate()
    assert np.array_equal(changed(small, draws(0), transform=transform), first)
    assert before == (str(np.random.get_state()), random.getstate())
    assert np.array_equal(changed(small, draws(0), 9, transform=transform), first)
    assert not np.array_equal(changed(small, draws(0), 9, transform=transform, draw="step"), first)
    assert not np.array_equal(changed(small, draws(1), transform=transform), first)
    half = changed(small, draws(0), transform=transform, share=0.5)
    assert np.abs(half - (first / 2 + small / 2)).max() <= 0.51


@here
def test_what_moves_things_says_so() -> None:
    moving = {name for name in ("HorizontalFlip", "Rotate", "RandomResizedCrop", "ElasticTransform", "RandomFog",
                                "TimeReverse", "CoarseDropout", "GlassBlur") if Augment(transform=name).moves}
    assert moving == {"TimeReverse", "HorizontalFlip", "Rotate", "RandomResizedCrop", "ElasticTransform"}
    assert Augment(transform="Rotate").caution == "Rotate moves things within the picture, perhaps out of it"
    assert Augment(transform="RandomFog").caution == ""


@here
@pytest.mark.parametrize(("given", "error", "words"), [
    ({"transform": "RandomFogg"}, UnknownName, r"^unknown transform 'RandomFogg' in the perturbation Augment: did you "
                                               r"mean 'RandomFog'"),
    ({"transform": "Compose"}, UnknownName, "unknown transform 'Compose'"),
    ({"transform": "RandomFog", "parameters": {"alpha_coeff": 0.1}}, UnknownName,
     r"^unknown parameter 'alpha_coeff' in the perturbation Augment: RandomFog: did you mean 'alpha_coef'"),
    ({"transform": "RandomFog", "parameters": {"p": 0.5}}, UnknownName, "unknown parameter 'p'"),
    ({"transform": "RandomFog", "parameters": {"alpha_coef": 7}}, OptionError,
     "^the perturbation Augment: RandomFog: alpha_coef: must be less than or equal to 1, not 7$"),
    ({"transform": "RandomShadow", "parameters": {"num_shadows_limit": [1, 10**6]}}, OptionError,
     "^the perturbation Augment: RandomShadow: num_shadows_limit: must be within ±20,000, not 1e\\+06$"),
    ({"transform": "Blur", "parameters": {"blur_limit": 1e9}}, OptionError, "Blur: blur_limit: must be within .*1e"),
    ({"transform": "RandomCrop"}, OptionError, "^the perturbation Augment: RandomCrop: .*height"),
    ({"transform": "Resize", "parameters": {"height": 8, "width": 9}}, UnsupportedError,
     r"Resize makes uint8 \[8, 9, 3\] of a picture uint8 \[224, 224, 3\], not one like it"),
    ({"transform": "ToFloat"}, UnsupportedError, r"ToFloat makes float32 \[224, 224, 3\]"),
    ({"transform": "MaskDropout"}, UnsupportedError, "MaskDropout makes no picture of a picture alone: "),
])  # fmt: skip
def test_what_cannot_be_is_told_before_anything_is_played(given: dict[str, Any], error: type[VlabenchError],
                                                          words: str) -> None:
    with pytest.raises(error, match=words):
        Augment(**given).check((), SPACE)
