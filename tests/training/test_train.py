"""`vlabench train` as the README has it, with nothing but a card: collect, clone, and a policy that can be run."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training.methods.test_sft import TINY
from vlabench.cards import load_policy
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
