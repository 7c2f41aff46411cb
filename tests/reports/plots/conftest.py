"""Records as if suites had been played: their conditions' digests, invented outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.factories import episodes, write_records
from vlabench import cards


def played(root: Path, suite: str, outcomes: Mapping[str, Mapping[str, str]], tasks: Sequence[int] = (0, 1),
           **changes: Any) -> Path:
    """policy → condition → a letter for each episode, of each of these tasks of the suite's task set."""
    card = cards.load_suite(suite)
    return write_records(root, [
        each for policy, letters in outcomes.items() for condition, said in letters.items() for number in tasks
        for each in episodes(f"{card.task_sets[0]}/{number}", condition, said, policy=policy,
                             condition_digest=card.conditions[condition].digest, **changes)])  # fmt: skip
