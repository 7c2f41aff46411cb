"""PAIR's views of a look (What to Ignore, What to React: 4.3), as `pair_invariance` and `pair_sensitivity` read them.

They are drawn while a rollout stands still at a look, by what its scene can draw (`simulators.capabilities`), from a
random stream of their own: with and without them a rollout is the same one to the last bit. Things, tables and
viewpoints are of training's split alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from vlabench.cards.noise import ACTION, Noise
from vlabench.errors import CardError, UnsupportedError
from vlabench.seeding import Draws, stream
from vlabench.simulators._values import Masks, Pictures
from vlabench.simulators.base import Simulator
from vlabench.simulators.capabilities import (
    DrawsBackgrounds,
    DrawsDistractors,
    DrawsGhosts,
    DrawsViewpoints,
    HidesObjects,
    ShowsMasks,
)
from vlabench.training.objectives._views import ALTERING, PRESERVING
from vlabench.training.objectives.base import Objective
from vlabench.types import EpisodeSpec

Kind = Literal["background", "bare", "distractors", "texture", "viewpoint"]
ASKS: Mapping[str, frozenset[type]] = {
    "background": frozenset({ShowsMasks, DrawsBackgrounds}), "bare": frozenset({ShowsMasks, HidesObjects}),
    "distractors": frozenset({DrawsDistractors}), "texture": frozenset({ShowsMasks, DrawsBackgrounds}),
    "viewpoint": frozenset({DrawsViewpoints})}
"""What each kind of preserving view asks scenes for."""
ASKS_ALTERING: frozenset[type] = frozenset({DrawsGhosts})


class ViewOptions(BaseModel):
    """PAIR's views of what rollouts look at, for objectives that need them.

    Which pose the altering view's target takes, the paper leaves open as read here (4.3: a Gaussian and a categorical
    distribution; table 3 has no numbers of them). The defaults are vlabench's, in the measures of RL4VLA's starts,
    whose spots are 3 cm apart and whose objects are turned by 0, 45, 90 or 135 degrees. So is the range of viewpoints,
    that of suite `pair-viewpoint`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    preserving: dict[Kind, float] = Field(
        default={"background": 1.0}, min_length=1,
        description="Kinds of views that preserve the task, and their shares: each look draws one. `background`: "
                    "robot, target and receptacle before another background, nothing else (the paper's equation 5); "
                    "`bare`: before their own, nothing else; `distractors`: other things stand around; `texture`: all "
                    "that is there before another background; `viewpoint`: seen from elsewhere (the paper's 5.5; as "
                    "training under `camera_pose`, tables say).")
    shift: float = Field(
        default=0.03, ge=0,
        description="Standard deviation (m) of the target's shift along the table's x and y in views that alter the "
                    "task.")
    turns: tuple[float, ...] = Field(
        default=(0.0, 45.0, 90.0, 135.0), min_length=1,
        description="Turns of the target (degrees) in views that alter the task, each equally likely.")
    yaw: float = Field(
        default=10.0, gt=0, le=90,
        description="Degrees to either side, at most, that views of the kind `viewpoint` are seen from; uniform (in "
                    "the paper at fixed increments).")

    @model_validator(mode="after")
    def _something_to_draw(self) -> Self:
        wrong = [f"{kind} = {share:g}" for kind, share in self.preserving.items() if share <= 0]
        if wrong:
            raise ValueError(f"preserving: {', '.join(wrong)}: a share is above 0; leave out what is not to be drawn")
        if not self.shift and not any(self.turns):
            raise ValueError("shift and turns are all 0: a view that alters the task would show it as it is")
        return self


@dataclass(frozen=True)
class Views:
    """Which views a rollout keeps (`names`), and how they are drawn."""

    options: ViewOptions
    names: tuple[str, ...]

    def of(self, scene: Any, seen: Pictures, spec: EpisodeSpec, step: int) -> dict[str, Pictures]:
        """Name → the view of a look. scene: the view of one copy that has the capabilities. seen: what its cameras
        show now. Rollouts that differ in `repeat` alone draw their own.
        """
        draws = stream(spec, f"views/{spec.repeat}" if spec.repeat else "views")
        make = {PRESERVING: self._preserving, ALTERING: self._altering}
        return {name: make[name](scene, seen, draws, step) for name in self.names}

    def _preserving(self, scene: Any, seen: Pictures, draws: Draws, step: int) -> Pictures:
        kinds, shares = list(self.options.preserving), np.array(list(self.options.preserving.values()))
        rng = draws.at(step, "preserving")
        return _KINDS[kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]](scene, seen, self.options, rng)

    def _altering(self, scene: DrawsGhosts, seen: Pictures, draws: Draws, step: int) -> Pictures:
        rng = draws.at(step, "altering")
        x, y = (self.options.shift * rng.standard_normal(2)).tolist()
        return scene.with_target_moved((x, y), self.options.turns[int(rng.integers(len(self.options.turns)))])


