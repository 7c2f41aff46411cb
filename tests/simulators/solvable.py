"""Whether changed scenes can still be solved: the expert's rate under each, as a share of its clean rate, as a table.

    for suite in layout clutter plate-grid robot physics events
    do vlabench run --policy expert --suite libero-$suite --assets primitive --episodes 1
    done
    python -m tests.simulators.solvable results

The clean rate is over the episodes that the condition has, too: the same tasks and starts. A share below BAR is bold.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

import pandas

from vlabench import load_results
from vlabench.cards.conditions import CLEAN, SEVERITIES

SUITES = tuple(f"libero-{kind}" for kind in ("layout", "clutter", "plate-grid", "robot", "physics", "events"))
BAR = 0.85
EPISODE = ["task", "index", "seed"]


def shares(frame: pandas.DataFrame) -> dict[str, tuple[float, float, int]]:
    """Condition → its rate as a share of the clean one, that one, episodes; of a frame as `load_results` has them.

    A rate is the mean over tasks of the mean over a task's episodes.
    """
    known = frame.dropna(subset=["success"]).assign(success=lambda each: each["success"].astype(float))
    clean = known[known["condition"] == CLEAN].set_index(EPISODE)["success"]
    found: dict[str, tuple[float, float, int]] = {}
    for condition, played in known[known["condition"] != CLEAN].groupby("condition", sort=False):
        both = played.set_index(EPISODE)[["success"]].join(clean.rename("clean"), how="inner")
        if both.empty:
            continue
        rates = both.groupby("task").mean().mean()
        found[str(condition)] = (rates["success"] / rates["clean"], rates["clean"], len(both))
    return found


def rows(suite: str, found: dict[str, tuple[float, float, int]]) -> Iterator[str]:
    """In Markdown: a line for each perturbation that was swept, and one for each condition of another name."""
    lines: dict[str, dict[int, str]] = {}
    clean: dict[str, list[str]] = {}
    played: dict[str, list[str]] = {}
    for condition, (share, rate, episodes) in found.items():
        swept = re.fullmatch(r"(.+)-s(\d)", condition)
        name, severity = (swept[1], int(swept[2])) if swept else (condition, SEVERITIES[0])
        shown = f"{100 * share:.0f}"
        lines.setdefault(name, {})[severity] = f"**{shown}**" if share < BAR else shown
        clean.setdefault(name, []).append(f"{100 * rate:.1f}")
        played.setdefault(name, []).append(str(episodes))
    for name, cells in lines.items():
        yield (f"| `{suite}` | `{name}` | {_one_or_each(played[name])} | {_one_or_each(clean[name])} | "
               f"{' | '.join(cells.get(severity, '') for severity in SEVERITIES)} |")


def _one_or_each(values: Sequence[str]) -> str:
    """Of the severities in turn, or one where they are alike."""
    return "/".join(values if len(set(values)) > 1 else values[:1])


def main(folders: Sequence[str]) -> None:
    print("| suite | changed | episodes each | clean, % | 1: % of it | 2 | 3 | 4 | 5 |")
    print("|---|---|---:|---:|" + 5 * "---:|")
    for suite in SUITES:
        frame = load_results(*folders, suite=suite, policies=["expert"], assets="primitive")
        for row in rows(suite, shares(frame)):
            print(row)


if __name__ == "__main__":
    main(sys.argv[1:])
