"""Whether OpenCV can be imported here, and how to fix it where it cannot."""

from __future__ import annotations

import importlib.metadata

from vlabench.errors import RenderingError


def check_opencv() -> None:
    """Import OpenCV (0.1 s) or say how to fix it. Raises RenderingError."""
    try:
        import cv2  # noqa: F401
    except ImportError as error:  # mostly: the package is there, but a library of the system that it needs is not
        try:  # of the same version: both packages own the module
            version = "==" + importlib.metadata.version("opencv-python")
        except importlib.metadata.PackageNotFoundError:
            version = ""
        raise RenderingError(
            f"OpenCV, which changes the pictures, cannot start: {error}\n"
            "  fix: sudo apt-get install -y libgl1 libglib2.0-0\n"
            "  or, without administrator rights: pip install --force-reinstall --no-deps "
            f"opencv-python-headless{version}"
        ) from error
