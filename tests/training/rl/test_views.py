"""PAIR's views: drawn as options say, of training's split alone, and without a trace in the rollouts they are of."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.toy.switch import GREEN, RED, Switch
from vlabench import cards
from vlabench.adapters.base import Policy
from vlabench.cards.noise import Curriculum, Noise
from vlabench.cards.policy import PolicyCard
from vlabench.episode.listening import EpisodeCollector, EpisodeCollectors
from vlabench.episode.loop import play
from vlabench.episode.played import Played
from vlabench.errors import CardError, RenderingError, UnsupportedError
from vlabench.simulators._values import Pictures, Spot
from vlabench.simulators.base import Scene, Simulator, find_simulator
from vlabench.simulators.libero.simulator import Libero
from vlabench.simulators.maniskill import catalogue, packs
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.training import train as training
from vlabench.training.objectives._views import ALTERING, PRESERVING
from vlabench.training.objectives.base import made
from vlabench.training.rl.rollouts import Assignment, Collector, Rollout
from vlabench.training.rl.samples import Samples
from vlabench.training.rl.views import ASKS, ViewOptions, Views, wanted
from vlabench.types import EpisodeSpec, Observation, Task
from vlabench.util.progress import Progress

BOTH = (PRESERVING, ALTERING)
EVERY = ViewOptions(preserving=dict.fromkeys(ASKS, 1.0))  # type: ignore[arg-type]
PAIR = made({"pair_invariance": {}, "pair_sensitivity": {}})
TASK = Task("switch", "switches", 0, "lamp_0", "push", 5, 2)
SPEC = EpisodeSpec(TASK, "clean", 3, 5, sampled=True)
SEEN = {"top": np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)}


class Board:
    """A scene that says what it was asked to draw. Its backgrounds are filled with their number."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def masks(self, others: bool) -> Mapping[str, Any]:
        mask = np.zeros((4, 4), dtype=bool)
        mask[: 2 + others] = True
        return {"top": mask}

    def empty(self) -> Pictures:
        self.asked.append("bare")
        return {"top": np.full((4, 4, 3), 200, np.uint8)}

    def training_backgrounds(self) -> Sequence[str]:
        return ("100", "101", "102", "103")

    def background(self, name: str) -> Pictures:
        self.asked.append(name)
        return {"top": np.full((4, 4, 3), int(name), np.uint8)}

    def with_distractors(self, rng: np.random.Generator) -> Pictures:
        self.asked.append("distractors")
        return SEEN

    def from_viewpoint(self, yaw: float, pitch: float) -> Pictures:
        self.asked.append((yaw, pitch))
        return SEEN

    def with_target_moved(self, by: Spot, turn: float) -> Pictures:
        self.asked.append((*by, turn))
        return SEEN


def asked(options: ViewOptions, names: tuple[str, ...], steps: int, spec: EpisodeSpec = SPEC) -> list[Any]:
    board = Board()
    for step in range(steps):
        Views(options, names).of(board, SEEN, spec, step)
    return board.asked


@pytest.mark.parametrize(("kind", "rows", "behind"), [("background", 2, range(100, 104)), ("bare", 2, [200]),
                                                      ("texture", 3, range(101, 104))])
def test_what_is_kept_is_pasted_over_what_is_drawn(kind: str, rows: int, behind: Sequence[int]) -> None:
    """Equation 5 by hand; another texture is another one."""
    views, found = Views(ViewOptions(preserving={kind: 2.0}), (PRESERVING,)), set()  # type: ignore[dict-item]
    for step in range(40):
        (picture,) = views.of(Board(), SEEN, SPEC, step)[PRESERVING].values()
        assert (picture[:rows] == SEEN["top"][:rows]).all() and len(np.unique(picture[rows:])) == 1
        found.add(int(picture[-1, 0, 0]))
    assert found == set(behind)


def test_kinds_are_drawn_by_their_shares() -> None:
    options = ViewOptions(preserving={"bare": 1.0, "viewpoint": 3.0}, yaw=8.0)
    drawn = asked(options, (PRESERVING,), 400)
    yaws = [each[0] for each in drawn if each != "bare"]
    assert drawn.count("bare") == pytest.approx(100, abs=4 * math.sqrt(75))
    assert max(map(abs, yaws)) <= 8 and np.std(yaws) == pytest.approx(8 / math.sqrt(3), rel=0.1)
    assert {each[1] for each in drawn if each != "bare"} == {0.0}


