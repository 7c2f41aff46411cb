"""The OpenGL backend: what is chosen, and what is said when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from vlabench.errors import RenderingError
from vlabench.simulators.libero import gl
from vlabench.util.processes import WORKER


def machine(monkeypatch: pytest.MonkeyPatch, libraries: Collection[str], *, gpu: bool, asked: str | None) -> None:
    monkeypatch.setattr(gl, "loads", lambda backend: backend in libraries)
    monkeypatch.setattr(gl, "has_gpu", lambda: gpu)
    if asked is None:
        monkeypatch.delenv("MUJOCO_GL", raising=False)
    else:
        monkeypatch.setenv("MUJOCO_GL", asked)


@pytest.mark.parametrize(("libraries", "gpu", "asked", "chosen"), [
    (("egl", "osmesa"), True, None, "egl"),
    (("egl", "osmesa"), False, None, "osmesa"),
    (("egl",), False, None, "egl"),
    (("osmesa",), True, None, "osmesa"),
    (("egl", "osmesa"), True, "osmesa", "osmesa"),
    (("egl", "osmesa"), False, "EGL", "egl"),
    (("egl", "osmesa"), False, "", "osmesa"),
])
def test_what_is_chosen(monkeypatch: pytest.MonkeyPatch, libraries: tuple[str, ...], gpu: bool, asked: str | None,
                        chosen: str) -> None:
    machine(monkeypatch, libraries, gpu=gpu, asked=asked)
    assert gl.choose() == chosen


@pytest.mark.parametrize(("libraries", "asked"), [((), None), (("egl",), "osmesa"), ((), "egl")])
def test_no_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch, libraries: tuple[str, ...],
                                         asked: str | None) -> None:
    machine(monkeypatch, libraries, gpu=False, asked=asked)
    with pytest.raises(RenderingError, match=r"(?s)no OpenGL library.*fix: sudo apt-get install -y libosmesa6"):
        gl.choose()


@pytest.mark.parametrize("asked", ["glfw", "disabled", "osmessa"])
def test_a_backend_that_cannot_draw_off_screen_is_refused(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    machine(monkeypatch, ("egl", "osmesa"), gpu=False, asked=asked)
    with pytest.raises(RenderingError, match=rf"(?s)MUJOCO_GL='{asked}'.*egl, osmesa.*fix: unset MUJOCO_GL"):
        gl.choose()


def test_activating_tells_mujoco_and_pyopengl(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, ("osmesa",), gpu=False, asked=None)
    monkeypatch.setenv("PYOPENGL_PLATFORM", "x11")
    assert gl.activate() == "osmesa"
    assert os.environ["MUJOCO_GL"] == os.environ["PYOPENGL_PLATFORM"] == "osmesa"


@pytest.mark.parametrize("variables", [
    {"MUJOCO_EGL_DEVICE_ID": "0", "CUDA_VISIBLE_DEVICES": "1"}, {"MUJOCO_EGL_DEVICE_ID": "gpu"},
    {"CUDA_VISIBLE_DEVICES": "GPU-5c1a"}, {"CUDA_VISIBLE_DEVICES": ""}])
def test_a_gpu_that_robosuite_would_refuse_is_no_matter_where_nothing_draws_on_one(
        variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Robosuite itself is asked, in a process of its own."""
    machine(monkeypatch, ("osmesa",), gpu=False, asked=None)
    code = "from vlabench.simulators.libero import gl; gl.activate(); import robosuite.utils.binding_utils"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("device", "visible", "message"), [
    ("0", "1,2", "MUJOCO_EGL_DEVICE_ID='0', which is not among CUDA_VISIBLE_DEVICES='1,2'"),
    ("gpu", None, "MUJOCO_EGL_DEVICE_ID='gpu', which is no number"),
    (None, "GPU-5c1a", "CUDA_VISIBLE_DEVICES='GPU-5c1a'"), (None, "", "CUDA_VISIBLE_DEVICES=''"),
    ("2", "1,2", ""), ("0", None, ""), ("0", "", ""), (None, "1,2", ""), (None, None, "")])
def test_egl_on_a_gpu_that_robosuite_would_refuse_is_refused_before(
        device: str | None, visible: str | None, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, ("egl",), gpu=True, asked=None)
    for name, value in ((gl.DEVICE, device), ("CUDA_VISIBLE_DEVICES", visible)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    if not message:
        assert gl.choose() == "egl"
        return
    with pytest.raises(RenderingError) as caught:
        gl.choose()
    assert str(caught.value).startswith(message) and "\n  fix: " in str(caught.value)


def test_a_library_that_is_absent_or_broken_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    assert not gl.loads("osmesa")
    monkeypatch.setattr("ctypes.util.find_library", lambda name: "libc.so.6")
    assert gl.loads("osmesa")
    monkeypatch.setattr("ctypes.util.find_library", lambda name: "/dev/null")
    assert not gl.loads("egl")


@pytest.mark.parametrize(("variables", "files", "drawn"), [
    ({}, 3, ["0", "1", "2", "0"]), ({"CUDA_VISIBLE_DEVICES": "2,5"}, 8, ["2", "5", "2", "5"]), ({}, 1, ["0"] * 4),
    ({"CUDA_VISIBLE_DEVICES": "2,5", "MUJOCO_EGL_DEVICE_ID": "5"}, 8, ["5"] * 4), ({}, 0, [None] * 4)])
def test_workers_take_turns_at_the_gpus_unless_one_is_named(
        variables: dict[str, str], files: int, drawn: list[str | None], monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path) -> None:
    machine(monkeypatch, ("egl",), gpu=True, asked=None)
    monkeypatch.setattr(gl, "FILES", tmp_path)
    for name in ("nvidiactl", "nvidia-uvm", *(f"nvidia{number}" for number in range(files))):
        (tmp_path / name).touch()
    found: list[str | None] = []
    for number in (*range(4), None):
        with monkeypatch.context() as own:
            for name, value in {gl.DEVICE: None, "CUDA_VISIBLE_DEVICES": None, WORKER: number, **variables}.items():
                own.delenv(name, raising=False) if value is None else own.setenv(name, str(value))
            own.setenv("PYOPENGL_PLATFORM", "")
            for _ in range(2):  # for its second scene, too
                assert gl.activate() == "egl"
            found.append(os.environ.get(gl.DEVICE))
            os.environ.pop(gl.DEVICE, None)
    assert found == [*drawn, variables.get("MUJOCO_EGL_DEVICE_ID")]  # who is no worker draws where it would anyway
