"""ManiSkill's scenes against the clock: our worlds, a loop by hand, and ManiSkill's own environment.

Part of `python -m tests.speed`; `python -m tests.speed.maniskill` measures these figures alone and prints a table.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.speed.measured import HEADINGS, Figure
from tests.speed.playing import alternately, campaign, memory_of_a_worker, paired, processor_seconds, seconds
from vlabench import cards
from vlabench.episode.child import ENVIRONMENT
from vlabench.episode.loop import play
from vlabench.errors import VlabenchError
from vlabench.perturbations.base import Perturbation
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeSpec
from vlabench.util.text import counted

POLICY, SUITE, TASK_SET = "maniskill-still", "maniskill-ind", "maniskill_put_on_plate"
SIZE = 256
EPISODES = 20
"""Of each of four tasks, for two workers."""


def maniskill() -> Iterator[Figure]:
    """9: of a policy that costs nothing, on the primitive pack, at 256²."""
    simulator = find_simulator("maniskill")("primitive")
    try:
        simulator.check(simulator.cameras)
    except VlabenchError as error:
        yield Figure(9, "ManiSkill, primitive", None, "/s", note=str(error).splitlines()[0])
        return
    card = cards.load_policy(POLICY)
    tasks = [f"{TASK_SET}/{number}" for number in range(4)]
    for replan, target in ((4, 3.0), (1, 1.5)):
        policy = card.model_copy(update={"image_size": SIZE, "replan": replan})
        steady, whole = campaign(policy, SUITE, tasks, EPISODES, 2)
        looks = f"a look every {replan} steps" if replan > 1 else "a look at every step"
        yield Figure(9, f"ManiSkill, primitive: episodes/s on 2 cores, {looks}", steady, "/s", target, 1,
                     f"of 80 steps, {SIZE}², two workers once at work; {whole:.2f}/s with starting them")
    yield overhead(simulator.max_batch, 9)
    yield overhead(1, 61)
    peak = memory_of_a_worker(POLICY, "maniskill", "primitive", TASK_SET) / 1e9
    yield Figure(9, "ManiSkill, primitive: peak memory of a worker", peak, "GB", 0.9, -1,
                 "after eight episodes side by side of each of two tasks")
    yield against_base_env()


def overhead(copies: int, rounds: int) -> Figure:
    """`play` of that many episodes side by side against a loop on the worlds themselves, one after another.

    The loop does what one written for this task alone has to: it builds and settles the world, has a picture and
    proprioception at every look, clips actions, and says after each step whether the object is held, for how many steps
    now, and whether it is where it should be. Both from the same start on, resets included.
    """
    from vlabench.simulators.maniskill import goal, packs, starts
    from vlabench.simulators.maniskill.view import View
    from vlabench.simulators.maniskill.world import World

    simulator, replan = find_simulator("maniskill")("primitive"), 4
    task, pack = simulator.tasks(TASK_SET)[0], packs.pack("primitive")
    policy = cards.load_policy(POLICY).make()
    policy.configure(simulator.action_space)
    scene = simulator.open(task, copies, simulator.cameras, SIZE)
    specs = [EpisodeSpec(task, "clean", index) for index in range(copies)]
    clean: list[dict[str, Perturbation]] = [{} for _ in specs]
    low, high = np.array(simulator.action_space.low), np.array(simulator.action_space.high)

    def harness() -> float:
        return 1000 / copies * processor_seconds(lambda: play(
            scene, policy, specs, clean, replan=replan, cameras=simulator.cameras, success="end"))

    def loop(spec: EpisodeSpec) -> bool:
        world = World(starts.draw(spec), pack, drawn=True)
        world.settle()
        view, action = View(world, pack, SIZE), scene.null_action
        held, longest, success = 0, 0, False
        for step in range(task.step_limit):
            if step % replan == 0:
                _seen = view.picture(), world.robot.posture
            world.step(np.clip(action, low, high))
            forces = world.forces()[None]
            held = held + 1 if goal.grasped(forces[:, :2], world.robot.finger_turns[None])[0] else 0
            longest = max(longest, held)
            offset = np.asarray(world.object.pose.p - world.receptacle.pose.p, np.float64)
            success = bool(goal.on_receptacle(offset[None], world.halves[0][None], world.halves[1][None],
                                              forces[:, 2])[0])
        return success

    def by_hand() -> float:
        return 1000 / copies * processor_seconds(lambda: [loop(spec) for spec in specs])

    harness(), by_hand()  # what is made once in a process
    ratio, how = paired(rounds, harness, by_hand)
    number = "one at a time" if copies == 1 else f"{counted(copies, 'episode')} side by side"
    return Figure(9, f"ManiSkill: harness against a loop by hand, {number}", ratio, "", 0.95, 1,
                  f"{how} of {task.step_limit} steps")


def against_base_env() -> Figure:
    """An episode of ours against one of ManiSkill's own environment, both looking at every step."""
    simulator = find_simulator("maniskill")("primitive")
    task = simulator.tasks(TASK_SET)[0]
    scene = simulator.open(task, 1, simulator.cameras, SIZE)

    def ours() -> float:
        def run() -> None:
            scene.reset([EpisodeSpec(task, "clean", 0)])
            for _ in range(task.step_limit):
                scene.observe()
                scene.step(scene.null_action[None])

        return seconds(run)

    def theirs() -> float:  # shaders are a process's, so it has one of its own
        code = "from tests.speed.maniskill import base_env_episode; print(base_env_episode())"
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])

    mine, other = alternately(3, ours, theirs)
    return Figure(9, "ManiSkill: our worlds against its BaseEnv, episodes/s", other / mine, "×", note=
                  f"{mine:.2f} against {other:.2f} s an episode of 80 looks, its default shader, first pictures apart; "
                  "the aim was 5")


def base_env_episode() -> float:
    """Seconds of an episode of `VLABench-PutOnPlate-v1` with one copy on a CPU, the second of a process."""
    import gymnasium

    environment: Any = gymnasium.make(
        "vlabench.simulators.maniskill.base_env:VLABench-PutOnPlate-v1", image_size=(SIZE, SIZE),
        obs_mode="rgb+segmentation", sim_backend="physx_cpu", render_backend="cpu")
    null = np.array(find_simulator("maniskill").action_space.null, dtype=np.float32)

    def episode() -> None:
        environment.reset(options={"number": 0, "index": 0})
        for _ in range(80):
            environment.step(null)

    episode()  # its first picture costs 5 s
    took = seconds(episode)
    environment.close()
    return took


if __name__ == "__main__":
    os.environ.update(ENVIRONMENT)
    print(f"| {' | '.join(HEADINGS[1:])} |\n|---|--:|--:|---|---|")
    for figure in maniskill():
        print(f"| {' | '.join(figure.cells[1:])} |", flush=True)
