"""What LIBERO offers a policy: two cameras, proprioception, and robosuite's OSC_POSE: steps of the hand, and the
gripper.
"""

from __future__ import annotations

import numpy as np

from vlabench.types import ActionSpace, Floats

CAMERAS = {"agentview": "agentview", "wrist": "robot0_eye_in_hand"}
"""Our camera names → robosuite's."""
SETTLE_STEPS = 10
"""Null actions before the first observation, as in OpenVLA's and OpenVLA-OFT's evaluation code."""
WHOLE = "agentview"
"""The one that looks at the whole scene."""
SPACE = ActionSpace(("x", "y", "z", "turn x", "turn y", "turn z", "gripper"), low=(-1.0,) * 7, high=(1.0,) * 7,
                    unit=(1.0,) * 7, null=(0.0,) * 6 + (-1.0,), control_hz=20, gripper=6, opens=-1.0)


def axis_angle(quat: Floats) -> Floats:
    """Quaternion (x, y, z, w) → rotation vector, with OpenVLA's convention: w clipped to [−1, 1], angle in [0, 2π]."""
    w = float(np.clip(quat[3], -1.0, 1.0))
    sine = np.sqrt(1.0 - w * w)
    if np.isclose(sine, 0.0):
        return np.zeros(3)
    result: Floats = np.asarray(quat[:3]) * 2.0 * np.arccos(w) / sine
    return result
