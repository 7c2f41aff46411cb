"""A file of paraphrases: a task's own sentence → what may be said instead of it, by kind.

A table has the sentence's name and, for each kind, a list of sentences:

    ["put the bowl on the stove"]
    politeness = ["please put the bowl on the stove"]
    synonym = ["place the bowl onto the cooker", "set the bowl down on the hob"]

Names in braces stand for any words, without their article: `["put {thing} on {place}"]` is for all sentences of that
form that have no table of their own, and each of its paraphrases must have every name of it.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vlabench.errors import near
from vlabench.util.parsing import MAX_TOML, Unreadable, content_of, toml
from vlabench.util.text import short

Kind = Literal["politeness", "context", "attribute", "order", "synonym"]
"""What a paraphrase does to the task's own sentence. Asked politely; with a reason or an occasion; things and places
described, too; the same words, otherwise arranged; other words."""
KINDS: tuple[Kind, ...] = get_args(Kind)
BUILT_IN = Path(__file__).with_name("paraphrases.toml")
LONGEST = 400
"""Characters of a sentence, at most."""
_NAME = re.compile(r"\{([a-z]+)\}")

Sentences = Mapping[str, tuple[str, ...]]
"""Kind → sentences."""


@dataclass(frozen=True)
class Book:
    """A file of paraphrases as read. sha256: of the file."""

    tables: Mapping[str, Sentences]
    sha256: str

    def of(self, text: str) -> Sentences:
        """What may be said instead of `text`, by kind; empty if the file has nothing for it."""
        if text in self.tables:
            return self.tables[text]
        for own, sentences in self.tables.items():
            found = _form(own).fullmatch(text) if "{" in own else None
            if found:
                return {kind: tuple(_filled(each, found.groupdict()) for each in those)
                        for kind, those in sentences.items()}
        return {}


@functools.cache
def built_in() -> Book:
    """Those of LIBERO's forty tasks, ten each, and of put-on-plate scenes."""
    return read(BUILT_IN)


def read(path: Path) -> Book:
    """The paraphrases of a file. Raises ValueError, which names the file and what is wrong in it."""
    try:
        content = content_of(path, MAX_TOML)
        tables = toml(content)
        if not tables:
            raise Unreadable("holds no table of paraphrases")
        return Book({own: _table(own, found) for own, found in tables.items()}, hashlib.sha256(content).hexdigest())
    except (Unreadable, OSError) as error:
        why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise ValueError(f"{path}: {why}") from None


def _table(own: str, found: Any) -> Sentences:
    if not isinstance(found, dict) or not found:
        raise Unreadable(f"{short(own)!r} is no table of kinds, such as [\"put the bowl on the stove\"]")
    for kind, sentences in found.items():
        if kind not in KINDS:
            raise Unreadable(f"{short(own)!r}: unknown kind {short(kind)!r}: {near(kind, KINDS)}")
        if not isinstance(sentences, list) or not sentences:
            raise Unreadable(f"{short(own)!r}: {kind} is no list of sentences")
    said = [own, *(sentence for kind in KINDS for sentence in found.get(kind, ()))]
    _check(own, said)
    return {kind: tuple(found[kind]) for kind in KINDS if kind in found}


def _check(own: str, said: Iterable[Any]) -> None:
    """Each is a sentence, said once, with the names of the first one. Raises Unreadable."""
    names, before = sorted(_NAME.findall(own)), set[str]()
    if len(set(names)) < len(names):
        raise Unreadable(f"{short(own)!r} has a name in braces twice")
    for sentence in said:
        if not isinstance(sentence, str) or not sentence.strip() or not sentence.isprintable():
            raise Unreadable(f"{short(own)!r}: {short(str(sentence))!r} is no sentence")
        if len(sentence) > LONGEST:
            raise Unreadable(f"{short(own)!r}: {short(sentence)!r} has {len(sentence)} characters, at most {LONGEST}")
        if sentence in before:
            raise Unreadable(f"{short(own)!r}: {short(sentence)!r} stands there twice, or is no other sentence")
        if sorted(set(_NAME.findall(sentence))) != names or set("{}") & set(_NAME.sub("", sentence)):
            raise Unreadable(f"{short(own)!r}: {short(sentence)!r} must have the names in braces of the sentence that "
                             f"it stands for: {', '.join(names) or 'none'}")
        before.add(sentence)


def _filled(sentence: str, words: Mapping[str, str]) -> str:
    return _NAME.sub(lambda name: words[name[1]], sentence)


@functools.cache
def _form(own: str) -> re.Pattern[str]:
    """What a sentence with names in braces matches."""
    parts = _NAME.split(own)  # words, name, words, …
    return re.compile("".join(rf"(?:the )?(?P<{part}>[^,]+)" if place % 2 else re.escape(part)
                              for place, part in enumerate(parts)))
