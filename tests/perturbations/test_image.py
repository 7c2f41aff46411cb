"""OpenCV that cannot start is a mistake of the installation, with the command that fixes it; what it computes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys

import numpy as np
import pytest

from vlabench.errors import RenderingError
from vlabench.perturbations.color_jitter import ColorJitter
from vlabench.perturbations.rotation import Rotation
from vlabench.types import Image
from vlabench.util.opencv import check_opencv


def test_opencv_works_here() -> None:
    check_opencv()


def test_missing_library_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(RenderingError, match=r"OpenCV.*cannot start(.|\n)*apt-get install -y libgl1"):
        check_opencv()


@pytest.mark.parametrize(("installed", "asked"), [("5.0.0.93", "opencv-python-headless==5.0.0.93"),
                                                  (None, "opencv-python-headless")])
def test_the_other_package_is_asked_for_in_the_same_version(installed: str | None, asked: str,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if installed is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(RenderingError) as caught:
        check_opencv()
    assert str(caught.value).endswith(f" {asked}")


def pattern(size: int) -> Image:
    """uint8 [size, size, 3] by whole numbers alone: slopes and squares in three colours."""
    row, column, channel = np.indices((size, size, 3))
    squares = (row // 16 + column // 16) % 2 * 90
    image: Image = ((3 * row * row + 5 * column * (channel + 1) + squares + 40 * channel) % 256).astype(np.uint8)
    return image


def digest_of(image: Image) -> str:
    return hashlib.blake2b(image.tobytes(), digest_size=8).hexdigest()


@pytest.mark.parametrize(("change", "size", "units", "digest"), [
    (Rotation(), 224, [0.7], "eb9c21600f801cc0"),
    (Rotation(), 256, [0.31], "0fcaf65348ad20ab"),
    (ColorJitter(), 224, [0.3, 0.4, 0.5, 0.6, 0, 0, 0], "541cc3b092e178ef"),
    (ColorJitter(variant="additive"), 224, [0, 0, 0, 0, 0.1, 0.2, 0.9], "1adafd685059adb6"),
])
def test_pictures_are_changed_to_the_same_bytes(change: Rotation | ColorJitter, size: int, units: list[float],
                                                digest: str) -> None:
    """Where this fails, OpenCV is another one than that of the records on file, or computes otherwise here."""
    import cv2

    if "*AVX2" not in cv2.getCPUFeaturesLine().split():  # what the processor has not got ends in a question mark
        pytest.skip("without AVX2, OpenCV rounds otherwise")
    image = pattern(size)
    assert digest_of(image) == {224: "742907bef19387ba", 256: "a005a36778d3d1e1"}[size]
    changed = change.apply(image, np.array(units, dtype=np.float64))
    assert digest_of(changed) == digest, f"OpenCV {cv2.__version__}"
