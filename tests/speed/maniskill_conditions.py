"""What ManiSkill's conditions cost: processor time of an episode under each of them beside a clean one.

    OMP_NUM_THREADS=1 python -m tests.speed.maniskill_conditions [--episodes 1] [--out FILE.md]

A policy that costs nothing looks at every step of 80, at 256², on the primitive pack. Prints a table, and writes it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.speed.playing import episodes_under
from vlabench import cards
from vlabench.cards.conditions import CLEAN, Condition
from vlabench.episode.child import ENVIRONMENT
from vlabench.simulators.base import find_simulator
from vlabench.util.text import counted

POLICY, SIZE = "maniskill-still", 256
SUITES = ("maniskill-vision", "maniskill-semantic", "maniskill-execution", "maniskill-severity", "maniskill-joint",
          "maniskill-observation", "maniskill-action", "maniskill-latency", "maniskill-camera", "maniskill-looks",
          "maniskill-robot", "maniskill-physics", "maniskill-events", "maniskill-pair", "pair-viewpoint")
BAR, CLUTTER_BAR = 1.3, 2.0
"""Of a perturbed episode's time to a clean one's, at most; the second where other objects stand around."""
EVERY = 5
"""A clean episode before so many perturbed ones: the median of a task set's is what they are compared with."""


def cost(condition: Condition, task_set: str, episodes: int) -> float:
    """Seconds of the processor for an episode, the median of several one after another."""
    simulator = find_simulator("maniskill")("primitive")
    with episodes_under(simulator, POLICY, condition, task_set, SIZE, 1) as took:
        return statistics.median(took(index).episode for index in range(episodes))


def measured(episodes: int) -> Mapping[tuple[str, str], tuple[float, float, float]]:
    """(suite, condition) → seconds of an episode clean and perturbed, and the bar of their ratio."""
    clean: dict[str, list[float]] = {}
    perturbed: dict[tuple[str, str], tuple[str, float, float]] = {}
    for suite in map(cards.load_suite, SUITES):
        (task_set,) = suite.task_sets
        conditions = [each for name, each in suite.conditions.items() if name != CLEAN]
        for number, condition in enumerate(conditions):
            if number % EVERY == 0:
                clean.setdefault(task_set, []).append(cost(suite.conditions[CLEAN], task_set, episodes))
            crowded = any(part.perturbation == "distractors" for part in condition.parts)
            took = cost(condition, task_set, episodes)
            perturbed[suite.name, condition.name] = task_set, took, CLUTTER_BAR if crowded else BAR
            print(f"{suite.name} {condition.name} {took:.2f} s, clean {clean[task_set][-1]:.2f} s", file=sys.stderr)
    typical = {task_set: statistics.median(found) for task_set, found in clean.items()}
    return {key: (typical[task_set], took, bar) for key, (task_set, took, bar) in perturbed.items()}


def page(found: Mapping[tuple[str, str], tuple[float, float, float]], episodes: int) -> str:
    """The table in Markdown."""
    rows = [(suite, condition, f"{clean:.2f}", f"{took:.2f}", f"{took / clean:.2f}", f"≤ {bar:g}",
             "met" if took <= bar * clean else "MISSED") for (suite, condition), (clean, took, bar) in found.items()]
    head: Sequence[str] = ("suite", "condition", "clean, s", "perturbed, s", "ratio", "target", "verdict")
    lines = [head, ("---", "---", "--:", "--:", "--:", "--:", "---"), *rows]
    return "\n".join([
        "# ManiSkill: what conditions cost", "", "    OMP_NUM_THREADS=1 python -m tests.speed.maniskill_conditions "
        f"--episodes {episodes}", "", *(f"| {' | '.join(line)} |" for line in lines), "",
        f"Processor time of an episode of 80 steps with a look at every one, {SIZE}², primitive pack, one at a time; "
        f"the median of {counted(episodes, 'episode')}, clean ones measured in between. What a process loads once "
        "(models, textures) is apart.", ""])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=1, metavar="<int>", help="of each condition")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the page is written")
    asked = parser.parse_args()
    text = page(measured(asked.episodes), asked.episodes)
    print(text)
    if asked.out:
        asked.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    os.environ.update(ENVIRONMENT)
    main()
