"""ManiSkill's own WidowX 250S and controllers, with our robot's constants and a description from a pack of ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.error import InvalidAction
from mani_skill.agents.controllers.pd_ee_pose import PDEEPoseControllerConfig
from mani_skill.agents.controllers.pd_joint_pos import PDJointPosMimicControllerConfig
from mani_skill.agents.robots.widowx.widowx import WidowX250S
from mani_skill.render import ShaderConfig
from mani_skill.sensors.camera import CameraConfig
from mani_skill.utils.structs.pose import Pose

from vlabench.simulators.maniskill import robot
from vlabench.simulators.maniskill.drawing import camera, shading
from vlabench.simulators.maniskill.interface import CAMERAS, SPACE

CONTROL = "arm_pd_ee_target_delta_pose_align2_gripper_pd_joint_pos"
"""ManiSkill's name for steps of the hand's target pose, with the gripper's position."""
SHADERS = "default"
"""RL4VLA's choice, ManiSkill's own; `minimal` is faster, and see `own_shaders`."""


def own_shaders() -> ShaderConfig:
    """What our worlds are drawn with: for `sensor_configs={"shader_config": …}`, before any other in a process.

    Raises RenderingError where sapien cannot draw.
    """
    shading.use()
    return ShaderConfig(
        str(shading.SHADERS), {"Color": ["rgb"], "Segmentation": ["segmentation"]}, {},
        {"Color": lambda data: {"rgb": data[..., :3]}, "Segmentation": lambda data: {"segmentation": data[..., [1]]}})


class Widowx(WidowX250S):  # type: ignore[misc]  # mani_skill ships no types
    """The robot of the put-on-plate environments."""

    uid = "vlabench_widowx250s"

    def __init__(self, scene: Any, control_freq: int, control_mode: str | None, pose: Any, description: Path,
                 size: tuple[int, int], mounts: Sequence[Any]) -> None:
        """pose: of its base while the scene is built. size: of the camera's pictures, (width, height) in pixels.
        mounts: of each copy, where on the base its camera is."""
        self.urdf_path, self._size, self._mounts = str(description), size, mounts
        super().__init__(scene, control_freq, control_mode, initial_pose=pose)

    def set_action(self, action: torch.Tensor) -> None:
        """As ManiSkill's, which asks numpy about a tensor and so warns at every step. Raises InvalidAction."""
        if not self.scene.gpu_sim_enabled and not torch.isfinite(action).all():
            raise InvalidAction(f"expected finite numbers, not {action}")
        self.controller.set_action(action)

    @property
    def _controller_configs(self) -> dict[str, dict[str, Any]]:
        left, right = robot.FINGERS
        arm = PDEEPoseControllerConfig(
            joint_names=self.arm_joint_names, pos_lower=SPACE.low[0], pos_upper=SPACE.high[0],
            rot_lower=SPACE.low[3], rot_upper=SPACE.high[3], stiffness=robot.STIFFNESS, damping=robot.DAMPING,
            force_limit=robot.FORCE_LIMIT, friction=0.0, ee_link=robot.HAND, urdf_path=self.urdf_path, use_target=True,
            normalize_action=False)
        gripper = PDJointPosMimicControllerConfig(
            joint_names=[left, right], lower=robot.CLOSED, upper=robot.OPEN, stiffness=robot.FINGER_STIFFNESS,
            damping=robot.FINGER_DAMPING, force_limit=robot.FINGER_FORCE_LIMIT, normalize_action=True,
            mimic={left: {"joint": right}})
        return {CONTROL: {"arm": arm, "gripper": gripper}}

    @property
    def _sensor_configs(self) -> list[CameraConfig]:
        across, down = self._size[0] / camera.WIDTH, self._size[1] / camera.HEIGHT
        intrinsic = np.array([[across * camera.FOCAL, 0, across * camera.CENTRE[0]],
                              [0, down * camera.FOCAL, down * camera.CENTRE[1]], [0, 0, 1]])
        pose = Pose.create_from_pq(*(torch.as_tensor(np.stack(each)) for each in
                                     zip(*((mount.p, mount.q) for mount in self._mounts), strict=True)))
        return [CameraConfig(
            uid=CAMERAS[0], pose=pose, width=self._size[0], height=self._size[1],
            intrinsic=intrinsic, near=camera.NEAR, far=camera.FAR, entity_uid="base_link", shader_pack=SHADERS)]
