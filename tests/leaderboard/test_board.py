"""The board against counts by hand; it is current or said to be stale; every bad submission is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint
from typer.testing import CliRunner

from tests.leaderboard import made
from tests.places import ROOT
from vlabench import cards, stats
from vlabench.cli.app import app
from vlabench.errors import OptionError, OutdatedError, SubmissionError
from vlabench.leaderboard import board, entries
from vlabench.leaderboard.definitions import Definitions
from vlabench.leaderboard.manifest import SCHEMA, Manifest
from vlabench.leaderboard.submission import read
from vlabench.leaderboard.submit import submit


def strong(task: str, condition: str, index: int) -> bool:
    """All but one episode."""
    return (task, condition, index) != ("toy_points/2", "jolt", 3)


def weak(task: str, condition: str, index: int) -> bool:
    """All of `clean`, one in four of `dark`, nothing of `jolt`."""
    return condition == "clean" or condition == "dark" and index == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A leaderboard with two entries on one suite."""
    made.submission(tmp_path, "strong", strong, noise=0.1)
    made.submission(tmp_path, "weak", weak, noise=0.5, trained_on='["toy_dark", "toy_points"]', title="1 < 2 | *3*")
    return tmp_path / "leaderboard"


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The entries of the only track, by name, in their order."""
    (suite,) = board.board(folder)["suites"]
    (track,) = suite["tracks"]
    return {entry["name"]: entry for entry in track["entries"]}


def test_figures_are_those_of_the_hand(folder: Path) -> None:
    found = rows(folder)
    assert list(found) == ["strong", "weak"]
    assert found["strong"]["rates"]["jolt"] | {"low": 0, "high": 0} == {
        "episodes": 12, "successes": 11, "value": 0.91667, "low": 0, "high": 0}
    # Agresti and Coull's for 3 of 12: within the tasks, each 1 of 4, episodes differ as much as independent ones
    assert (found["weak"]["rates"]["dark"]["low"], found["weak"]["rates"]["dark"]["high"]) == pytest.approx(
        proportion_confint(3, 12, method="agresti_coull"), abs=1e-5)
    assert found["strong"]["score"]["value"] == round(23 / 24, 5) and found["weak"]["score"]["value"] == 3 / 24
    assert found["strong"]["drop"]["value"] == round(-1 / 24, 5) and found["weak"]["drop"]["value"] == -21 / 24
    assert found["strong"]["rank"] == {"best": 1, "worst": 1} and found["weak"]["rank"] == {"best": 2, "worst": 2}
    assert found["weak"]["evidence"] == "submissions/weak"
    assert found["weak"]["class"] == "reported" and found["weak"]["verified"] == []


def test_figures_are_about_these_tasks(folder: Path) -> None:
    """Of two conditions: the mean over both, and its difference to clean, of episodes within their tasks."""
    wins = np.array([[[strong(f"toy_points/{task}", condition, index) for index in range(4)] for task in range(3)]
                     for condition in ("clean", "dark", "jolt")]).reshape(3, 12)
    tasks = [task for task in range(3) for _ in range(4)]
    for name, figure in (("score", stats.rate(wins[1:], tasks, "fixed")),
                         ("drop", stats.difference(wins[[0, 0]], wins[1:], tasks, "fixed").estimate)):
        assert rows(folder)["strong"][name] == pytest.approx(
            {"value": figure.value, "low": figure.low, "high": figure.high}, abs=1e-5)


def test_who_was_trained_on_what_is_marked_for_the_conditions_that_hold_it(folder: Path) -> None:
    found = rows(folder)
    assert found["strong"]["contaminated"] == [] and found["weak"]["contaminated"] == ["dark"]
    assert found["weak"]["trained_on"] == ["toy_dark", "toy_points"]


def test_a_training_s_options_and_parents_count_and_who_is_not_here_is_named(tmp_path: Path) -> None:
    path = made.policy_card(tmp_path / "policies", "post-trained")
    path.write_text(path.read_text() + 'training = {method = "rloo", options = {init = "../elsewhere.toml", noise = '
                                       '{observation = 1.0, kinds = ["rotation"]}, task_sets = ["toy_points"]}}\n')
    records = made.whole_suite(cards.load_policy(str(path)), Definitions().of("toy", "plain"), strong)
    submit(made.written(tmp_path / "results", records), str(path), "toy", name="heir", contact="me",
           out=tmp_path / "leaderboard" / "submissions" / "heir", assets="plain")
    found = rows(tmp_path / "leaderboard")["heir"]
    assert found["trained_on"] == ["toy_points", "rotation"] and found["contaminated"] == []
    assert found["unknown_origin"] == ["../elsewhere.toml"]
    said = board.texts(tmp_path / "leaderboard")["board.md"]
    assert "goes on from ../elsewhere.toml, whose training is not known here" in said


def test_strengths_are_over_all_suites_that_two_played(folder: Path) -> None:
    (table,) = board.board(folder)["overall"]
    first, second = table["entries"]
    assert (first["policy"], second["policy"]) == ("policy-strong", "policy-weak")
    # of 24 perturbed episodes, 20 are won by `strong` alone and none by `weak` alone
    assert first["strength"]["value"] == -second["strength"]["value"] > 1
    assert first["rank"] == {"best": 1, "worst": 1}


def test_policies_that_read_the_state_are_shown_without_rank(tmp_path: Path, folder: Path) -> None:
    path = made.policy_card(tmp_path / "policies", "oracle", noise=0.0)
    path.write_text(path.read_text() + "privileged = true\n")
    policy = cards.load_policy(str(path))
    records = made.whole_suite(policy, Definitions().of("toy", "plain"), lambda *_: True)
    submit(made.written(tmp_path / "oracle", records), str(path), "toy", name="oracle", contact="me",
                out=folder / "submissions" / "oracle", assets="plain")
    found = rows(folder)
    assert list(found) == ["oracle", "strong", "weak"]
    assert found["oracle"]["rank"] is None and found["strong"]["rank"] == {"best": 1, "worst": 1}
    overall = board.board(folder)["overall"][0]["entries"]
    assert [entry["policy"] for entry in overall] == ["policy-strong", "policy-weak"]


def test_the_built_board_is_current_until_a_submission_or_a_file_changes(tmp_path: Path, folder: Path) -> None:
    runner = CliRunner()
    built = runner.invoke(app, ["board", "build", "--board", str(folder)])
    assert built.exit_code == 0, built.output
    assert [Path(line).name for line in built.stdout.splitlines()] == ["board.json", "board.md", "index.html", SCHEMA]
    first = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    assert runner.invoke(app, ["board", "check", "--board", str(folder)]).exit_code == 0
    (folder / "submissions" / ".new-x1y2" / "new").mkdir(parents=True)  # what a `submit` that was killed leaves
    assert runner.invoke(app, ["board", "check", "--board", str(folder)]).exit_code == 0
    (folder / "board.md").write_text("all is best")
    stale = runner.invoke(app, ["board", "check", "--board", str(folder)])
    assert stale.exit_code == 1 and "board.md: is not what its sources give" in stale.stderr
    assert "fix: vlabench board build" in stale.stderr and "board.json" not in stale.stderr
    board.build(folder)
    assert {path.name: path.read_bytes() for path in folder.glob("*.*")} == first
    made.submission(tmp_path, "third", strong, noise=0.7)
    assert [path.name for path in board.stale(folder)] == ["board.json", "board.md", "index.html"]


def test_all_that_is_wrong_is_named_at_once(folder: Path) -> None:
    for name in ("strong", "weak"):
        path = folder / "submissions" / name / "submission.json"
        path.write_text(path.read_text().replace("team@example.org", "a" * 300))
    (folder / "submissions" / "stray.zip").write_bytes(b"PK")
    with pytest.raises(SubmissionError) as caught:
        board.build(folder)
    for part in ("strong/submission.json: contact: ", "weak/submission.json: contact: ",
                 "stray.zip: a submission is a folder of text files, not an archive"):
        assert part in str(caught.value)
    result = CliRunner().invoke(app, ["board", "check", "--board", str(folder)])
    assert result.exit_code == 2 and "submissions/weak/submission.json: contact: " in result.stderr
    assert not (folder / "board.json").exists()


def test_a_policy_enters_a_track_once(folder: Path) -> None:
    def renamed(place: Path, manifest: dict[str, Any]) -> None:
        manifest["name"] = "strong-2"

    copy = made.altered(folder / "submissions" / "strong", renamed)
    copy.rename(folder / "submissions" / "strong-2")
    with pytest.raises(SubmissionError, match="strong-2: the same policy on the same suite as 'strong': digest"):
        board.build(folder)


def test_outdated_entries_are_listed_without_figures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = cards.load_suite

    def longer(name: str) -> Any:
        import dataclasses

        return dataclasses.replace(real(name), episodes=5)

    monkeypatch.setattr(cards, "load_suite", longer)
    found = board.board(folder)
    assert found["suites"] == [] and [each["name"] for each in found["outdated"]] == ["strong", "weak"]
    assert "has another number of episodes per task and condition here: 5" in found["outdated"][0]["why"]


@pytest.mark.slow
def test_several_processes_read_what_one_reads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = board.texts(folder)
    monkeypatch.setattr(entries, "MANY", 2)
    assert board.texts(folder) == alone


def test_an_empty_board_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "No submissions yet." in board.texts(tmp_path)["board.md"]
    with pytest.raises(OptionError, match="there is no such folder"):
        board.build(tmp_path / "nothing")


def test_the_schema_describes_submissions_as_another_library_reads_it(good: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="needs the package jsonschema, one of the development tools")
    schema = json.loads(board.texts(good.parent.parent)[SCHEMA])
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads((good / "submission.json").read_text())
    jsonschema.validate(content, schema)
    wrongs: list[dict[str, Any]] = [{"name": "<b>"}, {"surprise": 1}, {"episodes": 0}, {"policy_digest": "x"},
                                    {"tasks": []}]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content | wrong, schema)
    assert set(schema["required"]) == {name for name, field in Manifest.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "leaderboard/submissions").glob("*")))
def test_the_submissions_here_hold_what_they_claim(name: str) -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    jsonschema = pytest.importorskip("jsonschema", reason="needs the package jsonschema, one of the development tools")
    folder = ROOT / "leaderboard" / "submissions" / name
    jsonschema.validate(json.loads((folder / "submission.json").read_text()),
                        json.loads((ROOT / "leaderboard" / SCHEMA).read_text()))
    try:
        found = read(folder)
    except OutdatedError:  # whole, but of a suite that has changed since: the board says so instead of ranking it
        (entry,) = [each for each in json.loads((ROOT / "leaderboard" / "board.json").read_text())["outdated"]
                    if each["name"] == name]
        assert "protocol" in entry["why"]
        return
    assert len(found.records) == len(found.manifest.tasks) * len(found.manifest.conditions) * found.manifest.episodes


def test_the_board_here_is_current() -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    assert board.stale(ROOT / "leaderboard") == []


def test_entries_that_differ_only_in_case_are_refused(folder: Path) -> None:
    made.submission(folder.parent / "elsewhere", "Weak", lambda *_: False, noise=0.7)
    (folder.parent / "elsewhere" / "leaderboard" / "submissions" / "Weak").rename(folder / "submissions" / "Weak")
    with pytest.raises(SubmissionError, match="submissions: 'Weak' and 'weak' differ only in case: .*\n  fix: "):
        board.board(folder)
