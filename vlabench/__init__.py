"""vlabench: how robust a vision-language-action policy is, measured on paired episodes.

What plug-ins and notebooks need is here by name, and loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vlabench.util import kernels

if TYPE_CHECKING:
    from vlabench.adapters.base import Policy, TrainablePolicy
    from vlabench.cards import load_policy, load_suite
    from vlabench.errors import VlabenchError
    from vlabench.evaluation.plan import RunOptions
    from vlabench.evaluation.run import Evaluation, evaluate
    from vlabench.perturbations.base import Perturbation
    from vlabench.records.frame import load_results
    from vlabench.seeding import Draws
    from vlabench.simulators.base import Scene, Simulator
    from vlabench.training.methods.base import Method
    from vlabench.training.objectives.base import Objective
    from vlabench.types import ActionSpace, Decision, EpisodeRecord, EpisodeSpec, Observation, Outcome, Task

__version__ = "0.1.0"
__all__ = [
    "ActionSpace", "Decision", "Draws", "EpisodeRecord", "EpisodeSpec", "Evaluation", "Method", "Objective",
    "Observation", "Outcome", "Perturbation", "Policy", "RunOptions", "Scene", "Simulator", "Task", "TrainablePolicy",
    "VlabenchError", "__version__", "evaluate", "load_policy", "load_results", "load_suite",
]
_HOMES = {
    "ActionSpace": "types", "Decision": "types", "Draws": "seeding", "EpisodeRecord": "types", "EpisodeSpec": "types",
    "Evaluation": "evaluation.run", "Method": "training.methods.base", "Objective": "training.objectives.base",
    "Observation": "types", "Outcome": "types", "Perturbation": "perturbations.base", "Policy": "adapters.base",
    "RunOptions": "evaluation.plan",
    "Scene": "simulators.base", "Simulator": "simulators.base", "Task": "types", "TrainablePolicy": "adapters.base",
    "VlabenchError": "errors", "evaluate": "evaluation.run", "load_policy": "cards", "load_results": "records.frame",
    "load_suite": "cards",
}

kernels.choose()  # before NumPy is loaded, which reads the choice once


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
