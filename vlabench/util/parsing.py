"""Reads JSON and TOML that anyone may have written: of limited size and depth, without a key twice, numbers finite.

What a parser would do with a hostile text (recurse through 200,000 brackets, spend seconds on a key of 10,000 parts)
is looked for before it begins. Every complaint is an `Unreadable`, which says what is wrong and where in the text; in
which file, and whose mistake it is, says the caller.
"""

from __future__ import annotations

import json
import math
import re
import stat
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from vlabench.util.messages import told
from vlabench.util.text import short

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEPTH = 32
"""Tables and lists inside each other, at most; in TOML, of a header's and of a key's each. Cards have 5."""
MAX_VALUES = 50_000
"""In a JSON text, at most, or commas in its strings; a submission of 2,000 files has 10,000."""
MAX_TOML = 2**17
"""Bytes of a card, at most; ours take a tenth of it."""
WIDEST = 2**63
"""Of whole numbers: 64 bits."""
_JSON_MARKS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[][{}]', re.DOTALL)
_TOML_MARKS = re.compile(r"""["'#.,\n{}]|\[|\]""")
_ENDS = {  # of strings and comments, after what opens them; a string that does not end is left to the parser
    "#": re.compile(r"[^\n]*"),
    '"""': re.compile(r'[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""' + '"{0,2}', re.DOTALL),
    "'''": re.compile(r"[^']*(?:'(?!'')[^']*)*'''" + "'{0,2}"),
    '"': re.compile(r'[^"\\\n]*(?:\\.[^"\\\n]*)*"'),
    "'": re.compile(r"[^'\n]*'"),
}


class Unreadable(ValueError):
    """A text that is not what it should be."""


def content_of(path: Path, most: int) -> bytes:
    """What is in a plain file of at most so many bytes. Raises Unreadable, OSError."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):  # opening a pipe would wait for ever
        raise Unreadable("is a pipe or a device, not a plain file")
    if found.st_size > most:
        raise Unreadable(f"{found.st_size} bytes; what belongs there takes at most {most}")
    with path.open("rb") as file:
        return file.read(most)


def toml(content: bytes, *, finite: bool = True) -> dict[str, Any]:
    """The tables of a TOML text. finite: `nan` and `inf` are refused. Raises Unreadable."""
    try:
        text = content.decode("utf-8-sig")  # some editors begin every file with a byte order mark
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 text: {error.reason} at byte {error.start}") from error
    _check_toml_depth(text.replace("\r\n", "\n"))
    try:
        found = tomllib.loads(text)
    except ValueError as error:  # also of whole numbers with more digits than Python reads
        raise Unreadable(f"not valid TOML: {error}") from error
    _check_numbers((), found, finite)
    return found


def strict_json(content: bytes | str) -> Any:
    """The value of a JSON text. Raises Unreadable, also for a key twice in a table and numbers that are not finite."""
    try:
        text = content if isinstance(content, str) else content.decode()
        if text.count(",") > MAX_VALUES:
            raise Unreadable(f"{text.count(',')} values; at most {MAX_VALUES} belong into such a file")
        _check_json_depth(text)
        value = json.loads(text, object_pairs_hook=_table)
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable(f"not valid JSON: {error}") from error
    _check_numbers((), value, finite=True)
    return value


def json_line(line: bytes) -> dict[str, Any] | None:
    """The table on a line beside records, or None if there is none; of a key twice the last.

    `from_json` is three times as quick as `json.loads`, which is most of the time of a table over many records, and
    ends at 200 brackets by itself. It refuses what a writer may have written: lone surrogates, such as a file's name
    in an error message may hold.
    """
    try:
        content = from_json(line)
    except ValueError:
        try:
            text = line.decode("utf-8-sig", "surrogatepass")
            _check_json_depth(text)
            content = json.loads(text)
        except ValueError:
            return None
    return content if isinstance(content, dict) else None


def keys_in(value: Any) -> float:
    """How many keys a JSON value has, at all depths; NaN, if one of its numbers is not finite."""
    if isinstance(value, dict):
        return len(value) + sum(map(keys_in, value.values()))
    if isinstance(value, list):
        return sum(map(keys_in, value))
    return value * 0 if isinstance(value, float) else 0


def _check_json_depth(text: str) -> None:
    depth = 0
    for mark in _JSON_MARKS.finditer(text):
        if mark[0] in "[{":
            depth += 1
        elif mark[0] in "]}":
            depth -= 1
        if depth > DEPTH:
            raise Unreadable(f"nested more than {DEPTH} deep in line {_line(text, mark.start())}")


def _check_toml_depth(text: str) -> None:
    """Each bracket and each dot of a key leads one deeper, a dot of a number too, until the next comma."""
    depth, outside, place = 0, [0], 0
    while mark := _TOML_MARKS.search(text, place):
        letter, place = mark[0], mark.end()
        if letter in _ENDS:
            opening = 3 * letter if letter != "#" and text.startswith(3 * letter, mark.start()) else letter
            end = _ENDS[opening].match(text, mark.start() + len(opening))
            if end is None:
                return
            place = end.end()
        elif letter in ".[{":
            depth += 1
            if letter != ".":
                outside.append(depth)
        else:
            if letter in "]}" and len(outside) > 1:
                outside.pop()
            depth = outside[-1]
        if depth > DEPTH:
            raise Unreadable(f"nested more than {DEPTH} deep in line {_line(text, mark.start())}")


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise Unreadable(f"the key {short(twice)!r} twice in one table")
    return found


def _check_numbers(place: tuple[Any, ...], value: Any, finite: bool) -> None:
    """place: the keys and indices that lead to the value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_numbers((*place, key), inner, finite)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_numbers((*place, index), inner, finite)
    elif isinstance(value, int) and not -WIDEST <= value < WIDEST:
        raise Unreadable(f"{told(place)}: a whole number of more than 64 bits")
    elif finite and isinstance(value, float) and not math.isfinite(value):
        raise Unreadable(f"{told(place)}: must be a finite number, not {value}")
