"""Episodes of several policies from one start under one condition, played again for `strips`: which, and what they saw.

An episode is shown only if it ends exactly as its record says: by its recording where there is one, else by its policy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from vlabench.adapters.base import Actor, Policy
from vlabench.cards.conditions import CLEAN, Condition, named
from vlabench.cards.find import find_condition, find_task, fits
from vlabench.cards.lineage import recorded
from vlabench.cards.policy import PolicyCard
from vlabench.episode.listening import Bools, EpisodeCollector
from vlabench.episode.player import Failed, Job
from vlabench.episode.pool import WorkerPool
from vlabench.episode.recording import Recording, Replayed
from vlabench.episode.resources import default_time_limit
from vlabench.errors import OptionError, StoreError
from vlabench.records.read import Origin
from vlabench.records.store import Store
from vlabench.reports.plots.data import Data
from vlabench.reports.tables.outcomes import Episode, Side
from vlabench.simulators.base import find_simulator
from vlabench.types import Decision, EpisodeRecord, EpisodeSpec, Floats, Image, Observation, Outcome
from vlabench.util.text import counted


@dataclass(frozen=True)
class Choice:
    """Which episode: patterns of conditions and tasks, and the index of the start; by default the first that tells the
    policies apart. policies: patterns in the order of the rows.
    """

    conditions: Sequence[str] = ()
    tasks: Sequence[str] = ()
    index: int | None = None
    policies: Sequence[str] = ()


@dataclass(frozen=True)
class Seen:
    """What a policy saw in its episode. pictures: step of a look → uint8 [H, W, 3] of its first camera. held: at which
    steps the goal held. steps: how many there were. won: whether it counts as a success. blind: it reads no pictures,
    and would have seen these.
    """

    policy: str
    pictures: Mapping[int, Image]
    held: Sequence[int]
    steps: int
    won: bool
    instruction: str
    blind: bool


class Looks(EpisodeCollector):
    """Collects the first camera's picture at each look, and the steps after which the goal held."""

    def __init__(self, policy: Policy, replan: int) -> None:
        super().__init__(policy, replan)
        self._pictures: dict[int, Image] = {}
        self._held: list[int] = []

    @property
    def result(self) -> tuple[dict[int, Image], list[int]]:
        """Both."""
        return self._pictures, self._held

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self._pictures[step] = next(iter(received.images.values()))[0]

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        if outcome.success[0]:
            self._held.append(step + 1)


def ordered(data: Data, choice: Choice) -> Data:
    """With the policies in the order in which they were asked for."""
    def place(side: Side) -> int:
        return next((number for number, pattern in enumerate(choice.policies)
                     if fnmatchcase(side.owner.policy, pattern)), 0)
    return replace(data, sides=sorted(data.sides, key=place))


def choose(data: Data, choice: Choice) -> tuple[EpisodeSpec, bool]:
    """The episode, perturbed rather than clean, and whether the policies differ in its outcome.

    Raises OptionError where there are not two policies, or no episode fits.
    """
    if len(data.sides) < 2:
        raise OptionError(f"strips compare policies, and these records are of {data.sides[0].owner.policy} alone\n"
                          f"  fix: --policies A,B, or the folders of both")
    names = sorted((name for name in data.conditions if fits(name, choice.conditions)), key=lambda name: name == CLEAN)
    found = [(name, *key) for name in names for key in common(data.sides, name, data.tasks)
             if choice.index in (None, key[1]) and fits(key[0], choice.tasks)]
    if not found:
        asked = {"--conditions": ",".join(choice.conditions), "--tasks": ",".join(choice.tasks),
                 "--index": "" if choice.index is None else str(choice.index)}
        said = " ".join(f"{option} {value}" for option, value in asked.items() if value)
        more = " …" if len(data.tasks) > 3 else ""
        raise OptionError(f"{' and '.join(side.owner.policy for side in data.sides)} share no episode"
                          f"{f' that fits {said}' if said else ''}\n  fix: there are the conditions "
                          f"{', '.join(data.conditions)} and the tasks {', '.join(data.tasks[:3])}{more}")
    for condition, task, index, seed in found:
        key, leaf = (task, index, seed), (condition, task.rpartition("/")[0])
        if len({side.outcomes[leaf][key] for side in data.sides}) > 1:
            return EpisodeSpec(find_task(task), condition, index, seed), True
    condition, task, index, seed = found[0]
    return EpisodeSpec(find_task(task), condition, index, seed), False


