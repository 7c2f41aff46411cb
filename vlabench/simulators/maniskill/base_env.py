"""The put-on-plate scenes as an environment of ManiSkill's, many side by side on a GPU, for who has a loop.

    import gymnasium
    env = gymnasium.make("vlabench.simulators.maniskill.base_env:VLABench-PutOnPlate-v1", num_envs=64)

Importing this module registers the environment; its name without the module's does then, too. Objects, starts, robot,
goals, looks and the conditions of scene and instruction (`vlabench.gym.condition_arguments`) are those of the worlds
that `vlabench run` plays; physics on a GPU is another one, so its results are never mixed with those. One environment
runs on a CPU, too (`render_backend="cpu"`, or "none").
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
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
from vlabench.simulators.maniskill.drawing import camera, vulkan
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.interface import CAMERAS, CONTROL_HZ, PHYSICS_HZ, STEP_LIMIT
from vlabench.simulators.maniskill.planned import NAMING, Chains, Planned, named
from vlabench.simulators.maniskill.screens import Screens
from vlabench.simulators.maniskill.simulator import TASK_SETS, Maniskill
from vlabench.simulators.maniskill.view import lit
from vlabench.types import EpisodeSpec, Floats

NAME = "VLABench-PutOnPlate-v1"
OPTIONS = (*NAMING, "env_idx", "reconfigure")
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

    `reset()` draws new episodes as training does; every environment keeps its objects, lights and camera, and
    `options={"reconfigure": True}`, or `reconfiguration_freq=1`, draws them, too. `reset(options={"number": …, "index":
    …, "seed": …})` plays the episode that `vlabench run` calls so, of the task of this number and under the same
    condition: each an int for all or one for each environment; if that changes objects, lights or a camera, all is
    built anew. All are reset together, for to let things settle in one moves the others, too.
    """

    SUPPORTED_OBS_MODES = ("rgb+segmentation", "state", "state_dict", "none")
    SUPPORTED_REWARD_MODES = ("dense", "none")

    def __init__(self, *, task_set: str = TASK_SETS[0], assets: str = packs.PACKS[0],
                 variant: Variant = (), chains: Chains | None = None,
                 image_size: Sequence[int] = (camera.WIDTH, camera.HEIGHT), control_mode: str = CONTROL,
                 render_backend: str | None = "gpu", **others: Any) -> None:
        """variant, chains: of `set_condition`. image_size: (width, height) of the pictures, which show what 640×480
        would. others: `BaseEnv`'s.

        Raises UnknownName, OptionError, AssetsError, RenderingError.
        """
        if render_backend not in (None, "none"):
            vulkan.check()
        if not _has_cuda():  # or ManiSkill warns of the one and stops at the other without a word of help
            render_backend = "cpu" if render_backend == "gpu" else render_backend
            if others.get("num_envs", 1) > 1:
                raise OptionError(f"num_envs = {others['num_envs']}: copies side by side are computed on a GPU with "
                                  f"CUDA, and sapien finds none here\n  fix: num_envs = 1, or vlabench run --workers N")
        self.tasks = Maniskill(assets).tasks(task_set)
        self._pack = packs.pack(assets)
        self._size = (int(image_size[0]), int(image_size[1]))
        self._named: list[Planned] | None = None
        self.set_condition(variant, chains)
        super().__init__(control_mode=control_mode, render_backend=render_backend or "none", **others)

    def set_condition(self, variant: Variant = (), chains: Chains | None = None) -> None:
        """Play under this condition from the next reset on, which builds anew; by default under none.

        variant: what scenes are built with. chains: what is done to each episode. Raises OptionError.
        """
        starts.checked(variant, self.tasks[0].task_set)
        self._variant, self._chains = variant, chains
        self.episodes: list[Planned] = []

    @property
    def starts(self) -> list[starts.Start]:
        """Where each environment's episode began."""
        return [episode.start for episode in self.episodes]

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
        if options.keys() & {*NAMING}:
            self._named = named(options, self.num_envs, self.tasks, self._variant, self._chains)
        kept = self._named is None or [each.build for each in self._named] == [each.build for each in self.episodes]
        if not self.episodes or not kept:
            options["reconfigure"] = True
        answer: tuple[Any, dict[str, Any]] = super().reset(seed=seed, options=options)
        return answer

    def _drawn(self, built: Sequence[Planned] = ()) -> list[Planned]:
        """Training episodes from the environments' own generators, for what is `built` already."""
        drawn = []
        for env, rng in enumerate(self._batched_episode_rng.rngs):
            task, index = self.tasks[rng.randint(len(self.tasks))], int(rng.randint(2 ** 31))
            drawn.append(Planned(EpisodeSpec(task, "clean", index, sampled=True), self._variant, self._chains,
                                 built[env] if built else None))
        return drawn

    @property
    def _default_sim_config(self) -> SimConfig:
        return SimConfig(sim_freq=PHYSICS_HZ, control_freq=CONTROL_HZ, spacing=SPACING)

    @functools.cached_property
    def _screens(self) -> Screens:
        return Screens(self._pack, self._size, self.device)

    def _load_agent(self, options: dict[str, Any]) -> None:
        self.episodes = self._named or self._drawn()
        (x, y, z), turn = robot.BASE
        aside = engine().Pose((x, y, z + robot.ASIDE), turn)
        self.agent = Widowx(self.scene, self._control_freq, self._control_mode, aside, self._pack.robot, self._size,
                            [episode.mount() for episode in self.episodes])

    def _load_scene(self, options: dict[str, Any]) -> None:
        drawn = self.scene.can_render()
        if drawn:
            self._pack.polish(link.entity for body in self.agent.robot._objs for link in body.links)
        world.table(self.scene.create_actor_builder(), drawn).build_static(name="table")
        names = ("object", "receptacle", *(f"other {k}" for k in range(len(self.episodes[0].start.others))))
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
        for scene, episode in zip(self.scene.sub_scenes, self.episodes, strict=True):
            lit(scene, episode.looks)

    def _after_reconfigure(self, options: dict[str, Any]) -> None:
        seen = [*self.bodies, *self.agent.robot.get_links()]
        self._kept = torch.unique(torch.cat([each.per_scene_id for each in seen]))

    def _initialize_episode(self, env_idx: torch.Tensor, options: dict[str, Any]) -> None:
        self.episodes = self._named or self._drawn(self.episodes)
        if self.scene.can_render():
            self._screens.place([episode.looks for episode in self.episodes])
        self._steps = 0
        poses = np.stack([episode.poses() for episode in self.episodes], axis=1)
        for actor, at in zip(self.bodies, poses, strict=True):
            actor.set_pose(self._pose(at))
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
        self.agent.reset(torch.tensor([episode.posture for episode in self.episodes], dtype=torch.float32,
                                      device=self.device))
        for episode in self.episodes:
            episode.settled, episode.drop = True, None
        self._halves = [goal.settled_half(np.array([start.bodies[row].thing.half for start in self.starts]),
                                          _numbers(self.bodies[row].pose.q)) for row in (0, 1)]

    def _pose(self, poses: Floats) -> Pose:
        """Of [n, 7] (m; w, x, y, z)."""
        return Pose.create(torch.as_tensor(poses, dtype=torch.float32, device=self.device))

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
        self._steps += 1
        self._happen()
        return done

    def _happen(self) -> None:
        """What the condition lets happen after a step: objects that fall anew, at rest."""
        for episode in self.episodes:
            episode.tick(self._steps)
        moved = [env for env, episode in enumerate(self.episodes) if episode.drop is not None]
        if not moved:
            return
        self.scene._reset_mask[:] = False
        self.scene._reset_mask[moved] = True
        target = self.bodies[0]
        target.set_pose(self._pose(np.stack([self.episodes[env].poses()[0] for env in moved])))
        target.set_linear_velocity(torch.zeros((len(moved), 3), device=self.device))
        target.set_angular_velocity(torch.zeros((len(moved), 3), device=self.device))
        self.scene._reset_mask[:] = True
        if self.gpu_sim_enabled:
            self.scene.px.gpu_apply_rigid_dynamic_data()
            self.scene._gpu_fetch_all()
        for env in moved:
            self.episodes[env].drop = None

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
        return [episode.instruction for episode in self.episodes]

    def _get_obs_extra(self, info: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Of states: poses [B, 7] (m; w, x, y, z) of the bodies."""
        if not self.obs_mode_struct.state and "state" not in self.obs_mode:
            return {}
        return {body.name: body.pose.raw_pose for body in self.bodies}

    def _get_obs_sensor_data(self, apply_texture_transforms: bool = True) -> dict[str, Any]:
        seen: dict[str, Any] = super()._get_obs_sensor_data(apply_texture_transforms)
        picture = seen[CAMERAS[0]]
        if "rgb" in picture:
            ids = picture["segmentation"]
            kept = torch.isin(ids, self._kept.to(ids.device, ids.dtype))
            picture["rgb"] = self._screens.shown(picture["rgb"], kept, self._steps)
        return seen


def _has_cuda() -> bool:
    """Whether sapien finds a GPU to compute and draw on."""
    try:
        vulkan.engine().Device("cuda")
    except RuntimeError:
        return False
    return True


def _numbers(tensor: torch.Tensor) -> Floats:
    numbers: Floats = tensor.detach().cpu().numpy().astype(np.float64)
    return numbers