def test_the_target_is_shifted_by_a_gaussian_and_turned_by_a_category() -> None:
    drawn = np.array(asked(ViewOptions(), (ALTERING,), 1200))
    assert drawn[:, :2].std(0) == pytest.approx([0.03, 0.03], rel=0.08)
    assert np.abs(drawn[:, :2].mean(0)).max() < 4 * 0.03 / math.sqrt(1200)
    assert (np.abs(drawn[:, :2]) < 0.03).mean() == pytest.approx(0.6827, abs=0.04)
    turns = Counter(drawn[:, 2].tolist())
    assert set(turns) == {0, 45, 90, 135} and min(turns.values()) > 300 - 4 * math.sqrt(225)


def test_views_are_those_of_an_episode_and_a_look_whatever_else_is_drawn() -> None:
    """Another condition, shift, or kept view moves nothing; another repeat, seed or index does."""
    alter = asked(ViewOptions(), (ALTERING,), 5)
    assert asked(ViewOptions(), (ALTERING,), 5, replace(SPEC, condition="other")) == alter
    assert [each for each in asked(ViewOptions(), BOTH, 5) if not isinstance(each, str)] == alter
    wide = asked(ViewOptions(shift=0.06), (ALTERING,), 5)
    assert np.allclose([each[:2] for each in wide], 2 * np.array([each[:2] for each in alter]))
    assert asked(ViewOptions(), (PRESERVING,), 5) == [each for each in asked(ViewOptions(), BOTH, 5)
                                                      if isinstance(each, str)]
    for other in ({"repeat": 1}, {"seed": 6}, {"index": 4}, {"sampled": False}):
        assert asked(ViewOptions(), (ALTERING,), 5, replace(SPEC, **other)) != alter


@pytest.mark.parametrize(("options", "told"), [
    ({"preserving": {}}, "at least 1"), ({"preserving": {"bare": 0.0}}, "bare = 0: a share is above 0"),
    ({"preserving": {"light": 1.0}}, "light"), ({"shift": 0.0, "turns": (0.0,)}, "would show it as it is"),
    ({"turns": ()}, "at least 1"), ({"shift": -0.1}, "greater than or equal to 0")])
def test_options_that_draw_nothing_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ViewOptions(**options)


class Blank(Switch):
    """Draws nothing but what is there."""

    offers = frozenset()


def test_what_a_simulator_cannot_draw_is_refused() -> None:
    assert wanted(ViewOptions(), made({"entropy": {}}), Blank, Noise(observation=1.0)) is None
    found = wanted(ViewOptions(), PAIR, Maniskill, Noise(action=0.1))
    assert found is not None and found.names == BOTH
    assert wanted(EVERY, PAIR, Maniskill, None) and wanted(ViewOptions(preserving={"bare": 1.0}), PAIR, Libero, None)
    with pytest.raises(UnsupportedError) as caught:
        wanted(ViewOptions(), PAIR, Libero, None)
    assert str(caught.value) == (
        "training.options: views.preserving.background asks scenes for DrawsBackgrounds, which simulator Libero does "
        "not offer\n  fix: views = { preserving = { bare = 1.0 } } (bare can be drawn), or leave "
        "objectives.pair_invariance, objectives.pair_sensitivity out")
    with pytest.raises(UnsupportedError, match="task-altering view of objectives.pair_sensitivity asks scenes for "
                                               "DrawsGhosts, .* Blank .*\n  fix: leave objectives.pair_sensitivity o"):
        wanted(ViewOptions(), made({"pair_sensitivity": {}}), Blank, None)
    for noise in (Noise(observation=0.5), Noise(curriculum=Curriculum())):
        with pytest.raises(CardError, match="noise: observations are perturbed, .*\n  fix: noise in actions alone"):
            wanted(ViewOptions(), PAIR, Switch, noise)


