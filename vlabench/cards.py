"""Reads suite and policy cards: TOML files whose name is the card's name, with unknown keys refused and digests.

Cards are looked for in the `suites/` and `policies/` folders of a checkout (an installed copy carries them in
`vlabench/_cards/`), then in packages that name themselves in the entry point group `vlabench.cards` and hold folders
of the same two names. A name that ends in `.toml` is a path.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlabench import registry
from vlabench.conditions import CLEAN, Condition, Part, at_severity, digest_of
from vlabench.errors import CardError, PluginError, UnknownName
from vlabench.problems import one_line_each, options_model, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from vlabench.adapters.base import Policy
    from vlabench.perturbations.base import Perturbation

Folder = Literal["suites", "policies"]
Names = tuple[Annotated[str, Field(min_length=1)], ...]
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HERE = Path(__file__).parent
_Model = TypeVar("_Model", bound=BaseModel)


class _File(BaseModel):
    """What all card files have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str = Field(min_length=1)
    source: str = Field(min_length=1)


class _SuiteFile(_File):
    """The keys of a suite's file."""

    simulator: str
    task_sets: Names = Field(min_length=1)
    episodes: int = Field(ge=1)
    tasks: Names = ()
    include: Names = ()
    sweep: Names = ()
    conditions: dict[str, Annotated[tuple[Part, ...], Field(min_length=1)]] = Field(default_factory=dict)


@dataclass(frozen=True)
class SuiteCard:
    """Task sets × conditions × episodes.

    episodes: per task and condition, unless the command line says otherwise. tasks: patterns such as
    `libero_goal/*` that narrow the task sets down; empty means all tasks. conditions: `clean`, then those of included
    suites, the card's own, and the sweeps' (`<perturbation>-s1` … `-s5`), in that order.
    """

    name: str
    path: Path
    title: str
    source: str
    simulator: str
    task_sets: tuple[str, ...]
    episodes: int
    tasks: tuple[str, ...]
    include: tuple[str, ...]
    sweep: tuple[str, ...]
    conditions: Mapping[str, Condition]


class Weights(BaseModel):
    """A file beside the card (the path is relative to the card's folder) and its checksum."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: str = Field(min_length=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class PolicyCard(_File):
    """An adapter, what it needs to see, and where its weights come from.

    options: what the adapter's constructor takes. cameras: those it looks at, empty if it reads no pictures.
    image_size: pixels per side. replan: how many actions of a chunk are executed before the next look. privileged: it
    reads the simulator's state. assets: the packs it may run on, the first by default. trained_on: the
    perturbations, task sets or suites seen in training. train: the command that makes the weights again.
    """

    name: str
    path: Path
    adapter: str
    assets: Names = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
    cameras: Names = ()
    image_size: int = Field(default=256, ge=16, le=1024)
    replan: int = Field(default=1, ge=1)
    privileged: bool = False
    trained_on: Names = ()
    weights: Weights | None = None
    train: str | None = None

    @cached_property
    def _adapter(self) -> type[Policy]:
        try:
            return registry.adapter(self.adapter)
        except UnknownName as error:
            valid = registry.names("adapter")
            raise UnknownName("adapter", error.name, valid, where=f"{shown(self.path)}: adapter") from None

    @cached_property
    def resolved_options(self) -> dict[str, Any]:
        """The constructor's arguments, defaults written out. Raises CardError for keys or types it does not take."""
        model = options_model(self._adapter, without=("weights",))
        try:
            return model.model_validate_json(json.dumps(self.options)).model_dump(mode="json")
        except ValidationError as error:
            raise CardError(one_line_each(error, model, f"{shown(self.path)}: options")) from None

    @cached_property
    def digest(self) -> str:
        """sha256 over all on this card that can change what the policy does."""
        return digest_of(
            {
                "adapter": self.adapter,
                "revision": self._adapter.revision,
                "options": self.resolved_options,
                "cameras": self.cameras,
                "image_size": self.image_size if self.cameras else None,
                "replan": self.replan,
                "privileged": self.privileged,
                "weights": self.weights.sha256 if self.weights else None,
            }
        )

    def notices(self, perturbation: Perturbation) -> bool:
        """Whether anything that the perturbation changes can reach this policy or the robot it drives."""
        felt = {f"images/{camera}" for camera in self.cameras} | {"action", "scene"}
        if self.cameras or not self.privileged:
            felt |= {"proprio", "instruction"}
        return bool(felt & perturbation.channels(self.cameras))

    def feels(self, condition: Condition) -> bool:
        """Whether it notices any perturbation of the condition; `clean` has none that it could miss."""
        return condition.name == CLEAN or any(map(self.notices, condition.perturbations))

    def make(self) -> Policy:
        """The policy itself. Raises CardError if the weights are absent or not those of the checksum."""
        options = self.resolved_options
        if self.weights is not None:
            options = {**options, "weights": self._checked_weights(self.weights)}
        return self._adapter(**options)

    def _checked_weights(self, weights: Weights) -> Path:
        path = self.path.parent / weights.path
        mend = f"\n  mend: {self.train}" if self.train else ""
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise CardError(f"{shown(self.path)}: weights.path: {path}: {error.strerror}{mend}") from error
        if found != weights.sha256:
            raise CardError(
                f"{shown(self.path)}: weights.sha256: {path} has the checksum {found}, not {weights.sha256}{mend}"
            )
        return path


