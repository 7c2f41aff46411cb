"""Where the numbers of a report come from: the runs that left them, versions, digests, and what cards say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vlabench import __version__, cards
from vlabench.cards import lineage
from vlabench.cards.conditions import CLEAN, Condition
from vlabench.cards.policy import PolicyCard
from vlabench.errors import UnknownName, VlabenchError
from vlabench.evaluation.pictures import described
from vlabench.records import provenance
from vlabench.records.read import Origin, PolicyOnAssets
from vlabench.records.store import RUNS, content_of
from vlabench.reports.page.tables import boxed
from vlabench.reports.page.text import versions
from vlabench.reports.plots import Data
from vlabench.util.html import Html, cell, tag, together
from vlabench.util.messages import shown
from vlabench.util.parsing import json_line

MANY = 30
"""Runs that are listed of a policy: the latest."""


def reproduce(data: Data, conditions: Mapping[str, Condition]) -> list[Html]:
    """The commands that played the episodes, machines, versions, digests, and the command that made the page."""
    parts = [tag("p", f"This page: vlabench {__version__}, {provenance.now()}, by"),
             tag("pre", tag("code", provenance.command()))]
    for side in data.sides:
        origin = data.origins[side.owner]
        parts += [tag("h3", side.owner.policy), tag("p", _from(origin)), *_commands(runs(origin))]
    rows = []
    for name in data.conditions:
        digests = {digest[:12] for side in data.sides
                   for digest in data.origins[side.owner].conditions.get(name, ())}
        rows.append([cell(name, name), cell(_parts(conditions.get(name)), _parts(conditions.get(name))),
                     cell(", ".join(sorted(digests)), tag("code", ", ".join(sorted(digests))))])
    table = boxed(["condition", "perturbations", "digest"], rows)
    return [*parts, tag("details", tag("summary", "What the conditions are, and their digests"), table)]


def card_of(policy: str, given: Mapping[str, PolicyCard]) -> PolicyCard:
    """The card of a policy of some records: the one that was given by its path, else the one of that name. Where a run
    found it is not asked: results may be a stranger's, and a card may name a class.

    Raises UnknownName, CardError.
    """
    if policy in given:
        return given[policy]
    if policy not in cards.policy_names():
        raise UnknownName("policy", policy, cards.policy_names(),
                          fix=f"fix: vlabench report … --card {policy}.toml, with the path of its card")
    return cards.load_policy(policy, foreign=True)


def about(owner: PolicyOnAssets, origin: Origin, given: Mapping[str, PolicyCard]) -> Html:
    """What the policy's card says, if it is the one that the records were played with. given: see `card_of`."""
    version = tag("code", origin.policy[:8])
    try:
        card = card_of(owner.policy, given)
        if card.digest != origin.policy:
            return together("version ", version, ", whose card is not here")
        seen = lineage.seen(card)
    except VlabenchError:
        return together("version ", version, ", whose card is not here")
    marks = []
    if card.privileged:
        marks.append(tag("span", "reads the simulator’s state", class_="mark warn"))
    if seen.perturbations:
        marks.append(tag("span", f"trained on {', '.join(sorted(seen.perturbations))}", class_="mark warn"))
    if seen.unknown:
        marks.append(tag("span", f"goes on from {', '.join(seen.unknown)}, whose training is not known here",
                         class_="mark warn"))
    return together(f"{card.title}, version ", version, *(piece for mark in marks for piece in (Html(" "), mark)))


def runs(origin: Origin) -> list[dict[str, Any]]:
    """The lines that runs left beside the records. Raises StoreError."""
    path = origin.folder / RUNS
    try:
        lines = content_of(path).splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        content = json_line(line)
        if content and content.get("command"):
            found.append(content)
    return found


def _from(origin: Origin) -> Html:
    return together("Records in ", tag("code", shown(origin.folder)), ", of the policy’s version ",
                    tag("code", origin.policy), f". {versions(origin.versions)}.")


def _commands(found: Sequence[Mapping[str, Any]]) -> list[Html]:
    rows = []
    for each in found[-MANY:]:
        machine = ", ".join(str(each[key]) for key in ("host", "processor", "platform") if each.get(key))
        machine += f", {each['cores']} {'core' if each['cores'] == 1 else 'cores'}" if each.get("cores") else ""
        said = [str(each.get(key) or "–") for key in ("started", "command", "python", "revision")]
        episodes = each.get("episodes")
        rows.append([cell(said[0], said[0]), cell(said[1], tag("code", said[1])),
                     cell(episodes if isinstance(episodes, int) else None, str(episodes or "–")),
                     cell(machine, machine), cell(said[2], said[2]), cell(said[3], tag("code", said[3][:10]))])
    if not rows:
        return [tag("p", "How they were played is not on record.", class_="soft")]
    more = [tag("p", f"The latest {MANY} of {len(found)} runs.", class_="soft")] if len(found) > MANY else []
    return [*more, boxed(["started", "command", ">episodes", "machine", "Python", "revision"], rows)]


def _parts(condition: Condition | None) -> str:
    if condition is None:
        return "not defined in any suite here as it was played"
    if condition.name == CLEAN:
        return "none"
    made = zip(condition.parts, condition.perturbations, strict=True)
    return "; ".join(" ".join(described({part.perturbation: each.model_dump(mode="json")}, 1000))
                     for part, each in made)
