"""Pictures as OpenVLA is shown them: TensorFlow's decoding, resizing and cropping without it, then two normalisations.

Decoded pictures are TensorFlow's to the bit; of resized and cropped ones a few pixels in ten thousand are off by one,
where a sum lies between two numbers.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Sequence
from typing import Any

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
    rows = _gathered(through_jpeg(picture).astype(np.float32), size)
    both = _gathered(rows.swapaxes(0, 1), size).swapaxes(0, 1)
    shown: Image = np.rint(both).clip(0, 255).astype(np.uint8)
    return shown


def through_jpeg(picture: Image) -> Image:
    """Compressed and back, [H, W, 3], as TensorFlow decodes: by libjpeg's fast transform, but smooth colours.

    Pillow does either both or neither: it is asked for the fast transform, and colours are put between those that it
    repeats by libjpeg's weights.
    """
    from PIL import Image as pillow

    file = io.BytesIO()
    pillow.fromarray(picture).save(file, "JPEG", quality=QUALITY)
    opened: Any = pillow.open(file)
    opened.draft("YCbCr", None)
    opened.decoderconfig = (1, 1)  # (scale, whether it may be fast)
    planes = np.asarray(opened).astype(np.int32)
    height, width = picture.shape[:2]
    light = planes[..., 0]
    blue, red = (_between(planes[::2, ::2, each])[:height, :width] - 128 for each in (1, 2))
    parts = (91881 * red, -22554 * blue - 46802 * red, 116130 * blue)
    found: Image = np.stack([light + ((part + 32768) >> 16) for part in parts], axis=-1).clip(0, 255).astype(np.uint8)
    return found


def _between(plane: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Twice as many rows and columns, each value three quarters of the nearer and a quarter of the farther one."""
    above, below = np.concatenate([plane[:1], plane[:-1]]), np.concatenate([plane[1:], plane[-1:]])
    rows = np.stack([3 * plane + above, 3 * plane + below], axis=1).reshape(2 * len(plane), -1)
    left, right = (np.concatenate(each, axis=1) for each in ((rows[:, :1], rows[:, :-1]), (rows[:, 1:], rows[:, -1:])))
    return np.stack([(3 * rows + left + 8) >> 4, (3 * rows + right + 7) >> 4], axis=2).reshape(len(rows), -1)


@functools.cache
def lanczos(given: int, wanted: int) -> tuple[npt.NDArray[np.int64], Floats32]:
    """(which of `given` pixels [wanted, taps], by what weights) make `wanted` pixels; antialiased."""
    stretch = np.float32(1) / (np.float32(wanted) / np.float32(given))
    width = max(stretch, np.float32(1))
    middles = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * stretch
    first = np.ceil(middles - LOBES * width - np.float32(0.5)).astype(int)
    taps = first[:, None] + np.arange(2 * math.ceil(LOBES * width) + 1)
    off = np.abs((taps.astype(np.float32) + np.float32(0.5) - middles[:, None]) * (np.float32(1) / width))
    far = np.maximum(off, 1e-3).astype(np.float64)
    kernel = LOBES * np.sin(math.pi * far) * np.sin(math.pi * far / LOBES) / (math.pi * far) ** 2
    there = (taps >= 0) & (taps < given) & (off <= LOBES)
    weights = np.where(there, np.where(off <= 1e-3, 1.0, kernel), 0.0).astype(np.float32)
    return taps.clip(0, given - 1), weights * (np.float32(1) / weights.sum(1, keepdims=True, dtype=np.float32))


def _gathered(picture: Floats32, wanted: int) -> Floats32:
    """[H, …] → [wanted, …], summed in TensorFlow's order."""
    taps, weights = lanczos(len(picture), wanted)
    found = np.zeros((wanted, *picture.shape[1:]), np.float32)
    for tap in range(taps.shape[1]):
        found += picture[taps[:, tap]] * weights[:, tap].reshape(-1, *[1] * (picture.ndim - 1))
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
    middles, widths = np.array(means, np.float32), np.array(deviations, np.float32)
    parts: Floats32 = (found - middles[:, None, None]) / widths[:, None, None]
    return parts.transpose(0, 3, 1, 2).reshape(-1, *found.shape[:2])
