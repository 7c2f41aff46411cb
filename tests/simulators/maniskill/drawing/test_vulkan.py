"""What is said of a machine that sapien cannot draw on, and that physics asks for nothing of it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vlabench.errors import MissingExtra, RenderingError
from vlabench.simulators.maniskill.drawing import vulkan

QUIET_PHYSICS = """
import os.path
is_file = os.path.isfile
os.path.isfile = lambda path: "libvulkan" not in str(path) and is_file(path)
from vlabench.simulators.maniskill.drawing import vulkan
sapien = vulkan.engine()
scene = sapien.Scene([sapien.physx.PhysxCpuSystem()])
builder = scene.create_actor_builder()
builder.add_sphere_collision(radius=0.1)
builder.set_initial_pose(sapien.Pose([0, 0, 1]))
ball = builder.build()
for _ in range(10):
    scene.step()
assert ball.pose.p[2] < 1
"""


@pytest.fixture(autouse=True)
def _untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been tried yet, and what is tried leaves no trace."""
    monkeypatch.setenv(vulkan._CHECKED, "")


def environment(monkeypatch: pytest.MonkeyPatch, driver: str) -> None:
    for name in vulkan._CHOICES:
        monkeypatch.setenv(name, driver)


def test_physics_needs_no_vulkan_and_the_import_is_quiet() -> None:
    if importlib.util.find_spec("sapien") is None:
        pytest.skip("needs the extra `maniskill`")
    absent = dict.fromkeys(vulkan._CHOICES, "/absent.json")
    done = subprocess.run([sys.executable, "-W", "error", "-c", QUIET_PHYSICS], env={**os.environ, **absent},
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_driver_that_is_not_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, sapien: object) -> None:
    environment(monkeypatch, "/absent.json")
    with pytest.raises(RenderingError, match=r"(?s)VK_DRIVER_FILES names /absent.json.*\n  fix: unset VK_DRIVER_FILES"):
        vulkan.check()


def test_a_driver_that_aborts_takes_no_more_along_than_its_trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                                 sapien: object) -> None:
    compiler = shutil.which("g++") or pytest.skip("needs g++")
    library = tmp_path / "libbroken.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, "-x", "c++", "-"], check=True, text=True,
                   input="#include <cstdlib>\n__attribute__((constructor)) void broken() { abort(); }")
    driver = tmp_path / "broken.json"
    driver.write_text(json.dumps({"file_format_version": "1.0.0",
                                  "ICD": {"library_path": str(library), "api_version": "1.3.0"}}))
    environment(monkeypatch, str(driver))
    with pytest.raises(RenderingError, match=r"(?s)cannot draw with broken.json: .*status -6.*\n  fix: "):
        vulkan.check()


def test_what_was_found_to_work_is_not_tried_again_not_even_by_other_processes(
        monkeypatch: pytest.MonkeyPatch, sapien: object) -> None:
    tried = []

    def succeed(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        tried.append(command)
        return subprocess.CompletedProcess(command, 0, "llvmpipe", "")

    monkeypatch.setattr(subprocess, "run", succeed)
    vulkan.check()
    vulkan.check()
    assert len(tried) == 1 and os.environ[vulkan._CHECKED]
    environment(monkeypatch, "/another.json")
    vulkan.check()
    assert len(tried) == 2


def test_no_driver_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment(monkeypatch, "")
    monkeypatch.setattr(vulkan, "_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    said = vulkan._explained("failed to find a rendering device")
    assert said.startswith("no Vulkan driver to draw with, nor libvulkan1\n  fix: ") and "mesa-vulkan-drivers" in said


@pytest.mark.parametrize(("version", "old"), [("22.3.6-1+deb12u2", True), ("24.2.8-1ubuntu1~24.04.1", True),
                                              ("1:24.3.0", False), ("25.0.7-2~bpo12+1", False)])
def test_a_mesa_too_old_is_named(version: str, old: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment(monkeypatch, "")
    (tmp_path / "lvp_icd.x86_64.json").touch()
    tool = tmp_path / "dpkg-query"
    tool.write_text(f"#!/bin/sh\necho '{version}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(vulkan, "_FOLDERS", (str(tmp_path),))
    said = vulkan._explained("failed to find a rendering device")
    if old:
        assert said.startswith(f"Mesa {version[:4]} is too old for sapien to draw with: 24.3 or newer is needed\n  fix")
    else:
        assert said.startswith("sapien cannot draw with lvp_icd.x86_64.json: failed to find a rendering device\n  fix")


@pytest.mark.parametrize(("release", "expected"), [
    ({"ID": "debian", "VERSION_ID": "12"}, "libvulkan1 mesa-vulkan-drivers/bookworm-backports"),
    ({"ID": "debian", "VERSION_ID": "13"}, vulkan.OWN_PACKAGES),
    ({"ID": "ubuntu", "VERSION_ID": "24.04", "ID_LIKE": "debian"}, vulkan.OWN_PACKAGES),
    ({"ID": "ubuntu", "VERSION_ID": "22.04", "ID_LIKE": "debian"}, "use Ubuntu 24.04"),
    ({"ID": "linuxmint", "VERSION_ID": "22", "ID_LIKE": "ubuntu debian"}, vulkan.OWN_PACKAGES),
    ({"ID": "fedora", "VERSION_ID": "41"}, "24.3 or newer"), ({}, "24.3 or newer")])
def test_the_line_that_mends_it_is_that_of_the_distribution(release: dict[str, str], expected: str) -> None:
    assert expected in vulkan.install(release) and "-t bookworm-backports" not in vulkan.install(release)


def test_without_sapien_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sapien", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for call in (vulkan.check, vulkan.engine):
        with pytest.raises(MissingExtra, match=r"vlabench\[maniskill\]"):
            call()
