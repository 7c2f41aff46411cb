"""Sizes of the compact network for tests: of LIBERO's robot where a test does not say otherwise."""

from __future__ import annotations

from typing import Any

from vlabench.models.nano import NanoConfig


def sizes(**given: Any) -> NanoConfig:
    """Two cameras, seven action numbers, eight of proprioception."""
    means, deviations = (0.0,) * 8, (1.0,) * 8
    libero = {"cameras": ("agentview", "wrist"), "action_size": 7, "proprio_mean": means, "proprio_std": deviations}
    return NanoConfig(**{**libero, **given})
