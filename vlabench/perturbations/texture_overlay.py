"""texture_overlay: a texture lies over robot and things, or over the whole picture, and shifts from look to look.

RL4VLA's dynamic texture (over robot, object and receptacle) and dynamic noise (over the whole picture), each weak (a
share of 0.3) and strong (0.5; its appendix A.4). The texture is drawn once an episode. "Cropped and resized differently
at each step" is read as: at each look another part of it, from half of its edges to all of them, uniform in size and
place, is stretched over the picture. In the published code the part follows from the box around what is covered, so
that it moves only with that; for the noise it is half of the edges, for the texture all of it, squeezed into the
largest box of all scenes that are played side by side. Here the parts come from the episode's own numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

from pydantic import Field

from vlabench.perturbations._look import LookPerturbation
from vlabench.seeding import Draws
from vlabench.simulators._values import Crop
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import CoversWithTexture


class TextureOverlay(LookPerturbation):
    """A transparent texture that moves."""

    needs = frozenset({CoversWithTexture})
    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"mix": 0.15}, 2: {"mix": 0.3}, 3: {"mix": 0.4}, 4: {"mix": 0.5}, 5: {"mix": 0.7}
    }
    paper: ClassVar[int | None] = 4
    also_published: ClassVar[Sequence[int]] = (2,)

    mix: float = Field(
        default=0.3, gt=0, le=1, description="Share of the texture; published are 0.3 (weak) and 0.5 (strong).")
    over: Literal["things", "picture"] = Field(
        default="things", description="`things`: over robot and things (dynamic texture); `picture`: over "
                                      "everything (dynamic noise).")
    smallest: float = Field(
        default=0.5, gt=0, le=1, description="The smallest part of the texture that is shown, in shares of its edges.")

    def scene(self, scene: Scene, rng: Draws) -> None:
        stage = cast(CoversWithTexture, scene)
        names = stage.textures()
        name = names[int(len(names) * rng.episode().random())]
        smallest = self.smallest

        def crop(step: int) -> Crop:
            size, left, top = rng.at(step, "crop").random(3).tolist()
            return Crop(smallest + (1 - smallest) * size, left, top)

        stage.cover(name, self.mix, self.over == "picture", crop)
        self._drawn = {"texture": name, "mix": self.mix}
