"""Pictures that a page carries in itself: figures as SVG, first looks and short films as WebP."""

from __future__ import annotations

import inspect
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vlabench.errors import OptionError
from vlabench.reports import plots
from vlabench.reports.page.frames import every
from vlabench.reports.page.replays import Shot
from vlabench.simulators.base import find_simulator
from vlabench.types import Image
from vlabench.util.html import Html, data, tag

if TYPE_CHECKING:
    from PIL import Image as Pillow

SPEED = 2
"""A film is so much faster than life."""
REST = 1500
"""Milliseconds that a film rests on its last frame."""
GAP = 4
"""Pixels between clean and perturbed."""
LARGEST = 160
"""Pixels per side of a camera's picture in a film, at most."""
INCH = 96
"""CSS pixels."""
LEAST = 480
"""CSS pixels: a figure gets no narrower, and scrolls instead, unless it is narrower by nature."""
TALL = 1000
"""CSS pixels: a higher figure scrolls in a box of its own."""


def figure(kind: str, found: plots.Data) -> Html | None:
    """A plot of this kind as an image; None for data that the kind has no use for."""
    try:
        drawn = plots.draw(kind, found)
    except OptionError:
        return None
    width, height = (round(INCH * inches) for inches in drawn.get_size_inches())
    words = (inspect.getdoc(plots.KINDS[kind]) or kind).partition("\n")[0]
    image = tag("img", src=data(plots.rendered(drawn, ".svg"), "image/svg+xml"), alt=words, width=width, height=height,
                style=f"min-width: {min(width, LEAST)}px")
    return tag("figure", tag("div", image, class_="wide"), class_="plot tall" if height > TALL else "plot")


def film(clean: Shot, perturbed: Shot | None) -> Html:
    """Both episodes beside each other, at the same pace; the one that ends first fades. Still for those who asked for
    less motion.
    """
    shots = [clean, *([perturbed] if perturbed else [])]
    longest = max(len(shot.frames) for shot in shots)
    frames = [_beside([_at(shot, number) for shot in shots]) for number in range(longest)]
    steps = max(shot.steps / len(shot.frames) for shot in shots)
    space = find_simulator(clean.spec.task.simulator).action_space
    wait = round(1000 * max(steps, every(space)) / space.control_hz / SPEED)
    moving = _webp(frames, [wait] * (longest - 1) + [REST])
    words = " beside ".join(f"{shot.spec.task.key} under {shot.spec.condition}: {shot.status}" for shot in shots)
    image = tag("img", src=data(moving, "image/webp"), alt=words, loading="lazy")
    still = tag("source", srcset=data(_webp(frames[-1:], [REST]), "image/webp"),
                media="(prefers-reduced-motion: reduce)")
    return tag("picture", still, image)


def look(shot: Shot) -> Html:
    """What the policy saw first."""
    picture = _webp(list(shot.frames[:1]), [REST])
    return tag("img", src=data(picture, "image/webp"), alt=f"first look under {shot.spec.condition}", loading="lazy")


def _at(shot: Shot, number: int) -> Image:
    """A frame; after the end the last one, faded."""
    if number < len(shot.frames):
        return shot.frames[number]
    return (shot.frames[-1] // 3 + 160).astype(np.uint8)


def _beside(frames: Sequence[Image]) -> Image:
    gap = np.full((frames[0].shape[0], GAP, 3), 255, dtype=np.uint8)
    return np.concatenate([part for frame in frames for part in (gap, frame)][1:], axis=1)


def _webp(frames: Sequence[Image], waits: Sequence[int]) -> bytes:
    content = io.BytesIO()
    first, *others = [_scaled(frame) for frame in frames]
    first.save(content, "WEBP", save_all=True, append_images=others, duration=list(waits), loop=0, quality=80)
    return content.getvalue()


def _scaled(frame: Image) -> Pillow.Image:
    from PIL import Image as Pillow

    picture = Pillow.fromarray(frame)
    if picture.height <= LARGEST:
        return picture
    return picture.resize((picture.width * LARGEST // picture.height, LARGEST), Pillow.Resampling.LANCZOS)