def common(sides: Sequence[Side], condition: str, tasks: Sequence[str]) -> list[Episode]:
    """The episodes under a condition that all sides have, in the order of tasks, starts and seeds."""
    place = {task: number for number, task in enumerate(tasks)}
    each = [side.merged(condition, side.task_sets).keys() for side in sides]
    return sorted(set.intersection(*map(set, each)), key=lambda key: (place[key[0]], *key[1:]))


def play(data: Data, spec: EpisodeSpec, say: Callable[[str], None]) -> list[Seen]:
    """What each policy saw in this episode, in the order of the data's sides. say: hears of a worker that got lost.

    Raises OptionError for a policy that is not here as it was played, UnknownName for such a condition, StoreError for
    an episode that does not end as on record, and what a simulator or a policy raises that lacks something.
    """
    name = spec.task.simulator
    condition = data.suite.conditions[spec.condition] if data.suite else find_condition(spec.condition, name)
    policies = [_card(data, side) for side in data.sides]
    return [_seen(data, side, card, size, spec, condition, say)
            for side, card, size in zip(data.sides, policies, sizes(policies), strict=True)]


def sizes(policies: Sequence[PolicyCard]) -> list[int]:
    """Pixels per side of what each is shown to see: its own; who reads no pictures would see those of the first that
    does.
    """
    seen = [card.image_size for card in policies if card.cameras]
    return [card.image_size if card.cameras or not seen else seen[0] for card in policies]


def _card(data: Data, side: Side) -> PolicyCard:
    """Of the policy as it was played."""
    owner, origin = side.owner, data.origins[side.owner]
    card = recorded(owner.policy, origin.policy, origin.folder.parent.parent)
    if card is None:
        raise OptionError(f"{owner}: no card here is of the version on record ({origin.policy[:8]}), so that its "
                          f"episodes cannot be played again\n  fix: play it anew with vlabench run, or --policies "
                          f"chooses others")
    return card


def _seen(data: Data, side: Side, card: PolicyCard, size: int, spec: EpisodeSpec, condition: Condition,
          say: Callable[[str], None]) -> Seen:
    owner, origin = side.owner, data.origins[side.owner]
    results = origin.folder.parent.parent
    simulator = find_simulator(spec.task.simulator)(owner.assets)
    cameras = card.cameras or tuple(simulator.cameras)
    simulator.check(cameras)
    actor = replace(_actor(card, Store(results, owner.policy, owner.assets).recording(spec.identity)), cameras=cameras,
                    image_size=size)
    job = Job(spec.task.simulator, simulator.assets, actor, {condition.name: named(condition)}, Looks, batch=1)
    with WorkerPool(job, [spec], 1, default_time_limit, say) as pool:
        (answer,) = (result.answer for result in pool.results())
    if isinstance(answer, Failed):
        raise StoreError(f"{owner}: {spec.task.key} {spec.condition} {spec.index} cannot be played again: "
                         f"{answer.error}: {answer.message}")
    record, played = record_of(origin, spec, condition), answer.played
    if record is None or (record.state, record.steps) != (played.state, played.steps):
        raise StoreError(f"{owner}: {spec.task.key} {spec.condition} {spec.index}, played again, does not end as on "
                         f"record: it was played by other versions, or on another machine\n"
                         f"  fix: vlabench run --policy {owner.policy} --suite S --record --results NEW, and the same "
                         f"of the others")
    won = side.outcomes[spec.condition, spec.task.task_set][spec.task.key, spec.index, spec.seed]
    pictures, held = answer.result
    return Seen(data.label(side), pictures, held, played.steps, won, played.instruction, not card.cameras)


def _actor(card: PolicyCard, path: Path) -> Actor:
    """Does what was recorded; where nothing was, the policy itself."""
    if path.is_file():
        return Actor(partial(_again, path), card.cameras, card.image_size, Recording.load(path).replan)
    return card.actor()


def _again(path: Path) -> Policy:
    return Replayed(Recording.load(path))


def record_of(origin: Origin, spec: EpisodeSpec, condition: Condition) -> EpisodeRecord | None:
    """What is on record of an episode under this very condition."""
    store = Store(origin.folder.parent.parent, origin.folder.parent.name, origin.folder.name)
    known = store.read([spec.task.task_set], {condition.name: condition.digest}, origin.policy)
    return known.records.get(spec.identity)


def outcome(seen: Seen) -> str:
    """In words, with the step since which the goal held at the end, or else at which it first held."""
    if not seen.held:
        return f"failure after {counted(seen.steps, 'step')}"
    gaps = [after for before, after in itertools.pairwise(seen.held) if after > before + 1]
    since = (gaps or seen.held)[-1 if gaps else 0] if seen.held[-1] == seen.steps else seen.held[0]
    return f"success at step {since}" if seen.won else f"failure: the goal held at step {seen.held[0]}, not at the end"
