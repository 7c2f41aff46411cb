"""What the put-on-plate scenes offer a policy: one camera, and steps of the hand's target pose at 5 Hz."""

from __future__ import annotations

import math

from vlabench.types import ActionSpace

CAMERAS = ("third_person",)
JOINTS = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
"""Of the arm; the proprioception is these six (rad) and the two fingers (m from the middle)."""
STEP_LIMIT = 80
"""Control steps of an episode, which never ends early (RL4VLA, section 4)."""
CONTROL_HZ = 5
PHYSICS_HZ = 500
BRIDGE_Q01 = (-0.02872725307941437, -0.04170349963009357, -0.026093858778476715, -0.08092105075716972,
              -0.09288699507713317, -0.20718276381492615)
BRIDGE_Q99 = (0.028309678435325586, 0.040855254605412394, 0.040161586627364146, 0.08192047759890528,
              0.07792850524187081, 0.20382574498653397)
"""Quantiles of the arm's actions in BridgeData V2: `bridge_orig` in OpenVLA's published dataset statistics, by which
RL4VLA's policies scale theirs."""
UNIT = tuple((high - low) / 2 for low, high in zip(BRIDGE_Q01, BRIDGE_Q99, strict=True))
SPACE = ActionSpace(
    ("x", "y", "z", "turn x", "turn y", "turn z", "gripper"),
    low=(-1.0,) * 3 + (-math.pi / 2,) * 3 + (-1.0,), high=(1.0,) * 3 + (math.pi / 2,) * 3 + (1.0,),
    unit=(*UNIT, 1.0), null=(0.0,) * 6 + (1.0,), control_hz=CONTROL_HZ, gripper=6, opens=1.0)
"""Metres and radians in the frame of the robot's base; gripper +1 opens, −1 closes. Bounds are the controller's."""
