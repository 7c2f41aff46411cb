"""The folder of generated files, and the digest that stands for all that is generated."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from vlabench.simulators.maniskill import primitive
from vlabench.simulators.maniskill.primitive import objects


def test_the_folder_holds_every_picture_and_is_made_once(folder: Path) -> None:
    for sort in ("tables", "textures"):
        assert sorted(file.name for file in (folder / sort).iterdir()) == [f"{n:03d}.png" for n in range(1, 22)]
    before = {file: file.stat().st_mtime_ns for file in [folder, *folder.rglob("*")]}
    primitive.build(folder)
    assert {file: file.stat().st_mtime_ns for file in [folder, *folder.rglob("*")]} == before


def changed() -> str:
    primitive.digest.cache_clear()
    return primitive.digest()


def test_the_digest_is_that_of_what_is_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {changed()}
    assert digests == {changed()}
    first = objects.OBJECTS[0][0]
    other = dataclasses.replace(first, color=(0.0, 0.0, 1.0))
    with monkeypatch.context() as patch:
        patch.setattr(objects, "OBJECTS", ((other, *objects.OBJECTS[0][1:]), *objects.OBJECTS[1:]))
        digests.add(changed())
    with monkeypatch.context() as patch:
        patch.setattr(primitive, "_PAINTED", ("pictures",))
        digests.add(changed())
    with monkeypatch.context() as patch:
        patch.setattr(primitive, "_robot", lambda: {"wx250s.urdf": b"<robot/>"})
        digests.add(changed())
    assert len(digests) == 4
    assert changed() in digests
