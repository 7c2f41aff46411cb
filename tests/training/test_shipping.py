"""Weights in a file or a folder, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlabench.errors import DataError
from vlabench.training.shipping import copied, ship, shipped


def one(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(b"one")


def two(folder: Path) -> None:
    one(folder)
    (folder / "more").mkdir()
    (folder / "more/rest.bin").write_bytes(b"two")


def test_one_file_gets_the_name_and_several_a_folder_of_it(tmp_path: Path) -> None:
    assert shipped(tmp_path, "mine") is None
    assert ship(one, tmp_path, "mine") == shipped(tmp_path, "mine") == tmp_path / "mine.bin"
    folder = ship(two, tmp_path, "ours")
    assert folder == shipped(tmp_path, "ours") == tmp_path / "ours"
    assert (folder / "more/rest.bin").read_bytes() == b"two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.bin", "ours"]
    for made in (tmp_path / "mine.bin", folder):  # to where they are already, and elsewhere
        assert ship(copied(made, made.stem), tmp_path, made.stem) == made
        assert ship(copied(made, "x"), tmp_path / "other", made.stem).name == made.name
    assert (tmp_path / "other/ours/more/rest.bin").read_bytes() == b"two"


def test_what_goes_wrong_leaves_what_there_was(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        two(folder)
        raise OSError(28, "No space left on device")

    ship(two, tmp_path, "ours")
    with pytest.raises(DataError, match="ours: cannot be written: No space left on device"):
        ship(full, tmp_path, "ours")
    assert [path.name for path in tmp_path.iterdir()] == ["ours"] and (tmp_path / "ours/more/rest.bin").exists()
