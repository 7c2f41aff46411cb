"""Reads suite and policy cards: TOML files whose name is the card's name, with unknown keys refused and digests.

Cards are looked for in the `suites/` and `policies/` folders of a checkout (an installed copy carries them in
`vlabench/_cards/`), then in packages that name themselves in the entry point group `vlabench.cards` and hold folders
of the same two names. A name that ends in `.toml` is a path.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from vlabench import parsing, registry
from vlabench.card_types import PolicyCard, SuiteCard, SuiteFile
from vlabench.conditions import CLEAN, Condition, at_severity
from vlabench.errors import CardError, PluginError, UnknownName
from vlabench.files import PACKAGE
from vlabench.problems import one_line_each, shown, told
from vlabench.texts import check_told_apart, short, why_no_name

Folder = Literal["suites", "policies"]
SUBMISSION = "submission.json"
"""What the folder of a submission holds."""
_Model = TypeVar("_Model", bound=BaseModel)


def suite_names() -> list[str]:
    """The names of all suites, sorted."""
    return sorted(card_files("suites"))


def policy_names() -> list[str]:
    """The names of all policies, sorted."""
    return sorted(card_files("policies"))


def load_suite(name: str) -> SuiteCard:
    """The suite of a name or of a path that ends in `.toml`. Raises UnknownName, CardError."""
    return _load_suite(_find("suites", name), ())


def load_policy(name: str, *, foreign: bool = False) -> PolicyCard:
    """The policy of a name or of a path that ends in `.toml`. foreign: the path is nobody's choice here, but lay in a
    file or a folder that may be a stranger's. Raises UnknownName, CardError.
    """
    path = _find("policies", name)
    card = _validate(PolicyCard, path, {"name": path.stem, "path": str(path)})
    if ":" in card.adapter:
        _check_class(card, "it lies in a submission, of which nothing is run" if _submitted(path)
                     else "it is not the card that was given by its path" if foreign or not name.endswith(".toml")
                     else "")
    return card


def _check_class(card: PolicyCard, refused: str) -> None:
    """Raises CardError unless the card may name a class (refused: why not), and does it as it should."""
    where = f"{shown(card.path)}: adapter: {card.adapter!r}"
    if refused:
        raise CardError(f"{where} names a class, which this card may not: {refused}\n"
                        f"  mend: --policy CARD.toml, with your own card's path; or a name among the entry points "
                        f"vlabench.adapters of a package")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", card.adapter):
        raise CardError(f"{where} is no class\n  mend: \"module:Class\", as in \"my_policy:MyPolicy\"")


def _submitted(path: Path) -> bool:
    """Whether a card lies in the folder of a submission, or is a link to one that does."""
    return any((folder / SUBMISSION).exists() for way in (Path(os.path.abspath(path)), path.resolve())
               for folder in way.parents)


def is_policy(path: str) -> bool:
    """Whether the card of this path is a policy's: it names an adapter. Raises UnknownName, CardError."""
    return "adapter" in _read(_find("suites", path))


def write_policy(card: PolicyCard) -> None:
    """Write a policy's card to its path. Raises CardError."""
    fields = card.model_dump(mode="json", exclude={"name", "path"}, exclude_none=True, exclude_defaults=True)
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in fields.items())
    try:
        card.path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CardError(f"{shown(card.path)}: cannot be written: {error.strerror}") from error


def _toml(value: Any) -> str:
    """A JSON value in TOML; its strings, numbers and flags are written alike, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")


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
    installed = PACKAGE / "_cards"
    return installed if installed.is_dir() else PACKAGE.parent


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
            mend = f"mend: vlabench list {folder}, or the path of a card; there is no file {path}"
            raise UnknownName(kind, name, card_files(folder), mend=mend)
    else:
        files = card_files(folder)
        if name not in files:
            raise UnknownName(kind, name, files, mend=f"mend: vlabench list {folder}")
        path = files[name]
    why = why_no_name(path.stem)
    if why:
        raise CardError(f"{shown(path)}: {path.stem!r} is no name for a card: {why}")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        return parsing.toml(parsing.content_of(path, parsing.MAX_TOML))
    except OSError as error:
        raise CardError(f"{shown(path)}: {error.strerror}") from error
    except parsing.Unreadable as error:
        raise CardError(f"{shown(path)}: {error}") from error


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
    file = _validate(SuiteFile, path, {})
    where = shown(path)
    if path in includers:
        ring = " → ".join(p.stem for p in [*includers, path])
        raise CardError(f"{where}: include: suites include each other in a ring: {ring}")
    conditions = {CLEAN: Condition(CLEAN, file.simulator)}
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
    given = {key: getattr(file, key) for key in SuiteFile.model_fields if key != "conditions"}
    return SuiteCard(name=path.stem, path=path, conditions=conditions, **given)


def _add(conditions: dict[str, Condition], new: Condition, where: str) -> None:
    old = conditions.setdefault(new.name, new)
    if old.parts != new.parts:
        raise CardError(f"{where}: two conditions are called {new.name!r}: one in {old.where}, another in {new.where}")
