"""What a perturbation costs: milliseconds of a processor per look of a policy with two cameras."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Image, Observation

CAMERAS = ("front", "hand")
SPACE = ActionSpace(("x", "y", "z", "turn x", "turn y", "turn z", "gripper"), low=(-1.0,) * 7, high=(1.0,) * 7,
                    unit=(1.0,) * 7, null=(0.0,) * 6 + (-1.0,), control_hz=20, gripper=6, opens=-1.0)
"""Of an arm with a gripper, as most have it."""


def scene_picture(size: int) -> Image:
    """A picture for timing, uint8 [size, size, 3]: shaded ground with coloured boxes, about as busy as a rendering."""
    y, x = np.mgrid[0:size, 0:size] / size
    image = np.stack([90 + 80 * x, 80 + 90 * y, 120 + 50 * np.sin(9 * x * y)], axis=-1)
    source = np.random.Generator(np.random.Philox(key=7))
    for _ in range(12):
        top, left, high, wide = (source.random(4) * (0.8, 0.8, 0.2, 0.2) * size).astype(int)
        image[top : top + high, left : left + wide] = source.uniform(20, 235, 3)
    return (image + source.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)


def frame_cost(perturbation: Perturbation, size: int = 256, cameras: Sequence[str] = CAMERAS, looks: int = 60) -> float:
    """Milliseconds, the median over `looks`, for one look with all its cameras and one action.

    Processor time of all threads, which leaves out what else the machine does. The benchmark divides by the number of
    cameras where it speaks of a single picture.
    """
    copy, rng = perturbation.fresh(), Draws((0, "cost/0", 0, "cost"))
    picture = scene_picture(size)[np.newaxis]
    images = {camera: picture.copy() for camera in cameras}
    proprio, action = np.zeros((1, 8), np.float32), np.linspace(-1, 1, SPACE.size)
    copy.begin(rng, 1, cameras, SPACE)
    seconds = []
    for step in range(-5, looks):  # the first few fill caches
        obs = Observation.now(images, proprio, ("lift the bowl",), step)
        start = time.process_time()
        copy.observation(obs, step, rng)
        copy.action(action, step, rng)
        seconds.append(time.process_time() - start)
    return 1000 * float(np.median(seconds[5:]))
