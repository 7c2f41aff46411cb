"""vla-eval's own loop plays two episodes of a small benchmark at the server on a port; its actions, in JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from vla_eval import api
from vla_eval.benchmarks.base import StepBenchmark, StepResult

ACTIONS: list[list[float]] = []
PARAMS: dict[str, Any] = {}


class Counts(StepBenchmark):  # type: ignore[misc]  # a class of another environment
    def __init__(self, send_state: bool = False) -> None:
        super().__init__()
        PARAMS["send_state"] = send_state

    def get_tasks(self) -> list[Any]:
        return [{"name": "go", "suite": "counts", "task_id": 0}]

    def reset(self, task: Any) -> Any:
        self.steps = 0
        return 0

    def step(self, action: Any) -> Any:
        ACTIONS.append(np.asarray(action["actions"]).tolist())
        self.steps += 1
        return StepResult(obs=self.steps, reward=0.0, done=self.steps == 5, info={})

    def make_obs(self, raw_obs: Any, task: Any) -> Any:
        picture = np.eye(16, dtype=np.uint8)[:, :, None].repeat(3, 2)
        return {"images": {"top": picture}, "state": np.full(2, raw_obs / 8), "task_description": task["name"]}

    def check_done(self, step_result: Any) -> bool:
        return bool(step_result.done)

    def get_step_result(self, step_result: Any) -> Any:
        return {"success": step_result.done}

    def get_metadata(self) -> dict[str, Any]:
        return {"max_steps": 9}


if __name__ == "__main__":
    sys.modules["asks_with_vla_eval"] = sys.modules["__main__"]
    api.run({"server": {"url": f"ws://127.0.0.1:{sys.argv[1]}"}, "output_dir": sys.argv[2], "benchmarks": [
        {"benchmark": "asks_with_vla_eval:Counts", "episodes_per_task": 2}]}, docker=False, no_save=True)
    print(json.dumps([ACTIONS, PARAMS]))
