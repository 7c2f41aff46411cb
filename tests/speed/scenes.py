"""What changes of LIBERO's scenes cost: processor time of an episode under each of them beside a clean one."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator

from tests.speed.measured import Figure
from tests.speed.playing import episodes_under
from vlabench import cards
from vlabench.cards.conditions import CLEAN
from vlabench.simulators.base import find_simulator

SUITE, POLICY, SIZE, REPLAN, STEPS = "libero-scene", "still", 128, 8, 120
BAR, CLUTTER_BAR = 1.3, 2.0
"""Of a perturbed episode's time to a clean one's, at most; the second where other objects stand around."""
CLUTTER = "distractors"
PAIRS = 3
"""A clean and a perturbed episode in turn, so often for each condition, as a slow minute slows both."""


def scene_changes() -> Iterator[Figure]:
    """17: how many times as long as a clean one the dearest takes, of all but clutter, and under clutter."""
    suite, simulator = cards.load_suite(SUITE), find_simulator("libero")("primitive")

    def opened(name: str) -> contextlib.AbstractContextManager[Callable[[int], float]]:
        return episodes_under(simulator, POLICY, suite.conditions[name], suite.task_sets[0], SIZE, REPLAN, STEPS)

    found: dict[str, float] = {}
    with opened(CLEAN) as clean:
        for name in (each for each in suite.conditions if each != CLEAN):
            with opened(name) as perturbed:
                found[name] = statistics.median(perturbed(index) / clean(index) for index in range(PAIRS))
    ratios = dict(sorted(found.items(), key=lambda each: -each[1]))
    crowded = {name: ratio for name, ratio in ratios.items() if name.startswith(CLUTTER)}
    others = {name: ratio for name, ratio in ratios.items() if name not in crowded}
    how = (f"processor time of an episode of {STEPS} steps, of {PAIRS} pairs in turn the middle one, two {SIZE}² "
           f"cameras, a look in {REPLAN} steps")
    yield Figure(17, f"{SUITE}, primitive: the dearest change of a scene, to clean", max(others.values()), "×", BAR, -1,
                 f"{how}; {', '.join(f'{name} {ratio:.2f}' for name, ratio in others.items())}")
    yield Figure(17, f"{SUITE}, primitive: clutter, to clean", max(crowded.values()), "×", CLUTTER_BAR, -1,
                 f"{how}; {', '.join(f'{name} {ratio:.2f}' for name, ratio in crowded.items())}")
