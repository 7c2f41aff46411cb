"""Brings the official pack: two archives of public repositories, of which what scenes use is unpacked."""

from __future__ import annotations

import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vlabench.errors import AssetsError
from vlabench.simulators.maniskill import packs
from vlabench.util.files import cache

TIMEOUT = 60.0
"""Seconds without an answer."""


@dataclass(frozen=True)
class Archive:
    """A zip file, and the folder in it whose content becomes the folder `into` of the pack."""

    url: str
    folder: str
    into: str


ARCHIVES = (
    Archive("https://github.com/gen-robot/RL4VLA/archive/55f966d6bf721342518ff8609cc1388cc4e80ef9.zip",
            "ManiSkill/mani_skill/assets/carrot", packs.THINGS),
    Archive("https://github.com/haosulab/ManiSkill-WidowX250S/archive/refs/tags/v0.2.0.zip", "", packs.ROBOT),
)
"""RL4VLA's repository at a commit, and the description that ManiSkill itself downloads for its WidowX250S."""


def fetch(say: Callable[[str], None]) -> Path:
    """Download the pack into the cache, whole or not at all; its folder. Raises AssetsError."""
    target = cache() / "maniskill-official"
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".maniskill-official-", dir=cache()) as made:
            folder = Path(made) / "pack"
            for archive in ARCHIVES:
                say(f"downloading {archive.url}")
                _unpack(_download(archive.url, Path(made) / "archive.zip"), archive, folder)
            if missing := packs.lacking(folder):
                raise AssetsError(f"the archives hold no complete pack (missing: {', '.join(missing[:4])})\n"
                                  "  fix: set VLABENCH_ASSETS to a folder that has it")
            shutil.rmtree(target, ignore_errors=True)
            folder.rename(target)
    except OSError as error:
        raise AssetsError(f"cannot write ManiSkill's assets to {target}: {error}\n"
                          "  fix: make room there, or set VLABENCH_CACHE to another folder") from error
    return target


def _download(url: str, to: Path) -> Path:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, to.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, TimeoutError) as error:
        why = getattr(error, "reason", error)
        raise AssetsError(f"cannot download {url}: {why}\n  fix: check the network, or copy the assets by hand and set "
                          "VLABENCH_ASSETS") from error
    return to


def _unpack(path: Path, archive: Archive, folder: Path) -> None:
    """What lies in its folder, below the one that such archives have at their top."""
    try:
        with zipfile.ZipFile(path) as opened:
            for member in opened.infolist():
                inner = PurePosixPath(*PurePosixPath(member.filename).parts[1:])
                if member.is_dir() or ".." in inner.parts or not inner.is_relative_to(archive.folder):
                    continue
                place = folder / archive.into / inner.relative_to(archive.folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(opened.read(member))
    except zipfile.BadZipFile as error:
        raise AssetsError(f"{archive.url} gave no zip file: {error}\n  fix: vlabench assets fetch maniskill") from error
