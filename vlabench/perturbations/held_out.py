"""held_out: a thing that training has not seen, the object to be moved or the receptacle, at the same spot.

As in RL4VLA (appendix A.4, `unseen objects` and `unseen receptacles`): one of 9 objects, one of 16 receptacles, each
equally likely. The instruction names it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import ClassVar, Literal

from pydantic import Field

from vlabench.perturbations._scene import StartPerturbation


class HeldOut(StartPerturbation):
    """Objects or receptacles of the test split."""

    dimension: ClassVar[str] = "things"

    what: Literal["objects", "receptacles"] = Field(
        default="objects", description="What is exchanged: the object, and its distractors, or the receptacle.")

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {self.what: "test"}
