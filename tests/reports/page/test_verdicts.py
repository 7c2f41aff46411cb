"""Figures of a policy: against counts by hand, against flattened arrays, and against what `vlabench gate` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import episodes, write_records
from vlabench.gate.compare import Choice, compare
from vlabench.reports import plots
from vlabench.reports.page.verdicts import Standing, comparison, standing


def the(data: plots.Data, policy: str = "hero") -> Standing:
    return standing(data, next(side for side in data.sides if side.owner.policy == policy))


def test_the_figures_of_a_policy(hero: plots.Data) -> None:
    found = the(hero)
    assert found.task_sets == ("garage", "kitchen") and found.perturbations == ["far", "near", "shift-s1", "shift-s2"]
    assert found.averaged == ("far", "near", "shift-s1", "shift-s2") == tuple(found.findings)
    assert found.clean and (found.clean.value, found.clean.n) == (1.0, 10)
    assert found.perturbed and found.perturbed.value == pytest.approx((0.5 + 1 + 0.75 + 0.25) / 4)
    assert found.cost and found.cost.value == pytest.approx((-0.5 + 0 - 0.25 - 0.75) / 4)  # each where it was played
    assert {name: round(cell.value, 3) for name, cell in found.costs.items()} == {
        "far": -0.5, "near": 0.0, "shift-s1": -0.25, "shift-s2": -0.75}
    assert found.costs["near"].n == 6  # two of eight ended in errors
    assert found.hardest == ["shift-s2", "far", "shift-s1", "near"]
    near = found.rate("near")
    assert near and (near.value, near.n, near.errors) == (1.0, 6, 2) and found.rate("lost") is None
    assert found.worst == "shift-s2"


def test_with_others_it_counts_what_all_have(both: plots.Data) -> None:
    found = the(both)
    assert found.task_sets == ("kitchen",) and found.averaged == ("far", "near", "shift-s1", "shift-s2")
    assert found.perturbed and found.perturbed.value == pytest.approx((0.5 + 1 + 0.75 + 0.25) / 4)
    assert found.cost and found.cost.value == pytest.approx((-0.5 + 0 - 0.25 - 0.75) / 4)


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Two policies with so many episodes that verdicts of each kind are reached."""
    letters = {"clean": "s" * 40, "mild": "s" * 40, "hard": "sf" * 20, "open": "s" * 40, "near": "s" * 40}
    lost = {"open": [8, 8, 4] + [0] * 7, "near": [8] * 7 + [0] * 3}  # 5 and 14 points
    records = []
    for task in range(10):
        for name, each in letters.items():
            worse = each[: len(each) - 8] + "f" * 8 if name != "mild" else each
            own = lost.get(name, [0] * 10)[task]
            records += episodes(f"kitchen/{task}", name, each[: 40 - own] + "f" * own, policy="hero")
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
        "mild": "no regression", "hard": "regression", "open": "undecided", "near": "regression"}
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
