"""What each setting of ManiSkill's suites changes, by the audit, and whether target and receptacle can still be seen.

    python -m tests.simulators.maniskill.settings KEPT.jsonl

Prints the table of results/maniskill-settings.md, in 6 minutes of a CPU. What has been measured is kept in the file, a
condition a line, and not measured again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tests.factories import record
from vlabench import cards
from vlabench.cards.conditions import CLEAN, Condition, named
from vlabench.episode.chain import ASKED, EpisodeChain, variant_of
from vlabench.episode.loop import Attempt, play
from vlabench.evaluation.audit import audit
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import EpisodeRecord, EpisodeSpec, Image, Observation

PACK, BATCH = "primitive", Maniskill.max_batch - 1
SUITES = (
    "maniskill-ind", "maniskill-vision", "maniskill-semantic", "maniskill-execution", "maniskill-unseen",
    "maniskill-observation", "maniskill-action", "maniskill-joint", "maniskill-latency", "maniskill-severity",
    "maniskill-camera", "maniskill-looks", "maniskill-robot", "maniskill-physics", "maniskill-events",
    "maniskill-reading", "maniskill-seeing", "pair-texture", "pair-lighting", "pair-pose", "pair-clutter",
    "pair-viewpoint")
"""`maniskill-smoke`, `maniskill-ood` and `maniskill-pair` are made of these."""
AUDITED = ((3, 0), (9, 1))
"""Task and index of the episodes that the expert plays under each condition."""
LOOKS = 4
"""First looks of each task."""
SIZE, SMALL = 224, 64
"""Pixels per edge, of first looks and of the pictures that are audited."""
WIDE = 12
"""px: so wide are target and receptacle in a picture of SIZE."""
SHOWN, LIGHT = 0.95, (0.03, 0.97)
"""The bars: in what share of first looks both are, and between what the mean luminance is."""
UNLIKE = 16
"""Of 255: by so much a pixel changes through which a thing is seen, when the thing turns bright for dark."""
LUMINANCE = (0.299, 0.587, 0.114)
CALLED = {"scene": "state", "images/third_person": "image"}
"""The audit's channels, as the table has them."""


@dataclass
class Row:
    """A condition of a suite: `changed` are the channels by the audit, `wrong` its findings, of the `audited` episodes
    those that `arrived`; looks: of each first look how wide target and receptacle are (px), and its luminance."""

    suite: str
    task_set: str
    condition: Condition
    changed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    arrived: int = 0
    looks: list[tuple[int, int, float]] = field(default_factory=list)
    FIELDS = ("changed", "wrong", "arrived", "looks")

    @property
    def key(self) -> str:
        return f"{self.task_set} {self.condition.name} {self.condition.digest}"

    @property
    def of_scene(self) -> bool:
        """Whether what stands there, or how, is another: the expert sees that."""
        return any(made.in_state for made in self.condition.perturbations)

    @property
    def seen(self) -> bool:
        """Whether its first looks are asked for: it is not `of_scene`, nor does it change actions alone."""
        return not self.of_scene and self.channels != {"action"}

    @property
    def channels(self) -> frozenset[str]:
        """That it says it may change."""
        return frozenset[str]().union(*(made.channels(Maniskill.cameras) for made in self.condition.perturbations))

    @property
    def shown(self) -> float:
        """In what share of looks both are wide enough."""
        return float(np.mean([min(target, receptacle) >= WIDE for target, receptacle, _ in self.looks]))

    @property
    def luminance(self) -> tuple[float, float]:
        """The least and the greatest."""
        return min(light for *_, light in self.looks), max(light for *_, light in self.looks)


def rows() -> list[Row]:
    """Every condition once, `clean` once for each task set."""
    found: dict[tuple[str, str], Row] = {}
    for name in SUITES:
        suite = cards.load_suite(name)
        (task_set,) = suite.task_sets
        for condition in suite.conditions.values():
            found.setdefault((task_set, condition.name), Row(name, task_set, condition))
    return list(found.values())


def alike(every: Sequence[Row]) -> Iterator[list[Row]]:
    """As many as can be played side by side, `clean` first."""
    def kind(row: Row) -> str:
        return repr((row.task_set, variant_of(named(row.condition))))

    for _, group in groupby(sorted(every, key=kind), kind):
        whole = list(group)
        for start in range(0, len(whole), BATCH):
            yield whole[start:start + BATCH]


def opened(some: Sequence[Row], batch: int, size: int, privileged: bool = False) -> PlateScene:
    maker = Maniskill(PACK)
    scene = maker.open(maker.tasks(some[0].task_set)[0], batch, maker.cameras, size, privileged=privileged,
                       variant=variant_of(named(some[0].condition)))
    assert isinstance(scene, PlateScene)
    return scene


# the audit


def specs(task_set: str) -> list[EpisodeSpec]:
    tasks = Maniskill(PACK).tasks(task_set)
    return [EpisodeSpec(tasks[number], CLEAN, index) for number, index in AUDITED]


def played(some: Sequence[Row]) -> Iterator[list[EpisodeRecord]]:
    """What the expert's episodes under each of the conditions put on record."""
    policy = cards.load_policy("expert").make()
    policy.configure(Maniskill.action_space)
    scene = opened(some, len(some), SMALL, privileged=True)
    found = [play(scene, policy, [spec] * len(some), [named(row.condition) for row in some], replan=1,
                  cameras=Maniskill.cameras, success="end") for spec in specs(some[0].task_set)]
    for row, episodes in zip(some, zip(*found, strict=True), strict=True):
        yield [record(task=each.spec.task.key, condition=row.condition.name, index=each.spec.index,
                      changed=each.changed, changed_first=each.changed_first, frame=each.frame, status=each.status)
               for each in episodes]


