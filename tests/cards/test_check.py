"""All cards that ship are right, and cards that are not are named, one line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlabench.cards import check

SUITE = 'title = "t"\nsource = "s"\nsimulator = "{}"\ntask_sets = ["x"]\nepisodes = 1\n'


def test_the_cards_that_ship_are_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.problems() == []
    assert check.main() == 0
    assert capsys.readouterr().out.endswith(" policies: OK\n")


def test_every_problem_of_every_card_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vlabench.cards.files._home", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    condition = '[conditions]\nx = [{{ perturbation = "shift", fraction = {} }}]\n'
    policy = 'title = "t"\nsource = "s"\nadapter = "{}"\nassets = ["primitive"]\n'
    for name, text in {
        "suites/a.toml": SUITE.format("libero") + condition.format(0.1),
        "suites/b.toml": SUITE.format("libero") + condition.format(0.10),
        "suites/c.toml": SUITE.format("libero") + condition.format(0.2),
        "suites/d.toml": SUITE.format("liberoo"),
        "suites/e.toml": SUITE.format("libero") + condition.format(7).replace("x =", "y ="),
        "suites/f.toml": SUITE.format("libero").replace("title", "titel"),
        "policies/p.toml": policy.format("random"),
        "policies/q.toml": policy.format("randm"),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert check.main() == 2
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "suites/c.toml",
        "unknown simulator 'liberoo' in suites/d.toml",
        "suites/e.toml",
        "suites/f.toml",
        "suites/f.toml",
        "unknown adapter 'randm' in policies/q.toml",
    ]
