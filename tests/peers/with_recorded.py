"""vla-eval's own model server with the policy of `recorded`; the argument is its folder."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from vla_eval.api import serve_background
from vla_eval.model_servers.predict import PredictModelServer

from tests.peers.recorded import Recorded
from vlabench.types import Observation


class Peer(PredictModelServer):  # type: ignore[misc]  # a class of another environment
    """Hands a chunk out step by step."""

    def __init__(self, folder: str) -> None:
        super().__init__(chunk_size=8)
        self._policy = Recorded(folder)
        self._slots: dict[str, int] = {}

    def predict(self, obs: Any, ctx: Any) -> Any:
        look = Observation.now({}, np.asarray(obs["states"], np.float32)[None], [obs["task_description"]], ctx.step)
        slot = self._slots.setdefault(ctx.session_id, len(self._slots))
        return {"actions": self._policy.act(look.replace(slots=np.array([slot]))).actions[0]}

    def get_observation_params(self) -> dict[str, Any]:
        return {"send_state": True, "quat_no_antipodal": True}

    def get_action_spec(self) -> dict[str, Any]:
        return {}

    def get_observation_spec(self) -> dict[str, Any]:
        return {}


handle = serve_background(Peer(sys.argv[1]))
print(handle.port, flush=True)
sys.stdin.read()
