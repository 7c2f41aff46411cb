"""robosuite's operational space control as one compiled function: the same operations in the same order, and bits."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from robosuite.utils.control_utils import nullspace_torques, opspace_matrices, orientation_error

from vlabench.types import Floats

JOINTS = 7
"""Of a Panda's arm."""

LAW = np.dtype([
    ("goal_position", "f8", 3), ("goal_orientation", "f8", (3, 3)), ("kp", "f8", 6), ("kd", "f8", 6),
    ("rest", "f8", JOINTS), ("joints", "i8", JOINTS), ("velocities", "i8", JOINTS),
    ("motors", "i8", JOINTS), ("low", "f8", JOINTS), ("high", "f8", JOINTS),
    ("fingers", "i8", 2), ("grip", "f8", 2), ("grip_step", "f8", 2), ("grip_bias", "f8", 2), ("grip_weight", "f8", 2),
])
"""What stays the same over a control step, in one piece, because every argument of a compiled function costs.

goal_position (m), goal_orientation (a rotation matrix), kp, kd: the controller's. rest: joint positions that the null
space pulls to. joints, velocities: the arm's places in qpos and qvel. motors, fingers: places in ctrl; low, high: of
the motors' torques (Nm). grip: how far the fingers are told to close, in [−1, 1], and by how much more in each substep;
grip_bias, grip_weight: from there to ctrl.
"""


@numba.njit(cache=True)
def grip(laws: Any, ctrl: Floats) -> None:
    """Set ctrl of the fingers for a substep; robosuite's gripper closes by a little in each."""
    law = laws[0]
    for k in range(2):
        law.grip[k] = min(max(law.grip[k] + law.grip_step[k], -1.0), 1.0)
        ctrl[law.fingers[k]] = law.grip_bias[k] + law.grip_weight[k] * law.grip[k]


@numba.njit(cache=True)
def drive(laws: Any, jacobians: Floats, mass: Floats, qpos: Floats, qvel: Floats, bias: Floats, position: Floats,
          orientation: Floats, ctrl: Floats) -> None:
    """Set ctrl for a substep: OSC_POSE with uncoupled position and orientation, and the gripper.

    laws: one of LAW. jacobians: [2, 3, V], of the hand's position and rotation. mass: [V, V]. qpos, qvel [V], bias [V]:
    MuJoCo's, of all that moves. position [3] (m), orientation [9]: the hand's.

    The matrices are laid out in memory as robosuite's own, because the order in which a product adds depends on it.
    """
    law = laws[0]
    count = len(law.velocities)
    full, mass_arm = np.empty((count, 6)).T, np.empty((count, count)).T
    linear, angular = np.empty((count, 3)).T, np.empty((count, 3)).T
    joint_position, joint_velocity, compensation = np.empty(count), np.empty(count), np.empty(count)
    for j in range(count):
        v = law.velocities[j]
        joint_position[j], joint_velocity[j], compensation[j] = qpos[law.joints[j]], qvel[v], bias[v]
        for k in range(3):
            linear[k, j] = full[k, j] = jacobians[0, k, v]
            angular[k, j] = full[3 + k, j] = jacobians[1, k, v]
        for k in range(count):
            mass_arm[k, j] = mass[law.velocities[k], v]
    force = (law.goal_position - position) * law.kp[:3] + -np.dot(jacobians[0], qvel) * law.kd[:3]
    off = orientation_error(law.goal_orientation, orientation.copy().reshape(3, 3))
    torque = off * law.kp[3:] + -np.dot(jacobians[1], qvel) * law.kd[3:]
    _, inertia_linear, inertia_angular, nullspace = opspace_matrices(mass_arm, full, linear, angular)
    wrench = np.empty(6)
    wrench[:3], wrench[3:] = np.dot(inertia_linear, force), np.dot(inertia_angular, torque)
    torques = np.dot(full.T, wrench) + compensation
    torques += nullspace_torques(mass_arm, nullspace, law.rest, joint_position, joint_velocity)
    for j in range(count):
        ctrl[law.motors[j]] = min(max(torques[j], law.low[j]), law.high[j])
    grip(laws, ctrl)
