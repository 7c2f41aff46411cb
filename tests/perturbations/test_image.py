"""OpenCV that cannot start is a mistake of the installation, with the command that mends it."""

from __future__ import annotations

import sys

import pytest

from vlabench.errors import RenderingError
from vlabench.perturbations._image import check_opencv


def test_opencv_works_here() -> None:
    check_opencv()


def test_missing_library_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(RenderingError, match=r"OpenCV.*cannot start(.|\n)*apt-get install -y libgl1"):
        check_opencv()
