"""Writing the primitive pack to disk: whole, once, from any number of processes, and never over something else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vlabench.errors import AssetsError
from vlabench.simulators.libero import coarse_robot, primitive
from vlabench.simulators.libero.packs import complete

BUILD = """
import sys
from pathlib import Path
from vlabench.simulators.libero import primitive
print(primitive.digest())
primitive.build(Path(sys.argv[1]))
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "deep" / "pack"
    primitive.build(folder)
    return folder


def test_writes_every_document_and_nothing_else(pack: Path) -> None:
    written = contents(pack)
    assert written.pop(primitive.MARKER).decode() == primitive.digest()
    assert written == {p: c if isinstance(c, bytes) else c.encode() for p, c in primitive.documents().items()}
    assert complete(pack)
    assert [entry.name for entry in pack.parent.iterdir()] == ["pack"], "temporary folders are left behind"


def test_every_file_that_a_document_names_is_in_the_pack() -> None:
    documents = primitive.documents()
    named = 0
    for path, content in documents.items():
        if isinstance(content, str):
            for file in re.findall(r'file="([^"]+)"', content):
                assert os.path.normpath(Path(path).parent / file) in documents, (path, file)
                named += 1
    assert named > 10


def test_no_document_holds_more_than_a_small_picture() -> None:
    assert max(len(content) for content in primitive.documents().values()) < 100_000
    assert sum(len(content) for content in primitive.documents().values()) < 2_000_000


def test_building_again_touches_nothing(pack: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in [pack, *pack.rglob("*")]}
    primitive.build(pack)
    assert {file: file.stat().st_mtime_ns for file in [pack, *pack.rglob("*")]} == before


def test_a_damaged_or_older_pack_is_replaced(pack: Path) -> None:
    whole = contents(pack)
    (pack / "stable_scanned_objects/plate/plate.xml").unlink()
    primitive.build(pack)
    assert contents(pack) == whole
    (pack / primitive.MARKER).write_text("0" * 64)
    (pack / "left_over.xml").write_text("from an older version")
    primitive.build(pack)
    assert contents(pack) == whole
    assert [entry.name for entry in pack.parent.iterdir()] == ["pack"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    primitive.build(tmp_path)
    assert complete(tmp_path)


def test_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(AssetsError, match=re.escape(repr(str(tmp_path)))) as caught:
        primitive.build(tmp_path)
    assert "fix:" in str(caught.value)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}
    with pytest.raises(AssetsError):
        primitive.build(tmp_path / "thesis.tex")


def test_a_folder_that_cannot_be_written_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        primitive.build(tmp_path / "file" / "pack")


def test_several_processes_at_once_agree(tmp_path: Path) -> None:
    """Also shows that the digest depends on no process: each has its own hash seed."""
    target = tmp_path / "pack"
    target.mkdir()
    (target / primitive.MARKER).write_text("an older pack")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BUILD, str(target)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        )
        for seed in range(1, 5)
    ]
    digests = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert digests == {primitive.digest()}
    assert contents(target).keys() == {primitive.MARKER, *primitive.documents()}
    assert [entry.name for entry in tmp_path.iterdir()] == ["pack"]


def test_how_scenes_are_drawn_is_a_part_of_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = primitive.digest()
    monkeypatch.setattr(coarse_robot, "REVISION", coarse_robot.REVISION + 1)
    primitive.digest.cache_clear()
    assert primitive.digest() != before
    monkeypatch.undo()
    primitive.digest.cache_clear()
    assert primitive.digest() == before