def audited(some: Sequence[Row], clean: dict[str, list[EpisodeRecord]]) -> None:
    """Notes what the conditions change, and what is wrong about it; clean: by task set, the clean twins."""
    twins = Condition(CLEAN, "maniskill")
    for row, mine in zip(some, played(some), strict=True):
        if row.condition.name == CLEAN:
            clean[row.task_set] = mine
        others = [] if row.condition.name == CLEAN else clean[row.task_set]
        findings = audit([*mine, *others], {CLEAN: twins, row.condition.name: row.condition}, Maniskill.cameras)
        row.wrong = list(map(str, findings))
        row.arrived = len(mine) - len({episode for finding in findings for episode in finding.episodes})
        channels = sorted({channel for each in mine for channel, share in each.changed.items() if share} - {ASKED})
        row.changed = [CALLED.get(channel, channel) for channel in channels]


# first looks


def watched(some: Sequence[Row], looks: int = LOOKS) -> None:
    """Notes the first looks: of those that look otherwise in worlds of their own, of the others in the first world."""
    own = [row for row in some if "look" in row.channels]
    scene = opened(some, 1 + len(own), SIZE)
    for task in Maniskill(PACK).tasks(some[0].task_set):
        for index in range(looks):
            spec = EpisodeSpec(task, CLEAN, index)
            chains = [{}, *(named(row.condition) for row in own)]
            attempt = Attempt(scene, [spec] * len(chains), chains, replan=1, cameras=scene.cameras, success="end")
            attempt.start()
            shown = scene.observe()
            for row in some:
                b = 1 + own.index(row) if row in own else 0
                row.looks.append(first_look(scene, b, row.condition, shown.slot(b)))


def first_look(scene: PlateScene, b: int, condition: Condition, shown: Observation) -> tuple[int, int, float]:
    """How wide target and receptacle are in what is received under a condition where a world shows that, and how bright
    it is."""
    def received(clean: Observation) -> Image:
        chain = EpisodeChain(scene.episodes[b], named(condition), scene.cameras)
        chain.begin(1, scene.cameras, scene.action_space)
        return image(chain.perturbed(clean, 0)[0])

    ids, world = cv2.extractChannel(scene._views[b].camera._lens.get_picture("Segmentation"), 1), scene.worlds[b]
    seen, wide = received(shown), []
    for body in (world.object, world.receptacle):
        turned = received(exchanged(shown, ids == body.per_scene_id))
        wide.append(int((cv2.absdiff(turned, seen).max(2) > UNLIKE).any(0).sum()))
    return wide[0], wide[1], float(seen.mean((0, 1)) @ LUMINANCE / 255)


def image(obs: Observation) -> Image:
    """uint8 [SIZE, SIZE, 3]."""
    picture: Image = obs.images["third_person"][0]
    return picture


def exchanged(obs: Observation, pixels: npt.NDArray[np.bool_]) -> Observation:
    """The observation with bright for dark in these pixels."""
    return obs.replace(images={camera: np.where(pixels[None, :, :, None], pictures ^ 128, pictures)
                               for camera, pictures in obs.images.items()})


# the table


def main(kept: Path) -> None:
    """Measure what is not in the file yet, and print."""
    every, clean = rows(), dict[str, list[EpisodeRecord]]()
    known: dict[str, dict[str, Any]] = {}
    if kept.exists():
        known = {line.pop("key"): line for line in map(json.loads, kept.read_text().splitlines())}
    for row in every:
        for name, value in known.get(row.key, {}).items():
            setattr(row, name, value)
    missing = [row for row in every if row.key not in known]
    for task_set in Maniskill.task_sets:
        if any(row.task_set == task_set for row in missing):
            audited([next(row for row in every if (row.task_set, row.condition.name) == (task_set, CLEAN))], clean)
    for some in alike(missing):
        audited(some, clean)
        to_be_seen = [row for row in some if row.seen]
        if to_be_seen:
            watched(to_be_seen)
        with kept.open("a") as file:
            for row in some:
                file.write(json.dumps({"key": row.key, **{name: getattr(row, name) for name in Row.FIELDS}}) + "\n")
    print("\n".join(table(every)))


def table(every: Sequence[Row]) -> Iterator[str]:
    """Markdown."""
    yield "| condition | suite | changes | arrived | both ≥ 12 px | luminance |\n|---|---|---|--:|--:|--:|"
    for row in every:
        looks = ("", "")
        if row.looks:
            low, high = row.luminance
            looks = (f"{row.shown:.1%}{'' if row.shown >= SHOWN else ' **!**'}",
                     f"{low:.2f} … {high:.2f}{'' if LIGHT[0] <= low and high <= LIGHT[1] else ' **!**'}")
        yield (f"| `{row.condition.name}` | `{row.suite}` | {', '.join(row.changed) or 'nothing'} | {row.arrived} of "
               f"{len(AUDITED)} | {looks[0]} | {looks[1]} |")
    wrong = [finding for row in every for finding in row.wrong]
    dark = [row.condition.name for row in every if row.looks and not (
        row.shown >= SHOWN and LIGHT[0] <= row.luminance[0] and row.luminance[1] <= LIGHT[1])]
    yield f"\n{len(every)} conditions, {len(wrong)} findings of the audit."
    yield from (f"- {finding}" for finding in wrong)
    yield f"Outside of the bars: {', '.join(dark) or 'none'}."


if __name__ == "__main__":
    main(Path(sys.argv[1]))
