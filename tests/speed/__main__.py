"""Speed and memory on this machine, each figure beside its target; `python -m tests.speed` writes them down.

Times are medians of repetitions that alternate between the two sides of a comparison, so that what else the machine
does falls on both. Comparisons with the official assets are left out, and said to be, where these are absent.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from tests.speed.clusters import clusters
from tests.speed.hosting import hosting
from tests.speed.maniskill import maniskill
from tests.speed.measured import Figure, table, write
from tests.speed.perturbations import CAMERAS, frame_cost
from tests.speed.playing import alternately, campaign, memory_of_a_worker, paired, processor_seconds, seconds
from tests.speed.report import report_seconds
from tests.speed.scenes import scene_changes
from tests.speed.submissions import crowd
from tests.speed.tables import table_seconds
from vlabench import cards, registry
from vlabench.cards.conditions import SEVERITIES
from vlabench.episode.child import ENVIRONMENT
from vlabench.episode.loop import Attempt, play
from vlabench.errors import VlabenchError
from vlabench.leaderboard import board
from vlabench.perturbations.base import find_perturbation
from vlabench.records import provenance
from vlabench.simulators.base import Scene, find_simulator
from vlabench.types import EpisodeSpec

POLICY, SUITE, TASK_SET = "still", "libero-clean", "libero_spatial"
"""A policy that costs nothing, looks at two cameras at 128 × 128 pixels and executes 8 actions per look."""
EPISODES = 40
"""Of each of two tasks, for two workers; a quarter of that of one task, before and after, for one."""
SUBMISSIONS = 500
GIGABYTE = 1e9


def main(arguments: list[str] | None = None) -> int:
    """Measure everything, print and write it. Exit status: 1 if a target is missed, 2 if nothing can be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.speed", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder for bench.json and bench.md")
    folder: Path = parser.parse_args(arguments).results
    console, figures, began = Console(), list[Figure](), time.perf_counter()
    os.environ.update(ENVIRONMENT)  # for GL, loaded later; make sets those that numpy has read by now
    try:
        find_simulator("libero")("primitive").check()
        for figure in measure():
            figures.append(figure)
            console.print("  ".join(cell for cell in figure.cells if cell), markup=False, highlight=False)
    except VlabenchError as error:
        console.print(str(error), style="red")
        return error.exit_code
    facts = {**provenance.facts(find_simulator("libero")("primitive").versions()), "load": os.getloadavg()[0],
             "seconds": round(time.perf_counter() - began, 1)}
    write(folder, figures, facts)
    console.print(table(figures))
    missed = [figure.what for figure in figures if figure.verdict == "MISSED"]
    console.print(f"{facts['seconds']} s on {facts['processor']} ({facts['cores']} cores, load {facts['load']:.1f}); "
                  f"written to {folder}/bench.md and bench.json" + "".join(f"\nmissed: {what}" for what in missed))
    return 1 if missed else 0


def measure() -> Iterator[Figure]:
    """All figures, section by section."""
    why = official_is_missing()
    scenes = {pack: Bench(pack) for pack in (("primitive",) if why else ("primitive", "official"))}
    yield from seldom_rendering(scenes.get("official"), why)
    yield from packs_compared(scenes, why)
    yield from harness_overhead(scenes["primitive"])
    yield from warm_reset(scenes.get("official", scenes["primitive"]))
    for bench in scenes.values():
        bench.scene.close()
    yield from workers_compared()
    yield from perturbations_cost()
    yield from memory(why)
    yield from tables_made()
    yield from report_made()
    yield from board_built()
    from tests.speed.learning import learning

    yield from learning()
    yield from maniskill()
    yield from scene_changes()
    yield from hosting()
    yield from clusters()


def official_is_missing() -> str:
    """Why the official pack cannot be used here, or nothing."""
    try:
        find_simulator("libero")("official").check()
    except VlabenchError as error:
        return str(error).splitlines()[0]
    return ""


