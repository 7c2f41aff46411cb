"""distractor_receptacle: a second receptacle, held out, that the instruction does not name.

As in RL4VLA (appendix A.4, `distractive receptacle`): one of 16, more than 15 cm from the one that is named. With
held-out receptacles it is `multi-receptacle`: two different ones of the 16. RL4VLA's code draws the table from all 21
in both, so unseen tables leak in; here it is the clean twin's.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import ClassVar

from vlabench.perturbations._scene import StartPerturbation


class DistractorReceptacle(StartPerturbation):
    """A receptacle that is not asked for."""

    dimension: ClassVar[str] = "clutter"

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {"other_receptacles": 1}
