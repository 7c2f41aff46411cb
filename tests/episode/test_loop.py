"""The loop: order of events, renders, success, batches, errors and what it notes of the perturbations."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from math import ceil
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toy.toy import EVERY, STEP_LIMIT, Dark, Jolt, Mute, One, Paints, Points, Seeker, Toy
from vlabench.adapters.base import Policy
from vlabench.episode.chain import variant_of
from vlabench.episode.listening import Bools, Listener
from vlabench.episode.loop import EpisodeError, play
from vlabench.episode.played import Played
from vlabench.errors import UnsupportedError
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import Scene
from vlabench.types import ActionSpace, Decision, EpisodeSpec, Floats, Observation, Outcome, Task

CAMERAS = ("top", "side")
TASK = Toy("plain").tasks("toy_points")[0]


def spec(index: int = 0, condition: str = "any", task: Task = TASK) -> EpisodeSpec:
    return EpisodeSpec(task, condition, index)


def scene(batch: int = 1) -> Points:
    return Toy("plain").open(TASK, batch, CAMERAS)


class Script(Policy):
    """Answers with fixed chunks, the last one again and again; remembers what it saw."""

    def __init__(self, *chunks: Any) -> None:
        self.chunks, self.seen = chunks, list[Observation]()

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        self.seen = []

    def act(self, obs: Observation) -> Decision:
        self.seen.append(obs)
        return Decision(self.chunks[min(len(self.seen), len(self.chunks)) - 1])


class Still(Script):
    """Stays where it is, `chunk` steps at a time."""

    def __init__(self, chunk: int = 1, batch: int = 1) -> None:
        super().__init__(np.zeros((batch, chunk, 3)))


class Late(Perturbation):
    """Every picture is `by` steps old; asks for the frames that it will need."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = EVERY
    by: int = 2
    _past: dict[int, Observation]

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset(f"images/{camera}" for camera in cameras)

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._past = {}

    def wants_frame(self, step: int) -> bool:
        return True

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        self._past[step] = obs
        old = self._past[max(step - self.by, 0)]
        return obs.replace(images=old.images, steps=old.steps)