def suite_names() -> list[str]:
    """The names of all suites, sorted."""
    return sorted(card_files("suites"))


def policy_names() -> list[str]:
    """The names of all policies, sorted."""
    return sorted(card_files("policies"))


def load_suite(name: str) -> SuiteCard:
    """The suite of a name or of a path that ends in `.toml`. Raises UnknownName, CardError."""
    return _load_suite(_find("suites", name), ())


def load_policy(name: str) -> PolicyCard:
    """The policy of a name or of a path that ends in `.toml`. Raises UnknownName, CardError."""
    path = _find("policies", name)
    return _validate(PolicyCard, path, {"name": path.stem, "path": str(path)})


def card_files(folder: Folder) -> dict[str, Path]:
    """Card name → file, over all places. Raises PluginError if two files have one name."""
    found: dict[str, Path] = {}
    for root in [_home(), *_plugin_roots()]:
        for path in sorted((root / folder).glob("*.toml")):
            if path.stem in found and found[path.stem] != path:
                raise PluginError(
                    f"two cards in {folder} are called {path.stem!r}: {found[path.stem]} and {path}\n"
                    f"  mend: rename one, or uninstall the plug-in that brings it"
                )
            found[path.stem] = path
    return found


def _home() -> Path:
    installed = _HERE / "_cards"
    return installed if installed.is_dir() else _HERE.parent


def _plugin_roots() -> list[Path]:
    roots = []
    for point in importlib.metadata.entry_points(group="vlabench.cards"):
        try:
            spec = importlib.util.find_spec(point.module)
        except ImportError:
            spec = None
        if spec is None or not spec.submodule_search_locations:
            raise PluginError(f"cards of {point.name!r}: {point.module!r} is not an installed package")
        roots += [Path(place) for place in spec.submodule_search_locations]
    return roots


def _find(folder: Folder, name: str, beside: Path | None = None) -> Path:
    kind = {"suites": "suite", "policies": "policy"}[folder]
    if name.endswith(".toml"):
        path = (beside or Path()) / name
        if not path.is_file():
            raise UnknownName(kind, name, card_files(folder), mend=f"mend: there is no file {path}")
    else:
        files = card_files(folder)
        if name not in files:
            raise UnknownName(kind, name, files, mend=f"mend: vlabench list {folder}")
        path = files[name]
    if not SAFE_NAME.fullmatch(path.stem):
        raise CardError(f"{shown(path)}: {path.stem!r} is no name for a card: use letters, digits, '.', '_' and '-'")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(f"{shown(path)}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CardError(f"{shown(path)}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{shown(path)}: not valid TOML: {error}") from error


def _validate(model: type[_Model], path: Path, given: Mapping[str, str]) -> _Model:
    data = _read(path)
    # A date is the one TOML value that JSON lacks; as text it is a wrong type wherever it stands.
    text = json.dumps({**data, **given}, default=str)
    hidden = [key for key in given if key in data]
    try:
        card = model.model_validate_json(text)
    except ValidationError as error:
        raise CardError(one_line_each(error, model, shown(path), hide=given)) from None
    if hidden:
        raise CardError("\n".join(f"{shown(path)}: unknown key {key!r}: a card's name is its file's" for key in hidden))
    return card


def _load_suite(path: Path, includers: Sequence[Path]) -> SuiteCard:
    file = _validate(_SuiteFile, path, {})
    where = shown(path)
    if path in includers:
        ring = " → ".join(p.stem for p in [*includers, path])
        raise CardError(f"{where}: include: suites include each other in a ring: {ring}")
    conditions = {CLEAN: Condition(CLEAN)}
    for name in file.include:
        try:
            found = _find("suites", name, path.parent)
        except UnknownName:
            raise UnknownName("suite", name, suite_names(), where=f"{where}: include") from None
        other = _load_suite(found, [*includers, path])
        if other.simulator != file.simulator:
            raise CardError(f"{where}: include: {name!r} is for {other.simulator!r}, this suite for {file.simulator!r}")
        for condition in other.conditions.values():
            _add(conditions, condition, where)
    for name, parts in file.conditions.items():
        if name == CLEAN or not SAFE_NAME.fullmatch(name):
            why = "is the empty condition, always there" if name == CLEAN else "must be letters, digits, '.', '_', '-'"
            raise CardError(f"{where}: conditions.{name}: the name {name!r} {why}")
        _add(conditions, Condition(name, parts, where), where)
    for name in file.sweep:
        if name not in registry.names("perturbation"):
            raise UnknownName("perturbation", name, registry.names("perturbation"), where=f"{where}: sweep")
        for condition in at_severity(name, where):
            _add(conditions, condition, where)
    given = {key: getattr(file, key) for key in _SuiteFile.model_fields if key != "conditions"}
    return SuiteCard(name=path.stem, path=path, conditions=conditions, **given)


def _add(conditions: dict[str, Condition], new: Condition, where: str) -> None:
    old = conditions.setdefault(new.name, new)
    if old.parts != new.parts:
        raise CardError(f"{where}: two conditions are called {new.name!r}: one in {old.where}, another in {new.where}")
