"""Names and lines that anyone may have chosen: what can be a file's name on every system, what shows as it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

DIGITS = 12
"""Significant ones of a number that somebody wrote or a card computed: 3 × 0.15 is 0.45, not 0.44999999999999996."""

NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""Of cards, conditions, submissions: names of files. `why_no_name` says what else they must not be."""
LINE = 200
"""Visible characters that a line has at most, unless its place says otherwise."""
MARKS = 4
"""Combining marks that a character carries at most; more, stacked, cover the lines above it."""
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols, by their category, that show as nothing."""
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def why_no_name(name: str) -> str:
    """What keeps a text from being a file's name on every system; empty if nothing does."""
    if not re.fullmatch(NAME, name):
        return "use letters, digits, '.', '_' and '-', a letter or digit first, 100 at most"
    if name.endswith("."):
        return "Windows drops a '.' at the end"
    return "a device on Windows has this name" if _DEVICE.fullmatch(name) else ""


def file_name(name: str) -> str:
    """The name, for a field's type. Raises ValueError for one that no file may have on some system."""
    why = why_no_name(name)
    if why:
        raise ValueError(f"cannot be a file's name: {why}")
    return name


def check_told_apart(names: Iterable[str]) -> None:
    """Raises ValueError for two names that differ only in case, which would be one file on some systems."""
    found: dict[str, str] = {}
    for name in names:
        other = found.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(f"{other!r} and {name!r} differ only in case: on some systems they are one file")


def line(text: str, most: int = LINE) -> str:
    """The text, if it is one line that any reader shows as it is, of `most` visible characters at most.

    Raises ValueError for control, format and private characters, for letters that show as nothing, blanks at the ends,
    marks upon marks, and length.
    """
    if text.isascii() and text.isprintable() and text == text.strip() and len(text) <= most:
        return text
    kinds = [unicodedata.category(letter)[0] for letter in text]
    if any(kind in "CZ" and letter != " " for kind, letter in zip(kinds, text, strict=True)) or text != text.strip():
        raise ValueError("must be one line of printable text")
    hidden = BLANK.intersection(text)
    if hidden:
        raise ValueError(f"must not hold characters that show as nothing, such as U+{ord(min(hidden)):04X}")
    if re.search(f"(^| )M|M{{{MARKS + 1}}}", "".join(" " if letter == " " else kind
                                                    for kind, letter in zip(kinds, text, strict=True))):
        raise ValueError(f"must have combining marks on characters only, and at most {MARKS} on each")
    visible = len(kinds) - kinds.count("M")
    if visible > most:
        raise ValueError(f"must have at most {most} visible characters")
    return text


def shows(text: str, most: int = LINE) -> bool:
    """Whether `line` takes the text, and it is not empty."""
    try:
        return bool(line(text, most))
    except ValueError:
        return False


def short(text: str, most: int = 60) -> str:
    """The text, or how it begins."""
    return text if len(text) <= most else text[: most - 3] + "..."


def safe(text: str) -> str:
    """The text with control characters, and those that turn a line round or end it, written out; line breaks stay."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(letter if letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
                   else letter.encode("unicode_escape").decode() for letter in text)


def counted(number: float, what: str, many: str = "") -> str:
    """`1 task`, `2,000 tasks`, `-1 point`. many: the plural, unless it is the singular and an s."""
    return f"{number:{',' if isinstance(number, int) else 'g'}} {what if abs(number) == 1 else many or what + 's'}"


def exact(value: Any) -> Any:
    """A JSON value whose floats are without the noise of binary arithmetic, for `json.dumps` or `str`."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: exact(each) for key, each in value.items()}
    return [exact(each) for each in value] if isinstance(value, (list, tuple)) else value
