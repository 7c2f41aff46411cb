"""object_size: the object to be moved is larger or smaller, and as much heavier or lighter as that takes.

COLOSSEUM (`MO_size`, `RO_size`) and LIBERO-PRO scale objects by 0.5 to 1.5; the severities here, no further than what
grippers and receptacles take, are vlabench's own. Each episode draws whether its object is `factor` times as large or
as many times smaller. Where it would then be too wide for the fingers, too large for what is to be closed behind it, or
not come to rest as its clean twin does, such as in a bowl beside it or on a rim that it slides off or sinks into, the
other of the two is taken, and where neither does, less and less of a change. It begins at its clean twin's x, y and
turn. Of one material, its mass goes with the factor's cube: half as much, or twice, at severity 5. Severities share the
draw. Where a task carries two objects, it is the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from pydantic import Field, PrivateAttr

from vlabench.errors import UnsupportedError
from vlabench.perturbations._scene import ScenePerturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.simulators.capabilities import ScalesObjects
from vlabench.types import ActionSpace

SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)
"""Of the factor's logarithm, tried one after the other."""


class ObjectSize(ScenePerturbation):
    """The object has another size."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"factor": 1.05}, 2: {"factor": 1.1}, 3: {"factor": 1.15}, 4: {"factor": 1.2}, 5: {"factor": 1.25}}
    needs: ClassVar[frozenset[type]] = frozenset({ScalesObjects})

    factor: float = Field(
        default=1.15, gt=1, le=1.5, description="So many times as large, or as many times smaller.")

    _drawn: float = PrivateAttr(default=1.0)

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._drawn = 1.0

    def scene(self, scene: Scene, rng: Draws) -> None:
        view, ways = cast(ScalesObjects, scene), (1.0, -1.0) if rng.episode().random() < 0.5 else (-1.0, 1.0)
        for factor in (self.factor ** (share * way) for share in SHARES for way in ways):
            if view.size_fits(factor):
                view.scale_object(factor)
                self._drawn = factor
                return
        raise UnsupportedError(f"object_size: even {self.factor ** SHARES[-1]:.3f} times larger or smaller the object "
                               f"does not come to rest as without")

    def realised(self) -> dict[str, Any]:
        return {"factor": round(self._drawn, 4)}
