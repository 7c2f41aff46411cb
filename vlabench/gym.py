"""Episodes as gymnasium environments, for people with a loop of their own; importing it registers the tasks.

    import gymnasium, vlabench.gym
    env = gymnasium.make("vlabench/libero_spatial-3", condition="joint", index=7)

plays the task, condition and episode that `vlabench run` plays under these names, and the same actions lead to the same
record. There is one for each task of every simulator that is here. Without the second import:
`gymnasium.make("vlabench.gym:vlabench/libero_spatial-3", ...)`. ManiSkill's environment of many copies takes a
condition from here: `condition_arguments`.
"""

from __future__ import annotations

import contextlib
import copy
import string
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.error import InvalidAction, ResetNeeded

from vlabench import __version__, registry
from vlabench.cards import find
from vlabench.cards.conditions import CLEAN, named
from vlabench.episode.chain import EpisodeChain, variant_of
from vlabench.episode.loop import Attempt
from vlabench.errors import OptionError, UnknownName, UnsupportedError, VlabenchError
from vlabench.evaluation import plan
from vlabench.perturbations.base import Perturbation, find_perturbation
from vlabench.records import provenance
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeRecord, EpisodeSpec, Image, Observation, won

LONGEST_INSTRUCTION = 1000
"""Characters, for the observation space."""
FARTHEST = 10.0
"""Bound of the proprioception's space: metres from the world's origin, or radians."""
POLICY = "gymnasium"
"""What stands for the policy in records."""


