"""What ManiSkill's scenes need on this machine, by trying it: packages, drawing, both packs."""

from __future__ import annotations

from vlabench.simulators.maniskill import packs
from vlabench.simulators.maniskill.drawing.diagnosis import checks as drawing
from vlabench.util.diagnosis import Check, extra, tried


def checks() -> list[Check]:
    """Everything, in a few seconds."""
    return [extra("maniskill", ("mani_skill", "sapien"), needed=True), *drawing(),
            tried("ManiSkill primitive", lambda: str(packs.primitive())),
            tried("ManiSkill official", lambda: f"{packs.official()} (copy {packs.digest('official')})", needed=False)]
