"""`vlabench train` as the README has it, with nothing but a card: collect, clone, and a policy that can be run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training.methods.test_sft import TINY
from vlabench.cards import load_policy
from vlabench.cards.lineage import recipe
from vlabench.cli.app import app


@pytest.mark.long
def test_a_card_of_one_demonstration_is_trained_in_the_default_folder(tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = '[{ tasks = ["libero_goal/0"], per_task = 1, steps = 50 }]'
    text = TINY.replace("[{ per_task = 1, steps = STEPS, learning_rate = 3e-3 }]", rounds)
    (tmp_path / "tiny.toml").write_text(text.replace("image_size = 16", "image_size = 32"))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["train", "--policy", "tiny.toml", "--workers", "1"])
    assert done.exit_code == 0, done.output
    card = load_policy(str(tmp_path / ".training" / "tiny" / "tiny.toml"))
    assert card.made and card.made.data.startswith("1 demonstration of 1 task,")
    again = CliRunner().invoke(app, ["train", "--policy", "tiny.toml", "--workers", "1"])
    assert again.exit_code == 0 and ".training/tiny/tiny.safetensors: sha256 " in again.stdout


def test_trainings_of_several_seeds_are_policies_of_several_names(card: Callable[..., str], tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """So that their records lie beside each other, and tables see repetitions of one recipe."""
    path = card("rwr", contexts=2, rollouts=2, iterations=1)
    monkeypatch.chdir(tmp_path)
    for more in ([], ["--seed", "1"]):
        done = CliRunner().invoke(app, ["train", "--policy", path, "--workers", "1", "--device", "cpu", *more])
        assert done.exit_code == 0, done.output
    first, other = (load_policy(str(Path(".training", name, f"{name}.toml"))) for name in ("pushes", "pushes-seed-1"))
    assert (first.name, other.name) == ("pushes", "pushes-seed-1")
    recipes = recipe(first), recipe(other)
    assert recipes[0] and recipes[1] and recipes[0][0] == recipes[1][0] and (recipes[0][1], recipes[1][1]) == (0, 1)
    assert first.weights and other.weights and first.weights.sha256 != other.weights.sha256
