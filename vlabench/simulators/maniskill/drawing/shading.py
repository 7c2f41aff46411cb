"""The shader pack that pictures are drawn with: set once for a process, before its first camera.

It draws the pictures of sapien's own `default` pack (ambient light, directional lights, textures, normal maps and
highlights; 8 bits, gamma 2.2) in one pass instead of four. What it leaves out does not occur in these scenes: shadows,
point, spot and textured lights, surroundings that shine or show behind things (the green screen replaces what is behind
them), transparency other than none or all. It so needs no table of reflections, which takes seconds to compute.
"""

from __future__ import annotations

import functools
from pathlib import Path

from vlabench.simulators.maniskill.drawing import vulkan

SHADERS = Path(__file__).parent / "shaders"
LIGHTS = 3
"""Directional lights in a scene, at most: as the shaders declare."""


@functools.cache
def use() -> None:
    """Every camera made from now on draws with our shaders. Raises RenderingError where sapien cannot draw."""
    vulkan.check()
    render = vulkan.engine().render
    render.set_camera_shader_dir(str(SHADERS))
    render.set_picture_format("Color", "r8g8b8a8unorm")
    render.set_picture_format("Segmentation", "r16g16b16a16uint")  # half as much to fetch
