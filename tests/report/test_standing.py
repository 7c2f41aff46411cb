"""Figures of a policy: against counts by hand, against flattened arrays, and against what `vlabench gate` says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import episodes, write_records
from vlabench import plots, stats
from vlabench.gate.compare import Choice, compare
from vlabench.report.standing import Standing, comparison, mean_difference, standing
from vlabench.tables.sides import Outcomes

BOOLS = st.lists(st.booleans(), min_size=12, max_size=12)


def outcomes(values: list[bool]) -> Outcomes:
    """Three tasks with four episodes each."""
    return {(f"kitchen/{n // 4}", n % 4, 0): won for n, won in enumerate(values)}


def the(data: plots.Data, policy: str = "hero") -> Standing:
    return standing(data, next(side for side in data.sides if side.owner.policy == policy))


@settings(max_examples=25)
@given(BOOLS, st.lists(BOOLS, min_size=2, max_size=4))
def test_where_all_have_the_same_episodes_it_is_the_difference_of_all_pairs_together(
    clean: list[bool], others: list[list[bool]]
) -> None:
    found = mean_difference([(outcomes(clean), outcomes(each)) for each in others])
    labels = [task for _ in others for task, _, _ in outcomes(clean)]
    flat = stats.paired_difference(np.array(clean * len(others)), np.concatenate(others).astype(bool), labels)
    assert found is not None and found.value == pytest.approx(flat.value)
    assert found.low <= found.value <= found.high
    changes = [sum(o[4 * t + k] - clean[4 * t + k] for o in others for k in range(4)) for t in range(3)]
    if len(set(changes)) > 1:  # else all resamples agree, and Newcombe's limits are of fewer episodes here
        assert (found.low, found.high) == pytest.approx((flat.low, flat.high))
    else:
        assert found.low < found.high


def test_each_condition_weighs_the_same_however_many_episodes_it_has() -> None:
    clean = outcomes([True] * 12)
    few = {key: False for key in list(clean)[:2]}
    found = mean_difference([(clean, few), (clean, clean)])
    assert found is not None and found.value == -0.5 and found.n == 12
    assert mean_difference([(clean, few)]) == stats.paired_difference(
        np.ones(2, bool), np.zeros(2, bool), ["kitchen/0"] * 2)
    two = dict(list(clean.items())[:2])
    wide = mean_difference([(two, {key: False for key in two}), (two, {**two, ("kitchen/0", 0, 0): False})])
    assert wide is not None and (wide.value, wide.low) == (-0.75, -1.0) and wide.high <= 1.0  # two episodes say little
    assert mean_difference([]) is None and mean_difference([(clean, {})]) is None


def test_the_figures_of_a_policy(hero: plots.Data) -> None:
    found = the(hero)
    assert found.task_sets == ("garage", "kitchen") and found.perturbations == ["far", "near", "shift-s1", "shift-s2"]
    assert found.averaged == ("far",)  # the others were not played in the garage
    assert found.clean and (found.clean.value, found.clean.n) == (1.0, 10)
    assert found.perturbed and found.perturbed.value == 0.5  # half in the garage, half in the kitchen
    assert found.cost and found.cost.value == -0.5
    assert {name: round(cell.value, 3) for name, cell in found.costs.items()} == {
        "far": -0.5, "near": 0.0, "shift-s1": -0.25, "shift-s2": -0.75}
    assert found.costs["near"].n == 6  # two of eight ended in errors
    assert found.hardest == ["shift-s2", "far", "shift-s1", "near"]
    near, worst = found.rate("near"), found.worst
    assert near and (near.value, near.n, near.errors) == (1.0, 6, 2) and found.rate("lost") is None
    assert worst and (worst.condition, worst.rate) == ("far", 0.5)


def test_with_others_it_counts_what_all_have(both: plots.Data) -> None:
    found = the(both)
    assert found.task_sets == ("kitchen",) and found.averaged == ("far", "near", "shift-s1", "shift-s2")
    assert found.perturbed and found.perturbed.value == pytest.approx((0.5 + 1 + 0.75 + 0.25) / 4)
    assert found.cost and found.cost.value == pytest.approx((-0.5 + 0 - 0.25 - 0.75) / 4)


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Two policies with so many episodes that verdicts of each kind are reached."""
    letters = {"clean": "s" * 40, "mild": "s" * 40, "hard": "sf" * 20, "open": "s" * 40}
    records = []
    for task in range(10):
        for name, each in letters.items():
            worse = each[: len(each) - 8] + "f" * 8 if name != "mild" else each
            flips = worse if task % 2 and name == "open" else each
            records += episodes(f"kitchen/{task}", name, flips, policy="hero")
            records += episodes(f"kitchen/{task}", name, worse, policy="rival")
    return write_records(tmp_path / "long", records)


def test_the_verdicts_are_those_of_the_gate(long: Path, tmp_path: Path) -> None:
    """Between two policies, and of one condition against clean: there the gate gets clean as another policy's."""
    data = plots.load([long])
    found = comparison(data, data.sides[0], data.sides[1])
    for finding in compare(f"{long}:hero", f"{long}:rival", Choice()).findings:
        assert found.findings[finding.condition] == finding
    assert {each.verdict for each in found.findings.values()} == {"regression", "no regression", "undecided"}
    mine = standing(data, data.sides[0])
    assert {name: each.verdict for name, each in mine.findings.items()} == {
        "mild": "no regression", "hard": "regression", "open": "undecided"}
    renamed = [each for task in range(10) for name in mine.perturbations for policy, shown in (
        ("before", "clean"), ("after", name)) for each in episodes(f"kitchen/{task}", name, "".join(
            "s" if data.sides[0].outcomes[shown, "kitchen"][f"kitchen/{task}", k, 0] else "f" for k in range(40)),
            policy=policy)]  # fmt: skip
    gate = write_records(tmp_path / "gate", renamed)
    for finding in compare(f"{gate}:before", f"{gate}:after", Choice()).findings:
        assert mine.findings[finding.condition] == finding


def test_what_crashes_too_often_is_withstood_by_nobody(tmp_path: Path) -> None:
    records = [each for task in range(10) for each in [
        *episodes(f"kitchen/{task}", "clean", "s" * 40), *episodes(f"kitchen/{task}", "sound", "s" * 40),
        *episodes(f"kitchen/{task}", "shaky", "eee" + "s" * 37)]]  # fmt: skip
    data = plots.load([write_records(tmp_path, records)])
    findings = the(data, "random").findings
    assert findings["sound"].verdict == "no regression" and findings["shaky"].verdict == "undecided"
    assert "too many episodes ended in errors" in findings["shaky"].why


def test_a_policy_beside_another(both: plots.Data) -> None:
    found = comparison(both, both.sides[0], both.sides[1])
    assert found.clean and found.clean.value == -0.25
    assert found.averaged == ("far", "near", "shift-s1", "shift-s2")
    assert found.perturbed and found.perturbed.value == pytest.approx((-0.25 + 0 - 0.25 - 0.25) / 4)
    assert found.differences["near"].n == 6
