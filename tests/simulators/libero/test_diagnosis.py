"""What LIBERO is found to need, and what fixes each thing that is missing."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from vlabench.simulators.libero import diagnosis, gl, packs
from vlabench.util.diagnosis import Check


@pytest.mark.parametrize("version", ["3.2.7", "3.3.5"])
def test_a_mujoco_whose_last_bits_differ_is_pointed_out(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    (check,) = diagnosis._mujoco()
    assert check.mark == "absent" and "before 3.3.6" in check.found and "mujoco>=3.3.6,<3.4" in check.fix


@pytest.mark.parametrize(("version", "mark"), [("3.3.7", "ok"), ("3.3.6", "ok"), ("3.8.1", "absent")])
def test_a_mujoco_that_changes_a_task_is_pointed_out(version: str, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    (check,) = diagnosis._mujoco()
    assert check.mark == mark and version in check.found
    assert ("libero_spatial/5" in check.found, "mujoco>=3.3.6,<3.4" in check.fix) == (mark == "absent",) * 2


def test_a_real_picture_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mujoco", reason="needs the extra `libero`")
    drawn = diagnosis._drawing()
    assert drawn.works and drawn.found.rpartition(" ")[2] in gl.BACKENDS
    monkeypatch.setattr(diagnosis, "_DRAW", "import sys; sys.exit('GLError: no context')")
    assert diagnosis._drawing() == Check("LIBERO drawing", False, "GLError: no context", gl.INSTALL)
    monkeypatch.setattr(diagnosis, "_DRAW", "import os; os.abort()")
    assert "exit status -6" in diagnosis._drawing().found
    monkeypatch.setattr(gl, "loads", lambda backend: False)
    assert diagnosis._drawing().fix == gl.INSTALL and not diagnosis._drawing().works


@pytest.mark.slow
def test_a_real_scene_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    assert diagnosis._scene() == Check("LIBERO scene", True, "the first look of libero_spatial/0")
    monkeypatch.setattr(diagnosis, "_LOOK", "raise PermissionError(13, 'Permission denied', 'x.log')")
    found = diagnosis._scene()
    assert not found.works and found.found == "PermissionError: [Errno 13] Permission denied: 'x.log'"


def test_the_official_assets_are_named_with_their_copy_or_how_to_get_them(monkeypatch: pytest.MonkeyPatch,
                                                                          tmp_path: Path) -> None:
    monkeypatch.setattr(packs, "official", lambda: tmp_path)
    monkeypatch.setattr(packs, "_used", lambda assets: {"scene.xml": b"<mujoco/>"})
    monkeypatch.setattr(packs, "folder", lambda pack: tmp_path)
    check = diagnosis._assets()[1]
    assert check.works and check.found == f"{tmp_path} (copy {packs.digest('official')})"
    monkeypatch.undo()
    monkeypatch.setenv("VLABENCH_ASSETS", str(tmp_path))
    check = diagnosis._assets()[1]
    assert check.mark == "absent" and check.fix.endswith("run vlabench assets fetch libero")


@pytest.mark.parametrize(("count", "words"), [(0, "runs on the CPU"), (1, "one to draw on"), (3, "turns at 0, 1, 2")])
def test_the_gpus_that_are_drawn_on_are_named(count: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl, "has_gpu", lambda: count > 0)
    monkeypatch.setattr(gl, "gpus", lambda: tuple(range(count)))
    found = diagnosis._gpu()
    assert found.works == (count > 0) and words in found.found
