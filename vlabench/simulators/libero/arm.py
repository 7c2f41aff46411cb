"""robosuite's control of the arm and the gripper, to the last bit, without what it looks up anew 25 times a step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from vlabench.types import Floats


class Arm:
    """Drives robosuite's `SingleArm` with an OSC_POSE controller and a Panda gripper, substep by substep.

    Goals are set by robosuite's own `set_goal`, and the first substep of each control step goes through its own
    `run_controller`, which right after a reset works with readings from before it. The others go through the same law
    compiled as a whole (`osc`), a third of the time. Left out are the layers around it, which cost more than the law:
    names looked up, limits built and checked, moving averages of readings that nobody asks for, and forward passes that
    `mj_step1` has just made.
    """

    def __init__(self, sim: Any, robot: Any) -> None:
        self.model, self.data = sim.model._model, sim.data._data
        self.controller, self.gripper = robot.controller, robot.gripper
        self._site = sim.model.site_name2id(self.controller.eef_name)
        self._qpos, self._qvel = np.array(self.controller.qpos_index), np.array(self.controller.qvel_index)
        self._motors = np.array(robot._ref_joint_actuator_indexes)
        self._fingers = np.array(robot._ref_joint_gripper_actuator_indexes)
        self._low, self._high = np.array(self.model.actuator_ctrlrange[self._motors]).T
        low, high = np.array(self.model.actuator_ctrlrange[self._fingers]).T
        self._grip_bias, self._grip_weight = 0.5 * (high + low), 0.5 * (high - low)
        self._hand = (self.data.site_xpos[self._site], self.data.site_xmat[self._site])
        self._mass = np.zeros((self.model.nv, self.model.nv))
        self._jacobians = np.zeros((2, 3, self.model.nv))
        self.controller.update = self._update
        # `new_update` too: after a reset it is False, so the first goal is set from the pose before the init state
        self._fresh = {name: copy.copy(value) for name, value in vars(self.controller).items()
                       if isinstance(value, (np.ndarray, bool))}
        self._fresh_grip = np.array(self.gripper.current_action)

    def reset(self) -> None:
        """Forget everything since this object was made, which must be right after robosuite's own reset."""
        for name, value in self._fresh.items():
            setattr(self.controller, name, copy.copy(value))
        self.gripper.current_action = np.array(self._fresh_grip)

    def aim(self, action: Floats) -> None:
        """A new action [7], once a control step, after `mj_step1`."""
        self.controller.set_goal(action[:6])
        self._grip_step = np.array([-1.0, 1.0]) * self.gripper.speed * np.sign(action[6:])

    def drive(self) -> None:
        """Set the motors for a substep, between `mj_step1` and `mj_step2`."""
        controller = self.controller
        if controller.new_update:
            torques = self._torques()
        else:  # the readings of this control step are in the controller already
            torques = np.minimum(np.maximum(controller.run_controller(), self._low), self._high)
        self.data.ctrl[self._motors] = torques
        grip = np.minimum(np.maximum(self.gripper.current_action + self._grip_step, -1.0), 1.0)  # its `format_action`
        self.gripper.current_action = grip
        self.data.ctrl[self._fingers] = self._grip_bias + self._grip_weight * grip

    def _torques(self) -> Floats:
        """What the controller would answer to what is read now."""
        from vlabench.simulators.libero.osc import motor_torques

        controller, data = self.controller, self.data
        self._read()
        torques: Floats = motor_torques(
            self._jacobians, self._mass, data.qpos, data.qvel, data.qfrc_bias, *self._hand, controller.goal_pos,
            controller.goal_ori, controller.kp, controller.kd, controller.initial_joint, self._qpos, self._qvel,
            self._low, self._high)
        return torques

    def _read(self) -> None:
        """The hand's Jacobians and the mass matrix as they are now."""
        import mujoco

        mujoco.mj_jacSite(self.model, self.data, *self._jacobians, self._site)
        mujoco.mj_fullM(self.model, self._mass, self.data.qM)

    def _update(self, force: bool = False) -> None:
        """Stands in for the controller's `update`: the same readings, in arrays of the same memory layout (the order
        in which a matrix product adds depends on it), from one Jacobian instead of four."""
        controller, data = self.controller, self.data
        if not (controller.new_update or force):
            return
        self._read()
        positional, rotational = self._jacobians
        controller.ee_pos = np.array(data.site_xpos[self._site])
        controller.ee_ori_mat = np.array(data.site_xmat[self._site].reshape(3, 3))
        controller.ee_pos_vel, controller.ee_ori_vel = positional.dot(data.qvel), rotational.dot(data.qvel)
        controller.joint_pos, controller.joint_vel = data.qpos[self._qpos], data.qvel[self._qvel]
        controller.J_pos, controller.J_ori = positional[:, self._qvel], rotational[:, self._qvel]
        controller.J_full = np.vstack([controller.J_pos, controller.J_ori])
        controller.mass_matrix = self._mass[self._qvel, :][:, self._qvel]
        controller.new_update = False