@pytest.mark.usefixtures("alone")
def test_it_is_refused_before_the_first_step(card: Callable[..., str], tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Switch, "offers", frozenset())
    monkeypatch.setattr(Switch, "open", lambda *_, **__: pytest.fail("a scene was opened"))
    for method in ("rloo", "ppo"):
        with pytest.raises(UnsupportedError, match="views.preserving.background asks scenes for DrawsBackgrounds, Sho"):
            training.train(card(method, objectives={"pair_invariance": {}}), tmp_path / method, device="cpu", workers=1)


def test_rollouts_are_the_same_with_and_without(start: PolicyCard, alone: None) -> None:
    """What batches hold is the observation with other pictures; the lamp's other colour, here."""
    def rollouts(views: Views | None) -> list[Rollout]:
        specs = [EpisodeSpec(TASK, "clean", n, 5, sampled=True) for n in range(6)]
        card = start.model_copy(update={"options": {"decode": "sample"}})
        with Collector(card, "switch", "plain", [Assignment(spec, {}) for spec in specs], 1, print,
                       views=views) as collector:
            return list(collector.play(specs, Progress()).values())

    plain, viewed = rollouts(None), rollouts(Views(ViewOptions(), BOTH))
    for one, other in zip(plain, viewed, strict=True):
        for name in ("actions", "log_probs", "means", "proprio", "executed"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
        assert np.array_equal(one.pictures["top"], other.pictures["top"]) and one.success == other.success
        assert np.array_equal(one.terms["pushed"], other.terms["pushed"])
        assert not one.views and set(other.views) == set(BOTH)
    ones = [np.ones(len(each)) for each in viewed]
    samples = Samples(viewed, ones, None, [1.0] * len(viewed))
    batch = samples.batch(range(len(samples)), "cpu")
    top = {name: batch[name].images["top"] for name in BOTH}
    seen = batch.obs.images["top"]
    assert (top[ALTERING] == seen[..., [GREEN, RED, 2]]).all()
    assert (top[PRESERVING][:, :, :8] == seen[:, :, :8]).all() and len(np.unique(top[PRESERVING][:, :, 8:])) == 3
    for name in BOTH:
        assert np.array_equal(batch[name].proprio, batch.obs.proprio)
        assert batch[name].instruction == ("push",) * len(seen)
    assert PRESERVING not in Samples(plain, ones, None, [1.0] * len(plain)).batch(range(3), "cpu").extras


# on physics


class Looking(EpisodeCollector):
    """Has views drawn at every look."""

    views = Views(EVERY, BOTH)
    asks_scene = True

    def on_scene(self, scene: Scene) -> None:
        self.scene, self.kept = scene, list[dict[str, Pictures]]()

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        (self.spec,) = specs

    def on_clean(self, step: int, clean: Observation) -> None:
        seen = {camera: pictures[0] for camera, pictures in clean.images.items()}
        self.kept.append({**self.views.of(self.scene, seen, self.spec, step), "": seen})

    @property
    def result(self) -> list[dict[str, Pictures]]:
        return self.kept


class Bare(Looking):
    """As LIBERO's scenes can."""

    views = Views(ViewOptions(preserving={"bare": 1.0}), BOTH)


class Undrawn(Looking):
    """Has nothing drawn."""

    def on_clean(self, step: int, clean: Observation) -> None:
        self.kept.append({"": {camera: pictures[0].copy() for camera, pictures in clean.images.items()}})


def drawing(simulator: Simulator) -> Simulator:
    try:
        simulator.check(simulator.cameras)
    except RenderingError as error:
        pytest.skip(str(error).partition("\n")[0])
    return simulator


def looked(simulator: Simulator, tasks: Sequence[Task], steps: int, kind: type[Looking],
           who: str) -> Iterator[tuple[Played, list[dict[str, Pictures]]]]:
    """Episodes of a policy's with views of every look, side by side if the simulator can."""
    policy: Policy = cards.load_policy(who).make()
    policy.configure(simulator.action_space)
    specs = [EpisodeSpec(replace(task, step_limit=steps), "clean", 40 + n, sampled=True)
             for n, task in enumerate(tasks)]
    scene = simulator.open(specs[0].task, len(specs), simulator.cameras, 32, privileged=True)
    collectors = [kind(policy, 1) for _ in specs]
    played = play(scene, policy, specs, [{} for _ in specs], replan=1, cameras=simulator.cameras,
                  success=simulator.success, listeners=[EpisodeCollectors(collectors)], clock=lambda: 0.0)
    scene.close()
    yield from zip(played, (collector.result for collector in collectors), strict=True)


@pytest.mark.parametrize(("key", "numbers", "steps", "who", "kind"), [
    ("maniskill/maniskill_pair", (0, 7), 8, "maniskill-random", Looking),
    pytest.param("maniskill/maniskill_put_on_plate", (3, 12), 80, "expert", Looking, marks=pytest.mark.long),
    pytest.param("maniskill/maniskill_pair", (0, 7), 80, "expert", Looking, marks=pytest.mark.long),
    pytest.param("libero/libero_spatial", (8,), 80, "expert", Bare, marks=pytest.mark.long)])
def test_an_episode_goes_on_to_the_same_bits(key: str, numbers: Sequence[int], steps: int, who: str,
                                             kind: type[Looking]) -> None:
    """The expert's with what it grasps and places; what is seen afterwards is the same, too."""
    name, task_set = key.split("/")
    simulator = drawing(find_simulator(name)("primitive"))
    tasks = [simulator.tasks(task_set)[number] for number in numbers]
    alone, viewed = (list(looked(simulator, tasks, steps, each, who)) for each in (Undrawn, kind))
    for (plain, saw), (drawn, kept) in zip(alone, viewed, strict=True):
        assert plain == drawn and len(saw) == len(kept) == drawn.steps
        for bare, more in zip(saw, kept, strict=True):
            assert all((more[""][camera] == picture).all() for camera, picture in bare[""].items())
        changed = {view: np.mean([(each[view][camera] != picture).any()
                                  for each in kept for camera, picture in each[""].items()]) for view in BOTH}
        assert changed[ALTERING] > 0.9 and changed[PRESERVING] > 0.6  # `bare` changes nothing where nothing is around
        assert name == "libero" or drawn.milestones["grasped"] == (who == "expert")


class Counting(packs.Primitive):
    """Notes what of the catalogue is shown."""

    def __init__(self) -> None:
        super().__init__(packs.folder("primitive"))
        self.shown: Counter[tuple[str, int]] = Counter()

    def add(self, builder: Any, sort: str, number: int, material: Any, drawn: bool) -> None:
        self.shown[sort, number] += 1
        super().add(builder, sort, number, material, drawn)

    def table(self, number: int) -> Path:
        self.shown["table", number] += 1
        return super().table(number)

    def texture(self, number: int) -> Path:
        self.shown["texture", number] += 1
        return super().texture(number)


def test_nothing_held_out_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all that the pack has, in every kind of view of 192 looks; and all of training's comes up."""
    pack = Counting()
    monkeypatch.setattr(packs, "pack", lambda name: pack)
    simulator = drawing(Maniskill("primitive"))
    for first, task_set in enumerate(simulator.task_sets):
        specs = [EpisodeSpec(task, "clean", 7, sampled=True) for task in simulator.tasks(task_set)[first::2]]
        scene = simulator.open(specs[0].task, len(specs), simulator.cameras, 16)
        scene.reset(specs)
        for step, (b, spec) in itertools.product(range(12), enumerate(specs)):
            picture = np.zeros((16, 16, 3), np.uint8)
            Views(EVERY, BOTH).of(scene.slot(b), {simulator.cameras[0]: picture}, spec, step)
    assert {number for sort, number in pack.shown if sort == "table"} == set(catalogue.TRAINING_TABLES)
    assert {number for sort, number in pack.shown if sort == "object"} == set(catalogue.TRAINING_OBJECTS)
    assert {number for sort, number in pack.shown if sort == "receptacle"} == set(catalogue.TRAINING_RECEPTACLES)
    held_out = {"table": catalogue.TEST_TABLES, "object": catalogue.TEST_OBJECTS,
                "receptacle": catalogue.TEST_RECEPTACLES}
    counts = Counter({sort: sum(pack.shown[sort, number] for number in numbers) for sort, numbers in held_out.items()})
    assert counts == Counter(table=0, object=0, receptacle=0)
    assert not any(sort == "texture" for sort, _ in pack.shown)  # RL4VLA's tests lay them over pictures
