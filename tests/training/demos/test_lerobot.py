"""LeRobot's data sets, written and read; by LeRobot's own code: tests/peers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.training.demos.demo_files import OTHER, TASK, demo, shelf
from vlabench.cli.app import app
from vlabench.errors import DataError
from vlabench.training.demos import from_lerobot, reading, to_lerobot
from vlabench.training.demos.data import DemoData


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of three demonstrations of two tasks; their files are beside it."""
    pytest.importorskip("pyarrow", reason="of the extra lerobot")
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "cache"))
    files = [shelf(tmp_path / "given", TASK, [demo(0, 12, who=(3,)), demo(1, 7)]),
             shelf(tmp_path / "given", OTHER, [demo(2, 5)])]
    assert to_lerobot.write(files, tmp_path / "set", "libero") == 3
    return tmp_path / "set"


def test_what_is_written_is_read_as_it_was(written: Path, tmp_path: Path) -> None:
    theirs, ours = (DemoData([folder], 16, "libero", 8) for folder in (written, tmp_path / "given"))
    assert theirs.instructions == ours.instructions == [TASK.instruction, OTHER.instruction]
    found, wanted = theirs.batch(32, 0), ours.batch(32, 0)
    for name in ("proprio", "actions", "mask", "tasks"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    assert not wanted.mask.all()  # somebody else acted, too
    for camera, pictures in wanted.pictures.items():
        np.testing.assert_array_equal(found.pictures[camera], pictures)


def test_what_a_data_set_says_of_itself(written: Path, tmp_path: Path) -> None:
    info = json.loads((written / "meta" / "info.json").read_text())
    assert {key: info[key] for key in ("codebase_version", "total_episodes", "total_frames", "total_tasks", "fps")} == {
        "codebase_version": "v3.0", "total_episodes": 3, "total_frames": 24, "total_tasks": 2, "fps": 20}
    stats = json.loads((written / "meta" / "stats.json").read_text())
    every = [demo(0, 12), demo(1, 7), demo(2, 5)]
    labels = np.concatenate([each.labels for each in every]).astype(np.float64)
    np.testing.assert_allclose(stats["action"]["std"], labels.std(0))
    np.testing.assert_allclose(stats["action"]["q99"], np.quantile(labels, 0.99, axis=0))
    seen = np.concatenate([each.frames["wrist"] for each in every]) / 255
    told = stats["observation.images.image2"]
    np.testing.assert_allclose(np.ravel(told["mean"]), seen.mean((0, 1, 2)))
    np.testing.assert_allclose(np.ravel(told["std"]), seen.std((0, 1, 2)))
    np.testing.assert_allclose(np.ravel(told["q50"]), np.median(seen, (0, 1, 2)), atol=1 / 255)


def test_it_is_made_once_and_again_when_it_changes(written: Path, tmp_path: Path) -> None:
    first = reading.files(written, "libero")
    stamp = first[0].stat().st_mtime_ns
    assert [path.stat().st_mtime_ns for path in reading.files(written, "libero")][0] == stamp
    to_lerobot.write([shelf(tmp_path / "more", TASK, [demo(5, 4)])], written, "libero")
    again = reading.files(written, "libero")
    assert [path.parent for path in again] != [path.parent for path in first[:1]]
    assert DemoData([written], 16, "libero", 8).frames == 4


@pytest.mark.parametrize(("change", "told"), [
    ({"codebase_version": "v2.1"}, r"version v2.1; what is read here is v3.0\n  fix: .*lerobot.scripts.convert_data\S+ "
                                   r"--repo-id set --push-to-hub false --root /\S+/set\n.* 0.4: .* --root /\S+[^t]$"),
    ({"codebase_version": "v2.0"}, "version v2.0; what is read here is v3.0\n  fix: .*; LeRobot 0.3 converts v2.0 to"),
    ({"codebase_version": "v4.0"}, "version v4.0; what is read here is v3.0\n  fix: .*, which LeRobot writes from 0.4"),
    ({"features": {}}, "no pictures of camera 'agentview': a key that ends in image or .*there are none"),
    ({"data_path": "data/{chunk_index}/{file_index}.parquet"}, "data/0/0.parquet: not read: .*fix: download"),
])
def test_a_data_set_that_does_not_fit_is_told(change: dict[str, object], told: str, written: Path) -> None:
    path = written / "meta" / "info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=f"(?s){told}"):
        from_lerobot.converted(written, "libero")


def test_a_damaged_description_is_told(written: Path) -> None:
    (written / "meta" / "info.json").write_text("{")
    with pytest.raises(DataError, match="meta/info.json: not read: .*\n  fix: download"):
        from_lerobot.converted(written, "libero")


def test_actions_of_another_size_are_told(written: Path) -> None:
    path = written / "meta" / "info.json"
    info = json.loads(path.read_text())
    info["features"]["action"]["shape"] = [14]
    path.write_text(json.dumps(info))
    with pytest.raises(DataError, match=r"action is \[14\]; the simulator's actions have 7 numbers: x, y"):
        from_lerobot.converted(written, "libero")


def test_without_pyarrow_nothing_is_collected_or_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = CliRunner().invoke(app, ["demos", "--out", str(tmp_path / "set"), "--tasks", "libero_goal/7", "--format",
                                   "lerobot"])
    assert ran.exit_code == 2 and "pip install 'vlabench[lerobot]'" in ran.output
    assert not (tmp_path / "set").exists()


@pytest.mark.long
def test_demos_are_collected_as_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="of the extra lerobot")
    out = tmp_path / "set"
    ran = CliRunner().invoke(app, ["demos", "--out", str(out), "--tasks", "libero_goal/7", "--format", "lerobot",
                                   "--per-task", "1", "--workers", "1", "--image-size", "16", "--kicks", "0"])
    assert ran.exit_code == 0, ran.output
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "cache"))
    theirs, ours = (DemoData([folder], 16, "libero", 8) for folder in (out, out / ".hdf5"))
    assert theirs.frames == ours.frames > 20 and theirs.instructions == ours.instructions
    np.testing.assert_array_equal(theirs.batch(8, 0).pictures["wrist"], ours.batch(8, 0).pictures["wrist"])


def test_a_folder_with_data_of_its_own_is_left_alone(tmp_path: Path) -> None:
    """Before anything is played; that of an earlier command is written anew."""
    pytest.importorskip("pyarrow", reason="of the extra lerobot")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.csv").write_text("1")
    done = CliRunner().invoke(app, ["demos", "--format", "lerobot", "--out", str(tmp_path)])
    assert done.exit_code == 4 and "has data of its own" in done.output
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["mine.csv"]
    (tmp_path / ".hdf5").mkdir()
    to_lerobot.check_place(tmp_path)