class Push(Perturbation):
    """Moves the point before the episode, and once more after the second step."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = EVERY

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"scene"})

    def scene(self, scene: Scene, rng: Draws) -> None:
        assert isinstance(scene, One)
        scene.push(rng.episode().uniform(0, 0.1, 2))

    def tick(self, scene: Scene, step: int, rng: Draws) -> None:
        assert isinstance(scene, One)
        if step == 2:
            scene.push(np.array([0.0, 0.05]))


def one(policy: Policy, *, chain: Mapping[str, Perturbation] | None = None, index: int = 0, replan: int = 1,
        **options: Any) -> Played:
    chain = chain or {}
    episode = spec(index, condition="+".join(chain) or "clean")
    (played,) = play(scene(), policy, [episode], [chain], replan=replan, cameras=CAMERAS, **options)
    return played


# what happens when


def test_life_of_an_episode_in_order() -> None:
    events: list[str] = []

    class WatchedScene(Points):
        def place(self, episodes: Sequence[EpisodeSpec]) -> None:
            events.append("place")
            super().place(episodes)

        def settle(self) -> None:
            events.append("settle")

        def observe(self) -> Observation:
            events.append("observe")
            return super().observe()

        def step(self, actions: Floats) -> Outcome:
            events.append("step")
            return super().step(actions)

    class Watched(Perturbation):
        severities: ClassVar[Mapping[int, Mapping[str, Any]]] = EVERY

        def channels(self, cameras: Sequence[str]) -> frozenset[str]:
            return frozenset()

        def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
            events.append(f"begin {replan} {'+'.join(cameras)}")

        def scene(self, scene: Scene, rng: Draws) -> None:
            events.append("scene")

        def instruction(self, text: str, rng: Draws) -> str:
            events.append(f"instruction {text}")
            return text

        def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
            events.append(f"perturb {step}")
            return obs

        def action(self, action: Floats, step: int, rng: Draws) -> Floats:
            events.append(f"action {step}")
            return action

        def tick(self, scene: Scene, step: int, rng: Draws) -> None:
            events.append(f"tick {step}")

        def wants_frame(self, step: int) -> bool:
            return step == 3

    class WatchedPolicy(Still):
        def act(self, obs: Observation) -> Decision:
            events.append(f"act {obs.steps[0]}")
            return super().act(obs)

    short = dataclasses.replace(TASK, step_limit=5)
    play(WatchedScene(short, 1, CAMERAS), WatchedPolicy(chunk=4), [EpisodeSpec(short, "any", 0)], [{"w": Watched()}],
         replan=2, cameras=CAMERAS)
    assert events == [
        "place", "begin 2 top+side", "scene", "instruction seek goal 0", "settle",
        "observe", "perturb 0", "act 0", "action 0", "step", "tick 1", "action 1", "step", "tick 2",
        "observe", "perturb 2", "act 2", "action 2", "step", "tick 3",
        "observe", "perturb 3",  # asked for by wants_frame, between two looks
        "action 3", "step", "tick 4",
        "observe", "perturb 4", "act 4", "action 4", "step",
    ]


@pytest.mark.parametrize("replan", [1, 2, 3, 4, 7, 30])
def test_renders_once_per_executed_chunk(replan: int) -> None:
    stage, policy = scene(), Still(chunk=min(replan + 1, STEP_LIMIT))
    (played,) = play(stage, policy, [spec()], [{"dark": Dark()}], replan=replan, cameras=CAMERAS)
    assert played.steps == STEP_LIMIT
    assert stage.renders == ceil(STEP_LIMIT / replan)


def test_episode_ends_when_the_goal_first_holds() -> None:
    stage = scene()
    stage.reset([spec()])
    to_goal = stage.goals[0] - stage.points[0]
    arrives = int(ceil(np.abs(to_goal).max() / 0.1))
    through = np.tile(np.append(to_goal / arrives / 0.1, 0.0), (1, STEP_LIMIT, 1))
    (played,) = play(stage, Script(through), [spec()], [{}], replan=STEP_LIMIT, cameras=CAMERAS)
    assert (played.status, played.success_once, played.success_at_end) == ("success", True, True)
    assert played.steps <= arrives
    assert np.linalg.norm(stage.points[0] - stage.goals[0]) < 0.08  # nothing moved it afterwards
    (on,) = play(stage, Script(through), [spec()], [{}], replan=STEP_LIMIT, cameras=CAMERAS, success="end")
    assert (on.status, on.success_once, on.success_at_end, on.steps) == ("failure", True, False, STEP_LIMIT)


def test_a_milestone_that_held_at_any_step_was_reached_and_none_counts_after_the_end() -> None:
    stage = scene()
    stage.reset([spec()])
    to_goal, steps = stage.goals[0] - stage.points[0], 8
    far = np.linalg.norm(to_goal)
    there = to_goal * (1 - 0.12 / far) / steps / 0.1  # stops short of success, where the milestone holds, and goes back
    assert far > 0.3 and np.abs(there).max() <= 1
    passing = np.concatenate([np.tile(np.append(there, 0.0), (steps, 1)), np.tile(np.append(-there, 0.0), (steps, 1)),
                              np.zeros((STEP_LIMIT - 2 * steps, 3))])[None]
    (passed,) = play(stage, Script(passing), [spec()], [{}], replan=STEP_LIMIT, cameras=CAMERAS)
    assert (passed.status, passed.milestones) == ("failure", {"close": True})
    (still,) = play(stage, Still(), [spec()], [{}], replan=1, cameras=CAMERAS)
    assert still.milestones == {"close": False} == still.record(
        policy="p", assets="a", policy_digest="", condition_digest="", versions={}).milestones


def test_what_a_policy_is_given_does_not_tell_which_episode_it_plays() -> None:
    given: list[Draws] = []

    class Curious(Still):
        def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
            super().reset(slots, draws)
            given.extend(draws)

    for index in (7, 8):
        play(scene(), Curious(), [spec(index)], [{}], replan=1, cameras=CAMERAS)
    assert given[0] != given[1] and TASK.key not in repr(given)
    assert [len(draws.key) for draws in given] == [1, 1] and all(len(str(draws.key[0])) == 32 for draws in given)


def test_seconds_come_from_the_clock() -> None:
    ticks = iter([10.0, 12.5])
    assert one(Still(), clock=lambda: next(ticks)).seconds == 2.5


# pairing


def test_conditions_share_their_draws_and_indices_do_not() -> None:
    def first_chunk(chain: Mapping[str, Perturbation], index: int) -> Floats:
        chunks: list[Floats] = []

        class Ear(Listener):
            def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
                chunks.append(decision.actions)

        played.append(one(Seeker(noise=0.2), chain=chain, index=index, listeners=[Ear()]))
        return chunks[0]

    played: list[Played] = []
    clean = first_chunk({}, 0)
    dark = first_chunk({"dark": Dark()}, 0)
    both = first_chunk({"jolt": Jolt(), "dark": Dark()}, 0)
    other = first_chunk({"dark": Dark()}, 1)
    # The goal is the greenest spot however dark it is, so the policy differs only if its random numbers do.
    assert (clean == dark).all() and (clean == both).all() and (clean != other).any()
    assert played[1].realised["dark"] == played[2].realised["dark"] != played[3].realised["dark"]
    assert played[0].frame == played[1].frame == played[2].frame != played[3].frame


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 49), st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=5),
       st.integers(1, 4), st.booleans())
def test_a_batch_plays_what_its_episodes_play_alone(
        slots: list[tuple[int, bool, bool, bool]], replan: int, stop: bool) -> None:
    def chain(dark: bool, late: bool, push: bool) -> dict[str, Perturbation]:
        kinds = {"dark": Dark() if dark else None, "late": Late() if late else None, "push": Push() if push else None}
        return {name: kind for name, kind in kinds.items() if kind is not None}

    specs, chains = [spec(index) for index, *_ in slots], [chain(*flags) for _, *flags in slots]
    options: dict[str, Any] = {"replan": replan, "cameras": CAMERAS, "success": "once" if stop else "end",
                               "clock": lambda: 0.0}
    together = play(scene(len(slots)), Seeker(noise=0.3), specs, chains, **options)
    alone = [play(scene(), Seeker(noise=0.3), [s], [c], **options)[0] for s, c in zip(specs, chains, strict=True)]
    assert together == alone


def test_finished_copies_get_null_actions() -> None:
    executed: list[tuple[Floats, Bools]] = []

    class Ear(Listener):
        def on_step(self, step: int, asked: Floats, done: Floats, outcome: Outcome, running: Bools) -> None:
            executed.append((done, running))

    stage = scene(6)
    played = play(stage, Seeker(), [spec(i) for i in range(6)], [{"jolt": Jolt(sigma=0.5)}] * 6, replan=1,
                  cameras=CAMERAS, listeners=[Ear()])
    assert len({p.steps for p in played}) > 1
    for step, (actions, running) in enumerate(executed):
        for b, result in enumerate(played):
            assert running[b] == (step < result.steps)
            assert running[b] or (actions[b] == stage.null_action).all()


def test_a_policy_is_asked_for_the_copies_that_still_run_and_told_their_slots() -> None:
    class Asked(Seeker):
        slots: ClassVar[list[list[int]]] = []

        def act(self, obs: Observation) -> Decision:
            assert len(obs.proprio) == len(obs.instruction) == len(obs.slots)
            self.slots.append(obs.slots.tolist())
            return super().act(obs)

    played = play(scene(6), Asked(), [spec(i) for i in range(6)], [{}] * 6, replan=1, cameras=CAMERAS)
    assert Asked.slots == [[b for b in range(6) if played[b].steps > step]
                           for step in range(max(each.steps for each in played))]


def test_copies_share_the_time_of_the_steps_that_they_took_together() -> None:
    stage = scene(5)
    played = play(stage, Seeker(), [spec(i) for i in range(5)], [{}] * 5, replan=2, cameras=CAMERAS,
                  clock=lambda: float(stage.steps))
    lengths = [each.steps for each in played]
    for each in played:
        together = [sum(length > step for length in lengths) for step in range(each.steps)]
        assert each.seconds == pytest.approx(sum(1 / count for count in together))


def test_views_are_taken_of_what_was_placed() -> None:
    class Built(Points):
        """Has nothing to show before `place`."""

        def slot(self, b: int) -> Scene:
            assert self.placed == 1
            return super().slot(b)

        def save(self) -> Any:
            assert self.placed == 1
            return super().save()

        def place(self, episodes: Sequence[EpisodeSpec]) -> None:
            self.placed += 1
            super().place(episodes)

        placed = 0

    play(Built(TASK, 2, CAMERAS), Still(batch=2), [spec(3), spec(3)], [{}, {"push": Push()}], replan=1,
         cameras=CAMERAS)


# what is noted


def test_changes_are_noted_by_channel() -> None:
    assert one(Still()).changed == {} and one(Still()).changed_first == ()
    dark = one(Still(), chain={"dark": Dark()})
    assert dark.changed == {"images/top": 1.0, "images/side": 1.0}
    assert dark.changed_first == ("images/side", "images/top")
    jolt = one(Still(), chain={"jolt": Jolt()})
    assert (jolt.changed, jolt.changed_first) == ({"action": 1.0}, ("action",))


def test_a_share_counts_looks_and_steps() -> None:
    class Fifth(Jolt):
        def action(self, action: Floats, step: int, rng: Draws) -> Floats:
            return super().action(action, step, rng) if step % 5 == 4 else action

    class Second(Dark):
        def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
            return super().observation(obs, step, rng) if step in (2, 6) else obs

    played = one(Still(chunk=2), chain={"a": Fifth(), "b": Second()}, replan=2)
    # 20 steps, 4 of them jolted; 10 looks, at 0, 2, 4, …, two of them dark
    assert played.changed == {"action": 0.2, "images/top": 0.2, "images/side": 0.2}
    assert played.changed_first == ()


def test_how_often_the_policy_asks_for_something_new_is_noted() -> None:
    steps = np.zeros((1, STEP_LIMIT, 3))
    steps[0, 7:, 2] = 1.0
    steps[0, 12, 0] = -0.5  # two changes more: there and back
    played = one(Script(steps), replan=STEP_LIMIT)
    assert (played.changed, played.changed_first) == ({"action/asked": 3 / STEP_LIMIT}, ())
    jolted = one(Script(steps), chain={"jolt": Jolt()}, replan=STEP_LIMIT)  # as asked, not as executed
    assert jolted.changed["action/asked"] == 3 / jolted.steps and jolted.changed["action"] == 1.0


def test_an_instruction_reaches_the_policy_as_changed() -> None:
    class Polite(Dark):
        def channels(self, cameras: Sequence[str]) -> frozenset[str]:
            return frozenset({"instruction"})

        def instruction(self, text: str, rng: Draws) -> str:
            return f"please {text}"

        def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
            return obs

    policy = Still()
    played = one(policy, chain={"polite": Polite()})
    assert played.instruction == "please seek goal 0"
    assert {obs.instruction for obs in policy.seen} == {("please seek goal 0",)}
    assert played.changed == {"instruction": 1.0}


def test_a_delayed_look_is_two_steps_old_and_counts_as_changed_although_nothing_moves() -> None:
    moving = Script(np.full((1, 4, 3), 0.5))

    class Film(Listener):
        every_frame = True

        def __init__(self) -> None:
            self.frames: list[Any] = []

        def on_frame(self, step: int, clean: Observation) -> None:
            assert step == len(self.frames)
            self.frames.append(clean.images["top"])

    film = Film()
    played = one(moving, chain={"late": Late()}, replan=4, listeners=[film])
    assert len(film.frames) == played.steps + 1
    for obs in moving.seen:
        assert (obs.images["top"] == film.frames[max(obs.steps[0] - 2, 0)]).all()
    still = one(Still(chunk=4), chain={"late": Late()}, replan=4)
    assert still.changed == {"images/top": 0.8, "images/side": 0.8}  # looks at 0, 4, 8, 12, 16: the first is not late


def test_only_asked_for_frames_are_rendered_between_looks() -> None:
    class Picky(Late):
        def wants_frame(self, step: int) -> bool:
            return step % 4 == 2

    stage = scene()
    play(stage, Still(chunk=4), [spec()], [{"late": Picky()}], replan=4, cameras=CAMERAS)
    assert stage.renders == 5 + 5  # looks at 0, 4, …, 16; frames at 2, 6, …, 18


def test_a_scene_change_reaches_its_own_copy_only_and_is_noted() -> None:
    stage = scene(2)
    stage.reset([spec(3), spec(3)])
    clean = stage.points.copy()
    first: list[Floats] = []

    class Ear(Listener):
        def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
            first.append(stage.points.copy())

    calm, pushed = play(stage, Still(batch=2), [spec(3), spec(3)], [{}, {"push": Push()}], replan=1, cameras=CAMERAS,
                        listeners=[Ear()])
    assert (first[0][0] == clean[0]).all() and (first[0][1] > clean[1]).all()
    assert (calm.changed, pushed.changed) == ({}, {"scene": 1.0})
    assert pushed.changed_first == ("scene",) and calm.frame != pushed.frame and calm.state != pushed.state


def test_a_scene_change_in_mid_episode_is_noted_by_steps() -> None:
    class Later(Push):
        def scene(self, scene: Scene, rng: Draws) -> None:
            return None

    played = one(Still(), chain={"later": Later()})
    assert (played.changed, played.changed_first) == ({"scene": 1 / STEP_LIMIT}, ())


class PushOnce(Push):
    """Says that it moves the point before the episode and after the second step, and nowhere else."""

    def may_move(self, step: int) -> bool:
        return step == 2


def test_states_are_compared_where_a_hook_may_have_moved_something_and_nowhere_else() -> None:
    counts = {}
    for name, kind in {"none": Dark(), "once": PushOnce(), "always": Push()}.items():
        stage = scene(3)
        play(stage, Still(batch=3), [spec(9), spec(1), spec(2)], [{name: kind}] * 3, replan=1, cameras=CAMERAS)
        counts[name] = stage.digests
    ends = 1  # all three come to the step limit
    assert counts == {"none": ends, "once": ends + 2 + 2, "always": ends + 2 + 2 * (STEP_LIMIT - 1)}


def test_the_state_after_a_step_is_digested_once_for_ends_and_for_events() -> None:
    """One of two copies ends while the other may still be moved."""
    stage = scene(2)
    lengths = [each.steps for each in play(stage, Seeker(), [spec(3), spec(8)], [{"always": Push()}] * 2, replan=1,
                                           cameras=CAMERAS)]
    assert min(lengths) < max(lengths) < STEP_LIMIT
    # before and after events at the start and after each step but the last, after which there are only results
    assert stage.digests == 2 + 2 * (max(lengths) - 1) + 1


class Painted(Perturbation):
    """Another colour behind the point, from the start and another one in mid-episode."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = EVERY
    needs = frozenset({Paints})

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"scene"})

    def scene(self, scene: Scene, rng: Draws) -> None:
        assert isinstance(scene, One)
        scene.paint(200)

    def tick(self, scene: Scene, step: int, rng: Draws) -> None:
        assert isinstance(scene, One)
        scene.paint(100 + step)


