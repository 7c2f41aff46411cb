"""What two short episodes in both orders show of a policy."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.toy.alone import Alone
from tests.toy.toy import Toy
from vlabench.cli.app import app
from vlabench.cli.checks import check
from vlabench.episode.player import Job
from vlabench.evaluation.rehearsal import Notes, Remark, _parted, generators
from vlabench.types import EpisodeSpec
from vlabench.util import modules

pytestmark = pytest.mark.usefixtures("toy_plugin")


class InTurn(Alone):
    """Plays the episodes in their order, with a policy of its own."""

    def __init__(self, job: Job, specs: Sequence[EpisodeSpec], size: int, time_limit: object, note: object) -> None:
        super().__init__(job, specs[::-1], size, time_limit, note)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Episodes are played in this process."""
    monkeypatch.setattr("vlabench.evaluation.rehearsal.WorkerPool", InTurn)


def write(tmp_path: Path, fault: str) -> Path:
    path = tmp_path / "faulty.toml"
    path.write_text('title = "t"\nsource = "s"\nadapter = "toy_faulty"\nassets = ["plain"]\ncameras = ["top"]\n'
                    f'image_size = 16\nreplan = 3\noptions = {{fault = "{fault}"}}\n')
    return path


def found(tmp_path: Path, fault: str) -> list[Remark]:
    return check(str(write(tmp_path, fault)))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("fault", "wrong", "text"), [
    ("global", True, "from the global generator of numpy.random: from step 0 on, an episode's actions depend on what"),
    ("peeks", False, "from the global generator of random, though its actions did not depend on it here"),
    ("carries", True, "it carries something over from one episode to the next: from step 0 on"),
    ("clock", True, "its actions are not the same when the same episode is played again (from step 0 on)"),
    ("shape", True, "an error in the phase `act`: ValueError: the policy returned actions of shape [3, 3]"),
    ("unsettled", True, "an error in the phase `act`: LookupError: another model answered meanwhile"),
    ("wild", False, "% of its actions are clipped: down was 37, outside [-1, 1]"),
    ("still", False, "all its actions are the same"),
])
def test_a_fault_is_seen_and_told_apart_from_the_others(fault: str, wrong: bool, text: str, tmp_path: Path) -> None:
    seen = [remark for remark in found(tmp_path, fault) if "a look takes" not in remark.text]
    assert [remark.wrong for remark in seen] == [wrong] and text in seen[0].text


@pytest.mark.usefixtures("here")
def test_numbers_of_torchs_global_generator_are_seen(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    (seen, *_) = found(tmp_path, "torch")
    assert seen.wrong and "the global generator of torch" in seen.text


@pytest.mark.usefixtures("here")
def test_a_sound_policy_gets_its_pace_and_nothing_else(tmp_path: Path) -> None:
    (remark,) = found(tmp_path, "")
    assert not remark.wrong
    assert "a look takes" in remark.text and "an episode of 20 steps with a look every 3 about" in remark.text


def test_the_command_says_it_and_ends_with_a_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "carries")
    done = CliRunner().invoke(app, ["check", "faulty.toml", "toy"])
    assert done.exit_code == 1
    assert "faulty.toml: wrong: it carries something over" in done.stdout and "toy: nothing wrong" in done.stdout
    assert "toy_points/0, episode 0: 7 steps in" in done.stderr
    assert CliRunner().invoke(app, ["check", "faulty.toml", "toy", "--no-play"]).exit_code == 0
    assert CliRunner().invoke(app, ["check", "nobody", "toy"]).exit_code == 1


def test_episodes_part_where_they_differ_or_one_ends() -> None:
    def notes(*values: float) -> Notes:
        return Notes([np.array([value]) for value in values])

    assert _parted(notes(1, 2, 3), notes(1, 2, 3)) is None
    assert _parted(notes(1, 2, 3), notes(1, 0, 3)) == 1
    assert _parted(notes(1, 2, 3), notes(1, 2)) == 2


def test_generators_move_only_when_drawn_from() -> None:
    before = generators()
    assert generators() == before
    random.random()
    assert generators()["random"] != before["random"] and generators()["numpy.random"] == before["numpy.random"]


OWN = """
import numpy as np
from vlabench import Decision, Policy


class Own(Policy):
    def __init__(self, early=False):
        if early:
            print("loading")
            np.linalg.inv(np.zeros((2, 2)))

    def act(self, obs):
        print("solving", obs.steps.tolist())
        return self.solved(np.zeros((2, 2)))

    def solved(self, matrix):
        return Decision(np.linalg.inv(matrix))
"""


@pytest.mark.parametrize(("early", "begins", "printed"), [
    ("false", "an error in the phase `act`: LinAlgError: Singular matrix [own_false.py:17]", "solving [0]"),
    ("true", "a worker could not start: LinAlgError: Singular matrix [own_true.py:10]", "loading"),
])
def test_the_first_error_of_ones_own_policy_ends_it_with_its_trace_and_what_it_printed(
        early: str, begins: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(modules, "_homes", [])
    name = f"own_{early}"  # a module of its own: both are imported here, too
    (tmp_path / f"{name}.py").write_text(OWN)
    card = write(tmp_path, "")
    text = card.read_text().replace('"toy_faulty"', f'"{name}:Own"').replace('fault = ""', f"early = {early}")
    card.write_text(text)
    said: list[str] = []
    (remark,) = check(str(card), say=said.append)
    lines = remark.text.splitlines()
    assert remark.wrong and said == [] and lines[:4] == [
        begins, "  printed last:", f"    {printed}", "    Traceback (most recent call last):"]
    assert lines[4].startswith(f'      File "{tmp_path}/{name}.py", line ')
    assert lines[-1] == "    numpy.linalg.LinAlgError: Singular matrix" and remark.text.count("Traceback") == 1


def test_where_episodes_can_be_side_by_side_they_are_played_one_by_one(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two episodes' notes would be one, and a sound policy would pass for one that never does the same."""
    batches: list[int] = []

    class Asked(InTurn):
        def __init__(self, job: Job, *others: Any) -> None:
            batches.append(job.side_by_side(job.engine()))
            super().__init__(job, *others)

    monkeypatch.setattr("vlabench.evaluation.rehearsal.WorkerPool", Asked)
    monkeypatch.setattr(Toy, "max_batch", 4)
    assert [remark.wrong for remark in found(tmp_path, "")] == [False]
    assert batches == [1, 1]
