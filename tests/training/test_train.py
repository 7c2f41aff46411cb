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
from vlabench.errors import CardError
from vlabench.training.train import named, train


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
    """So that their records lie beside each other, and tables that find their cards see repetitions of one recipe."""
    path = Path(card("rwr", contexts=2, rollouts=2, iterations=1, eval_episodes=1))
    path.write_text(f'train = "vlabench train --policy pushes.toml"\n{path.read_text()}')
    monkeypatch.chdir(tmp_path)
    commands = ["train --policy pushes.toml", "train --policy pushes.toml --seed 1"]
    for command in (*commands, commands[1]):
        done = CliRunner().invoke(app, [*command.split(), "--workers", "1", "--device", "cpu"])
        assert done.exit_code == 0, done.output
    first, other = (load_policy(str(Path(".training", name, f"{name}.toml"))) for name in ("pushes", "pushes-seed-1"))
    assert [each.train for each in (first, other)] == [f"vlabench {command}" for command in commands]
    kept = {each.stem for each in other.path.parent.glob("*.safetensors")}
    assert kept == {"pushes-seed-1", "pushes-seed-1-1"}  # and what there was after the first iteration
    recipes = recipe(first), recipe(other)
    assert recipes[0] and recipes[1] and recipes[0][0] == recipes[1][0] and (recipes[0][1], recipes[1][1]) == (0, 1)
    assert first.weights and other.weights and first.weights.sha256 != other.weights.sha256


@pytest.mark.parametrize(("name", "seed", "wanted"), [
    ("hero", 0, "hero"), ("hero", 12, "hero-seed-12"), ("hero-seed-1", 2, "hero-seed-2"),
    ("hero-seed-1", 0, "hero-seed-1"), ("hero-8", 1, "hero-8-seed-1")])
def test_a_name_says_one_seed(name: str, seed: int, wanted: str) -> None:
    assert named(name, seed) == wanted


def test_a_seed_does_not_change_what_a_policy_is_called_when_its_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"policy 'random' has no \[training\]"):
        train("random", tmp_path, seed=2)