class Bench:
    """A scene of one pack, and the policy that plays in it."""

    def __init__(self, pack: str) -> None:
        self.card = cards.load_policy(POLICY)
        self.policy = self.card.make()
        self.pack, self.simulator = pack, find_simulator("libero")(pack)
        self.policy.configure(self.simulator.action_space)
        self.task = self.simulator.tasks(TASK_SET)[0]
        self.scene: Scene = self.simulator.open(self.task, 1, self.card.cameras, self.card.image_size)
        self.scene.reset([EpisodeSpec(self.task, "clean", 0)])
        self.scene.observe()

    def episode(self, steps: int) -> EpisodeSpec:
        """The task's first episode, cut off after some steps."""
        return EpisodeSpec(dataclasses.replace(self.task, step_limit=steps), "clean", 0)

    def stepping(self, steps: int, replan: int) -> float:
        """Steps per second of an episode, reset left aside."""
        attempt = Attempt(self.scene, [self.episode(steps)], [{}], replan=replan, cameras=self.card.cameras)
        attempt.start()

        def run() -> None:
            while attempt.going:
                chunk = attempt.checked(self.policy.act(attempt.look())).actions
                for t in range(attempt.due):
                    attempt.step(chunk[:, t])

        return steps / seconds(run)


def seldom_rendering(official: Bench | None, why: str) -> Iterator[Figure]:
    """1: official assets, one look in 8 steps against one look a step."""
    if official is None:
        yield Figure(1, "official: a look in 8 steps, against every step", None, "×", 5, 1, why)
        return
    seldom, always = alternately(3, lambda: official.stepping(48, 8), lambda: official.stepping(12, 1))
    yield Figure(1, "official: a look in 8 steps, against every step", seldom / always, "×", 5, 1,
                 f"{seldom:.1f} against {always:.1f} steps/s")


def packs_compared(scenes: dict[str, Bench], why: str) -> Iterator[Figure]:
    """2: observations a second on both packs."""
    rates = alternately(5, *(lambda b=bench: 5 / seconds(lambda: [b.scene.observe() for _ in range(5)])
                             for bench in scenes.values()))
    cameras = f"two cameras at {cards.load_policy(POLICY).image_size}²"
    if "official" not in scenes:
        yield Figure(2, "primitive against official: observations/s", None, "×", 4, 1, why)
        yield Figure(2, "primitive: observations/s", rates[0], "/s", note=cameras)
        return
    yield Figure(2, "primitive against official: observations/s", rates[0] / rates[1], "×", 4, 1,
                 f"{rates[0]:.1f} against {rates[1]:.1f}, {cameras}")


def harness_overhead(bench: Bench) -> Iterator[Figure]:
    """3: `play` against a loop by hand, over whole episodes with their resets."""
    spec, scene, card, policy = bench.episode(bench.task.step_limit), bench.scene, bench.card, bench.policy

    def harness() -> float:
        return 1000 * processor_seconds(
            lambda: play(scene, policy, [spec], [{}], replan=card.replan, cameras=card.cameras))

    def by_hand() -> float:
        def loop() -> None:
            scene.reset([spec])
            step, done = 0, False
            while step < spec.task.step_limit and not done:
                for action in policy.act(scene.observe()).actions[0, : min(card.replan, spec.task.step_limit - step)]:
                    done = bool(scene.step(action[None]).success[0])
                    step += 1

        return 1000 * processor_seconds(loop)

    ratio, how = paired(15, harness, by_hand)
    yield Figure(3, "harness against a loop by hand", ratio, "", 0.95, 1, f"{how} of {spec.task.step_limit} steps")


