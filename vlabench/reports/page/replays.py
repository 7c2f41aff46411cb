"""Plays what a report shows: pairs of episodes again, from their identities or recordings, and first looks.

Worker processes do it, so that a simulator that crashes or hangs costs the page its pictures and nothing else. An
episode is shown only if it ends here exactly as its record says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from vlabench import registry
from vlabench.adapters.base import Actor, find_adapter
from vlabench.cards.conditions import CLEAN, Condition, named
from vlabench.cards.find import simulator_of
from vlabench.cards.policy import PolicyCard
from vlabench.episode.player import Failed, Finished, Job
from vlabench.episode.pool import WorkerPool
from vlabench.episode.recording import Recording
from vlabench.episode.resources import default_workers
from vlabench.errors import StoreError, UnknownName, VlabenchError
from vlabench.evaluation.pictures import described
from vlabench.records.read import Origin
from vlabench.records.store import Store
from vlabench.reports.page.frames import Frames, again_from
from vlabench.reports.page.provenance import card_of
from vlabench.reports.page.selection import Pair, conditions_of, looks, pairs, recordings
from vlabench.reports.page.text import listed
from vlabench.reports.page.verdicts import Standing
from vlabench.reports.plots import Data
from vlabench.simulators.base import Simulator, find_simulator
from vlabench.types import EpisodeRecord, EpisodeSpec, Image, Task
from vlabench.util.text import counted

WORKERS = 2
PATIENCE = 120.0
"""Seconds that an episode may take before the page goes without it."""
PIXELS = 128
"""Per side of the pictures of a policy that reads none."""
LETTERS = 60
"""Of a line about realised parameters."""
ONLOOKER = "still"
"""The adapter that looks where the page's own policy cannot be made."""
Say = Callable[[str], None]
Answers = dict[EpisodeSpec, Finished | Failed]


@dataclass(frozen=True)
class Shot:
    """An episode as the policy saw it. frames: uint8 [H, W, 3] each. said: what was drawn for its perturbations."""

    spec: EpisodeSpec
    frames: Sequence[Image]
    status: str
    steps: int
    instruction: str
    said: Sequence[str]


@dataclass(frozen=True)
class Scenes:
    """films: clean, and perturbed where there is such an episode. notes: why something is missing.

    shown: whose. blind: it reads no pictures, and what it would have seen is shown. instructions: task → what to do.
    """

    shown: str
    films: Sequence[tuple[Shot, Shot | None]] = ()
    looks: Sequence[Shot] = ()
    blind: bool = False
    recorded: bool = False
    instructions: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class _Set:
    """What is needed to play: where, what, and the page's policy if its card is the one of the records."""

    name: str
    simulator: Simulator
    tasks: Mapping[str, Task]
    conditions: Mapping[str, Condition]
    card: PolicyCard | None


def scenes(data: Data, found: Standing, episodes: int, preview: bool, say: Say) -> Scenes:
    """Up to `episodes` pairs of a policy's episodes, and with `preview` the first look under each kind of condition.

    Raises nothing that a simulator, a policy or a machine may lack: `notes` say it.
    """
    owner, notes = found.side.owner, list[str]()
    origin = data.origins[owner]
    try:
        where = _set(found, data, origin, notes)
    except VlabenchError as error:
        return Scenes(owner.policy, notes=[f"No pictures: {_told(error)}"])
    told = Scenes(owner.policy, instructions={key: task.instruction for key, task in where.tasks.items()},
                  conditions=where.conditions)
    if not (episodes or preview):
        return told
    if episodes and CLEAN not in found.side.conditions:
        notes.append("No episodes are shown side by side: none was played clean.")
    chosen = pairs(found, data.records[owner], where.conditions, where.tasks, origin.folder,
                   episodes) if where.card else []
    try:
        where.simulator.check(where.simulator.cameras)
    except VlabenchError as error:
        return replace(told, notes=[*notes, f"No pictures: {_told(error)}"])
    first = chosen[0].clean if chosen else EpisodeSpec(next(iter(where.tasks.values())), "clean", 0)
    first_looks = looks(found.side.conditions, where.conditions, where.simulator, first.task, first.index,
                        first.seed) if preview else []
    player = _player(where, chosen, origin.folder)
    answers = _answers(where, player, [spec for pair in chosen for spec in pair.specs], first_looks, notes, say)
    films = [film for pair in chosen if (film := _film(pair, answers, origin, where, notes))]
    return replace(told, films=films, looks=[shot for spec in first_looks if (shot := _shot(spec, answers, notes))],
                 blind=bool(where.card and not where.card.cameras), recorded=bool(player and player.recorded),
                 notes=notes)


def _set(found: Standing, data: Data, origin: Origin, notes: list[str]) -> _Set:
    """Raises UnknownName, MissingExtra."""
    owner = found.side.owner
    name = simulator_of(found.side.task_sets[0])
    if name is None:
        known = [each for kind in registry.names("simulator") for each in find_simulator(kind).task_sets]
        raise UnknownName("task set", found.side.task_sets[0], known, where=str(origin.folder))
    simulator = find_simulator(name)(owner.assets)
    tasks = {task.key: task for task_set in found.side.task_sets if task_set in simulator.task_sets
             for task in simulator.tasks(task_set)}
    conditions = conditions_of(origin, name)
    lost = [each for each in found.side.conditions if each not in conditions
            and any((each, task_set) in found.side.outcomes for task_set in simulator.task_sets)]
    if not {*found.side.task_sets} <= {*simulator.task_sets}:
        notes.append(f"Shown are tasks of the simulator {name} alone; --suite S chooses.")
    if lost:
        notes.append(f"Not shown in pictures, because no suite has them as they were played: {', '.join(lost)}.")
    card = None
    try:
        card = card_of(owner.policy, data.cards)
        if card.digest != origin.policy:
            notes.append(f"No episodes are shown: the records are of {owner.policy} {origin.policy[:8]}, and its card "
                         f"is that of {card.digest[:8]} now.")
            card = None
    except VlabenchError as error:
        notes.append(f"No episodes are shown: {_told(error)}")
    return _Set(name, simulator, tasks, conditions, card)


