"""Results of two invented policies on RobustVLA's suites: small enough to count."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import episodes, write_records
from vlabench import cards
from vlabench.types import EpisodeRecord

TASK_SETS = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
HERO = {"clean": "ssss", "shift": "sfff", "rotation": "ssff", "color_jitter": "sssf", "occlusion": "ssss",
        "erasing": "ssss", "joint": "ssff"}  # fmt: skip
RIVAL = {"clean": "sssf", "shift": "ssff", "rotation": "ssff", "color_jitter": "ssff", "occlusion": "sssf",
         "erasing": "ssse", "joint": "sfff"}  # fmt: skip


def agresti_coull(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share of n, written out: two successes and two failures more, as it were."""
    z = 1.959963984540054
    more = n + z * z
    middle = (share * n + z * z / 2) / more
    half = z * math.sqrt(middle * (1 - middle) / more)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def p_of(discordant: float) -> float:
    """The p value of so many pairs of which only the one side succeeded, none of the others only the other."""
    return math.erfc(math.sqrt(discordant / 2))


def played(policy: str, outcomes: dict[str, str], task_sets: tuple[str, ...] = TASK_SETS) -> Iterator[EpisodeRecord]:
    """Two tasks of each set; every task has the same outcomes."""
    suites = [cards.load_suite(name).conditions for name in ("libero-observation", "libero-joint")]
    digests = {name: condition.digest for conditions in suites for name, condition in conditions.items()}
    for task_set in task_sets:
        for number in (0, 1):
            for name, letters in outcomes.items():
                task = f"{task_set}/{number}"
                yield from episodes(task, name, letters, policy=policy, condition_digest=digests[name])


@pytest.fixture(scope="session")
def robust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`hero` and `rival`, with four episodes a task under clean, the five observation perturbations and joint."""
    return write_records(tmp_path_factory.mktemp("robust"), [*played("hero", HERO), *played("rival", RIVAL)])
