"""The sentences, for every shape that a result may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import episodes, write_records
from vlabench.reports import plots
from vlabench.reports.page import text
from vlabench.reports.page.verdicts import comparison, standing


@pytest.mark.parametrize(("perturbed", "sentence"), [
    ({}, "random was played without perturbations: how robust it is, these episodes do not say."),
    ({"far": "f" * 40},
     "random loses more than 5 points of success, or 30 points in one task, under 1 of 1 perturbed condition."),
    ({"near": "s" * 40}, "random withstands 1 of 1 perturbed condition."),
    ({"near": "s" * 40, "far": "f" * 40, "odd": "s" * 38 + "ff"},
     "random loses more than 5 points of success, or 30 points in one task, under 1 of 3 perturbed conditions and "
     "withstands 1; on 1 the episodes do not decide."),
    ({"clean": "f" * 99 + "s", "near": "f" * 100},
     "random succeeds in 1.0 % [0.3, 2.6] of clean episodes: it has nothing to lose to perturbations."),
    ({"clean": "f" * 39 + "s", "near": "f" * 40},  # it may lose 5.5 points
     "Whether random withstands any of 1 perturbed condition, its episodes do not decide."),
    ({"clean": "f", "near": "f"},
     "Whether random withstands any of 1 perturbed condition, its episodes do not decide."),
    ({"clean": "f" * 39 + "s", "near": "f" * 40, "easy": "s" * 40},
     "random has nothing to lose under 1 of 2 perturbed conditions; on 1 the episodes do not decide."),
    ({"odd": "s" * 38 + "ff"}, "Whether random withstands any of 1 perturbed condition, its episodes do not decide."),
])  # fmt: skip
def test_the_verdict(perturbed: dict[str, str], sentence: str, tmp_path: Path) -> None:
    records = [each for task in range(4) for name, letters in {"clean": "s" * 40, **perturbed}.items()
               for each in episodes(f"kitchen/{task}", name, letters)]
    data = plots.load([write_records(tmp_path, records)])
    assert text.verdict(standing(data, data.sides[0])) == sentence


def test_without_clean_episodes_nothing_is_judged(tmp_path: Path) -> None:
    data = plots.load([write_records(tmp_path, episodes("kitchen/0", "far", "sf"))])
    found = standing(data, data.sides[0])
    assert text.verdict(found) == ("random has no clean episodes to compare with: what the perturbations cost it, "
                                    "nobody can say.")
    assert text.figures(found) == "Under perturbation it succeeds in 50.0 % [9.5, 90.5]."


def test_the_figures(both: plots.Data, hero: plots.Data) -> None:
    said = text.figures(standing(both, both.sides[0]))
    assert said.startswith("It succeeds in 100.0 % [62.8, 100.0] of clean episodes. Under perturbation it succeeds in ")
    assert "62.5 % [" in said and "(the mean of 4 conditions): −37.5 [" in said
    assert "The lowest rate is that under shift-s2: 25.0 % [" in said
    assert text.title(both) == "hero and rival under perturbation"
    assert text.measured(both) == ("3 tasks of garage and kitchen, 5 conditions, 42 episodes of hero and 38 episodes "
                                    "of rival, on primitive assets.")
    assert text.measured(hero) == "3 tasks of garage and kitchen, 5 conditions, 42 episodes, on primitive assets."


def test_one_policy_beside_another(both: plots.Data) -> None:
    said = text.against(comparison(both, both.sides[0], both.sides[1]))
    assert said.startswith("rival − hero, on the same episodes: −25.0 [")
    assert "points of success when clean, −18.8 [" in said
    assert said.endswith("of 5 conditions.") and "undecided under" in said


def test_lists_and_numbers() -> None:
    assert [text.listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    assert text.versions({"mujoco": ["3.8.1"], "numpy": ["2.3", "2.4"]}) == "mujoco 3.8.1, numpy 2.3 or 2.4"