def warm_reset(bench: Bench) -> Iterator[Figure]:
    """4: a warm reset, and robosuite's own with the init state and the settle steps."""
    from vlabench.simulators.libero import hf_libero, packs

    environment = hf_libero.make_environment(TASK_SET, bench.task.name, packs.folder(bench.pack))
    state = hf_libero.init_states(TASK_SET, bench.task.name)[0]

    def full() -> float:
        def run() -> None:
            environment.seed(0)
            environment.reset()
            environment.set_init_state(state)
            for _ in range(10):
                environment.step(bench.scene.null_action)

        return seconds(run)

    warm, cold = alternately(3, lambda: seconds(lambda: bench.scene.reset([bench.episode(1)])), full)
    environment.close()
    yield Figure(4, f"{bench.pack}: warm reset", warm, "s", 0.25, -1,
                 f"a full one takes {cold:.2f} s; both with the ten settle steps")


def workers_compared() -> Iterator[Figure]:
    """2 and 4: the real runner on the primitive pack, with one worker and with two."""
    few, policy, tasks = EPISODES // 4, cards.load_policy(POLICY), [f"{TASK_SET}/0", f"{TASK_SET}/1"]
    first, _ = campaign(policy, SUITE, tasks[:1], few, 1)
    pair, whole = campaign(policy, SUITE, tasks, EPISODES, 2)
    second, _ = campaign(policy, SUITE, tasks[:1], few, 1)
    one = (first + second) / 2
    yield Figure(2, "primitive: episodes/s on 2 cores", pair, "/s", 1, 1,
                 f"of 220 steps, two workers once at work; {whole:.2f}/s with starting them, {2 * EPISODES} episodes")
    yield Figure(4, "two workers against one", pair / one, "×", 1.8, 1, f"{pair:.2f} against {one:.2f} episodes/s")


def perturbations_cost() -> Iterator[Figure]:
    """5: milliseconds per picture of 256 × 256 pixels, the most expensive severity of each perturbation."""
    costs = {}
    for name in set(registry.names("perturbation")) - {"augment"}:  # whose transforms are another library's
        kind = find_perturbation(name)
        costs[name] = max(frame_cost(kind.at(k), looks=30) for k in SEVERITIES) / len(CAMERAS)
    worst = max(costs, key=lambda name: costs[name])
    yield Figure(5, "most expensive perturbation, per 256² picture", costs[worst], "ms", 1, -1,
                 ", ".join(f"{name} {cost:.2f}" for name, cost in sorted(costs.items(), key=lambda kv: -kv[1])))


def memory(why: str) -> Iterator[Figure]:
    """5: the peak of a worker that plays an episode of two tasks, one after the other."""
    for pack, target in (("official", 1.5), ("primitive", 0.8)):
        what = f"{pack}: peak memory of a worker"
        if pack == "official" and why:
            yield Figure(5, what, None, "GB", target, -1, why)
            continue
        peak = memory_of_a_worker(POLICY, "libero", pack, TASK_SET) / GIGABYTE
        yield Figure(5, what, peak, "GB", target, -1, "after an episode of two tasks")


def tables_made() -> Iterator[Figure]:
    """6: the table of a suite, from the records' files to Markdown."""
    yield Figure(6, "a table over 100,000 episode records", table_seconds(), "s", 2, -1,
                 "two policies, 25 conditions, read from files; the best of three")


def report_made() -> Iterator[Figure]:
    """6: the page of a report, from the records' files to the last picture."""
    took, size = report_seconds()
    yield Figure(6, "a report of 30,000 episode records", took, "s", 20, -1,
                 f"three policies, 25 conditions, two pairs of episodes played again; {size / 1e6:.1f} MB")


def board_built() -> Iterator[Figure]:
    """6: the leaderboard of many submissions of a whole suite, read, checked, ranked and written."""
    with tempfile.TemporaryDirectory(prefix="vlabench-bench-") as folder:
        crowd(Path(folder), SUBMISSIONS)
        took = seconds(lambda: board.build(Path(folder)))
    yield Figure(6, f"board build, {SUBMISSIONS} submissions", took, "s", 30, -1, "2,000 episodes each, all checked")


if __name__ == "__main__":
    sys.exit(main())
