"""What LIBERO offers a policy: two cameras, and robosuite's OSC_POSE: steps of the hand, and the gripper."""

from __future__ import annotations

from vlabench.types import ActionSpace

CAMERAS = {"agentview": "agentview", "wrist": "robot0_eye_in_hand"}
"""Our camera names → robosuite's."""
WHOLE = "agentview"
"""The one that looks at the whole scene."""
SPACE = ActionSpace(("x", "y", "z", "turn x", "turn y", "turn z", "gripper"), low=(-1.0,) * 7, high=(1.0,) * 7,
                    unit=(1.0,) * 7, null=(0.0,) * 6 + (-1.0,), control_hz=20, gripper=6, opens=-1.0)
