"""other_target: of two objects the other one is asked for; whoever reads takes that one, whoever does not, the first.

The scene is the clean twin's, thing by thing; instruction and goal are those of its other object. A control, no
published perturbation: `wrong_instruction` shows that a policy heeds what it is told, this one that it does it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import ClassVar

from vlabench.perturbations._scene import StartPerturbation


class OtherTarget(StartPerturbation):
    """The object that the task names and the first of those beside it change parts."""

    dimension: ClassVar[str] = "language"

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {"target": "other"}
