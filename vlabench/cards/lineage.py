"""What a policy was trained on: by its training's options, by the policies it goes on from, and by its card's word.

Read off the cards alone, without loading a method or its libraries. Of a training's options these say what was seen,
whatever the method: `task_sets`; `noise`, a number for the standard deviation of noise on demonstrated actions, or the
table of `cards.noise.Noise`; `augment`, such a table of what demonstrations' pictures get; `views` of PAIR's from
elsewhere; and `init`, `base` or `learner`, the policy that a training goes on from. The last three are heeded among an
adapter's options, too: there `base` is what a LoRA adapter changes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vlabench import cards, registry
from vlabench.cards.conditions import Condition, Part, digest_of
from vlabench.cards.noise import ACTION, Noise
from vlabench.cards.policy import PolicyCard
from vlabench.cards.schema import Training
from vlabench.errors import CardError, UnknownName, VlabenchError
from vlabench.util.messages import one_line_each, shown

INCIDENTAL = {"name", "path", "title", "source", "weights", "train", "made"}
"""Keys of a card by which no two trainings differ."""
PARENTS = ("init", "base", "learner")
"""Options that name the policy which a card's goes on from."""
ELSEWHERE: Mapping[str, str] = {"viewpoint": "camera_pose"}
"""Kind of view that preserves the task → the perturbation that shows the like; the other kinds show training's own."""
DEFAULTS: Mapping[str, Mapping[str, Any]] = {"sft": {"noise": 0.1}}
"""Method → what the options read here are where a card leaves them out, unless that is nothing."""

ALIKE: Mapping[str, Condition] = {
    "maniskill_pair": Condition("multi_object_ind", "maniskill", (Part.model_validate(
        {"perturbation": "distractors", "count": 1}),))}
"""Task set → the condition under which another set's scenes are such as its own, whatever it is called in a suite."""


@dataclass(frozen=True)
class Seen:
    """What a policy was trained on.

    names: task sets, perturbations and suites, in the order in which cards give them, its own first. perturbations:
    those among the names and in the suites. unknown: policies that it goes on from, but whose cards are not here.
    """

    names: tuple[str, ...] = ()
    perturbations: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = [", ".join(self.names)] if self.names else []
        if self.unknown:
            said.append(f"and whatever {', '.join(self.unknown)} was trained on, whose card is not here")
        return ", ".join(said)


def seen(card: PolicyCard, *, paths: bool = True) -> Seen:
    """What a policy was trained on. paths: follow a parent that is named by a card's path; not for strangers' cards.

    Raises UnknownName for a name in `trained_on` that is no perturbation, suite or task set, CardError for noise that
    is none.
    """
    names: dict[str, None] = {}
    unknown: dict[str, None] = {}
    perturbations: set[str] = set()
    visited: set[Path] = set()
    waiting = [card]
    while waiting:
        each = waiting.pop(0)
        if each.path.absolute() in visited:
            continue
        visited.add(each.path.absolute())
        found = [*each.trained_on, *(trained_by(each, each.training) if each.training else ())]
        names |= dict.fromkeys(found)
        perturbations |= _perturbations(each, found)
        for parent in _parents(each):
            known = _card(parent) if paths or not parent.endswith(".toml") else None
            if known is None:
                unknown[parent] = None
            else:
                waiting.append(known)
    return Seen(tuple(names), frozenset(perturbations), tuple(unknown))


def card_beside(results: Path, policy: str) -> Path:
    """Where the card of a policy lies whose records are in the folder `results`, if it is no installed one."""
    return results / f"{policy}.toml"


def recorded(policy: str, digest: str, results: Path) -> PolicyCard | None:
    """The card of a policy of some records in the folder `results`, in their version.

    A card that lies in that folder, of a policy whose weights were not kept, has no version and is taken at its word;
    so is that of one behind a server, whose version that server tells.
    """
    beside = card_beside(results, policy)
    for name in (policy, *([str(beside)] if beside.is_file() else [])):
        try:
            card = cards.load_policy(name, foreign=True)
            if card.digest == digest or card.served or (name != policy and card.training and not card.weights):
                return card
        except VlabenchError:
            continue
    return None


def keep_beside(card: PolicyCard, results: Path) -> None:
    """Leave a copy of a card with something to tell of a training beside the records in `results`, where tables will
    look for it, unless they find one anyhow or something is there already. Raises CardError.
    """
    path = card_beside(results, card.name)
    tells = card.training is not None or bool(card.trained_on)
    if not tells or path.exists() or recorded(card.name, card.digest, results):
        return
    weights = card.weights and card.weights.model_copy(update={
        "path": Path(os.path.relpath(card.path.parent / card.weights.path, results)).as_posix()})
    cards.write_policy(card.model_copy(update={"path": path, "weights": weights}))


