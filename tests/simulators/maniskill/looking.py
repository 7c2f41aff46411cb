"""The expert under what only pictures and words show: whether it ends as without, and what reached it.

    python -m tests.simulators.maniskill.looking results/looking-expert

Prints the table of results/maniskill-suites.md from records of `looking-expert`, a card beside this module.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas

import vlabench
from vlabench.cards.conditions import CLEAN
from vlabench.episode.chain import ASKED

TWIN = ["task", "index", "seed"]
"""An episode's and its clean twin's."""


def table(episodes: pandas.DataFrame) -> pandas.DataFrame:
    """A row for each condition of each task set: episodes; successes; how many ended in the same state, to the bit, as
    their clean twin; and of each channel that changed in the share of looks that it did, on average."""
    ends = episodes[episodes.condition == CLEAN].set_index(TWIN).state
    found = []
    for (task_set, condition), rows in episodes[episodes.condition != CLEAN].groupby(["task_set", "condition"],
                                                                                     sort=False):
        alike = rows.state.to_numpy() == ends.loc[pandas.MultiIndex.from_frame(rows[TWIN])].to_numpy()
        shares = rows.filter(like="changed.").fillna(0).mean().rename(lambda name: name.removeprefix("changed."))
        reached = [f"{channel} {100 * share:.0f} %" for channel, share in shares.items() if share and channel != ASKED]
        found.append((task_set, condition, len(rows), int(rows.success.sum()), int(alike.sum()), ", ".join(reached)))
    return pandas.DataFrame(found, columns=["task set", "condition", "episodes", "succeeded", "ended alike", "changed"])


def main(folder: str) -> None:
    """Print it as Markdown."""
    rows = table(vlabench.load_results(Path(folder)))
    print(f"| {' | '.join(rows)} |\n|---|---|--:|--:|--:|---|")
    for row in rows.itertuples(index=False):
        print(f"| {row[0]} | `{row[1]}` | {' | '.join(map(str, row[2:]))} |")


if __name__ == "__main__":
    main(sys.argv[1])