def unseen(options: ViewOptions, objectives: Mapping[str, Objective]) -> list[str]:
    """The options that were given though no objective looks at what they describe."""
    needs = {need for objective in objectives.values() for need in objective.needs}
    seen = {"preserving": PRESERVING, "yaw": PRESERVING, "shift": ALTERING, "turns": ALTERING}
    return [name for name in seen if name in options.model_fields_set and seen[name] not in needs]


def wanted(options: ViewOptions, objectives: Mapping[str, Objective], kind: type[Simulator],
           noise: Noise | None) -> Views | None:
    """The views that objectives need, if they need any, on a kind of simulator.

    Raises UnsupportedError where its scenes cannot draw them, CardError for noise in observations, which views do not
    have: the policy would tell them by it.
    """
    users = {view: [name for name, each in objectives.items() if view in each.needs] for view in (PRESERVING, ALTERING)}
    users = {view: names for view, names in users.items() if names}
    if not users:
        return None
    without = f"leave {', '.join(f'objectives.{name}' for names in users.values() for name in names)} out"
    if PRESERVING in users:
        can = [each for each, asked in ASKS.items() if asked <= kind.offers]
        fix = f"views = {{ preserving = {{ {can[0]} = 1.0 }} }} ({', '.join(can)} can be drawn), or " if can else ""
        for each in options.preserving:
            _check(f"views.preserving.{each}", ASKS[each], kind, fix + without)
    if ALTERING in users:
        _check(f"the {ALTERING} of objectives.{users[ALTERING][0]}", ASKS_ALTERING, kind, without)
    if noise and set(noise.drawn) - {ACTION}:
        raise CardError("training.options.noise: observations are perturbed, views that preserve or alter the task are "
                        f"not, and the noise would tell them apart\n  fix: noise in actions alone, or {without}")
    return Views(options, tuple(users))


def _check(what: str, asked: frozenset[type], kind: type[Simulator], fix: str) -> None:
    if lacking := sorted(each.__name__ for each in asked - kind.offers):
        raise UnsupportedError(f"training.options: {what} asks scenes for {', '.join(lacking)}, which simulator "
                               f"{kind.__name__} does not offer\n  fix: {fix}")


def pasted(masks: Masks, seen: Pictures, behind: Pictures) -> Pictures:
    """m ⊙ o + (1 − m) ⊙ b (equation 5), camera by camera."""
    return {camera: np.where(masks[camera][..., None], picture, behind[camera]) for camera, picture in seen.items()}


def _background(scene: Any, seen: Pictures, options: ViewOptions, rng: np.random.Generator) -> Pictures:
    names = scene.training_backgrounds()
    return pasted(scene.masks(False), seen, scene.background(names[int(rng.integers(len(names)))]))


def _bare(scene: Any, seen: Pictures, options: ViewOptions, rng: np.random.Generator) -> Pictures:
    return pasted(scene.masks(False), seen, scene.empty())


def _distractors(scene: DrawsDistractors, seen: Pictures, options: ViewOptions, rng: np.random.Generator) -> Pictures:
    return scene.with_distractors(rng)


def _texture(scene: Any, seen: Pictures, options: ViewOptions, rng: np.random.Generator) -> Pictures:
    others = scene.training_backgrounds()[1:]
    return pasted(scene.masks(True), seen, scene.background(others[int(rng.integers(len(others)))]))


def _viewpoint(scene: DrawsViewpoints, seen: Pictures, options: ViewOptions, rng: np.random.Generator) -> Pictures:
    return scene.from_viewpoint(float(rng.uniform(-options.yaw, options.yaw)), 0.0)


_KINDS: Mapping[str, Callable[[Any, Pictures, ViewOptions, np.random.Generator], Pictures]] = {
    "background": _background, "bare": _bare, "distractors": _distractors, "texture": _texture,
    "viewpoint": _viewpoint}