class Varied(Perturbation):
    """For scenes of another variant."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = EVERY

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"scene"})

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {"points": "other"}


class Loud(Perturbation):
    """Says it loudly."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = EVERY

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"instruction"})

    def instruction(self, text: str, rng: Draws) -> str:
        return text.upper()


def test_a_scene_of_a_variant_says_what_it_asks_for_and_what_it_would_be_without() -> None:
    class Other(Points):
        def instructions(self) -> tuple[str, ...]:
            return ("seek it",) * len(self.points)

        def observe(self) -> Observation:
            return super().observe().replace(instruction=self.instructions())

        def plain_digest(self) -> tuple[str, ...]:
            return ("plain",) * len(self.points)

    made = Other(TASK, 2, CAMERAS)
    chains: list[Mapping[str, Perturbation]] = [{"varied": Varied()}, {"varied": Varied(), "loud": Loud()}]
    quiet, loud = play(made, Still(batch=2), [spec(), spec(1)], chains, replan=1, cameras=CAMERAS)
    assert (quiet.instruction, loud.instruction) == ("seek it", "SEEK IT")
    assert quiet.changed["scene"] == loud.changed["scene"] == loud.changed["instruction"] == 1
    assert "instruction" not in quiet.changed and "scene" in quiet.changed_first


