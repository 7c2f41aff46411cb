"""The board as a page that opens offline: sortable tables, intervals drawn, links to the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vlabench.leaderboard.text import (
    HOW,
    OVERALL,
    PUBLISHED,
    columns,
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
from vlabench.util.html import Html, cell, drawn, page, sortable, tag, together

Table = Mapping[str, Any]


def render(board: Table) -> str:
    """The page, with the content of board.json."""
    body = [tag("h1", "vlabench leaderboard"), *(tag("p", Html(sentence)) for sentence in HOW)]
    for suite in board["suites"]:
        body += [tag("h2", suite["suite"]), tag("p", f"{suite['title']}. {size(suite)}", class_="soft")]
        for track in suite["tracks"]:
            body += _track(suite, track)
        body += _published(suite)
    for table in board["overall"]:
        body += _overall(table)
    if board["outdated"]:
        body += [tag("h2", "Outdated"), tag("p", "Played on an earlier definition of their suite:"),
                 tag("ul", *(tag("li", tag("b", each["name"]), ": ", each["why"]) for each in board["outdated"]))]
    if not board["suites"]:
        body.append(tag("p", "No submissions yet."))
    return page("vlabench leaderboard", *body)


def _track(suite: Table, track: Table) -> list[Html]:
    entries = track["entries"]
    names = [f">{name}" for name, _, _ in figures(suite, entries[0])]
    header = [">rank", "entry", *names, "evidence"]
    rows = []
    for each in entries:
        # the first column is the score, drawn below its number
        values = [cell(figure["value"], points(figure, sign), None if number else _drawn(each["score"]))
                  for number, (_, figure, sign) in enumerate(figures(suite, each))]
        rows.append([cell(each["rank"]["best"] if each["rank"] else None, rank(each["rank"])), _who(each), *values,
                     _evidence(each)])
    parts = [tag("h3", heading(track)), sortable(header, rows)]
    return parts if len(columns(suite)) == len(suite["conditions"]) else [*parts, _conditions(suite, entries)]


def _conditions(suite: Table, entries: Sequence[Table]) -> Html:
    """All conditions of a suite that has too many for columns: a row each, a column an entry."""
    rows = [[cell(name, name), *(cell(each["rates"][name]["value"], points(each["rates"][name])) for each in entries)]
            for name in suite["conditions"]]
    header = ["condition", *(f">{each['name']}" for each in entries)]
    return tag("details", tag("summary", f"all {len(rows)} conditions"), sortable(header, rows))


def _published(suite: Table) -> list[Html]:
    """Numbers from papers, apart from what can be checked here."""
    names = published_columns(suite)
    rows = [[cell(row["method"], row["method"]),
             *(cell(row["rates"].get(name), percent(row["rates"].get(name))) for name in names),
             cell(row["source"], row["source"])] for row in suite["published"]]
    if not rows:
        return []
    header = ["policy", *(f">{name}" for name in names), "source"]
    return [tag("h3", "Published"), tag("p", PUBLISHED, class_="soft"), sortable(header, rows)]


def _overall(table: Table) -> list[Html]:
    rows = [[cell(each["rank"]["best"], rank(each["rank"])),
             cell(each["policy"], tag("b", each["policy"]), " ", tag("code", each["policy_digest"][:8])),
             cell(each["strength"]["value"], log_odds(each["strength"])),
             cell(", ".join(each["entries"]), ", ".join(each["entries"]))] for each in table["entries"]]
    return [tag("h2", f"Across suites, {heading(table)}"), tag("p", OVERALL, class_="soft"),
            sortable([">rank", "policy", ">strength", "entries"], rows)]


def _who(each: Table) -> Html:
    badges = [tag("span", text, class_="mark warn" if warn else "mark") for text, warn in marks(each)]
    spaced = [piece for badge in badges for piece in (badge, Html(" "))]
    notes = [tag("div", each["notes"], class_="soft")] if each["notes"] else []
    return cell(each["name"], tag("b", each["name"]), tag("div", each["title"]), *notes, together(*spaced))


def _evidence(each: Table) -> Html:
    folder = each["evidence"]
    seen, signed, file = verified(each)
    return cell(each["created"], tag("a", "episodes", href=f"{folder}/records/"), ", ",
                tag("a", "manifest", href=f"{folder}/submission.json"),
                tag("div", tag("a", seen, href=file) if file else seen),
                tag("div", signed, class_="soft") if signed else None,
                tag("div", f"submitted {each['created']} by {each['contact']}", class_="soft"))


def _drawn(score: Mapping[str, float]) -> Html:
    return drawn(score["value"], score["low"], score["high"], points(score))
