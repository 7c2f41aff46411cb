"""robosuite's operational space control as one compiled function: the same operations in the same order, and bits."""

from __future__ import annotations

import numba
import numpy as np
from robosuite.utils.control_utils import nullspace_torques, opspace_matrices, orientation_error

from vlabench.types import Floats


@numba.njit(cache=True)
def motor_torques(jacobians: Floats, mass: Floats, qpos: Floats, qvel: Floats, bias: Floats, position: Floats,
                  orientation: Floats, goal_position: Floats, goal_orientation: Floats, kp: Floats, kd: Floats,
                  rest: Floats, joints: Floats, velocities: Floats, low: Floats, high: Floats) -> Floats:
    """Torques [J] (Nm) of an arm's motors within [low, high]; OSC_POSE with uncoupled position and orientation.

    jacobians: [2, 3, V], of the hand's position and rotation. mass: [V, V]. qpos, qvel [V], bias [V]: MuJoCo's, of all
    that moves. position [3] (m), orientation [9]: the hand's. goal_orientation: [3, 3]. kp, kd: [6]. rest: [J], where
    the null space pulls. joints, velocities: int [J], the arm's places in qpos and qvel.

    The matrices are laid out in memory as robosuite's own, because the order in which a product adds depends on it.
    """
    count = len(velocities)
    full, mass_arm = np.empty((count, 6)).T, np.empty((count, count)).T
    linear, angular = np.empty((count, 3)).T, np.empty((count, 3)).T
    joint_position, joint_velocity, compensation = np.empty(count), np.empty(count), np.empty(count)
    for j in range(count):
        v = velocities[j]
        joint_position[j], joint_velocity[j], compensation[j] = qpos[joints[j]], qvel[v], bias[v]
        for k in range(3):
            linear[k, j] = full[k, j] = jacobians[0, k, v]
            angular[k, j] = full[3 + k, j] = jacobians[1, k, v]
        for k in range(count):
            mass_arm[k, j] = mass[velocities[k], v]
    force = (goal_position - position) * kp[:3] + -np.dot(jacobians[0], qvel) * kd[:3]
    off = orientation_error(goal_orientation, orientation.copy().reshape(3, 3))
    torque = off * kp[3:] + -np.dot(jacobians[1], qvel) * kd[3:]
    _, inertia_linear, inertia_angular, nullspace = opspace_matrices(mass_arm, full, linear, angular)
    wrench = np.empty(6)
    wrench[:3], wrench[3:] = np.dot(inertia_linear, force), np.dot(inertia_angular, torque)
    torques = np.dot(full.T, wrench) + compensation
    torques += nullspace_torques(mass_arm, nullspace, rest, joint_position, joint_velocity)
    limited: Floats = np.minimum(np.maximum(torques, low), high)
    return limited