def recipe(card: PolicyCard) -> tuple[str, int] | None:
    """What a training is but for its seed, and the seed: policies with one recipe and other seeds are repetitions.

    None for a policy that was not trained by its card, or by an unknown seed. Where no weights were kept, the seed is
    that of the command that makes them, for `vlabench train` without one 0.
    """
    command = card.train or ""
    told = re.search(r"--seed[ =](\d+)", command)
    ours = 0 if command.startswith("vlabench train ") else None
    seed = card.made.seed if card.made else int(told[1]) if told else ours
    said = described(card)
    return None if said is None or seed is None else (digest_of(said), seed)


def described(card: PolicyCard) -> dict[str, Any] | None:
    """A trained policy's card as JSON-ready data, without what tells no two trainings apart; None for others."""
    return None if card.training is None else card.model_dump(mode="json", exclude=INCIDENTAL)


def familiar(holds: Mapping[str, Collection[str]], perturbations: Collection[str]) -> tuple[str, ...]:
    """The conditions (name → the perturbations it holds) that hold one that was seen in training."""
    return tuple(name for name, kinds in holds.items() if not set(kinds).isdisjoint(perturbations))


def as_trained(digests: Mapping[str, Collection[str]], names: Collection[str]) -> tuple[str, ...]:
    """The conditions (name → the digests it has) whose scenes are such as those of a task set among some names."""
    known = {ALIKE[name].digest for name in names if name in ALIKE}
    return tuple(name for name, each in digests.items() if not known.isdisjoint(each))


def held(realised: Mapping[str, Any]) -> frozenset[str]:
    """The perturbations of the condition that an episode was played under, by its realised parameters."""
    return frozenset(name.partition("#")[0] for name in realised)


def trained_by(card: PolicyCard, training: Training) -> list[str]:
    """The task sets and perturbations that a training's options mean. Raises CardError."""
    options = {**DEFAULTS.get(training.method, {}), **training.options}
    task_sets, noise = options.get("task_sets"), options.get("noise")
    names = [name for name in task_sets if isinstance(name, str)] if isinstance(task_sets, list) else []
    names += _viewed(options.get("views"))
    for option, told in (("augment", options.get("augment")), ("noise", noise)):
        if isinstance(told, Mapping):
            names += _drawn(card, training.method, option, told)
    return names + [ACTION] * (isinstance(noise, (int, float)) and noise > 0)


def _viewed(views: Any) -> list[str]:
    """The perturbations that PAIR's views show."""
    kinds = views.get("preserving") if isinstance(views, Mapping) else None
    return [ELSEWHERE[kind] for kind in ELSEWHERE if isinstance(kinds, Mapping) and kinds.get(kind)]


def _drawn(card: PolicyCard, method: str, option: str, noise: Mapping[str, Any]) -> list[str]:
    """The perturbations that rollouts or demonstrations draw; of a plug-in's method, if its table is like those of the
    methods here.
    """
    try:
        return list(Noise.model_validate_json(json.dumps(noise, default=str)).drawn)
    except ValidationError as error:
        if method not in registry.names("method") or not registry.target("method", method).startswith("vlabench."):
            return []
        raise CardError(one_line_each(error, Noise, f"{shown(card.path)}: training.options.{option}")) from None


def _parents(card: PolicyCard) -> Iterator[str]:
    """The policies that its adapter builds on or its training goes on from."""
    for options in (card.options, card.training.options if card.training else {}):
        yield from (options[key] for key in PARENTS if isinstance(options.get(key), str) and options[key])


def _card(name: str) -> PolicyCard | None:
    try:
        return cards.load_policy(name)
    except VlabenchError:
        return None


def _perturbations(card: PolicyCard, found: Collection[str]) -> set[str]:
    """The perturbations among some names, and those of the suites among them. Raises UnknownName."""
    names, kinds = set(found), set(registry.names("perturbation"))
    if names <= kinds:
        return names
    suites = cards.card_files("suites")
    parts = [part for name in names & suites.keys() - kinds for condition in cards.load_suite(name).conditions.values()
             for part in condition.parts]
    others = set(card.trained_on) - kinds - suites.keys()
    if others:
        from vlabench.simulators.base import find_simulator

        task_sets = {each for name in registry.names("simulator") for each in find_simulator(name).task_sets}
        for name in sorted(others - task_sets):
            raise UnknownName("perturbation, suite or task set", name, kinds | suites.keys() | task_sets,
                              where=f"{shown(card.path)}: trained_on")
    return names & kinds | {part.perturbation for part in parts}
