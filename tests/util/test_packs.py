"""Folders of generated files: whole, once, replaced when they are older, never over something else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from vlabench.errors import AssetsError
from vlabench.util.packs import MARKER, Pack

FILES = {"a.txt": b"one", "deep/er/b.bin": b"\0two"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def pack(digest: str = "d1", files: Mapping[str, bytes] = FILES) -> Pack:
    return Pack(digest, files.keys(), lambda: files)


def test_a_pack_is_written_whole_and_made_once(tmp_path: Path) -> None:
    pack().write(tmp_path / "x" / "pack")
    assert contents(tmp_path / "x" / "pack") == {**FILES, MARKER: b"d1"}
    assert [each.name for each in (tmp_path / "x").iterdir()] == ["pack"]

    def never() -> Mapping[str, bytes]:
        raise AssertionError("made again")

    Pack("d1", FILES.keys(), never).write(tmp_path / "x" / "pack")


def test_an_older_or_incomplete_pack_is_replaced(tmp_path: Path) -> None:
    pack("d0", {"old.txt": b""}).write(tmp_path / "pack")
    pack().write(tmp_path / "pack")
    assert contents(tmp_path / "pack") == {**FILES, MARKER: b"d1"}
    (tmp_path / "pack" / "a.txt").unlink()
    pack().write(tmp_path / "pack")
    assert contents(tmp_path / "pack") == {**FILES, MARKER: b"d1"}


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(AssetsError, match="fix:"):
        pack().write(tmp_path)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_pack_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        Pack("d1", FILES.keys(), lambda: {"a.txt": bytes([1 // 0])}).write(tmp_path / "pack")
    assert list(tmp_path.iterdir()) == []
