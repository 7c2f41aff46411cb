"""What the tests of trainings share: the toy lamp as a plug-in, cards for it, and play without worker processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.places import TESTS
from tests.toy.alone import Alone
from vlabench.cards import load_policy
from vlabench.cards.policy import PolicyCard

PLUGIN = TESTS / "toy" / "learning"
HEAD = """
title = "Pushes"
source = "a test"
adapter = "switch_gauss"
assets = ["plain"]
cameras = ["top"]
image_size = 16
replan = 2
"""


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy lamp and its policy are installed."""
    monkeypatch.syspath_prepend(str(PLUGIN))


@pytest.fixture
def start(switch: None, tmp_path: Path) -> PolicyCard:
    """A policy for the lamp that has learned nothing."""
    from tests.toy.gauss import fresh

    content = fresh()
    (tmp_path / "start.safetensors").write_bytes(content)
    weights = f'weights = {{ path = "start.safetensors", sha256 = "{hashlib.sha256(content).hexdigest()}" }}\n'
    (tmp_path / "start.toml").write_text(HEAD + weights)
    return load_policy(str(tmp_path / "start.toml"))


@pytest.fixture
def card(start: PolicyCard, tmp_path: Path) -> Callable[..., str]:
    """Writes the card of a policy that is trained from `start`, by a method with options; gives its path."""

    def write(method: str, **options: Any) -> str:
        given = {"init": str(start.path), "task_sets": ["switches"], "simulator": "switch", "assets": "plain",
                 "eval_episodes": 0, **options}
        lines = "".join(f"{key} = {toml(value)}\n" for key, value in given.items())
        path = tmp_path / "pushes.toml"
        path.write_text(f'{HEAD}\n[training]\nmethod = "{method}"\n\n[training.options]\n{lines}')
        return str(path)

    return write


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes, and no pictures of curves."""
    monkeypatch.setattr("vlabench.training.rl.rollouts.WorkerPool", Alone)
    monkeypatch.setattr("vlabench.training.rl.trial.WorkerPool", Alone)
    monkeypatch.setattr("vlabench.training.curves.Curves.draw", lambda self: None)
