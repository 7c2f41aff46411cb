"""What changes of LIBERO's scenes cost: processor time of an episode under each of them beside a clean one."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from tests.speed.measured import Figure
from tests.speed.playing import episode_seconds
from vlabench import cards
from vlabench.cards.conditions import CLEAN
from vlabench.simulators.base import find_simulator

SUITE, POLICY, SIZE, REPLAN, STEPS = "libero-scene", "still", 128, 8, 120
BAR, CLUTTER_BAR = 1.3, 2.0
"""Of a perturbed episode's time to a clean one's, at most; the second where other objects stand around."""
CLUTTER = "distractors"
EVERY, EPISODES = 6, 3
"""A clean condition is measured before so many perturbed ones; of each so many episodes."""


def scene_changes() -> Iterator[Figure]:
    """17: how many times as long as a clean one the dearest takes, of all but clutter, and under clutter."""
    suite, simulator = cards.load_suite(SUITE), find_simulator("libero")("primitive")

    def cost(name: str) -> float:
        return episode_seconds(simulator, POLICY, suite.conditions[name], suite.task_sets[0], SIZE, REPLAN, EPISODES,
                               STEPS)

    clean: list[float] = []
    took: dict[str, float] = {}
    for number, name in enumerate(each for each in suite.conditions if each != CLEAN):
        if number % EVERY == 0:
            clean.append(cost(CLEAN))
        took[name] = cost(name)
    typical = statistics.median(clean)
    ratios = {name: seconds / typical for name, seconds in sorted(took.items(), key=lambda each: -each[1])}
    crowded = {name: ratio for name, ratio in ratios.items() if name.startswith(CLUTTER)}
    others = {name: ratio for name, ratio in ratios.items() if name not in crowded}
    how = (f"processor time, of {EPISODES} episodes of {STEPS} steps each the median, two {SIZE}² cameras, "
           f"a look in {REPLAN} steps, {typical:.2f} s clean")
    yield Figure(17, f"{SUITE}, primitive: the dearest change of a scene, to clean", max(others.values()), "×", BAR, -1,
                 f"{how}; {', '.join(f'{name} {ratio:.2f}' for name, ratio in others.items())}")
    yield Figure(17, f"{SUITE}, primitive: clutter, to clean", max(crowded.values()), "×", CLUTTER_BAR, -1,
                 f"{how}; {', '.join(f'{name} {ratio:.2f}' for name, ratio in crowded.items())}")