@pytest.mark.parametrize("kept", [True, False])
def test_what_an_episode_changed_in_the_scene_never_reaches_the_next(
        kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is the restoring that sees to it: without, the next one shows the paint."""
    if not kept:
        monkeypatch.setattr(Points, "restore", Scene.restore)
    stage, frames = scene(), []
    for chain in ({}, {"painted": Painted()}, {"painted": Painted()}, {}):
        (played,) = play(stage, Still(), [spec(3)], [chain], replan=1, cameras=CAMERAS)
        frames.append(played.frame)
    assert frames[0] != frames[1] == frames[2]
    assert (frames[3] == frames[0]) == kept


def test_a_changed_look_is_on_record_apart_from_the_state() -> None:
    clean, painted = play(scene(2), Still(batch=2), [spec(3), spec(3)], [{}, {"painted": Painted()}], replan=1,
                          cameras=CAMERAS)
    assert (clean.changed, painted.changed) == ({}, {"look": 1.0}) and painted.changed_first == ("look",)
    assert clean.state == painted.state and clean.frame != painted.frame
    pushed = one(Still(), chain={"push": Push()})
    assert "look" not in pushed.changed


class Dimmed(Painted):
    """Paints the scene in mid-episode."""

    @property
    def from_start(self) -> bool:
        return False

    def scene(self, scene: Scene, rng: Draws) -> None:
        return None

    def may_move(self, step: int) -> bool:
        return step == 2

    def tick(self, scene: Scene, step: int, rng: Draws) -> None:
        if step == 2:
            super().scene(scene, rng)


def test_a_look_that_changes_in_mid_episode_is_on_record_and_not_as_from_the_start() -> None:
    clean, dimmed = play(scene(2), Still(batch=2), [spec(3), spec(3)], [{}, {"dimmed": Dimmed()}], replan=1,
                         cameras=CAMERAS)
    assert clean.changed == {} and list(dimmed.changed) == ["look"] and 0 < dimmed.changed["look"] < 1
    assert dimmed.changed_first == () and dimmed.frame == clean.frame and dimmed.state == clean.state


class Sneaky(Painted):
    """Paints the scene, and says that it changes actions."""

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"action"})


def test_who_paints_the_scene_without_saying_so_paints_its_own_copy_alone_and_for_its_own_episode() -> None:
    stage, frames = scene(2), []
    for second in ({"sneaky": Sneaky()}, {}):
        played = play(stage, Still(batch=2), [spec(3), spec(3)], [{}, second], replan=1, cameras=CAMERAS)
        frames += [each.frame for each in played]
    clean, painted, *after = frames
    assert painted != clean and after == [clean, clean]


def test_who_moves_the_scene_without_saying_so_is_on_record() -> None:
    class Hidden(Push):
        def channels(self, cameras: Sequence[str]) -> frozenset[str]:
            return frozenset()

    assert one(Still(), chain={"hidden": Hidden()}).changed == {"scene": 1.0}


class Sized(Dark):
    """Needs a scene of a size."""

    size: int = 1

    def scene_variant(self) -> Mapping[str, Hashable]:
        return {"size": self.size}


def test_a_variant_is_all_that_perturbations_ask_of_the_building_of_a_scene() -> None:
    assert variant_of({}) == variant_of({"dark": Dark()}) == ()
    assert variant_of({"a": Sized(size=2), "b": Sized(size=2)}) == (("size", 2),)
    with pytest.raises(UnsupportedError, match="perturbation 'b' needs a scene with size = 3, another one of the same "
                                               "condition 2"):
        variant_of({"a": Sized(size=2), "b": Sized(size=3)})


# errors


def failing(name: str, error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    fail.__name__ = name
    return fail


@pytest.mark.parametrize(("phase", "part", "method"), [
    ("reset", Points, "place"), ("reset", Points, "settle"), ("reset", Still, "reset"), ("reset", Dark, "begin"),
    ("reset", Dark, "scene"), ("reset", Dark, "instruction"), ("observe", Points, "observe"),
    ("observe", Dark, "observation"), ("act", Still, "act"), ("step", Points, "step"), ("step", Dark, "action"),
    ("step", Dark, "tick"), ("step", Points, "state_digest"),
])
def test_an_exception_says_its_phase(phase: str, part: type, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ZeroDivisionError("oh")
    monkeypatch.setattr(part, method, failing(method, error))
    with pytest.raises(EpisodeError) as caught:
        one(Still(), chain={"dark": Dark()})
    assert (caught.value.phase, caught.value.cause, caught.value.__cause__) == (phase, error, error)
    assert str(caught.value) == f"{phase}: ZeroDivisionError: oh"


@pytest.mark.parametrize("method", ["on_start", "on_look", "on_clean", "on_step", "on_frame", "on_end"])
def test_a_listener_s_exception_says_its_phase_too(method: str) -> None:
    listener = Listener()
    listener.every_frame = True
    setattr(listener, method, failing(method, ZeroDivisionError("oh")))
    with pytest.raises(EpisodeError, match="collect: ZeroDivisionError: oh"):
        one(Still(), listeners=[listener])


def test_interrupts_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Points, "step", failing("step", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        one(Still())


@pytest.mark.parametrize(("error", "message"), [
    (SystemExit(3), "act: SystemExit: sys.exit(3) was called"),
    (asyncio.CancelledError("gone"), "act: CancelledError: gone"),
    (Mute(), "act: Mute: (a Mute that cannot be put into words)"),
    (ValueError("\ud800 and \x1b[2J"), r"act: ValueError: \ud800 and \x1b[2J"),
])
def test_whatever_a_policy_throws_is_an_error_of_its_episode(
        error: BaseException, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Still, "act", failing("act", error))
    with pytest.raises(EpisodeError) as caught:
        one(Still())
    assert str(caught.value) == message


@pytest.mark.parametrize(("answer", "message"), [
    (np.full((1, 2, 3), np.nan), "returned 6 action values that are not finite at step 0"),
    (np.full((1, 2, 3), np.inf), "not finite"),
    (np.zeros((2, 3)), 
     r"shape \[2, 3\]; expected \[B, T, D\] with B = 1, T ≥ 2 \(`replan` of its card is 2\), D = 3"),
    (np.zeros((1, 0, 3)), r"shape \[1, 0, 3\]"),
    (np.zeros((1, 1, 3)), r"shape \[1, 1, 3\]"),
    (np.zeros((2, 2, 3)), r"shape \[2, 2, 3\]"),
    (np.zeros((1, 2, 7)), r"shape \[1, 2, 7\]"),
    (None, "of type object; expected real numbers"),
    ("left", "of type <U4; expected real numbers"),
    (np.zeros((1, 2, 3), complex), "of type complex128; expected real numbers"),
    (np.zeros((1, 2, 3), str), "of type <U1; expected real numbers"),
    (np.zeros((1, 2, 3), bool), "of type bool; expected real numbers"),
    (np.full((1, 2, 3), 1e300), "an action value of 1e.300 at step 0; no robot has a use for more than"),
    (np.full((1, 2, 3), -2e6), "an action value of -2e.06 at step 0"),
])
def test_an_unusable_action_is_an_error_of_the_policy(answer: Any, message: str) -> None:
    with pytest.raises(EpisodeError, match=message) as caught:
        one(Script(answer), replan=2)
    assert caught.value.phase == "act"


@pytest.mark.parametrize("extra", [np.zeros(3), np.float64(1.0), np.zeros((1, 2))])
def test_an_extra_that_is_not_of_every_copy_is_an_error_of_the_policy(extra: Any) -> None:
    class Talker(Still):
        def act(self, obs: Observation) -> Decision:
            return Decision(super().act(obs).actions, {"fine": np.zeros((2, 5)), "odd": extra})

    with pytest.raises(EpisodeError, match="the extra 'odd' of shape .* for each of 2 copies") as caught:
        play(scene(2), Talker(batch=2), [spec(), spec(1)], [{}, {}], replan=1, cameras=CAMERAS)
    assert caught.value.phase == "act"


def test_actions_that_are_never_executed_may_be_anything() -> None:
    tail = np.concatenate([np.zeros((1, 2, 3)), np.full((1, 3, 3), np.nan)], axis=1)
    assert one(Script(tail), replan=2).steps == STEP_LIMIT


class Rude(Dark):
    """Writes into what it is given."""

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        obs.images["top"][:] = 0
        return obs


class Crop(Dark):
    """Returns smaller pictures."""

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        return obs.replace(images={camera: picture[:, :8] for camera, picture in obs.images.items()})


class Blind(Dark):
    """Takes a camera away."""

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        return obs.replace(images={"top": obs.images["top"]})


class Wild(Jolt):
    """Makes actions infinite."""

    def action(self, action: Floats, step: int, rng: Draws) -> Floats:
        return action / 0.0


@pytest.mark.parametrize(("kind", "phase", "message"), [
    (Rude(), "observe", "read-only"),
    (Crop(), "observe", r"'p' changed the layout of the observation from .*\[1, 16, 16, 3\].* to .*\[1, 8, 16, 3\]"),
    (Blind(), "observe", "'p' changed the layout"),
    (Wild(), "step", "'p' turned the action"),
])
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_perturbation_that_breaks_its_contract_is_named(kind: Perturbation, phase: str, message: str) -> None:
    with pytest.raises(EpisodeError, match=message) as caught:
        one(Still(), chain={"p": kind})
    assert caught.value.phase == phase


class Numb(Dark):
    """Loses proprioception from the third step on."""

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"proprio"})

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        return obs.replace(proprio=obs.proprio * np.float32(np.nan)) if step == 3 else obs


@pytest.mark.parametrize(("copy", "value"), [(1, np.nan), (0, np.inf), (1, -np.inf)])
def test_proprioception_that_is_not_finite_never_reaches_a_policy(copy: int, value: float) -> None:
    class Broken(Points):
        def observe(self) -> Observation:
            obs = super().observe()
            obs.proprio[copy, 1] = value if self.steps >= 3 else 0.0
            return obs

    policy = Still(batch=2)
    with pytest.raises(EpisodeError, match="the simulator returned 1 value of proprioception that is not finite "
                                           "at step 3") as caught:
        play(Broken(TASK, 2, CAMERAS), policy, [spec(), spec(1)], [{}, {}], replan=1, cameras=CAMERAS)
    assert caught.value.phase == "observe"
    assert len(policy.seen) == 3 and all(np.isfinite(obs.proprio).all() for obs in policy.seen)


def test_nor_does_what_a_perturbation_makes_of_it() -> None:
    policy = Still()
    with pytest.raises(EpisodeError, match="perturbation 'n' returned 2 values of proprioception that are not finite "
                                           "at step 3") as caught:
        one(policy, chain={"n": Numb()})
    assert caught.value.phase == "observe" and len(policy.seen) == 3


def test_a_batched_scene_without_views_refuses_scene_perturbations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Points, "slot", Scene.slot)
    with pytest.raises(EpisodeError, match="Points offers no view of a single copy"):
        play(scene(2), Still(batch=2), [spec(), spec(1)], [{}, {"push": Push()}], replan=1, cameras=CAMERAS)


@pytest.mark.parametrize(("specs", "chains", "replan"), [
    ([], [], 1), ([spec()], [], 1), ([spec()], [{}], 0),
])
def test_a_call_that_makes_no_sense_is_refused(specs: Any, chains: Any, replan: int) -> None:
    with pytest.raises(ValueError, match="an attempt needs episodes"):
        play(scene(), Still(), specs, chains, replan=replan, cameras=CAMERAS)
