"""One copy's episode inside the loop: its perturbations, and the evidence of what they changed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from vlabench.errors import UnsupportedError
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws, stream
from vlabench.simulators.base import Scene, Variant
from vlabench.types import ActionSpace, EpisodeSpec, Floats, Observation
from vlabench.util.text import counted

_T = TypeVar("_T", bound=np.generic)
ASKED = "action/asked"
"""The entry among an episode's changes that says at which share of steps the policy asked for something new."""


@dataclass(frozen=True)
class _Link:
    """A perturbation in an episode: its own copy, its random stream and the channels it says it may change."""

    name: str
    perturbation: Perturbation
    draws: Draws
    channels: frozenset[str]

    @property
    def touches_scene(self) -> bool:
        """Whether it says that it acts on the scene, or has a hook that can, whatever it says."""
        kind = type(self.perturbation)
        return ("scene" in self.channels or kind.scene is not Perturbation.scene
                or kind.tick is not Perturbation.tick)


class EpisodeChain:
    """The perturbations of one episode, applied in order, and a count of what the policy or the robot got changed."""

    def __init__(self, spec: EpisodeSpec, perturbations: Mapping[str, Perturbation], cameras: Sequence[str]) -> None:
        self.spec = spec
        self.instruction = spec.task.instruction
        self.frame: dict[str, str] = {}
        self._links = [_Link(name, kind.fresh(), stream(spec, f"perturbation/{name}"), kind.channels(cameras))
                       for name, kind in perturbations.items()]
        self._looks = self._steps = 0
        self._hits: Counter[str] = Counter()
        self._first: set[str] = set()
        self._moved_at_start = self._other_look = False
        self._asked: Floats | None = None

    @property
    def touches_scene(self) -> bool:
        """Whether a perturbation of this episode acts on the scene itself, or could."""
        return any(link.touches_scene for link in self._links)

    # the hooks

    def begin(self, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        """Start the perturbations' episode."""
        for link in self._links:
            link.perturbation.begin(link.draws, replan, cameras, space)

    def set_up(self, scene: Scene) -> None:
        """Change the scene after its reset, then the wording of the instruction."""
        for link in self._links:
            link.perturbation.scene(scene, link.draws)
        for link in self._links:
            self.instruction = link.perturbation.instruction(self.instruction, link.draws)

    def may_move(self, step: int) -> bool:
        """Whether a perturbation may move the scene after `step` control steps."""
        return any(link.perturbation.may_move(step) for link in self._links)

    def tick(self, scene: Scene, step: int) -> None:
        """Let events in mid-episode happen, after `step` control steps."""
        for link in self._links:
            link.perturbation.tick(scene, step, link.draws)

    def wants_frame(self, step: int) -> bool:
        """Whether a perturbation needs the observation of this step although the policy does not look."""
        return any(link.perturbation.wants_frame(step) for link in self._links)

    def perturbed(self, clean: Observation, step: int) -> tuple[Observation, set[str]]:
        """What the policy would see (B = 1), and the channels on which it would see an older moment.

        Raises ValueError if a perturbation takes a camera away or changes a shape or type, and for proprioception that
        is not finite, which no policy is made for; one that writes into the arrays that it was given fails too, since
        they are read-only here.
        """
        _check_finite(clean, "the simulator", step)
        stale: set[str] = set()
        if not self._links:
            return clean.replace(instruction=(self.instruction,)), stale
        obs = clean.replace(images={c: _locked(v) for c, v in clean.images.items()}, proprio=_locked(clean.proprio),
                            instruction=(self.instruction,))
        for link in self._links:
            before, obs = obs, link.perturbation.observation(obs, step, link.draws)
            if obs.steps[0] < before.steps[0]:
                stale |= {c for c in link.channels if c == "proprio" or c.startswith("images/")}
            if _layout(obs) != _layout(before):
                raise ValueError(f"perturbation {link.name!r} changed the layout of the observation from "
                                 f"{_layout(before)} to {_layout(obs)}")
            if obs.proprio is not before.proprio:
                _check_finite(obs, f"perturbation {link.name!r}", step)
        return obs, stale

    def look(self, clean: Observation, step: int) -> Observation:
        """What the policy sees (B = 1), counted as a look."""
        obs, stale = self.perturbed(clean, step)
        if self._looks == 0:
            self.frame = {camera: digest(picture) for camera, picture in clean.images.items()}
        changed = {f"images/{c}" for c, v in clean.images.items() if not _same(v, obs.images[c])}
        if not _same(clean.proprio, obs.proprio):
            changed.add("proprio")
        if clean.instruction != obs.instruction:
            changed.add("instruction")
        self._count(changed | stale, first=self._looks == 0)
        self._looks += 1
        return obs

    def act(self, asked: Floats, step: int) -> Floats:
        """The action [D] that reaches the robot. Raises ValueError if a perturbation makes it unusable."""
        action = asked
        for link in self._links:
            action = link.perturbation.action(_locked(action), step, link.draws)
            if np.shape(action) != asked.shape or not np.isfinite(action).all():
                raise ValueError(f"perturbation {link.name!r} turned the action {asked} into {action}")
        if action is not asked and not np.array_equal(action, asked):
            self._count({"action"}, first=self._steps == 0)
        if self._asked is not None and (asked != self._asked).any():
            self._count({ASKED}, first=False)
        self._asked = asked
        self._steps += 1
        return action

    # the evidence

    def scene_moved(self, *, at_start: bool) -> None:
        """The scene's state changed under a scene hook (at the start) or under a tick."""
        self._moved_at_start |= at_start
        self._count({"scene"}, first=at_start)

    def look_changed(self) -> None:
        """What the scene looks like changed under a scene hook, at the start and to the end."""
        self._other_look = True
        self._first.add("look")

    def changed(self) -> dict[str, float]:
        """Channel → share of looks (of steps for `action` and `scene`) at which it was not what it would have been.

        ASKED → share of steps at which the policy asked for another action than at the step before.
        """
        shares = {c: n / (self._steps if c in ("action", ASKED, "scene") else self._looks)
                  for c, n in sorted(self._hits.items())}
        if self._moved_at_start:
            shares["scene"] = 1.0
        if self._other_look:
            shares["look"] = 1.0
        return shares

    def changed_first(self) -> tuple[str, ...]:
        """The channels that differed at the very first look or step."""
        return tuple(sorted(self._first))

    def realised(self) -> dict[str, Any]:
        """Perturbation → its parameters as drawn in this episode."""
        return {link.name: link.perturbation.realised() for link in self._links}

    def _count(self, changed: set[str], first: bool) -> None:
        self._hits.update(changed)
        if first:
            self._first |= changed


def variant_of(chain: Mapping[str, Perturbation]) -> Variant:
    """What the scene under these perturbations must be built with. Raises UnsupportedError if two of them disagree."""
    found: dict[str, Hashable] = {}
    for name, perturbation in chain.items():
        for key, value in perturbation.scene_variant().items():
            if found.setdefault(key, value) != value:
                raise UnsupportedError(f"perturbation {name!r} needs a scene with {key} = {value!r}, another one of "
                                       f"the same condition {found[key]!r}")
    return tuple(sorted(found.items()))


def digest(array: npt.NDArray[Any]) -> str:
    """Of an array's bytes: blake2b, 8 bytes in hexadecimal."""
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()


def _locked(array: npt.NDArray[_T]) -> npt.NDArray[_T]:
    """A view that cannot be written through, so that a perturbation cannot change the clean array behind it."""
    view: npt.NDArray[_T] = array[...]
    view.flags.writeable = False
    return view


def _same(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    """Equal, or one and the same memory (a pass-through hook), with nan equal to nan."""
    if a is b or (a.ctypes.data == b.ctypes.data and a.strides == b.strides):
        return True
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _check_finite(obs: Observation, whose: str, step: int) -> None:
    finite = np.isfinite(obs.proprio)
    if not finite.all():
        wrong = counted(int((~finite).sum()), "value of proprioception that is not finite",
                        "values of proprioception that are not finite")
        raise ValueError(f"{whose} returned {wrong} at step {step}")


def _layout(obs: Observation) -> dict[str, str]:
    """Field → shape and type: what a policy may rely on whatever the perturbation."""
    arrays: dict[str, npt.NDArray[Any]] = {f"images/{c}": v for c, v in obs.images.items()}
    arrays["proprio"] = obs.proprio
    return {name: f"{array.dtype}{list(array.shape)}" for name, array in sorted(arrays.items())}
