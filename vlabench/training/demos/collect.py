"""`vlabench demos`: play the expert's episodes with workers and keep them; resumable, whatever ended it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from vlabench import __version__, cards, registry
from vlabench.adapters.base import Actor
from vlabench.adapters.demonstrator import Demonstrator, check_shares
from vlabench.cards import find
from vlabench.cards.conditions import CLEAN
from vlabench.cards.schema import SIDES
from vlabench.episode.player import Finished, Job
from vlabench.episode.pool import WorkerPool
from vlabench.episode.resources import default_time_limit, processes
from vlabench.errors import DataError, OptionError, UnsupportedError
from vlabench.records import provenance
from vlabench.simulators.base import find_simulator
from vlabench.training.demos import layout
from vlabench.training.demos.collector import Demo, DemoCollector
from vlabench.types import EpisodeSpec, Task
from vlabench.util.files import held, write_data
from vlabench.util.parsing import strict_json
from vlabench.util.progress import Progress

MANIFEST = "manifest.json"
PARTS = ".parts"
PATIENCE = 3
"""Tries per demonstration asked for, beyond which a task is given up with what it has."""
HORIZON = 1.2
"""Demonstrations have at most so many times the published steps: what disturbs an episode also delays its success."""
LONGEST = 10.0
"""The most that `horizon` may be."""


@dataclass(frozen=True)
class Recipe:
    """How demonstrations are made; the same recipe makes the same ones.

    assets: the pack; by default the simulator's first. horizon: share of a task's step limit that a demonstration has,
    unless it ends by success. noise, kicks, learner, mix: see `adapters.demonstrator`.
    learner_digest: of the learner's card. failures: keep episodes that end in failure, too, as suits a learner that
    acts.
    """

    assets: str = ""
    image_size: int = 128
    seed: int = 0
    noise: float = 0.0
    kicks: float = 0.0
    horizon: float = HORIZON
    learner: str = ""
    mix: float = 0.0
    learner_digest: str = ""

    @property
    def failures(self) -> bool:
        """Whether failed episodes are kept: a learner's failures are what it is to learn from."""
        return bool(self.learner)

    def check(self) -> None:
        """Raises OptionError for numbers that nobody can act by, before workers are started."""
        check_shares(self.noise, self.kicks, self.mix)
        if not 0 < self.horizon <= LONGEST:
            raise OptionError(f"horizon {self.horizon:g}: must be above 0, at most {LONGEST:g} times the step limit")
        if not SIDES[0] <= self.image_size <= SIDES[1]:
            raise OptionError(f"--image-size {self.image_size}: must be in {SIDES[0]} … {SIDES[1]} pixels")

    def teacher(self, cameras: Sequence[str]) -> Actor:
        """Who acts, and looks at these."""
        learner = cards.load_policy(self.learner).foundation() if self.learner else None
        return Actor(partial(Demonstrator, self.noise, self.kicks, learner, self.mix), tuple(cameras),
                     self.image_size, replan=1, privileged=True)


@dataclass(frozen=True)
class Collected:
    """What a collection holds afterwards. short: tasks with fewer demonstrations than asked for → how many."""

    demos: int
    frames: int
    tries: int
    seconds: float
    interrupted: bool
    short: Mapping[str, int]


def collect(tasks: Sequence[Task], per_task: int, out: Path, recipe: Recipe, *, workers: int | None = None,
            progress: Progress | None = None) -> Collected:
    """Collect `per_task` demonstrations of each task into `out`, a file a task; what is there already stays.

    tasks: of one simulator, which must have an expert.

    Start states are sampled from the task's placement regions. Episodes are numbered from 0 and the first ones that
    succeed are kept, whatever the number of workers. Ctrl-C stops it cleanly, and the same command goes on.

    Raises OptionError; UnsupportedError without an expert, or for a learner of another simulator; DataError if `out`
    holds demonstrations made otherwise, cannot be written or has another process at work; what the pool's workers
    raise.
    """
    if per_task < 1:
        raise OptionError(f"--per-task {per_task}: at least 1 is needed")
    recipe.check()
    crew_size = processes(workers)
    progress = progress or Progress()
    simulator = _with_expert(tasks)
    kind = find_simulator(simulator)
    engine = kind(recipe.assets or kind.packs[0])
    recipe = replace(recipe, assets=engine.assets)
    if recipe.learner:
        find.check_simulator(cards.load_policy(recipe.learner), simulator, kind)
    engine.check(kind.cameras)
    with held(out):
        shelf = _Shelf(out, recipe, {"vlabench": __version__, **engine.versions()}, engine.revision)
        job = Job(simulator, recipe.assets, recipe.teacher(kind.cameras), {CLEAN: {}}, DemoCollector, batch=1)
        progress.start(per_task * len(tasks), sum(min(len(shelf.kept(task)), per_task) for task in tasks))
        frames = tries = 0
        interrupted = False
        try:
            while todo := [spec for task in tasks for spec in shelf.todo(task, per_task)]:
                progress.total = progress.held + progress.played + len(todo)
                with WorkerPool(job, todo, min(crew_size, len(todo)), default_time_limit, progress.note) as pool:
                    for result in pool.results():
                        tries += 1
                        if isinstance(result.answer, Finished):
                            demo: Demo = result.answer.result
                            frames += len(demo)
                            shelf.put(result.spec, demo)
                            progress.count(CLEAN, result.answer.played)
                        else:
                            shelf.put(result.spec, None)
                            progress.note(f"{result.spec.task.key} {result.spec.index}: {result.answer.message}")
        except KeyboardInterrupt:
            interrupted = True
        finally:
            progress.stop()
        counts = {task: shelf.join(task) for task in tasks} if not interrupted else {}
        return Collected(sum(counts.values()), frames, tries, progress.clock() - progress.began, interrupted,
                         {task.key: count for task, count in counts.items() if count < per_task})


