"""Makes traces and probes for tests, without playing anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vlabench.records.probes import Facts, Probe, Trace


def trace(task: str = "hall/0", condition: str = "clean", index: int = 0, success: bool = True, **arrays: Any) -> Trace:
    """Two looks at steps 0 and 2, three steps, embeddings [2, 2] and actions [·, 2] of noughts, with changes."""
    given: dict[str, Any] = {
        "looks": [0, 2], "asked": np.zeros((3, 2)), "executed": np.zeros((3, 2)), "embedding": np.zeros((2, 2)),
        "twin": np.zeros((2, 2)), "mean": np.zeros((2, 2, 2)), "twin_mean": np.zeros((2, 2, 2)), **arrays}
    types = {"looks": np.int64, "asked": np.float64, "executed": np.float64, "shares": np.float16}
    made: dict[str, Any] = {name: None if value is None else np.array(value, types.get(name, np.float32))
                            for name, value in given.items()}
    return Trace(task=task, condition=condition, index=index, seed=0, success=success, state="ab12", **made)


def blind(**changes: Any) -> Trace:
    """Of a policy without embedding."""
    return trace(**{"embedding": None, "twin": None, "mean": None, "twin_mean": None, "shares": None, **changes})


def probe(traces: Sequence[Trace], policy: str = "hero", **facts: Any) -> Probe:
    """Of a policy whose card is not here."""
    given: dict[str, Any] = {
        "card": policy, "policy": policy, "policy_digest": "12ab" * 16, "assets": "plain", "suite": "no-such-suite",
        "simulator": "toy", "conditions": {}, "errors": 0, "made": {"command": "vlabench probe"}, **facts}
    return Probe(Facts(**given), tuple(traces))