@dataclass(frozen=True)
class _Player:
    """Who plays the chosen episodes: `actor` raises what `PolicyCard.check` raises."""

    name: str
    actor: Callable[[], Actor]
    recorded: bool = False


def _player(where: _Set, chosen: Sequence[Pair], folder: Path) -> _Player | None:
    """The policy of the chosen episodes, by its recordings if all were kept; with cameras in any case."""
    card = where.card
    if card is None:
        return None
    changes = {} if card.cameras else {"cameras": tuple(where.simulator.cameras), "image_size": PIXELS}
    card = card.model_copy(update=changes)
    paths = tuple(recordings(folder, [spec for pair in chosen for spec in pair.specs]))
    with contextlib.suppress(StoreError):
        if paths and all(Recording.load(path).replan == card.replan for path in paths):
            again = Actor(partial(again_from, paths), card.cameras, card.image_size, card.replan)
            return _Player(card.name, lambda: again, recorded=True)
    return _Player(card.name, card.actor)


def _answers(where: _Set, player: _Player | None, episodes: Sequence[EpisodeSpec], first_looks: Sequence[EpisodeSpec],
             notes: list[str], say: Say) -> Answers:
    """What became of all of them; first looks are had from another policy where this one cannot be made."""
    if player and (episodes or first_looks):
        try:
            return _played(where, player, [*episodes, *first_looks], say)
        except VlabenchError as error:
            notes.append(f"No episodes are shown: {_told(error)}")
    if first_looks:
        try:
            onlooker = Actor(find_adapter(ONLOOKER), tuple(where.simulator.cameras), PIXELS)
            return _played(where, _Player(ONLOOKER, lambda: onlooker), first_looks, say)
        except VlabenchError as error:
            notes.append(f"No pictures: {_told(error)}")
    return {}


def _played(where: _Set, player: _Player, specs: Sequence[EpisodeSpec], say: Say) -> Answers:
    job = Job(where.name, where.simulator.assets, player.actor(),
              {spec.condition: named(where.conditions[spec.condition]) for spec in specs}, Frames)
    answers: Answers = {}
    long = [spec for spec in specs if spec.task.step_limit > 1]
    parts = [counted(len(long), "episode")] * bool(long) + ["first looks"] * (len(specs) > len(long))
    say(f"playing {listed(parts)} with {player.name}")
    size = min(WORKERS, default_workers(), len({spec.task for spec in specs}))
    with WorkerPool(job, specs, size, lambda spec: PATIENCE, say) as pool:
        for result in pool.results():
            answers[result.spec] = result.answer
            if result.spec.task.step_limit > 1:
                say(f"  {result.spec.task.key} {result.spec.condition} {result.spec.index}: {result.seconds:.1f} s")
    return answers


def _film(pair: Pair, answers: Answers, origin: Origin, where: _Set,
          notes: list[str]) -> tuple[Shot, Shot | None] | None:
    """Both episodes, if they ended as on record."""
    shots = [_shot(spec, answers, notes) for spec in pair.specs]
    store = Store(origin.folder.parent.parent, origin.folder.parent.name, origin.folder.name)
    for spec, shot in zip(pair.specs, shots, strict=True):
        answer = answers.get(spec)
        if shot is None or not isinstance(answer, Finished):
            return None
        record = store.read([spec.task.task_set], {spec.condition: where.conditions[spec.condition].digest},
                            origin.policy).records.get(spec.identity)
        if record is None or (record.state, record.steps) != (answer.played.state, answer.played.steps):
            notes.append(_otherwise(spec, record))
            return None
    clean, *perturbed = [shot for shot in shots if shot]
    return clean, perturbed[0] if perturbed else None


def _otherwise(spec: EpisodeSpec, record: EpisodeRecord | None) -> str:
    made = ", ".join(f"{name} {version}" for name, version in record.versions.items()) if record else "nothing known"
    return (f"Not shown: {spec.task.key} {spec.condition} {spec.index}, played again, does not end here as it did "
            f"when it was recorded (with {made}).")


def _shot(spec: EpisodeSpec, answers: Answers, notes: list[str]) -> Shot | None:
    answer = answers.get(spec)
    if isinstance(answer, Failed):
        notes.append(f"Not shown: {spec.task.key} {spec.condition} {spec.index}: {answer.error}: {answer.message}")
    if not isinstance(answer, Finished):
        return None
    played = answer.played
    return Shot(spec, answer.result, played.status, played.steps, played.instruction,
                described(played.realised, LETTERS))


def _told(error: VlabenchError) -> str:
    """What is wrong and how to fix it, in one line."""
    return " ".join(line.strip() for line in str(error).splitlines())
