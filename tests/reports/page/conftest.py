"""Results for reports: of two invented policies, and of the toy's policy, really played and recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import PLUGIN
from tests.factories import episodes, write_records
from vlabench import cards
from vlabench.evaluation import plan
from vlabench.evaluation.plan import RunOptions
from vlabench.evaluation.run import run
from vlabench.records.store import Store
from vlabench.reports import plots
from vlabench.simulators.base import find_simulator

OUTCOMES = {
    "hero": {"clean": "ssss", "far": "ssff", "near": "ssse", "shift-s1": "sssf", "shift-s2": "sfff"},
    "rival": {"clean": "sssf", "far": "sfff", "near": "ssss", "shift-s1": "ssff", "shift-s2": "ffff"},
}  # fmt: skip


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`hero` and `rival`, four episodes of each of two tasks; hero was far from the garage, too."""
    records = [each for policy, outcomes in OUTCOMES.items() for task in ("kitchen/0", "kitchen/1")
               for name, letters in outcomes.items() for each in episodes(task, name, letters, policy=policy)]
    records += episodes("garage/0", "clean", "ss", policy="hero") + episodes("garage/0", "far", "sf", policy="hero")
    return write_records(tmp_path_factory.mktemp("report"), records)


@pytest.fixture
def hero(results: Path) -> plots.Data:
    return plots.load([results], policies=["hero"])


@pytest.fixture
def both(results: Path) -> plots.Data:
    return plots.load([results])


@pytest.fixture(scope="session")
def toy_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy's policy on two tasks, under all conditions, with recordings."""
    root = tmp_path_factory.mktemp("toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGIN))
        policy, suite = cards.load_policy("toy-seeker"), cards.load_suite("toy")
        engine = find_simulator("toy")("plain")
        planned = plan.make(suite, policy, engine, RunOptions(tasks=("toy_points/[01]",)))
        run(planned, policy, engine, Store(root, "toy-seeker", "plain"), workers=1, record=True)
    return root
