"""What the board says, alike in Markdown and on its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlabench.util.text import counted

MANY = 8
"""Up to so many conditions of a suite have columns of their own."""
HOW = (
    "Success in %, with 95 % intervals. Every figure is about exactly the tasks of its suite: 19 times out of 20, the "
    "true value over all start states of these tasks lies in the interval. It says nothing about a task that is not in "
    "the suite. A suite’s <b>score</b> is the mean over its perturbed conditions, <b>drop</b> the difference to clean "
    "on the same episodes.",
    "All entries of a table played the same episodes. A <b>rank</b> such as 2–4 says which places are possible: one "
    "entry is above another only if their paired difference shows it, corrected for the number of pairs (Holm), so "
    "that 19 times out of 20 all ranks of a table hold together; entries whose places overlap are tied. Policies that "
    "read the simulator’s state are shown as a line to compare with, unranked.",
    "Entries are ranked apart by what others saw of them. <b>Replayed</b>: a random sample was played again and came "
    "out equal to the bit. <b>Reproduced</b>: another machine’s rerun of at least 20 % of the episodes came out within "
    "±5 points. <b>Reported</b>: the files are whole, nobody reran them. <code>vlabench verify "
    "leaderboard/submissions/NAME</code> plays a sample again, for anyone.",
)
"""The only sentences that are HTML; they hold nothing from outside."""
PUBLISHED = (
    "Success in %, as papers report it, on LIBERO's own assets and with their own readings of the perturbations: not "
    "checked here, so that it shares no table and no rank with the entries above."
)
OVERALL = (
    "Bradley–Terry strength: the log odds that a policy succeeds in an episode in which only one of two does, over all "
    "episodes that they both played, of whatever suite; the average policy at 0. Its 95 % intervals and ranks are "
    "about exactly these tasks, too."
)


def size(suite: Mapping[str, Any]) -> str:
    """`40 tasks × 2 conditions × 50 episodes.`"""
    conditions = len(suite["conditions"])
    return (f"{suite['tasks']} task{'s' * (suite['tasks'] != 1)} × {conditions} condition{'s' * (conditions != 1)} × "
            f"{suite['episodes']} episode{'s' * (suite['episodes'] != 1)}.")


def columns(suite: Mapping[str, Any]) -> list[str]:
    """The conditions that get columns: all, or of many those that are not scored."""
    few = len(suite["conditions"]) <= MANY
    return [name for name in suite["conditions"] if few or name not in suite["scored"]]


def figures(suite: Mapping[str, Any], entry: Mapping[str, Any]) -> list[tuple[str, Mapping[str, float], str]]:
    """An entry's columns of figures, the same for all of a suite: name, figure, and the sign it is shown with."""
    found = [("score", entry["score"], "")] if len(suite["scored"]) > 1 else []
    found += [(name, entry["rates"][name], "") for name in columns(suite)]
    return found + ([("drop", entry["drop"], "+")] if entry["drop"] else [])


def published_columns(suite: Mapping[str, Any]) -> list[str]:
    """The conditions for which a paper has a number."""
    return [name for name in suite["conditions"] if any(name in row["rates"] for row in suite["published"])]


def percent(rate: float | None) -> str:
    """A fraction in points, or nothing."""
    return "" if rate is None else f"{100 * rate:.1f}"


def points(figure: Mapping[str, float], sign: str = "") -> str:
    """Fractions as points: `85.0 [64.0, 94.8]`."""
    low, value, high = (_signed(100 * figure[key], sign) for key in ("low", "value", "high"))
    return f"{value} [{low}, {high}]"


def _signed(number: float, sign: str) -> str:
    text = f"{number:{sign}.1f}"
    return "0.0" if text in ("-0.0", "+0.0") else text.replace("-", "−")


def log_odds(figure: Mapping[str, float]) -> str:
    """`+0.42 [−0.10, +0.94]`."""
    return f"{figure['value']:+.2f} [{figure['low']:+.2f}, {figure['high']:+.2f}]".replace("-", "−")


def rank(place: Mapping[str, int] | None) -> str:
    """`2`, `2–4`, or nothing for an entry without rank."""
    if place is None:
        return "–"
    return str(place["best"]) if place["best"] == place["worst"] else f"{place['best']}–{place['worst']}"


def heading(table: Mapping[str, Any]) -> str:
    """`primitive assets, replayed`."""
    return f"{table['assets']} assets, {table['class']}"


def verified(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    """What others saw of an entry, by whom and when, and the file that says so; of the latest that makes its class."""
    one = next((each for each in reversed(entry["verified"]) if each["what"] == entry["class"]), None)
    if one is None:
        return "not rerun", "", ""
    seen = f"{one['sample']} of {counted(one['total'], 'episode')} {one['what']}"
    rerun = f", rerun − submitted {points(one['rerun'], '+')} points" if one["rerun"] else ""
    return seen + rerun, f"by {one['by']}, {one['when'][:10]}", one["file"]


def marks(entry: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """What a reader must know about an entry, and whether it is a warning."""
    found = [(f"sees {entry['sees']}", False)]
    if entry["privileged"]:
        found = [(f"reads {entry['sees']}", True)]
    if entry["contaminated"]:
        names = entry["contaminated"]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        found.append((f"trained on a perturbation of {', '.join(names[:3])}{more}", True))
    if entry["unknown_origin"]:
        found.append((f"goes on from {', '.join(entry['unknown_origin'])}, whose training is not known here", True))
    return found
