"""What changes of LIBERO's scenes cost: processor time of an episode under each of them beside a clean one."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator

from tests.speed.measured import Figure
from tests.speed.playing import Took, episodes_under
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
    """17: how many times as long as a clean one the dearest takes, of all but clutter, and under clutter: an episode
    and a look."""
    suite, simulator = cards.load_suite(SUITE), find_simulator("libero")("primitive")

    def opened(name: str) -> contextlib.AbstractContextManager[Callable[[int], Took]]:
        return episodes_under(simulator, POLICY, suite.conditions[name], suite.task_sets[0], SIZE, REPLAN, STEPS)

    found: dict[str, Took] = {}
    with opened(CLEAN) as clean:
        for name in (each for each in suite.conditions if each != CLEAN):
            with opened(name) as perturbed:
                pairs = [(perturbed(index), clean(index)) for index in range(PAIRS)]
            found[name] = Took(*(statistics.median(one[part] / other[part] for one, other in pairs) for part in (0, 1)))
    for part, what in enumerate((f"an episode of {STEPS} steps, two {SIZE}² cameras, a look in {REPLAN} steps",
                                 f"a look, two {SIZE}² cameras, drawn and perturbed, of {STEPS // REPLAN} an episode")):
        ratios = sorted(((name, took[part]) for name, took in found.items()), key=lambda each: -each[1])
        how = f"processor time of {what}, of {PAIRS} pairs in turn the middle one"
        for crowded, said, bar in ((False, "the dearest change of a scene", BAR), (True, "clutter", CLUTTER_BAR)):
            these = [(name, ratio) for name, ratio in ratios if name.startswith(CLUTTER) == crowded]
            yield Figure(17, f"{SUITE}, primitive: {said}, {Took._fields[part]} to clean", these[0][1], "×", bar, -1,
                         f"{how}; {', '.join(f'{name} {ratio:.2f}' for name, ratio in these)}")
