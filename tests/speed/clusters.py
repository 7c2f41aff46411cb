"""What a Ray cluster's actors take from the workers behind them, for the benchmark.

    python -m tests.speed.clusters --episodes 30 --pairs 3

measures that alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Iterator

from tests.speed.measured import Figure
from tests.speed.playing import campaign
from vlabench import cards
from vlabench.episode.child import ENVIRONMENT
from vlabench.errors import MissingExtra

POLICY, SUITE, TASKS = "still", "libero-clean", ("libero_spatial/0", "libero_spatial/1")
WORKERS = 2
EPISODES, PAIRS = 30, 3
"""Of each task in a run, and runs on each side."""
WHAT, BAR = "two workers through Ray against the local pool: episodes/s", 0.9


def clusters(episodes: int = EPISODES, pairs: int = PAIRS) -> Iterator[Figure]:
    """31: the real runner on the primitive pack, with and without a cluster of this machine, in turn."""
    found = []
    try:
        for pair in range(pairs):
            sides = ("ray", None) if pair % 2 == 0 else (None, "ray")  # where Ray is missing, that is known at once
            rate = {on: campaign(cards.load_policy(POLICY), SUITE, TASKS, episodes, WORKERS, on) for on in sides}
            found.append((rate["ray"], rate[None]))
    except MissingExtra:
        yield Figure(31, WHAT, None, "×", BAR, 1, "Ray is not installed: pip install 'vlabench[ray]'")
        return
    ratios = sorted(there[0] / here[0] for there, here in found)
    rates = [statistics.median(rate for rate, _ in side) for side in zip(*found, strict=True)]
    whole = [statistics.median(rate for _, rate in side) for side in zip(*found, strict=True)]
    yield Figure(31, WHAT, statistics.median(ratios), "×", BAR, 1,
                 f"of {pairs} pairs, in either order, the middle one ({', '.join(map('{:.3f}'.format, ratios))}); "
                 f"{rates[0]:.2f} against {rates[1]:.2f}/s once at work, {whole[0]:.2f} against {whole[1]:.2f}/s with "
                 f"starting them, {len(TASKS) * episodes} episodes of 220 steps")


def main() -> None:
    """Print the figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.speed.clusters", description=__doc__)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    given = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    for figure in clusters(given.episodes, given.pairs):
        print(*figure.cells[1:], sep="\n")


if __name__ == "__main__":
    main()
