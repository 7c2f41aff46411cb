"""The put-on-plate scenes as an environment of ManiSkill's, many side by side on a GPU, for who has a loop.

    import gymnasium
    env = gymnasium.make("vlabench.simulators.maniskill.base_env:VLABench-PutOnPlate-v1", num_envs=64)

Importing this module registers the environment; its name without the module's does then, too. Objects, starts, robot,
goals and looks are those of the worlds that `vlabench run` plays; physics on a GPU is another one, so its results are
never mixed with those. One environment runs on a CPU, too (`render_backend="cpu"`, or "none").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mani_skill.envs.sapien_env import BaseEnv
from mani_skill.utils.registration import register_env
from mani_skill.utils.structs.actor import Actor
from mani_skill.utils.structs.pose import Pose
from mani_skill.utils.structs.types import SimConfig

from vlabench.errors import OptionError
from vlabench.simulators.base import Variant
from vlabench.simulators.maniskill import goal, packs, robot, starts, world
from vlabench.simulators.maniskill.agent import CONTROL, Widowx
from vlabench.simulators.maniskill.drawing import camera, screen, vulkan
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.interface import CAMERAS, CONTROL_HZ, PHYSICS_HZ, STEP_LIMIT
from vlabench.simulators.maniskill.simulator import TASK_SETS, Maniskill
from vlabench.types import EpisodeSpec, Floats

NAME = "VLABench-PutOnPlate-v1"
OPTIONS = ("number", "index", "seed", "env_idx", "reconfigure")
"""What `reset(options=…)` understands."""
SPACING = 20.0
"""Between scenes on a GPU (m), as RL4VLA has it."""


@register_env(NAME, max_episode_steps=STEP_LIMIT)
class PutOnPlate(BaseEnv):  # type: ignore[misc]  # mani_skill ships no types
    """A WidowX puts an object on a receptacle, 80 control steps long: success does not end an episode.

    Actions float32 [B, 7] (batched for more than one environment): metres and radians of the hand's target pose in the
    base's frame, at 5 Hz; gripper +1 opens. Observations: ManiSkill's; the picture of `third_person` in
    `sensor_data`, its background replaced by the table's picture. The reward is RL4VLA's: what `goal.earned` rose by.

    `info` has `success`, and `grasped` and `grasped_5` as milestones have them: now, and for five steps.

    `reset()` draws new episodes as training does; every environment keeps its objects, and `options={"reconfigure":
    True}`, or `reconfiguration_freq=1`, draws them, too. `reset(options={"number": …, "index": …, "seed": …})` plays
    the episode that `vlabench run` calls so, of the task of this number: each an int for all or one for each
    environment; what that changes of the objects is built anew. All are reset together, for to let things settle in
    one moves the others, too.
    """

    SUPPORTED_OBS_MODES = ("rgb+segmentation", "state", "state_dict", "none")
    SUPPORTED_REWARD_MODES = ("dense", "none")

    def __init__(self, *, task_set: str = TASK_SETS[0], assets: str = packs.PACKS[0],
                 variant: Variant = (), image_size: Sequence[int] = (camera.WIDTH, camera.HEIGHT),
                 control_mode: str = CONTROL, render_backend: str | None = "gpu", **others: Any) -> None:
        """image_size: (width, height) of the pictures, which show what 640×480 would. others: `BaseEnv`'s.

        Raises UnknownName, OptionError, AssetsError, RenderingError.
        """
        if render_backend not in (None, "none"):
            vulkan.check()
        self.tasks = Maniskill(assets).tasks(task_set)
        self._pack, self._variant = packs.pack(assets), tuple((name, value) for name, value in variant)
        starts.checked(self._variant, task_set)
        self._size = (int(image_size[0]), int(image_size[1]))
        self.starts: list[starts.Start] = []
        self._named: list[starts.Start] | None = None
        super().__init__(control_mode=control_mode, render_backend=render_backend or "none", **others)

    def reset(self, seed: int | list[int] | None = None,
              options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """(observation, info). Raises OptionError."""
        options = dict(options or {})
        if unknown := sorted(options.keys() - {*OPTIONS}):
            raise OptionError(f"reset(options={{{unknown[0]!r}: …}}): there are {', '.join(OPTIONS)}")
        if "env_idx" in options and len(options["env_idx"]) != self.num_envs:
            raise OptionError(f"reset(options={{'env_idx': …}}) names {len(options['env_idx'])} of {self.num_envs} "
                              "environments: they are reset together")
        self._named = None
        if options.keys() & {"number", "index", "seed"}:
            self._named = self._episodes(options)
            if list(map(_things, self._named)) != list(map(_things, self.starts)):
                options["reconfigure"] = True
        answer: tuple[Any, dict[str, Any]] = super().reset(seed=seed, options=options)
        return answer

    def _episodes(self, options: Mapping[str, Any]) -> list[starts.Start]:
        """The starts of the episodes that options name."""
        def each(name: str) -> list[int]:
            given = np.atleast_1d(options.get(name, 0))
            if len(given) not in (1, self.num_envs) or not np.issubdtype(given.dtype, np.integer):
                raise OptionError(f"{name} = {options[name]!r}: an int, or one for each of {self.num_envs} "
                                  "environments")
            return [int(value) for value in np.resize(given, self.num_envs)]

        numbers, indices, seeds = each("number"), each("index"), each("seed")
        for number, index in zip(numbers, indices, strict=True):
            if not 0 <= number < len(self.tasks) or not self.tasks[number].starts(index):
                raise OptionError(f"number = {number}, index = {index}: there are tasks 0 to {len(self.tasks) - 1} "
                                  f"with the episodes {self.tasks[0].indices}")
        return [starts.draw(EpisodeSpec(self.tasks[number], "clean", index, seed), self._variant)
                for number, index, seed in zip(numbers, indices, seeds, strict=True)]

    def _drawn(self) -> list[starts.Start]:
        """Training episodes from the environments' own generators."""
        drawn = []
        for rng in self._batched_episode_rng.rngs:
            task, index = self.tasks[rng.randint(len(self.tasks))], int(rng.randint(2 ** 31))
            drawn.append(starts.draw(EpisodeSpec(task, "clean", index, sampled=True), self._variant))
        return drawn

    @property
    def _default_sim_config(self) -> SimConfig:
        return SimConfig(sim_freq=PHYSICS_HZ, control_freq=CONTROL_HZ, spacing=SPACING)

    def _load_agent(self, options: dict[str, Any]) -> None:
        (x, y, z), turn = robot.BASE
        aside = engine().Pose((x, y, z + robot.ASIDE), turn)
        self.agent = Widowx(self.scene, self._control_freq, self._control_mode, aside, self._pack.robot, self._size)

    def _load_scene(self, options: dict[str, Any]) -> None:
        self.starts = self._named or self._drawn()
        drawn = self.scene.can_render()
        if drawn:
            self._pack.polish(link.entity for body in self.agent.robot._objs for link in body.links)
        world.table(self.scene.create_actor_builder(), drawn).build_static(name="table")
        names = ("object", "receptacle", *(f"other {k}" for k in range(len(self.starts[0].others))))
        self.bodies = []
        for row, name in enumerate(names):
            built = []
            for env, start in enumerate(self.starts):
                builder = world.made(self.scene.create_actor_builder(), start.bodies[row], self._pack, drawn)
                built.append(builder.set_scene_idxs([env]).build(name=f"{name} {env}"))
                self.remove_from_state_dict_registry(built[-1])
            self.bodies.append(Actor.merge(built, name=name))
            self.add_to_state_dict_registry(self.bodies[-1])

    def _load_lighting(self, options: dict[str, Any]) -> None:
        self.scene.set_ambient_light(list(camera.AMBIENT))
        for direction, color in camera.DIRECTIONAL:
            self.scene.add_directional_light(list(direction), list(color))

    def _after_reconfigure(self, options: dict[str, Any]) -> None:
        seen = [*self.bodies, *self.agent.robot.get_links()]
        self._kept = torch.unique(torch.cat([each.per_scene_id for each in seen]))

    def _initialize_episode(self, env_idx: torch.Tensor, options: dict[str, Any]) -> None:
        built, drawn = self.starts, self._named or self._drawn()
        self.starts = [_with_things(start, old) for start, old in zip(drawn, built, strict=True)]
        pictures = [screen.background(self._pack.table(start.table), self._size) for start in self.starts]
        self._background = torch.as_tensor(np.stack(pictures), device=self.device)
        for row, actor in enumerate(self.bodies):
            bodies = [start.bodies[row] for start in self.starts]
            actor.set_pose(Pose.create_from_pq(
                torch.tensor([[*body.spot, body.height] for body in bodies], dtype=torch.float32, device=self.device),
                torch.as_tensor(np.stack([starts.quaternion(body.yaw) for body in bodies]), dtype=torch.float32,
                                device=self.device)))
        self._settle()
        self._held = np.zeros(self.num_envs, dtype=int)
        self._ever = np.zeros((2, self.num_envs), dtype=bool)
        self._now = np.zeros((3, self.num_envs), dtype=bool)
        self._earned: Floats = np.zeros(self.num_envs)
        self._gain: Floats = np.zeros(self.num_envs)

    def _settle(self) -> None:
        """Things fall and rest, longer if one still moves in any environment; then the robot takes its place."""
        (x, y, z), turn = robot.BASE
        self.agent.robot.set_pose(engine().Pose((x, y, z + robot.ASIDE), turn))
        self._advance(world.SETTLE)
        speeds = (sum(torch.linalg.norm(body.linear_velocity, dim=1) for body in self.bodies),
                  sum(torch.linalg.norm(body.angular_velocity, dim=1) for body in self.bodies))
        if any((speed > limit).any() for speed, limit in zip(speeds, world.RESTLESS, strict=True)):
            self._advance(world.SETTLE_MORE)
        self.agent.robot.set_pose(engine().Pose((x, y, z), turn))
        self.agent.reset(torch.tensor([robot.POSTURE] * self.num_envs, device=self.device))
        self._halves = [goal.settled_half(np.array([start.bodies[row].thing.half for start in self.starts]),
                                          _numbers(self.bodies[row].pose.q)) for row in (0, 1)]

    def _advance(self, substeps: int) -> None:
        if self.gpu_sim_enabled:
            self.scene._gpu_apply_all()
        for _ in range(substeps):
            self.scene.step()
        if self.gpu_sim_enabled:
            self.scene._gpu_fetch_all()

    def _step_action(self, action: Any) -> Any:
        """A control step, and what it came to: once a step, however often `evaluate` is called."""
        done = super()._step_action(action)
        target, place = self.bodies[:2]
        fingers = (self.agent.finger1_link, self.agent.finger2_link)
        force = self.scene.get_pairwise_contact_forces
        forces = _numbers(torch.stack([*(force(finger, target) for finger in fingers), force(target, place)], dim=1))
        turns = _numbers(torch.stack([finger.pose.q for finger in fingers], dim=1))
        grasped = goal.grasped(forces[:, :2], turns)
        self._held = np.where(grasped, self._held + 1, 0)
        long = self._held >= goal.HELD_FOR
        half, place_half = self._halves
        success = goal.on_receptacle(_numbers(target.pose.p - place.pose.p), half, place_half, forces[:, 2])
        self._now, self._ever = np.stack([success, grasped, long]), self._ever | np.stack([grasped, long])
        earned = goal.earned(success, *self._ever)
        self._gain, self._earned = earned - self._earned, earned
        return done

    def step(self, action: Any) -> tuple[Any, torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """ManiSkill's, but that success does not end the episode."""
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, reward, torch.zeros_like(terminated), truncated, info

    def evaluate(self) -> dict[str, torch.Tensor]:
        """bool [B] each, of the last step: success, grasped, grasped_5."""
        return {name: torch.as_tensor(now, device=self.device)
                for name, now in zip(("success", "grasped", "grasped_5"), self._now, strict=True)}

    def compute_dense_reward(self, obs: Any, action: Any, info: dict[str, Any]) -> torch.Tensor:
        """float32 [B]: what the last step earned."""
        return torch.as_tensor(self._gain, dtype=torch.float32, device=self.device)

    def get_language_instruction(self) -> list[str]:
        """What is asked for in each environment."""
        return [start.instruction for start in self.starts]

    def _get_obs_extra(self, info: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Of states: poses [B, 7] (m; w, x, y, z) of the bodies."""
        if not self.obs_mode_struct.state and "state" not in self.obs_mode:
            return {}
        return {body.name: body.pose.raw_pose for body in self.bodies}

    def _get_obs_sensor_data(self, apply_texture_transforms: bool = True) -> dict[str, Any]:
        seen: dict[str, Any] = super()._get_obs_sensor_data(apply_texture_transforms)
        picture = seen[CAMERAS[0]]
        if "rgb" in picture:
            rgb = picture["rgb"]
            kept = torch.isin(picture["segmentation"], self._kept.to(rgb.device, picture["segmentation"].dtype))
            picture["rgb"] = torch.where(kept, rgb, self._background.to(rgb.device))
        return seen


def _things(start: starts.Start) -> list[int]:
    """What has to be built for it, beside what all have."""
    return [body.number for body in start.bodies]


def _with_things(start: starts.Start, built: starts.Start) -> starts.Start:
    """A start with the things that are there already: where each of its own was to be."""
    bodies = [dataclasses.replace(body, number=old.number)
              for body, old in zip(start.bodies, built.bodies, strict=True)]
    return starts.Start(bodies[0], bodies[1], tuple(bodies[2:]), start.table)


def _numbers(tensor: torch.Tensor) -> Floats:
    numbers: Floats = tensor.detach().cpu().numpy().astype(np.float64)
    return numbers