def experts() -> list[str]:
    """The simulators that have an expert."""
    return [name for name in registry.names("simulator") if find_simulator(name).expert]


def _with_expert(tasks: Sequence[Task]) -> str:
    """The name of the simulator of these tasks. Raises OptionError, UnsupportedError."""
    names = sorted({task.simulator for task in tasks})
    if len(names) != 1:
        sets = [",".join(find_simulator(name).task_sets) for name in names or experts()]
        raise OptionError(f"demonstrations are of the tasks of one simulator, not of {', '.join(names) or 'none'}\n"
                          f"  fix: --task-set {', or --task-set '.join(sets)}")
    if names[0] not in experts():
        raise UnsupportedError(f"simulator {names[0]!r} has no expert to collect demonstrations of; "
                               f"valid: {', '.join(experts())}")
    return names[0]


class _Shelf:
    """The folder of a collection: a file per demonstration while it grows, a file per task when it is complete."""

    def __init__(self, out: Path, recipe: Recipe, versions: Mapping[str, str], protocol: int) -> None:
        self.out, self.recipe = out, recipe
        self._facts: dict[str, Any] = {"layout": layout.VERSION, "protocol": protocol, "recipe": asdict(recipe),
                                       "versions": dict(versions)}
        self._check_manifest()

    def _check_manifest(self) -> None:
        path = self.out / MANIFEST
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            if path.exists():
                found = strict_json(path.read_bytes())
                found["recipe"] = {"horizon": HORIZON, **found["recipe"]}  # which earlier ones do not say
                other = [f"{key} {found['recipe'].get(key)!r}, now {value!r}"
                         for key, value in self._facts["recipe"].items() if found["recipe"].get(key) != value]
                if found.get("protocol", 1) != self._facts["protocol"]:
                    other.append(f"protocol {found.get('protocol', 1)} of the simulator, now {self._facts['protocol']}")
                if other or found["layout"] != layout.VERSION:
                    raise DataError(f"{self.out} holds demonstrations made otherwise: {'; '.join(other) or 'layout'}\n"
                                    f"  fix: --out another folder, or the options of before")
                self._facts = found
            else:
                facts = {**self._facts, **provenance.facts(self._facts["versions"])}
                write_data(path, json.dumps(facts, indent=1).encode())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: cannot be read or written: {error}") from error

    def _folder(self, task: Task) -> Path:
        return self.out / PARTS / task.task_set / task.name

    def _file(self, task: Task) -> Path:
        return self.out / task.task_set / layout.file_name(task)

    def _joined(self, task: Task) -> dict[str, list[int]]:
        """The numbers of the episodes in the task's file, in its order, and of those known to give none."""
        path = self._file(task)
        facts = layout.facts_of(path) if path.exists() else {}
        return {"kept": facts.get("kept", []), "failed": facts.get("failed", [])}

    def _parts(self, task: Task, suffix: str) -> list[int]:
        found = (re.fullmatch(r"(\d+)", path.stem) for path in self._folder(task).glob(f"*{suffix}"))
        return [int(match[1]) for match in found if match]

    def kept(self, task: Task) -> list[int]:
        """Numbers of the episodes that are kept."""
        return sorted({*self._joined(task)["kept"], *self._parts(task, ".hdf5")})

    def todo(self, task: Task, per_task: int) -> list[EpisodeSpec]:
        """The lowest numbers not tried yet, as many as are missing."""
        kept = self.kept(task)
        tried = {*kept, *self._joined(task)["failed"], *self._parts(task, ".failed")}
        missing = min(per_task - len(kept), PATIENCE * per_task - len(tried))
        free = (number for number in range(PATIENCE * per_task) if number not in tried)
        patient = replace(task, step_limit=max(1, round(self.recipe.horizon * task.step_limit)))
        return [EpisodeSpec(patient, CLEAN, number, self.recipe.seed, sampled=True)
                for number, _ in zip(free, range(max(missing, 0)), strict=False)]

    def put(self, spec: EpisodeSpec, demo: Demo | None) -> None:
        """Keep an episode's demonstration, or the fact that it gave none."""
        path = self._folder(spec.task) / f"{spec.index}.hdf5"
        if demo is not None and (demo.success or self.recipe.failures):
            layout.write_demo(path, demo)
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".failed").touch()
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error}") from error

    def join(self, task: Task) -> int:
        """Write LIBERO's file of a task from what there is; the number of demonstrations in it."""
        before, parts = self._joined(task), self._parts(task, ".hdf5")
        groups = {number: (self._folder(task) / f"{number}.hdf5", "demo") for number in parts}
        groups |= {number: (self._file(task), f"data/demo_{i}") for i, number in enumerate(before["kept"])}
        failed = sorted({*before["failed"], *self._parts(task, ".failed")})
        if groups and parts:
            layout.join(self._file(task), task, [groups[number] for number in sorted(groups)],
                        {**self._facts, "kept": sorted(groups), "failed": failed})
            shutil.rmtree(self._folder(task), ignore_errors=True)
        return len(groups)


def with_learner(recipe: Recipe, learner: str, mix: float) -> Recipe:
    """The recipe in which a policy acts, too.

    Raises UnknownName; CardError for a policy without weights; OptionError if it looks at pictures of another size.
    """
    card = cards.load_policy(learner)
    card.check()
    if card.cameras and card.image_size != recipe.image_size:
        raise OptionError(f"--image-size {recipe.image_size}: policy {card.name!r} looks at pictures of "
                          f"{card.image_size} pixels\n  fix: --image-size {card.image_size}")
    return replace(recipe, learner=learner, mix=mix, learner_digest=card.digest)
