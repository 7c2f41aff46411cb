"""New weights that go to another machine: what is seen there is told from what only has the same name."""

from __future__ import annotations

import os
from pathlib import Path

from vlabench.episode.ray_parcels import files, stamp, unpack


def folder(path: Path, content: bytes, time: int) -> Path:
    (path / "head").mkdir(parents=True)
    for name in ("body.safetensors", "head/config.json"):
        (path / name).write_bytes(content)
        os.utime(path / name, ns=(time, time))
    return path


def test_what_is_unpacked_is_what_was_packed(tmp_path: Path) -> None:
    sent = folder(tmp_path / "sent", b"numbers", 1)
    there = tmp_path / "there"
    for name, path in files(sent):
        unpack(name, path.read_bytes(), there)
    assert {path.relative_to(there).as_posix(): path.read_bytes() for path in there.rglob("*") if path.is_file()} == {
        "body.safetensors": b"numbers", "head/config.json": b"numbers"}


def test_a_folder_is_seen_where_name_sizes_and_times_are_those_it_has_here(tmp_path: Path) -> None:
    known = stamp(folder(tmp_path / "here", b"numbers", 1))
    assert [name for name, _, _ in known] == ["body.safetensors", "head/config.json"]
    assert stamp(folder(tmp_path / "same", b"numbers", 1)) == known
    assert known not in (stamp(folder(tmp_path / "later", b"numbers", 2)), stamp(folder(tmp_path / "more", b"more", 1)),
                         stamp(tmp_path / "absent"))
