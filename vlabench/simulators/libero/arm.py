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
    compiled as a whole (`osc`), in less than a third of it. Left out are the layers around it, which cost more than the
    law: names looked up, limits built and checked, moving averages of readings that nobody asks for, and forward passes
    that `mj_step1` has just made.
    """

    def __init__(self, sim: Any, robot: Any) -> None:
        from vlabench.simulators.libero import osc  # compiles

        self._osc = osc
        self.model, self.data = sim.model._model, sim.data._data
        self.controller, self.gripper = robot.controller, robot.gripper
        self._site = sim.model.site_name2id(self.controller.eef_name)
        self._qpos, self._qvel = np.array(self.controller.qpos_index), np.array(self.controller.qvel_index)
        data = self.data  # whose arrays stay where they are
        self._mass, self._packed = np.zeros((self.model.nv, self.model.nv)), data.qM
        self._jacobians = np.zeros((2, 3, self.model.nv))
        self._positional, self._rotational = self._jacobians
        self._readings = (self._jacobians, self._mass, data.qpos, data.qvel, data.qfrc_bias, data.site_xpos[self._site],
                          data.site_xmat[self._site], data.ctrl)
        self._laws = self._constants(robot)
        self.law = self._laws[0]
        self.controller.update = self._update
        # `new_update` too: after a reset it is False, so the first goal is set from the pose before the init state
        self.law["grip"] = np.array(self.gripper.current_action)
        self._fresh = self.save()

    def _constants(self, robot: Any) -> Any:
        """A LAW with all that never changes."""
        laws = np.zeros(1, self._osc.LAW)
        law = laws[0]
        law["kp"], law["kd"], law["rest"] = self.controller.kp, self.controller.kd, self.controller.initial_joint
        law["joints"], law["velocities"] = self._qpos, self._qvel
        law["motors"], law["fingers"] = robot._ref_joint_actuator_indexes, robot._ref_joint_gripper_actuator_indexes
        law["low"], law["high"] = self.model.actuator_ctrlrange[law["motors"]].T
        low, high = self.model.actuator_ctrlrange[law["fingers"]].T
        law["grip_bias"], law["grip_weight"] = 0.5 * (high + low), 0.5 * (high - low)
        return laws

    def reset(self) -> None:
        """Forget everything since this object was made, which must be right after robosuite's own reset."""
        self.restore(self._fresh)

    def save(self) -> Any:
        """What it remembers from one control step to the next."""
        return {name: copy.copy(value) for name, value in vars(self.controller).items()
                if isinstance(value, (np.ndarray, bool))}, self.law["grip"].copy()

    def restore(self, saved: Any) -> None:
        """Remember what `save` kept."""
        remembered, self.law["grip"] = saved
        for name, value in remembered.items():
            setattr(self.controller, name, copy.copy(value))

    def aim(self, action: Floats) -> None:
        """A new action [7], once a control step, after `mj_step1`."""
        self.controller.set_goal(action[:6])
        self.law["goal_position"], self.law["goal_orientation"] = self.controller.goal_pos, self.controller.goal_ori
        self.law["grip_step"] = np.array([-1.0, 1.0]) * self.gripper.speed * np.sign(action[6:])

    def drive(self) -> None:
        """Set the motors for a substep, between `mj_step1` and `mj_step2`."""
        controller, law = self.controller, self.law
        if controller.new_update:
            self._read()
            self._osc.drive(self._laws, *self._readings)
        else:  # the readings of this control step are in the controller already
            torques = np.minimum(np.maximum(controller.run_controller(), law["low"]), law["high"])
            self.data.ctrl[law["motors"]] = torques
            self._osc.grip(self._laws, self.data.ctrl)

    def _read(self) -> None:
        """The hand's Jacobians and the mass matrix as they are now."""
        import mujoco

        mujoco.mj_jacSite(self.model, self.data, self._positional, self._rotational, self._site)
        mujoco.mj_fullM(self.model, self._mass, self._packed)

    def _update(self, force: bool = False) -> None:
        """Stands in for the controller's `update`: the same readings, in arrays of the same memory layout (the order
        in which a matrix product adds depends on it), from one Jacobian instead of four."""
        controller, data = self.controller, self.data
        if not (controller.new_update or force):
            return
        self._read()
        positional, rotational = self._positional, self._rotational
        controller.ee_pos = np.array(data.site_xpos[self._site])
        controller.ee_ori_mat = np.array(data.site_xmat[self._site].reshape(3, 3))
        controller.ee_pos_vel, controller.ee_ori_vel = positional.dot(data.qvel), rotational.dot(data.qvel)
        controller.joint_pos, controller.joint_vel = data.qpos[self._qpos], data.qvel[self._qvel]
        controller.J_pos, controller.J_ori = positional[:, self._qvel], rotational[:, self._qvel]
        controller.J_full = np.vstack([controller.J_pos, controller.J_ori])
        controller.mass_matrix = self._mass[self._qvel, :][:, self._qvel]
        controller.new_update = False
