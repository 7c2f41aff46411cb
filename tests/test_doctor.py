"""The doctor says whether a run would work, and what mends each thing that is missing."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vlabench import doctor
from vlabench.cli import app
from vlabench.doctor import Check
from vlabench.simulators.libero import gl, packs


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn unless a test asks for it."""
    for name in ("drawing", "scene"):
        monkeypatch.setattr(doctor, f"_{name}", lambda name=name: Check(name, True, "assumed"))


def ask(*args: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *args], env={"COLUMNS": "200"})


def state(result: Result) -> dict[str, str]:
    """Name → mark."""
    marks = ("ok", "missing", "absent")
    lines = [line.partition(" ") for line in result.stdout.splitlines() if line.partition(" ")[0] in marks]
    return {rest.strip().partition("  ")[0]: mark for mark, _, rest in lines}


@pytest.mark.parametrize("version", ["3.2.7", "3.3.5"])
def test_a_mujoco_whose_last_bits_differ_is_pointed_out(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    (check,) = doctor._mujoco()
    assert check.mark == "absent" and "before 3.3.6" in check.found and "mujoco>=3.3.6,<3.4" in check.mend


@pytest.mark.parametrize(("version", "mark"), [("3.3.7", "ok"), ("3.3.6", "ok"), ("3.8.1", "absent")])
def test_a_mujoco_that_changes_a_task_is_pointed_out(version: str, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    (check,) = doctor._mujoco()
    assert check.mark == mark and version in check.found
    assert ("libero_spatial/5" in check.found, "mujoco>=3.3.6,<3.4" in check.mend) == (mark == "absent",) * 2


def test_here_a_run_works(tmp_path: Path) -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    result = ask("--results", str(tmp_path / "not" / "yet"))
    assert result.exit_code == 0 and "a run would work here" in result.stdout
    assert {mark for name, mark in state(result).items() if name not in (
        "extra train", "assets official", "GPU")} == {"ok"}
    assert len(state(result)) == 13 and list(tmp_path.iterdir()) == []


def test_a_real_picture_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mujoco", reason="needs the extra `libero`")
    monkeypatch.undo()
    drawn = doctor._drawing()
    assert drawn.works and drawn.found.rpartition(" ")[2] in gl.BACKENDS
    monkeypatch.setattr(doctor, "_DRAW", "import sys; sys.exit('GLError: no context')")
    assert doctor._drawing() == Check("drawing", False, "GLError: no context", gl.INSTALL)
    monkeypatch.setattr(doctor, "_DRAW", "import os; os.abort()")
    assert "exit status -6" in doctor._drawing().found
    monkeypatch.setattr(gl, "loads", lambda backend: False)
    assert doctor._drawing().mend == gl.INSTALL and not doctor._drawing().works


@pytest.mark.slow
def test_a_real_scene_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    monkeypatch.undo()
    assert doctor._scene() == Check("scene", True, "the first look of libero_spatial/0")
    monkeypatch.setattr(doctor, "_LOOK", "raise PermissionError(13, 'Permission denied', 'x.log')")
    found = doctor._scene()
    assert not found.works and found.found == "PermissionError: [Errno 13] Permission denied: 'x.log'"


def test_missing_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("robosuite", "torch"):
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setitem(sys.modules, "cv2", None)
    result = ask("--results", str(tmp_path))
    found = state(result)
    assert result.exit_code == 1 and "a run would not work here" in result.stdout
    assert (found["extra libero"], found["extra train"], found["OpenCV"]) == ("missing", "absent", "missing")
    assert "extra libero: pip install 'vlabench[libero]'" in result.stdout
    assert "extra train: if you want it: pip install 'vlabench[train]'" in result.stdout
    assert "OpenCV: sudo apt-get install -y libgl1 libglib2.0-0" in result.stdout


def test_places_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VLABENCH_CACHE", str(tmp_path / "file"))
    result = ask("--results", str(tmp_path / "file" / "results"))
    assert result.exit_code == 1
    assert state(result)["assets primitive"] == state(result)["results"] == "missing"
    assert "assets primitive: set VLABENCH_CACHE" in result.stdout
    assert "results: choose another folder with --results DIR" in result.stdout


@pytest.mark.parametrize(("free", "mark"), [(2**31, "ok"), (2**29, "absent"), (2**20, "missing")])
def test_a_disk_that_is_short(free: int, mark: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Usage:
        def __init__(self, folder: Path) -> None:
            self.free = free

    monkeypatch.setattr("shutil.disk_usage", Usage)
    assert doctor._disk(tmp_path).mark == mark


def test_kernels_of_one_s_own_are_told_and_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    (check,) = [each for each in doctor.diagnose(tmp_path) if each.name == "arithmetic"]
    assert check.works and check.found.endswith("kernels of its own: records may differ elsewhere")


@pytest.mark.parametrize(("installed", "mend"), [
    ({"opencv-python": "1.2.3.9"}, None),
    ({"opencv-python": "1.2.3.9", "opencv-python-headless": "1.2.3.9"}, None),
    ({"opencv-contrib-python-headless": "1.2.3.9"}, None),
    ({}, None),
    ({"opencv-python": "1.2.3.9", "opencv-python-headless": "1.2.2.9"},
     "opencv-python==1.2.3.9 opencv-python-headless==1.2.3.9"),
    ({"opencv-python": "1.2.30.9"}, "opencv-python==1.2.30.9"),
    ({"opencv-python": "1.2.4.9", "opencv-contrib-python": "1.2.3.9"},
     "opencv-python==1.2.4.9 opencv-contrib-python==1.2.4.9"),
])
def test_packages_with_different_opencvs_in_one_folder(installed: dict[str, str], mend: str | None,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    def version(name: str) -> str:
        if name in installed:
            return installed[name]
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(cv2, "__version__", "1.2.3")
    monkeypatch.setattr(importlib.metadata, "version", version)
    check = doctor._opencv()
    if mend is None:
        assert check == Check("OpenCV", True, "1.2.3")
    else:
        assert not check.works and check.mend == f"pip install --force-reinstall --no-deps {mend}"
        assert all(f"{name} {each}" in check.found for name, each in installed.items())


def test_the_official_assets_are_named_with_their_copy_or_how_to_get_them(monkeypatch: pytest.MonkeyPatch,
                                                                          tmp_path: Path) -> None:
    monkeypatch.setattr(packs, "official", lambda: tmp_path)
    monkeypatch.setattr(packs, "_used", lambda assets: {"scene.xml": b"<mujoco/>"})
    monkeypatch.setattr(packs, "folder", lambda pack: tmp_path)
    check = doctor._assets()[1]
    assert check.works and check.found == f"{tmp_path} (copy {packs.digest('official')})"
    monkeypatch.undo()
    monkeypatch.setenv("VLABENCH_ASSETS", str(tmp_path))
    check = doctor._assets()[1]
    assert check.mark == "absent" and check.mend.endswith("run vlabench assets fetch libero")
