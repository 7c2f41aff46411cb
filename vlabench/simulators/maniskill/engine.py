"""sapien, imported once and without its remark about a Vulkan library, which only drawing needs."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from vlabench.errors import MissingExtra


@functools.lru_cache
def engine() -> Any:
    """The module, with `physx` and `render`. Raises MissingExtra."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Failed to find system libvulkan")
            import sapien
            import sapien.physx
            import sapien.render
    except ImportError as error:
        raise MissingExtra("sapien", "maniskill", "the ManiSkill simulator") from error
    return sapien
