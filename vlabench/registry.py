"""Name → class for perturbations, adapters, simulators, training methods and objectives, imported when they are used.

One rule for the built-in ones, and no list to edit. The name `gripper_fault` of kind `perturbation` is the class
`GripperFault` in `vlabench/perturbations/gripper_fault.py`, or, where one module is not enough, in
`vlabench/perturbations/gripper_fault/perturbation.py` (so `libero` of kind `simulator` is `Libero` in
`vlabench/simulators/libero/simulator.py`). `base`, `capabilities` and modules that begin with an underscore are none.

Other packages add names through the entry point groups `vlabench.perturbations`, `vlabench.adapters`,
`vlabench.simulators`, `vlabench.training.methods` and `vlabench.training.objectives`, each as `name = "module:Class"`.
A name can be taken once: duplicates are refused. A policy's card that is given by its path may name such a class
itself.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeGuard, TypeVar

from vlabench.errors import PluginError, UnknownName, near, words_of
from vlabench.util import modules
from vlabench.util.frames import last_own

Kind = Literal["perturbation", "adapter", "simulator", "method", "objective"]

FOLDERS: Mapping[Kind, str] = MappingProxyType(
    {"perturbation": "perturbations", "adapter": "adapters", "simulator": "simulators", "method": "training.methods",
     "objective": "training.objectives"}
)
CONTRACTS = ("base", "capabilities")
_HERE = Path(__file__).parent
_Contract = TypeVar("_Contract")


def names(kind: Kind) -> list[str]:
    """The names of a kind, sorted. Imports nothing."""
    return sorted(_targets(kind))


def target(kind: Kind, name: str) -> str:
    """Where a name's class lives, as `module:Class`. Imports nothing. Raises UnknownName."""
    found = _targets(kind)
    if name not in found:
        raise UnknownName(kind, name, found)
    return found[name]


def load(kind: Kind, name: str, contract: type[_Contract]) -> type[_Contract]:
    """Import and return the class of a name, which must be one of the contract. Raises UnknownName, PluginError."""
    return class_at(target(kind, name), f"{kind} {name!r}", contract)


def class_at(where: str, who: str, contract: type[_Contract], beside: Path | None = None) -> type[_Contract]:
    """Import and return the class `module:Class`, which must be one of the contract. who: names it, for messages.
    beside: a folder in which its module is looked for first. Raises PluginError.
    """
    module_name, _, attribute = where.partition(":")
    try:
        if beside is not None:
            modules.prefer(module_name, beside)
        module = importlib.import_module(module_name)
        found = getattr(module, attribute, None)
    except PluginError as error:
        raise PluginError(f"{who} ({where}): {error}") from None
    except ModuleNotFoundError as error:
        lost = beside is not None and f"{module_name}.".startswith(f"{error.name}.")
        raise PluginError(f"{who} ({where}) cannot be imported: {error}"
                          + (f", neither in {beside} nor where Python looks" if lost else "")) from error
    except (Exception, SystemExit) as error:  # whatever the module does while it is imported
        raise PluginError(f"{who} ({where}) cannot be imported: {_mistake(error)}") from error
    if found is None:
        classes = [name for name, each in vars(module).items() if _is_one(each, contract) and each is not contract]
        raise PluginError(f"{who} ({where}): the module {module_name!r} has no class {attribute!r}"
                          + (f": {near(attribute, classes)}" if classes else ""))
    if not _is_one(found, contract):
        raise PluginError(f"{who}: {where} is not a subclass of {contract.__module__}:{contract.__name__}")
    return found


def _is_one(found: Any, contract: type[_Contract]) -> TypeGuard[type[_Contract]]:
    return isinstance(found, type) and issubclass(found, contract)


def _mistake(error: BaseException) -> str:
    """What is wrong with a module, with the file and line unless it is that something is not installed."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} [{error.filename}:{error.lineno}]"
    frame = last_own(error)
    if isinstance(error, ImportError) or frame is None:
        return words_of(error)
    return f"{type(error).__name__}: {words_of(error)} [{frame.filename}:{frame.lineno}]"


def refresh() -> None:
    """Look again for installed plug-ins and modules; they are otherwise looked up once for each `sys.path`."""
    _targets_on.cache_clear()
    _points_on.cache_clear()


def entry_points(group: str) -> importlib.metadata.EntryPoints:
    """The entry points of a group, of all installed packages."""
    return _points_on(tuple(sys.path), group)


@functools.cache
def _points_on(_: tuple[str, ...], group: str) -> importlib.metadata.EntryPoints:
    return importlib.metadata.entry_points(group=group)


def _targets(kind: Kind) -> Mapping[str, str]:
    return _targets_on(tuple(sys.path), kind)


@functools.cache
def _targets_on(_: tuple[str, ...], kind: Kind) -> Mapping[str, str]:
    return merge(kind, builtin(kind, _HERE.joinpath(*FOLDERS[kind].split("."))), plugins(kind))


def builtin(kind: Kind, folder: Path) -> list[tuple[str, str]]:
    """(name, `module:Class`) of every module and package in `folder` that follows the rule above."""
    found = []
    for path in sorted(folder.iterdir()):
        name, module = path.stem, f"vlabench.{FOLDERS[kind]}.{path.stem}"
        if path.suffix == ".py" and name not in CONTRACTS and not name.startswith("_"):
            found.append((name, f"{module}:{class_name(name)}"))
        elif path.is_dir() and (path / f"{kind}.py").is_file():
            found.append((name, f"{module}.{kind}:{class_name(name)}"))
    return found


def plugins(kind: Kind) -> list[tuple[str, str]]:
    """(name, `module:Class`) of every entry point of a kind, of all installed packages."""
    return [(point.name, point.value) for point in entry_points(f"vlabench.{FOLDERS[kind]}")]


def merge(kind: Kind, *sources: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """One mapping of all sources; the same pair may come twice, a name with two meanings raises PluginError."""
    merged: dict[str, str] = {}
    for name, where in (pair for source in sources for pair in source):
        if merged.setdefault(name, where) != where:
            raise PluginError(
                f"two {FOLDERS[kind]} are called {name!r}: {merged[name]} and {where}\n"
                f"  fix: rename or uninstall the plug-in that brings one of them"
            )
    return MappingProxyType(merged)


def class_name(name: str) -> str:
    """`gripper_fault` → `GripperFault`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
