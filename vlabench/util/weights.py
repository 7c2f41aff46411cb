"""The checksum of a policy's weights, a file or a folder; what was read once is not read again unless it changed.

Of a file it is the sha256 of the content. Of a folder it is the sha256 of a text with a line for each of its files, at
any depth: the sha256 of the content, two blanks, the path below the folder with `/`, an end of line; sorted by the
bytes of the path. A shell says the same, for a folder without links:

    cd FOLDER && find . -type f -not -path '*/.*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum

Names that begin with a dot, and what is below them, are left out: downloads keep their notes there. A link to a file
counts as the file that it leads to, wherever that is (a hub's cache consists of such links); a link to a folder, one
that leads nowhere, a pipe or a device is refused, as is a folder without files.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from vlabench.errors import CardError
from vlabench.util.messages import shown

PIECE = 2**20
"""Bytes of a file that are in memory at a time."""
Stamp = tuple[tuple[str, int, int, int], ...]
"""Of each file: its path below the folder, its size, when content and entry last changed (ns)."""
_seen: dict[str, tuple[Stamp, str]] = {}
"""Path → how its files were when they were read, and the checksum."""


def digest(path: Path) -> str:
    """The checksum of a file or a folder, in hexadecimal. Raises OSError; CardError for what a folder must not hold."""
    place = os.path.realpath(path)
    files = _files(Path(place)) if os.path.isdir(place) else {"": Path(place)}
    stamp = tuple((name, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
                  for name, found in ((name, os.stat(file)) for name, file in files.items()))
    if place in _seen and _seen[place][0] == stamp:
        return _seen[place][1]
    if "" in files:
        found = _content(files[""])
    else:
        lines = (f"{_content(file)}  ".encode() + os.fsencode(name) + b"\n" for name, file in files.items())
        total = hashlib.sha256()
        for line in lines:
            total.update(line)
        found = total.hexdigest()
    _seen[place] = stamp, found
    return found


def known() -> Mapping[str, tuple[Stamp, str]]:
    """What this process has read, for `believe` in another one on this machine."""
    return dict(_seen)


def believe(told: Mapping[str, tuple[Stamp, str]]) -> None:
    """Take the checksums that another process computed: a file is read again only if its size or times differ."""
    _seen.update(told)


def _files(folder: Path) -> dict[str, Path]:
    """Path below the folder → file, sorted."""
    found: dict[str, Path] = {}
    waiting = [folder]
    while waiting:
        for path in waiting.pop().iterdir():
            if path.name.startswith("."):
                continue
            if path.is_dir() and not path.is_symlink():
                waiting.append(path)
            elif path.is_file() and "\n" not in path.name:
                found[path.relative_to(folder).as_posix()] = path
            else:
                raise CardError(f"{shown(path)}: {_why(path)}, which weights must not hold\n"
                                f"  fix: remove it, or name another file or folder as weights.path")
    if not found:
        raise CardError(f"{shown(folder)}: a folder of weights without files")
    return dict(sorted(found.items(), key=lambda item: os.fsencode(item[0])))


def _why(path: Path) -> str:
    if path.is_symlink():
        return "a link to a folder" if path.is_dir() else "a link that leads to no file"
    return "a name of two lines" if path.is_file() else "neither a file nor a folder"


def _content(file: Path) -> str:
    """sha256 of a file. Raises OSError, also for what would never end, such as a pipe."""
    total, piece = hashlib.sha256(), memoryview(bytearray(PIECE))
    with open(file, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(0, "Not a regular file")
        while count := opened.readinto(piece):
            total.update(piece[:count])
    return total.hexdigest()
