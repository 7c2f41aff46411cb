"""Checksums of weights: what they cover, how often files are read, and how much memory that takes."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from vlabench.errors import CardError
from vlabench.util import weights

SHARDED = {"model-00001-of-00002.safetensors": b"first", "model-00002-of-00002.safetensors": b"second",
           "model.safetensors.index.json": b"{}", "tokenizer/vocab.json": b"[]", "tokenizer.json": b"{ }"}


@pytest.fixture(autouse=True)
def _nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_seen", {})


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read from now on."""
    found: list[str] = []
    read = weights._content

    def content(file: Path) -> str:
        found.append(file.name)
        return read(file)

    monkeypatch.setattr(weights, "_content", content)
    return found


def sharded(folder: Path) -> Path:
    for name, content in SHARDED.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_the_checksum_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"x" * (2 * weights.PIECE + 1))
    assert weights.digest(tmp_path / "w") == hashlib.sha256(b"x" * (2 * weights.PIECE + 1)).hexdigest()


def test_the_checksum_of_a_folder_is_what_a_shell_says(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "w")
    (folder / ".cache").mkdir()
    for hidden in (".gitattributes", ".cache/notes", "tokenizer/.lock"):
        (folder / hidden).write_text("downloaded at noon")
    (command,) = [line.strip() for line in (weights.__doc__ or "").splitlines() if "cd FOLDER" in line]
    said = subprocess.run(["bash", "-c", command.replace("FOLDER", str(folder))], capture_output=True, text=True)
    assert weights.digest(folder) == said.stdout.split()[0]


def test_the_checksum_of_a_folder_knows_names_and_contents(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "w")
    found = [weights.digest(folder)]
    (folder / "tokenizer.json").write_bytes(b"other")
    found.append(weights.digest(folder))
    (folder / "tokenizer.json").rename(folder / "tokenizer/tokenizer.json")
    found.append(weights.digest(folder))
    (folder / "tokenizer/tokenizer.json").unlink()
    found.append(weights.digest(folder))
    assert len(set(found)) == 4
    (folder / "tokenizer.json").write_bytes(SHARDED["tokenizer.json"])
    assert weights.digest(folder) == found[0]


def test_links_count_as_the_files_that_they_lead_to(tmp_path: Path) -> None:
    plain = weights.digest(sharded(tmp_path / "w"))
    linked = tmp_path / "hub" / "snapshot"
    for number, name in enumerate(SHARDED):
        (tmp_path / f"blob-{number}").write_bytes(SHARDED[name])
        (linked / name).parent.mkdir(parents=True, exist_ok=True)
        (linked / name).symlink_to(tmp_path / f"blob-{number}")
    assert weights.digest(linked) == plain
    (tmp_path / "blob-0").write_bytes(b"other")
    assert weights.digest(linked) != plain


@pytest.mark.parametrize(("name", "why"), [
    ("folder", "a link to a folder"), ("nowhere", "a link that leads to no file"), ("pipe", "neither a file nor a f"),
    ("two\nlines", "a name of two lines")])
def test_what_a_folder_of_weights_must_not_hold(tmp_path: Path, name: str, why: str) -> None:
    folder = sharded(tmp_path / "w")
    if name == "folder":
        (folder / name).symlink_to(tmp_path)
    elif name == "nowhere":
        (folder / name).symlink_to(tmp_path / "absent")
    elif name == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).touch()
    with pytest.raises(CardError, match=f"{why}.*, which weights must not hold\n  fix: remove it"):
        weights.digest(folder)


def test_neither_an_empty_folder_nor_a_pipe_are_weights(tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    with pytest.raises(CardError, match="a folder of weights without files"):
        weights.digest(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Not a regular file"):
        weights.digest(tmp_path / "pipe")


def test_a_file_is_read_once_until_it_changes_also_by_other_processes(tmp_path: Path, reads: list[str]) -> None:
    folder = sharded(tmp_path / "w")
    first = weights.digest(folder)
    assert sorted(reads) == sorted(Path(name).name for name in SHARDED)
    assert weights.digest(folder) == first and len(reads) == len(SHARDED)
    told = pickle.loads(pickle.dumps(weights.known()))
    weights._seen.clear()  # as in a worker
    weights.believe(told)
    assert weights.digest(folder) == first and len(reads) == len(SHARDED)
    (folder / "tokenizer.json").write_bytes(b"{,}")  # as many bytes as before
    assert weights.digest(folder) != first


def test_large_weights_take_little_memory(tmp_path: Path) -> None:
    with (tmp_path / "w").open("wb") as file:
        file.truncate(300 * 2**20)
    code = ("import resource, sys, pathlib\nfrom vlabench.util import weights\n"
            "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nbefore = peak()\n"
            "weights.digest(pathlib.Path(sys.argv[1]))\nprint(peak() - before)")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "w")], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20 * 2**10  # in KiB
