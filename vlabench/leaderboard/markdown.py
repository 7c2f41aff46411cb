"""The board in Markdown, for a repository's page; every string from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any

from vlabench.leaderboard.text import (
    HOW,
    OVERALL,
    PUBLISHED,
    figures,
    heading,
    log_odds,
    marks,
    percent,
    points,
    published_columns,
    rank,
    size,
    verified,
)

Table = Mapping[str, Any]
WORDS = ("entry", "policy", "entries", "submitted", "verified", "source")
"""Headers of columns that hold words; all others hold numbers and are set to the right."""


def render(board: Table) -> str:
    """The file, with the content of board.json."""
    plain = [unescape(re.sub("</?code>", "`", re.sub("</?b>", "**", sentence))) for sentence in HOW]
    parts = ["# vlabench leaderboard", *plain]
    for suite in board["suites"]:
        parts += [f"## {escaped(suite['suite'])}", f"{escaped(suite['title'])}. {size(suite)}"]
        for track in suite["tracks"]:
            parts += [f"### {escaped(heading(track))}", _track(suite, track["entries"])]
        parts += _published(suite)
    for table in board["overall"]:
        rows = [[rank(each["rank"]), f"**{escaped(each['policy'])}** `{each['policy_digest'][:8]}`",
                 log_odds(each["strength"]), escaped(", ".join(each["entries"]))] for each in table["entries"]]
        parts += [f"## Across suites, {escaped(heading(table))}", OVERALL,
                  _table(["rank", "policy", "strength", "entries"], rows)]
    if board["outdated"]:
        parts += ["## Outdated", "Played on an earlier definition of their suite:",
                  "\n".join(f"- **{escaped(each['name'])}**: {escaped(each['why'])}" for each in board["outdated"])]
    if not board["suites"]:
        parts.append("No submissions yet.")
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown and HTML show as it is."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # a colon or @ makes a link of a bare address; as an entity it does not
    text = re.sub(r"([\\`*_{}\[\]()#!|~])", r"\\\1", text)
    return re.sub(r":(?=//)|@", lambda match: f"&#{ord(match[0])};", text).replace("www.", "www&#46;")


def _track(suite: Table, entries: Sequence[Table]) -> str:
    rows = []
    for each in entries:
        said = "; ".join(escaped(text) for text, _ in marks(each))
        who = f"[{escaped(each['name'])}]({each['evidence']}/submission.json): {escaped(each['title'])} ({said})"
        values = [points(figure, sign) for _, figure, sign in figures(suite, each)]
        seen, signed, file = verified(each)
        rows.append([rank(each["rank"]), who, *values, each["created"],
                     f"[{escaped(seen)}]({file}) {escaped(signed)}" if file else escaped(seen)])
    names = [name for name, _, _ in figures(suite, entries[0])]
    return _table(["rank", "entry", *names, "submitted", "verified"], rows)


def _published(suite: Table) -> list[str]:
    names = published_columns(suite)
    rows = [[escaped(row["method"]), *(percent(row["rates"].get(name)) for name in names), escaped(row["source"])]
            for row in suite["published"]]
    return ["### Published", PUBLISHED, _table(["policy", *names, "source"], rows)] if rows else []


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---" if name in WORDS else "---:" for name in header]
    lines = [[escaped(name) for name in header], rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
