"""Modules beside a card: imported by their plain names, from the card's folder before anywhere else."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from vlabench.errors import PluginError

_homes: list[Path] = []
"""The folders that modules were asked for in, in this process."""


def prefer(name: str, folder: Path) -> None:
    """Import the top level of a module from a folder, if it is there; what it imports is then found there, too.

    The folder goes to the end of `sys.path`, which worker processes are given: nothing in it hides a module of Python's
    or of a library. Raises PluginError if another module of its name, or of that of a module beside it, is in use here;
    and whatever the module raises.
    """
    folder = folder.resolve()
    top = name.partition(".")[0]
    importlib.invalidate_caches()  # the file may be newer than Python's list of the folder
    spec = PathFinder.find_spec(top, [str(folder)])
    if spec is None or spec.loader is None:
        return
    _check_free(top, spec, folder)
    if folder not in _homes:
        _homes.append(folder)
        sys.path += [str(folder)] if str(folder) not in sys.path else []
    if top not in sys.modules:
        module = sys.modules[top] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[top]
            raise


def _check_free(top: str, spec: ModuleSpec, folder: Path) -> None:
    """Raises PluginError where a name would mean a module of another folder."""
    files = {module: _file(module) for module in [top, *sys.modules] if "." not in module}
    used = files[top]
    if top in sys.modules and used != Path(spec.origin or "").resolve():
        raise PluginError(f"two modules are called {top!r}: {spec.origin} and {used or 'one of Python itself'}\n"
                          f"  fix: rename the one beside the card")
    for module, file in files.items():
        elsewhere = file and any(home in file.parents for home in _homes if home != folder)
        if elsewhere and (folder / f"{module}.py").is_file():
            raise PluginError(f"two modules are called {module!r}: {folder / module}.py and {file}\n"
                              f"  fix: rename one, or give each policy a process of its own")


def _file(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).resolve() if file else None
