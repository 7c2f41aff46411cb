"""The doctor says whether a run would work, and what fixes each thing that is missing."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vlabench.cli import doctor
from vlabench.cli.app import app
from vlabench.errors import UnsupportedError
from vlabench.simulators.libero import diagnosis
from vlabench.simulators.maniskill.drawing import diagnosis as vulkan
from vlabench.util.diagnosis import Check


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn unless a test asks for it."""
    for name in ("drawing", "scene"):
        monkeypatch.setattr(diagnosis, f"_{name}", lambda name=name: Check(f"LIBERO {name}", True, "assumed"))


def ask(*args: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *args], env={"COLUMNS": "200"})


def state(result: Result) -> dict[str, str]:
    """Name → mark."""
    marks = ("ok", "missing", "absent")
    lines = [line.partition(" ") for line in result.stdout.splitlines() if line.partition(" ")[0] in marks]
    return {rest.strip().partition("  ")[0]: mark for mark, _, rest in lines}


def test_here_a_run_works(tmp_path: Path) -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    result = ask("--results", str(tmp_path / "not" / "yet"))
    assert result.exit_code == 0 and "a run would work here, in libero" in result.stdout
    found = {name: mark for name, mark in state(result).items()
             if "maniskill" not in name.lower() and name != "Vulkan"}  # whose packages may be here, and its driver not
    assert {mark for name, mark in found.items() if name not in ("extra train", "LIBERO official", "GPU")} == {"ok"}
    assert len(found) == 13 and list(tmp_path.iterdir()) == []
    assert {"ManiSkill primitive", "ManiSkill official"} <= {*state(result)}


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
    assert state(result)["LIBERO primitive"] == state(result)["results"] == "missing"
    assert "LIBERO primitive: set VLABENCH_CACHE" in result.stdout
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
    (check,) = [each for each in doctor.diagnose(tmp_path).checks if each.name == "arithmetic"]
    assert check.works and check.found.endswith("kernels of its own: records may differ elsewhere")


@pytest.mark.parametrize(("installed", "fix"), [
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
def test_packages_with_different_opencvs_in_one_folder(installed: dict[str, str], fix: str | None,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    def version(name: str) -> str:
        if name in installed:
            return installed[name]
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(cv2, "__version__", "1.2.3")
    monkeypatch.setattr(importlib.metadata, "version", version)
    check = doctor._opencv()
    if fix is None:
        assert check == Check("OpenCV", True, "1.2.3")
    else:
        assert not check.works and check.fix == f"pip install --force-reinstall --no-deps {fix}"
        assert all(f"{name} {each}" in check.found for name, each in installed.items())


@pytest.mark.usefixtures("toy_plugin")
def test_every_simulator_is_asked_and_one_that_works_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = state(ask("--results", str(tmp_path)))
    assert found["Toy plain"] == found["LIBERO primitive"] == "ok"
    monkeypatch.setattr(diagnosis, "_scene", lambda: Check("LIBERO scene", False, "black", "fix it"))
    result = ask("--results", str(tmp_path))
    assert result.exit_code == 0 and re.search("a run would work here, in (maniskill, )?toy\n", result.stdout)
    assert state(result)["LIBERO scene"] == "absent" and "LIBERO scene: if you want it: fix it" in result.stdout
    monkeypatch.setattr("tests.toy.toy.Toy.check", failing)
    monkeypatch.setattr(vulkan, "_driver", failing)
    result = ask("--results", str(tmp_path))
    assert result.exit_code == 1 and state(result)["LIBERO scene"] == state(result)["Toy plain"] == "missing"


def failing(*args: object) -> None:
    raise UnsupportedError("broken\n  fix: repair it")
