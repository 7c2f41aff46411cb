"""Finds the files of cards and reads them: TOML whose name is the card's name, unknown keys refused.

Cards are looked for in the `suites/` and `policies/` folders of a checkout (an installed copy carries them in
`vlabench/_cards/`), then in packages that name themselves in the entry point group `vlabench.cards` and hold folders
of the same two names. A name that ends in `.toml` is a path.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from vlabench import registry
from vlabench.errors import CardError, PluginError, UnknownName
from vlabench.util import parsing
from vlabench.util.files import PACKAGE
from vlabench.util.messages import one_line_each, shown
from vlabench.util.text import why_no_name

Folder = Literal["suites", "policies"]
_Model = TypeVar("_Model", bound=BaseModel)


def suite_names() -> list[str]:
    """The names of all suites, sorted."""
    return sorted(card_files("suites"))


def policy_names() -> list[str]:
    """The names of all policies, sorted."""
    return sorted(card_files("policies"))


def card_files(folder: Folder) -> dict[str, Path]:
    """Card name → file, over all places. Raises PluginError if two files have one name."""
    found: dict[str, Path] = {}
    for root in [_home(), *_plugin_roots()]:
        for path in sorted((root / folder).glob("*.toml")):
            if path.stem in found and found[path.stem] != path:
                raise PluginError(
                    f"two cards in {folder} are called {path.stem!r}: {found[path.stem]} and {path}\n"
                    f"  fix: rename one, or uninstall the plug-in that brings it"
                )
            found[path.stem] = path
    return found


def _home() -> Path:
    installed = PACKAGE / "_cards"
    return installed if installed.is_dir() else PACKAGE.parent


def _plugin_roots() -> list[Path]:
    roots = []
    for point in registry.entry_points("vlabench.cards"):
        try:
            spec = importlib.util.find_spec(point.module)
        except ImportError:
            spec = None
        if spec is None or not spec.submodule_search_locations:
            raise PluginError(f"cards of {point.name!r}: {point.module!r} is not an installed package")
        roots += [Path(place) for place in spec.submodule_search_locations]
    return roots


def find(folder: Folder, name: str, beside: Path | None = None) -> Path:
    if name.endswith(".toml"):
        path = (beside or Path()) / name
        if not path.is_file():
            raise unknown(name, folder, beside=beside)
    else:
        files = card_files(folder)
        if name not in files:
            raise unknown(name, folder)
        path = files[name]
    why = why_no_name(path.stem)
    if why:
        raise CardError(f"{shown(path)}: {path.stem!r} is no name for a card: {why}")
    return path


def unknown(name: str, *folders: Folder, beside: Path | None = None) -> UnknownName:
    """What to raise for a name that no card in the folders has, or the path of a card that is not there."""
    kind = " or ".join({"suites": "suite", "policies": "policy"}[folder] for folder in folders)
    valid = [each for folder in folders for each in card_files(folder)]
    fix = f"fix: vlabench list {'|'.join(folders)}, or the path of a card"
    if name.endswith(".toml"):
        return UnknownName(kind, name, valid, fix=fix, file=shown((beside or Path()) / name))
    return UnknownName(kind, name, valid, fix=f"{fix}, which ends in .toml", meant=card_near(name))


def card_near(name: str) -> str:
    """The path of the card that lies beside, or in, what somebody named in its place: a folder, a module; or ""."""
    path = Path(name)
    places = (path.parent / f"{path.name.removesuffix('.py')}.toml", path / f"{path.name}.toml")
    return next((shown(place) for place in places if path.name and os.path.isfile(place)), "")


def read(path: Path) -> dict[str, Any]:
    try:
        return parsing.toml(parsing.content_of(path, parsing.MAX_TOML))
    except OSError as error:
        raise CardError(f"{shown(path)}: {error.strerror}") from error
    except parsing.Unreadable as error:
        raise CardError(f"{shown(path)}: {error}") from error


def validate(model: type[_Model], path: Path, given: Mapping[str, str]) -> _Model:
    data = read(path)
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


