"""Keeps transformers and peft, which imports it, from a torchvision that cannot be loaded; nothing here needs one."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import cast


def hide_broken() -> None:
    """One that was built for another torch (for CUDA, beside torch's CPU build) would take its importers along."""
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError):
        cast("dict[str, ModuleType | None]", sys.modules)["torchvision"] = None
