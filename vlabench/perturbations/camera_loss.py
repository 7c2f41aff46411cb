"""camera_loss: a camera fails; its picture is black, or frozen at the last one that the policy saw.

intermittent: time is cut into windows of `window` control steps, as many whole looks as come nearest to it. In each the
camera is lost for the share `share` of the looks, in one stretch that begins anywhere; in the first window for one look
at least, so that short episodes meet the fault as well. A share of 1 loses it for the whole episode. onset: it is lost
from a step on that is uniform in 0 … `latest`, to the end. No published benchmark has it.

A policy that looks every 40 steps or less often has one or two looks in a window: then the one that is always lost in
the first makes more than the share, and may be the very first look of all (black; frozen pictures have nothing before).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from vlabench.perturbations._image import ImagePerturbation
from vlabench.perturbations._losses import in_a_row
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Image


class CameraLoss(ImagePerturbation):
    """Cameras that fail, all named ones together."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"share": 0.1, "latest": 50},
        2: {"share": 0.25, "latest": 40},
        3: {"share": 0.5, "latest": 30},
        4: {"share": 0.75, "latest": 15},
        5: {"share": 1.0, "latest": 0},
    }
    revision: ClassVar[int] = 2
    dimension: ClassVar[str] = "fault"

    cameras: tuple[str, ...] = Field(
        default=(),
        description="Cameras that fail, by name; none named means the last that the policy sees (LIBERO: wrist).")
    pattern: Literal["intermittent", "onset"] = Field(
        default="intermittent",
        description="`intermittent`: lost for a stretch of each window (reads `share` and `window`); "
                    "`onset`: lost from some step on, to the end (reads `latest`).")
    share: float = Field(
        default=0.5, ge=0, le=1, description="Share of a window's looks that are lost; 1 loses the whole episode.")
    window: int = Field(
        default=60, ge=1, description="Length of a window in control steps.")
    latest: int = Field(
        default=30, ge=0, description="Last control step at which `onset` may begin; the first is drawn from 0 on.")
    fill: Literal["black", "frozen"] = Field(
        default="black", description="What a lost camera shows: black, or the last picture that the policy saw.")

    _onset: int = PrivateAttr(default=0)
    _replan: int = PrivateAttr(default=1)
    _last: dict[str, Image] = PrivateAttr(default_factory=dict)
    _looks: dict[int, bool] = PrivateAttr(default_factory=dict)

    def choose(self, cameras: Sequence[str]) -> tuple[str, ...]:
        """The cameras that fail."""
        return super().choose(cameras) if self.cameras else tuple(cameras[-1:])

    @property
    def neutral(self) -> bool:
        return self.pattern == "intermittent" and self.share == 0

    @property
    def certain(self) -> bool:
        return self.share == 1 if self.pattern == "intermittent" else self.latest == 0

    @property
    def from_start(self) -> bool:
        """Where the camera is never there; a frozen one still gives its first picture."""
        return self.certain and self.fill == "black"

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._chosen, self._replan = self.choose(cameras), replan
        self._onset = int((self.latest + 1) * rng.episode("onset").random())
        self._last, self._looks = {}, {}

    def lost(self, step: int, rng: Draws) -> bool:
        """Whether the camera is lost at a step. A frozen one has seen something before it is lost."""
        if self.pattern == "onset":
            return step >= self._onset
        looks = max(1, round(self.window / self._replan))
        return in_a_row(rng, step // self._replan, self.share, looks, later=self.fill == "frozen")

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        self._looks[step] = self.lost(step, rng)
        if not self._looks[step]:
            self._last[camera] = image
            return image
        return np.zeros_like(image) if self.fill == "black" else self._last.setdefault(camera, image)

    def realised(self) -> dict[str, Any]:
        seen = {"cameras": list(self._chosen), "lost": sum(self._looks.values()), "looks": len(self._looks)}
        return seen if self.pattern == "intermittent" else {**seen, "onset": self._onset}
