"""What the perturbations of a scene's look share: pictures are others from the first look on, the physics is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import PrivateAttr

from vlabench.perturbations.base import Perturbation


class LookPerturbation(Perturbation):
    """Changes what a scene looks like, before anything is seen, for the whole episode."""

    group: ClassVar[str] = "look"

    _drawn: dict[str, Any] = PrivateAttr(default_factory=dict)

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"look"})

    def realised(self) -> dict[str, Any]:
        return dict(self._drawn)
