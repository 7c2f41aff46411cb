"""A suite's card: what it holds, and how one is read with those that it includes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from vlabench import registry
from vlabench.cards.conditions import CLEAN, Condition, Part, at_severity
from vlabench.cards.files import find, suite_names, validate
from vlabench.cards.schema import EPISODES, CardFile, Names, Success, Word, engine_of
from vlabench.errors import CardError, UnknownName
from vlabench.util.messages import shown, told
from vlabench.util.text import check_told_apart, short, why_no_name

if TYPE_CHECKING:
    from vlabench.simulators.base import Simulator


class Axis(BaseModel):
    """What a figure over a parameter of a perturbation has to know, and only the suite can say: clean scenes may hold a
    distractor already, and what policies are trained with is a paper's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    clean: float = Field(
        description="Its value where nothing is perturbed.")
    trained: tuple[float, float] | None = Field(
        default=None, strict=False, description="The least and the largest value of the setting's training, if it has "
                                                "any.")
    unit: str = Field(
        default="", max_length=40, description="Unit, such as `degrees`.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.trained and self.trained[0] > self.trained[1]:
            raise ValueError(f"trained: {self.trained[0]:g} is above {self.trained[1]:g}")
        return self


class SuiteFile(CardFile):
    """The keys of a suite's file."""

    simulator: Word = Field(
        description="Name of the simulator that it runs in, such as `libero`.")
    task_sets: Names = Field(
        min_length=1, description="Task sets that it plays, by name.")
    episodes: int = Field(
        ge=1, le=EPISODES, description="Episodes per task and condition, unless `--episodes` says otherwise.")
    success: Success | None = Field(
        default=None,
        description="What tables, gate and leaderboard count: `once`, the goal held at some step; `end`, it held after "
                    "the last step. By default the simulator's own rule.")
    also: Success | None = Field(
        default=None,
        description="The success that its tables print, too, in lines of their own that are not ranked: the other one "
                    "than `success`. Gate and leaderboard count `success` alone.")
    tasks: Names = Field(
        default=(),
        description="Patterns such as `libero_goal/*` that narrow the task sets down; none means all tasks.")
    include: Names = Field(
        default=(), description="Suites, by name or path, whose conditions it has, too.")
    sweep: Names = Field(
        default=(), description="Perturbations of which it has all severities, as `<perturbation>-s1` … `-s5`.")
    conditions: dict[str, Annotated[tuple[Part, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Its own conditions: a name and the perturbations that act together, in their order. `clean` is "
                    "always there.")
    axes: dict[str, Axis] = Field(
        default_factory=dict,
        description="Parameters over which `vlabench plot parameter` draws success, as `\"camera_pose.yaw\"`.")

    @model_validator(mode="after")
    def _counts_two(self) -> Self:
        if self.also and (self.success is None or self.also == self.success):
            valid = ("success, " if self.success is None else "") + "the other one of 'once' and 'end'"
            raise ValueError(f"also = {self.also!r} goes beside {valid}")
        return self


@dataclass(frozen=True)
class SuiteCard:
    """Task sets × conditions × episodes: what a SuiteFile says, with all conditions.

    conditions: `clean`, then those of included suites, the card's own, and the sweeps', in that order. axes: its own
    above those of included suites; their names are looked up by `check_axes`.
    """

    name: str
    path: Path
    title: str
    source: str
    simulator: str
    task_sets: tuple[str, ...]
    episodes: int
    success: Success | None
    also: Success | None
    tasks: tuple[str, ...]
    include: tuple[str, ...]
    sweep: tuple[str, ...]
    conditions: Mapping[str, Condition]
    axes: Mapping[str, Axis] = field(default_factory=dict)

    @property
    def engine(self) -> type[Simulator]:
        """The class of its simulator. Raises UnknownName, PluginError."""
        return engine_of(self.simulator, self.path)

    def check_axes(self) -> None:
        """Raises UnknownName for an axis that is no parameter of a perturbation."""
        from vlabench.perturbations.base import find_perturbation

        where = f"{shown(self.path)}: axes"
        for name in self.axes:
            perturbation, _, parameter = name.partition(".")
            if perturbation not in registry.names("perturbation"):
                raise UnknownName("perturbation", perturbation, registry.names("perturbation"), where=where)
            known = find_perturbation(perturbation).model_fields
            if parameter not in known:
                raise UnknownName("parameter", parameter, known, where=f"{where}: {perturbation}")


def load_suite(name: str) -> SuiteCard:
    """The suite of a name or of a path that ends in `.toml`. Raises UnknownName, CardError."""
    return _load_suite(find("suites", name), ())


def parts_of(suite: SuiteCard, conditions: Sequence[str], taken: Sequence[str] = ()) -> dict[str, list[str]]:
    """The suites that one is made of → which of some conditions each has, and by its own name those of none of them;
    nothing for a suite that is made of no others.

    Parts go by what their names do not share from the beginning on, or by their names, or as they are included: the
    first that tells them apart, from the suite, and from what is `taken`. Raises what `load_suite` raises, where files
    have gone since.
    """
    cards = [_load_suite(_included(suite.path, name), ()) for name in suite.include]
    whole = [card.name for card in cards]
    start = f"{commonprefix(whole).rpartition('-')[0]}-" if len(cards) > 1 else ""
    for names in ([name.removeprefix(start) for name in whole], whole, suite.include):
        if len({*names, *taken, suite.name}) == len(names) + len({*taken, suite.name}):
            break
    parts = {name: [each for each in conditions if each != CLEAN and each in card.conditions]
             for name, card in zip(names, cards, strict=True)}
    own = [each for each in conditions if each != CLEAN and not any(each in members for members in parts.values())]
    return {name: members for name, members in {**parts, suite.name: own}.items() if members} if parts else {}


def _load_suite(path: Path, includers: Sequence[Path]) -> SuiteCard:
    file = validate(SuiteFile, path, {})
    where = shown(path)
    if path in includers:
        ring = " → ".join(p.stem for p in [*includers, path])
        raise CardError(f"{where}: include: suites include each other in a ring: {ring}")
    conditions = {CLEAN: Condition(CLEAN, file.simulator)}
    axes = dict[str, Axis]()
    for name in file.include:
        other = _load_suite(_included(path, name), [*includers, path])
        if other.simulator != file.simulator:
            raise CardError(f"{where}: include: {name!r} is for {other.simulator!r}, this suite for {file.simulator!r}")
        for condition in other.conditions.values():
            _add(conditions, condition, where)
        axes |= other.axes
    for name, parts in file.conditions.items():
        why = why_no_name(name)
        if name == CLEAN or why:
            problem = f"cannot be a file name: {why}" if why else "is the empty condition, always there"
            raise CardError(f"{where}: conditions.{told([name])}: the name {short(name)!r} {problem}")
        _add(conditions, Condition(name, file.simulator, parts, where), where)
    for name in file.sweep:
        if name not in registry.names("perturbation"):
            raise UnknownName("perturbation", name, registry.names("perturbation"), where=f"{where}: sweep")
        for condition in at_severity(name, file.simulator, where):
            _add(conditions, condition, where)
    try:
        check_told_apart(conditions)
    except ValueError as error:
        raise CardError(f"{where}: conditions: {error}") from None
    given = {key: getattr(file, key) for key in SuiteFile.model_fields if key not in ("conditions", "axes")}
    return SuiteCard(name=path.stem, path=path, conditions=conditions, axes={**axes, **file.axes}, **given)


def _included(path: Path, name: str) -> Path:
    """The file of a suite that the card at `path` includes. Raises UnknownName."""
    try:
        return find("suites", name, path.parent)
    except UnknownName:
        raise UnknownName("suite", name, suite_names(), where=f"{shown(path)}: include") from None


def _add(conditions: dict[str, Condition], new: Condition, where: str) -> None:
    old = conditions.setdefault(new.name, new)
    if old.parts != new.parts:
        raise CardError(f"{where}: two conditions are called {new.name!r}: one in {old.where}, another in {new.where}")
