"""Pictures as OpenVLA is shown them: TensorFlow's resizing and cropping without TensorFlow, then two normalisations.

Of a million pixels a few hundred are off by one from TensorFlow's, where a sum lies between two numbers.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vlabench.types import Image

LOBES = 3
"""Of the Lanczos kernel."""
QUALITY = 95
"""Of a JPEG, as TensorFlow writes it."""
Floats32 = npt.NDArray[np.float32]


def recorded(picture: Image, size: int) -> Image:
    """A picture [H, W, 3] as it would come out of the training data: through JPEG, then by a Lanczos kernel (with
    antialiasing) to [size, size, 3].
    """
    from PIL import Image as pillow

    file = io.BytesIO()
    pillow.fromarray(picture).save(file, "JPEG", quality=QUALITY)
    found: Floats32 = np.asarray(pillow.open(file), np.float32)
    rows, columns = lanczos(found.shape[0], size), lanczos(found.shape[1], size)
    resized: Floats32 = np.einsum("yh,hwc,xw->yxc", rows, found, columns, optimize=True)
    shown: Image = np.rint(resized).clip(0, 255).astype(np.uint8)
    return shown


@functools.cache
def lanczos(given: int, wanted: int) -> Floats32:
    """Weights [wanted, given] that make `wanted` pixels of `given` ones."""
    stretch = np.float32(given / wanted)
    width = max(stretch, np.float32(1.0))
    centres = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * stretch
    off = (np.arange(given, dtype=np.float32) + np.float32(0.5) - centres[:, None]) / width
    near = np.where(np.abs(off) < 1e-3, 1.0, off)
    kernel = LOBES * np.sin(math.pi * near) * np.sin(math.pi * near / LOBES) / (math.pi * near) ** 2
    weights = np.where(np.abs(off) < 1e-3, 1.0, np.where(np.abs(off) <= LOBES, kernel, 0.0))
    found: Floats32 = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return found


def squashed(picture: Image, size: int) -> Image:
    """[H, W, 3] → [size, size, 3] by a bicubic kernel, as the model's own processor does."""
    from PIL import Image as pillow

    if picture.shape[:2] == (size, size):
        return picture
    return np.asarray(pillow.fromarray(picture).resize((size, size), pillow.Resampling.BICUBIC))


def cropped(picture: Image, share: float) -> Image:
    """The middle of a square picture, `share` of its area, at the size that the picture has; bilinear."""
    size = len(picture)
    side = np.sqrt(np.float32(share))
    begin = (np.float32(1.0) - side) / np.float32(2.0)
    step = side * np.float32(size - 1) / np.float32(size - 1)
    places = begin * np.float32(size - 1) + np.arange(size, dtype=np.float32) * step
    low = np.floor(places).astype(int)
    high, share_high = np.minimum(low + 1, size - 1), (places - low)[:, None]
    found = picture.astype(np.float32) / np.float32(255)
    across = found[:, low] + (found[:, high] - found[:, low]) * share_high
    both = across[low] + (across[high] - across[low]) * share_high[:, :, None]
    shown: Image = (both.clip(0, 1) * np.float32(255.5)).clip(0, 255).astype(np.uint8)
    return shown


def normalised(picture: Image, means: Sequence[Sequence[float]], deviations: Sequence[Sequence[float]]) -> Floats32:
    """[S, S, 3] → [3 · n, S, S], once for each of n eyes."""
    found = picture.astype(np.float32) / np.float32(255)
    parts = [(found - np.array(mean, np.float32)) / np.array(deviation, np.float32)
             for mean, deviation in zip(means, deviations, strict=True)]
    return np.concatenate(parts, axis=2).transpose(2, 0, 1)
