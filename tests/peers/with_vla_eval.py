"""vla-eval's own model server with a policy of three lines; the arguments are its chunk_size, or none."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from vla_eval.api import serve_background
from vla_eval.model_servers.predict import PredictModelServer
from vla_eval.specs import GRIPPER_CLOSE_POS, IMAGE_RGB, LANGUAGE, POSITION_DELTA, ROTATION_AA, DimSpec


class Peer(PredictModelServer):  # type: ignore[misc]  # a class of another environment
    def predict(self, obs: Any, ctx: Any) -> Any:
        if obs["task_description"] == "fail":
            raise ValueError("a look that it does not like")
        mean = obs["images"]["agentview"].mean() / 255
        return {"actions": np.array([[mean, *obs["states"][:5], k] for k in range(4)], np.float32) / 10}

    def get_observation_params(self) -> dict[str, Any]:
        return {"send_state": True, "send_wrist_image": True, "quat_no_antipodal": True, "env_seed": 0}

    def get_action_spec(self) -> dict[str, DimSpec]:
        return {"position": POSITION_DELTA, "rotation": ROTATION_AA, "gripper": GRIPPER_CLOSE_POS}

    def get_observation_spec(self) -> dict[str, DimSpec]:
        return {"image": IMAGE_RGB, "language": LANGUAGE}


handle = serve_background(Peer(chunk_size=int(sys.argv[1]) if sys.argv[1:] else None))
print(handle.port, flush=True)
sys.stdin.read()
