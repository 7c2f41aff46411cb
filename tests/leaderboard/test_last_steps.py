"""Successes at the very step limit: a few come so, many are failures that were turned."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tests.leaderboard.made import altered
from tests.leaderboard.test_submission import JOLT, Change, Manifest
from vlabench.errors import SubmissionError
from vlabench.leaderboard.definitions import Definitions, check_plausible
from vlabench.leaderboard.submission import read


def failures_turned(number: int) -> Change:
    """So many failures of `jolt` as successes at the step limit, right in every other field."""
    def change(folder: Path, manifest: Manifest) -> None:
        records = [json.loads(text) for text in (folder / JOLT).read_text().splitlines()]
        for record in [record for record in records if record["status"] == "failure"][:number]:
            record |= {"status": "success", "success_once": True, "success_at_end": True}
        (folder / JOLT).write_text("".join(json.dumps(record) + "\n" for record in records))
        manifest["rates"]["jolt"] = {"episodes": 12, "successes": 3 + number, "rate": round((3 + number) / 12, 6)}
    return change


def test_failures_that_were_turned_into_successes_end_at_the_step_limit(good: Path) -> None:
    """5 of 29 successes are too many; 4 may be a chance."""
    assert read(altered(good, failures_turned(4))).manifest.rates["jolt"].successes == 7
    with pytest.raises(SubmissionError, match=r"5 of 29 successes end at exactly the step limit, as toy_points/0 jolt 1"
                                              r" does; at most 10 % may"):
        read(altered(good, failures_turned(5)))


def test_a_few_successes_may_be_late_and_all_by_the_rule_end(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = read(good)
    definition = Definitions().of("toy", "plain")
    limit = next(iter(definition.tasks.values())).step_limit
    late = [dataclasses.replace(record, steps=limit) for record in submitted.records if record.condition == "clean"]
    check_plausible(late[:4], submitted.policy, definition, "here")
    with pytest.raises(SubmissionError, match="12 of 12 successes end at exactly"):
        check_plausible(late, submitted.policy, definition, "here")
    monkeypatch.setattr(definition.card.engine, "success", "end")
    check_plausible(late, submitted.policy, definition, "here")
