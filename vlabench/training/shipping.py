"""The weights of a training as cards name them: a file by the policy's name, or a folder where there are several."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from vlabench.cards.lineage import seen
from vlabench.cards.policy import PolicyCard
from vlabench.cards.schema import Weights
from vlabench.errors import DataError
from vlabench.util import weights
from vlabench.util.messages import shown


def emptied(folder: Path) -> Path:
    """The folder, with nothing in it. Raises DataError."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise DataError(f"{shown(folder)}: cannot be written: {error.strerror or error}") from error
    return folder


def ship(save: Callable[[Path], None], folder: Path, name: str) -> Path:
    """Where the weights are that `save` writes into an empty folder: `name` with the ending of its only file, or the
    folder `name`; whole or not at all. Raises DataError.
    """
    partial = emptied(folder / f".{name}.partial")
    try:
        save(partial)
        for file in filter(Path.is_file, partial.rglob("*")):
            with file.open("rb") as written:
                os.fsync(written.fileno())
        path = _moved(partial, folder, name)
    except OSError as error:
        raise DataError(f"{shown(folder / name)}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return path


def _moved(partial: Path, folder: Path, name: str) -> Path:
    files = list(partial.iterdir())
    if len(files) == 1 and files[0].is_file():
        path = folder / f"{name}{files[0].suffix}"
        files[0].replace(path)
    else:
        path = folder / name
        shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)
    return path


def shipped(folder: Path, name: str) -> Path | None:
    """Where `ship` has put weights of this name, if it has."""
    return next((path for path in folder.glob(f"{name}*") if name in (path.name, path.stem)), None)


def card_of(card: PolicyCard, path: Path, name: str) -> PolicyCard:
    """The card of a policy that this one's training has made on the way, beside its weights; not written yet."""
    return PolicyCard.model_validate({
        **card.model_dump(), "name": name, "path": path.with_name(f"{name}.toml"), "training": None, "made": None,
        "trained_on": seen(card).names, "weights": Weights(path=path.name, sha256=weights.digest(path))})


def copied(path: Path, name: str) -> Callable[[Path], None]:
    """For `ship`: writes weights that are elsewhere, in a file or a folder. name: of the file."""
    def save(folder: Path) -> None:
        if path.is_dir():
            shutil.copytree(path, folder, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, folder / f"{name}{path.suffix}")

    return save
