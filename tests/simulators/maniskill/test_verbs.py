"""Every verb that takes records, or plays, does so with ManiSkill's: what two policies did in two episodes each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gymnasium
import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import vlabench.gym  # noqa: F401  # registers the tasks
from tests.places import ROOT
from vlabench.cli.app import app
from vlabench.errors import RenderingError
from vlabench.evaluation.run import evaluate
from vlabench.records.frame import load_results
from vlabench.reports import plots
from vlabench.reports.plots.trajectories import chosen, courses
from vlabench.simulators.maniskill.simulator import Maniskill

pytestmark = [pytest.mark.slow, pytest.mark.long]
TASK = "maniskill_put_on_plate/3"
SUITE = f"""
title = "one task under noise"
source = "made for tests"
simulator = "maniskill"
task_sets = ["maniskill_put_on_plate"]
episodes = 1
tasks = ["{TASK}"]

[conditions]
noisy = [{{ perturbation = "action_noise", sigma = 0.3 }}]
"""


@pytest.fixture(autouse=True, scope="module")
def drawing() -> None:
    try:
        Maniskill("primitive").check(Maniskill.cameras)
    except RenderingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the suite's card, and with records and recordings of the expert and of standing still in `r`."""
    folder = tmp_path_factory.mktemp("verbs")
    for name in ("suites", "policies"):
        (folder / name).mkdir()
    (folder / "suites" / "plates.toml").write_text(SUITE)
    shutil.copy(ROOT / "policies" / "maniskill-still.toml", folder / "policies")
    for policy in ("expert", "maniskill-still"):
        done = evaluate(policy, card(folder), folder / "r", workers=1, record=True)
        assert (done.summary.played, done.summary.errors) == (2, 0)
    return folder


def card(here: Path) -> str:
    """The path of the suite's."""
    return str(here / "suites" / "plates.toml")


def run(here: Path, line: str, status: int = 0) -> str:
    """The output of a command; in it HERE is the folder, CARD the suite's card."""
    done = CliRunner().invoke(app, line.replace("HERE", str(here)).replace("CARD", card(here)).split())
    assert done.exit_code == status, done.output
    return done.output


def test_tables_and_figures(here: Path) -> None:
    assert "expert" in (said := run(here, "table HERE/r --suite CARD")) and "100.0" in said
    for kind in ("bars", "drops", "tasks"):
        run(here, f"plot {kind} HERE/r --suite CARD --out HERE/{kind}.png")
    found = load_results(here / "r", suite=card(here))
    assert found.groupby("policy").success_at_end.sum().to_dict() == {"expert": 2, "maniskill-still": 0}


def test_the_ways_of_the_hand(here: Path) -> None:
    said = run(here, "plot trajectories HERE/r --suite CARD --policies expert --conditions clean,noisy "
                     "--out HERE/ways.png")
    assert "playing 2 episodes of expert again" in said
    data = plots.load([here / "r"], card(here))
    side, still = data.sides
    (course,) = courses(data, side, chosen(data, plots.Choice(), 1))
    (rest,) = courses(data, still, chosen(data, plots.Choice(), 1))
    assert course.won and course.places.shape == (81, 3) and len(course.turns) == 81
    # The expert lifts what it grasped, and sets it down where the plate is; who stands still does neither.
    assert np.ptp(course.places[:, 2]) > 0.05 and np.ptp(rest.places, axis=0).max() < 0.005


def test_a_report_plays_episodes_again(here: Path) -> None:
    run(here, "report HERE/r --policies expert --suite CARD --episodes 1 --no-preview --out HERE/r.html")
    page = (here / "r.html").read_text()
    assert TASK in page and "data:image" in page and "cannot be played again" not in page


def test_a_replay_ends_as_recorded(here: Path) -> None:
    said = run(here, f"replay expert {TASK} noisy 0 --results HERE/r --suite CARD --size 64 "
                     f"--out HERE/replay.gif")
    assert "81 frames, success after 80 steps; the final state is the recorded one" in said


def test_the_gymnasium_environment_ends_as_the_run(here: Path) -> None:
    (expert,) = load_results(here / "r", suite=card(here)).query(
        "policy == 'expert' and condition == 'noisy'").itertuples()
    kept = np.load(here / "r" / "expert" / "primitive" / "maniskill_put_on_plate" / "noisy" / "3-0-0.npz")
    env = gymnasium.make(f"vlabench/{TASK.replace('/', '-')}", condition="noisy", suite=card(here),
                         cameras=[], disable_env_checker=True)
    env.reset()
    for action in kept["actions"]:
        _, reward, terminated, truncated, info = env.step(action)
    assert (reward, terminated, truncated) == (1.0, True, False) and info["record"].state == expert.state
    env.close()


def test_a_gate_judges(here: Path) -> None:
    sides = "--results HERE/r --suite CARD --assets primitive"
    assert "inconclusive" in run(here, f"gate --baseline expert --candidate maniskill-still {sides}", status=3)


def test_a_submission_is_verified_and_comes_onto_the_board(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlabench.cards.files._home", lambda: here)  # whose suites have names
    run(here, "submit HERE/r --policy maniskill-still --suite plates --name still --contact me --out "
              "HERE/board/submissions/still")
    said = run(here, "verify HERE/board/submissions/still --sample 1 --workers 1")
    assert "still: 1 of 1 replayed episode" in said
    run(here, "board build --board HERE/board")
    run(here, "board check --board HERE/board")
    assert "No action, ManiSkill" in (here / "board" / "board.md").read_text()


def test_a_probe_holds_the_actions(here: Path) -> None:
    said = run(here, "probe --policy expert --suite CARD --workers 1 --out HERE/probe.npz")
    assert "2 episodes" in said and "actions alone" in said
    assert "actions.json" in run(here, "plot actions HERE/probe.npz --out HERE/actions")
    (row,) = json.loads((here / "actions.json").read_text())["rows"]
    assert row["condition"] == "noisy"
    # Noise of 0.3 of a unit in each of six dimensions reaches the robot beside what the expert asked for.
    assert row["executed"] > row["asked"]


def test_the_expert_s_demonstrations_are_collected(here: Path) -> None:
    said = run(here, f"demos --out HERE/demos --tasks {TASK} --per-task 1 --image-size 64 --workers 1")
    assert "1 demonstration in" in said
    (path,) = (here / "demos").glob("*/*.hdf5")
    with h5py.File(path) as file:
        (demo,) = file["data"].values()
        actions, pictures = demo["actions"][()], demo["obs/third_person_rgb"][()]
    assert actions.shape == (96, 7) and pictures.shape == (96, 64, 64, 3)  # 1.2 times the limit; none ends early


def test_a_preview_is_drawn(here: Path) -> None:
    assert "2 pictures" in run(here, "preview --suite CARD --size 64 --out HERE/preview.png")
    assert (here / "preview.png").stat().st_size > 2000