class EpisodeEnv(gymnasium.Env[dict[str, Any], npt.NDArray[np.floating[Any]]]):
    """One episode of a task under a condition; `reset` starts it anew.

    Observations: `images` {camera: uint8 [H, W, 3]}, `proprio` float32 [P], `instruction`: as the policy receives them,
    perturbed. Actions: float [D] within the simulator's bounds, as the policy asks for them; perturbations come after.
    The reward is 1 at success and 0 before; success terminates, where it ends an episode, and the task's step limit
    truncates (in ManiSkill always: what holds then is the success).

    `reset(options={"index": k})` plays episode k, from then on. `reset(seed=s)` sets the seed that is part of an
    episode's identity and from which every perturbation draws, from then on, beside gymnasium's own generator.

    The `info` of `reset` and `step` has `step`, the number of steps so far, and `looked`, whether the observation is of
    now; at the end also `record`, the EpisodeRecord.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}

    def __init__(self, task: str, condition: str = CLEAN, index: int = 0, seed: int = 0, assets: str | None = None,
                 cameras: Sequence[str] | None = None, image_size: int = 256, suite: str | None = None,
                 replan: int = 1, render_mode: str | None = None) -> None:
        """task: `libero_spatial/3`. condition: of `suite`, or of any suite. assets: by default the simulator's first
        pack. cameras: by default all. replan: steps from one look to the next, as a policy that executes that many
        actions of a chunk; observations in between repeat the last look, and nothing is rendered for them.

        Raises UnknownName, OptionError, UnsupportedError, and what the `check` of simulator and perturbations raises.
        """
        self._task = find.find_task(task)
        kind = find_simulator(self._task.simulator)
        self._simulator = kind(assets or kind.packs[0])
        self._cameras = tuple(kind.cameras if cameras is None else cameras)
        for camera in self._cameras:
            if camera not in kind.cameras:
                raise UnknownName("camera", camera, kind.cameras)
        self._condition = find.find_condition(condition, self._task.simulator, suite)
        plan.check_offered(self._condition, self._simulator, [self._task.task_set])
        plan.check_tasks([self._condition], [self._task], self._simulator)
        plan.check_parts(self._condition, self._cameras, kind.action_space)
        if replan < 1:
            raise OptionError(f"replan = {replan}: at least 1 is needed")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UnknownName("render mode", str(render_mode), self.metadata["render_modes"])
        self._replan, self.render_mode = replan, render_mode
        self.metadata = {**type(self).metadata, "render_fps": kind.action_space.control_hz}
        self._index, self._seed = self._checked_index(index), seed
        self._simulator.check(self._cameras)
        self._versions = {"vlabench": __version__, **self._simulator.versions()}
        variant = variant_of(named(self._condition))
        self._scene = self._simulator.open(self._task, 1, self._cameras, image_size, variant=variant)
        self._attempt: Attempt | None = None
        self._last = self._look_at(self._begin())
        self._attempt = None
        self.observation_space = _space_of(self._last)
        low, high = (np.array(bound, dtype=np.float32) for bound in (kind.action_space.low, kind.action_space.high))
        self.action_space = spaces.Box(low, high, dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None,
              ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the episode: (observation, info). Raises OptionError for an unknown option or a wrong index."""
        super().reset(seed=seed)
        self._seed = self._seed if seed is None else seed
        unknown = sorted((options or {}).keys() - {"index"})
        if unknown:
            raise OptionError(f"reset(options={{{unknown[0]!r}: …}}): the one option is 'index'")
        self._index = self._checked_index((options or {}).get("index", self._index))
        self._attempt = self._begin()
        self._last = self._look_at(self._attempt)
        return copy.deepcopy(self._last), {"step": 0, "looked": True}

    def step(self, action: npt.NDArray[np.floating[Any]]) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One control step: (observation, reward, terminated, truncated, info). Raises InvalidAction, ResetNeeded."""
        attempt = self._attempt
        if attempt is None or not attempt.going:
            raise ResetNeeded("the episode is over: call `reset` before the next `step`")
        asked = np.array(action, dtype=np.float64)  # a copy: who calls may use one buffer for all actions
        if asked.shape != self.action_space.shape or not np.isfinite(asked).all():
            raise InvalidAction(f"expected {self.action_space.shape} finite numbers, not {action!r}")
        attempt.step(asked[None])
        info: dict[str, Any] = {"step": attempt.steps, "looked": attempt.going and not attempt.due}
        if info["looked"]:
            self._last = self._look_at(attempt)
        success = False
        if not attempt.going:
            info["record"] = self._record(attempt)
            success = won(info["record"])
        return copy.deepcopy(self._last), float(success), success, not attempt.going and not success, info

    def render(self) -> Image | None:
        """The pictures of the last look side by side, uint8 [H, W × cameras, 3], in the render mode `rgb_array`."""
        if self.render_mode is None or not self._cameras:
            return None
        return np.concatenate([self._last["images"][camera] for camera in self._cameras], axis=1)

    def close(self) -> None:
        """Let the scene go."""
        self._attempt = None
        self._scene.close()

    def _begin(self) -> Attempt:
        spec = EpisodeSpec(self._task, self._condition.name, self._index, self._seed)
        attempt = Attempt(self._scene, [spec], [named(self._condition)], replan=self._replan, cameras=self._cameras,
                          success=self._simulator.success)
        attempt.start()
        return attempt

    def _look_at(self, attempt: Attempt) -> dict[str, Any]:
        obs: Observation = attempt.look()
        return {"images": {camera: pictures[0] for camera, pictures in obs.images.items()}, "proprio": obs.proprio[0],
                "instruction": obs.instruction[0]}

    def _record(self, attempt: Attempt) -> EpisodeRecord:
        (played,) = attempt.played()
        return played.record(policy=POLICY, assets=self._simulator.assets, policy_digest="",
                             condition_digest=self._condition.digest, versions=self._versions,
                             finished=provenance.now())

    def _checked_index(self, index: Any) -> int:
        if not isinstance(index, (int, np.integer)) or not self._task.starts(int(index)):
            raise OptionError(f"index = {index!r}: {self._task.key} has the episodes {self._task.indices}")
        return int(index)


def _space_of(observation: Mapping[str, Any]) -> spaces.Dict:
    return spaces.Dict({
        "images": spaces.Dict({camera: spaces.Box(0, 255, picture.shape, np.uint8)
                               for camera, picture in observation["images"].items()}),
        "proprio": spaces.Box(-FARTHEST, FARTHEST, observation["proprio"].shape, np.float32),
        "instruction": spaces.Text(LONGEST_INSTRUCTION, min_length=0, charset=string.printable),
    })


def condition_arguments(condition: str = CLEAN, suite: str | None = None) -> dict[str, Any]:
    """A condition, of `suite` or of any suite, for ManiSkill's environment of many copies, to make it with:

        gymnasium.make("vlabench.simulators.maniskill.base_env:VLABench-PutOnPlate-v1", num_envs=64,
                       **condition_arguments("table"))

    or to play on under: `env.unwrapped.set_condition(**condition_arguments("lighting"))`. The same perturbations act,
    with the same draws, as in a run. Of pictures, proprioception and actions, which that environment leaves to its
    user's loop, none is perturbed: raises UnsupportedError for conditions that would; UnknownName.
    """
    simulator = "maniskill"
    kind = find_simulator(simulator)
    found = find.find_condition(condition, simulator, suite)
    plan.check_offered(found, kind(kind.packs[0]), ())  # the environment knows its task set
    kinds = named(found)
    for name, perturbation in kinds.items():
        if not _of_scene(type(perturbation)):
            raise UnsupportedError(
                f"condition {condition!r}: perturbation {name!r} changes observations or actions, which many copies "
                f"side by side leave to your loop\n  these act on scene and instruction: "
                f"{', '.join(_acting_on(kind.offers))}")
        if "look" in perturbation.channels(kind.cameras) and not perturbation.from_start:
            raise UnsupportedError(f"condition {condition!r}: perturbation {name!r} changes what is seen in "
                                   f"mid-episode; in ManiSkill's own environment looks stay as an episode begins\n"
                                   f"  fix: vlabench run plays this condition")

    def chains(spec: EpisodeSpec) -> EpisodeChain:
        chain = EpisodeChain(spec, kinds, kind.cameras)
        chain.begin(1, kind.cameras, kind.action_space)
        return chain

    return {"variant": variant_of(kinds), "chains": chains}


def _of_scene(kind: type[Perturbation]) -> bool:
    return kind.observation is Perturbation.observation and kind.action is Perturbation.action


def _acting_on(offers: Collection[type]) -> list[str]:
    """The perturbations of scene and instruction that these capabilities are enough for."""
    found = []
    for name in registry.names("perturbation"):
        with contextlib.suppress(VlabenchError):
            kind = find_perturbation(name)
            if _of_scene(kind) and kind.needs <= set(offers):
                found.append(name)
    return found


def register() -> None:
    """An environment for each task there is, as on import; for simulators that are installed later."""
    with contextlib.suppress(VlabenchError):  # of whose tasks none is here `make` and `vlabench list tasks` tell more
        for task in find.all_tasks():
            name = f"vlabench/{task.task_set}-{task.number}"
            if name not in gymnasium.registry:
                gymnasium.register(name, entry_point="vlabench.gym:EpisodeEnv", kwargs={"task": task.key})


register()
