"""hf-libero as we use it: task lists and init states read from its files, its environment made without questions.

hf-libero asks on standard input where data should go when its config file is absent, and imports torch for its task
lists. Neither happens here: a complete config is written to a temporary folder before the first import, the asset
folder is set in the module's own variable, and lists and init states are read from the files they are in.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib.util
import io
import logging
import os
import pickle
import runpy
import sys
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.errors import AssetsError, MissingExtra
from vlabench.util.files import Scratch

MUJOCO = (3, 4)
"""The first version in which boxes that overlap are pushed apart twice as hard: on LIBERO's own assets four tasks then
begin otherwise than LIBERO meant. results/mujoco-versions.md has the figures."""
STIRRED = {"libero_spatial": "the bowl of libero_spatial/5 slides off its ramekin",
           "libero_10": "libero_10/0, /1 and /7 begin with bottles in the air"}
"""Task set → what newer versions do to it, on LIBERO's own assets."""
TASK_SETS = ("libero_spatial", "libero_object", "libero_goal", "libero_10")


def stirs(mujoco: str) -> bool:
    """Whether this version of MuJoCo stirs what lay still in those that LIBERO was made with."""
    return _numbers(mujoco)[:2] >= MUJOCO


def drifts(mujoco: str) -> bool:
    """Whether in this version a forward pass moves the solver's starting point: before 3.3.6. Our scenes make one where
    robosuite makes three, so that their last bits differ.
    """
    return _numbers(mujoco) < (3, 3, 6)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())


@lru_cache
def root() -> Path:
    """The folder `libero/libero` of the installed hf-libero, found without importing it. Raises MissingExtra."""
    spec = importlib.util.find_spec("libero")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("hf-libero", "libero", "the LIBERO simulator")
    return Path(next(iter(spec.submodule_search_locations))) / "libero"


@lru_cache
def task_names(task_set: str) -> tuple[str, ...]:
    """The tasks of a set in the order of the published benchmark (task order 0)."""
    module = runpy.run_path(str(root() / "benchmark" / "libero_suite_task_map.py"))
    return tuple(module["libero_task_map"][task_set])


def instruction(name: str) -> str:
    """The instruction as published results use it: the file's name in words, without the scene it starts with."""
    if name[0].isupper():
        name = name.split("_SCENE", 1)[1].split("_", 1)[1]
    return name.replace("_", " ")


def bddl_file(task_set: str, name: str) -> Path:
    """The file that holds a task's objects, regions, start and goal."""
    return root() / "bddl_files" / task_set / f"{name}.bddl"


class _ArraysOnly(pickle.Unpickler):
    """Reads numpy arrays and refuses everything else that a pickle could make Python do."""

    allowed = {("_reconstruct", "numpy.core.multiarray"), ("_reconstruct", "numpy._core.multiarray"),
               ("ndarray", "numpy"), ("dtype", "numpy"), ("encode", "_codecs")}

    def find_class(self, module: str, name: str) -> Any:
        if (name, module) not in self.allowed:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of init states")
        return super().find_class(module.replace("numpy.core", "numpy._core")
                                  if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else module, name)


@lru_cache(maxsize=64)
def init_states(task_set: str, name: str) -> npt.NDArray[np.float64]:
    """The published start states [50, 1 + nq + nv]: time, qpos, qvel. Raises AssetsError if they cannot be read."""
    path = root() / "init_files" / task_set / f"{name}.pruned_init"
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(m for m in archive.namelist() if m.endswith("data.pkl"))
            states = _ArraysOnly(io.BytesIO(archive.read(member))).load()
        array: npt.NDArray[np.float64] = np.asarray(states, dtype=np.float64)
    except Exception as error:  # a damaged archive or pickle may raise nearly anything
        raise AssetsError(f"cannot read the init states of {task_set}: {path}: {error}\n"
                          "  fix: pip install --force-reinstall --no-deps hf-libero") from error
    array.setflags(write=False)
    return array


def _write_config(assets: Path) -> None:
    """A complete config in a folder of this process, so that the import asks nothing and touches no home folder."""
    scratch = Scratch("libero")
    atexit.register(scratch.cleanup)
    folder = scratch.path
    paths = {"benchmark_root": root(), "bddl_files": root() / "bddl_files", "init_states": root() / "init_files",
             "datasets": folder / "datasets", "assets": assets}
    (folder / "config.yaml").write_text("".join(f"{k}: {str(v)!r}\n" for k, v in paths.items()))
    os.environ["LIBERO_CONFIG_PATH"] = str(folder)


def give_memory_back(keep_source: bool) -> None:
    """Let go of what compiling a scene leaves behind: objects in rings, and pages that malloc keeps, up to 0.5 GB.

    keep_source: or else of MuJoCo's own copy of the last description that it read, too, 0.4 GB with the official
    textures, without which `Advisor.source` has nothing to write. Its cache of decoded meshes stays: it makes the next
    scene open in half the time.
    """
    gc.collect()
    library = None if keep_source else _mujoco()
    if library is not None:
        library.mj_freeLastXML()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:  # glibc's alone
        trim(0)


@lru_cache
def _mujoco() -> ctypes.CDLL | None:
    """MuJoCo's library, some of whose functions its bindings leave out; None where it is not beside them."""
    import mujoco

    found = [path for path in Path(mujoco.__file__).parent.glob("*mujoco.*") if path.suffix != ".py"]
    return ctypes.CDLL(str(found[0])) if found else None


@contextmanager
def _without_log_file() -> Iterator[None]:
    """At its import robosuite opens a log in the temporary folder; where another user made that file, it fails."""
    before = logging.FileHandler

    def opened(*_: object, **__: object) -> logging.Handler:
        return logging.NullHandler()

    logging.FileHandler = opened  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        logging.FileHandler = before  # type: ignore[misc]


_configured = False


def make_environment(task_set: str, name: str, assets: Path, file: Path | None = None) -> Any:
    """hf-libero's environment of a task without cameras, on the given assets folder (`ControlEnv`).

    file: instead of the task's own, one like it.

    The caller has chosen the GL backend before (`gl.activate`). Raises MissingExtra.
    """
    global _configured
    root()
    if not _configured:
        _write_config(assets)
        # robosuite's advice, three lines at its import, to write a file of private settings
        logging.getLogger("robosuite_logs").addFilter(lambda entry: "macro" not in entry.getMessage())
        _configured = True
    with warnings.catch_warnings(), _without_log_file():
        warnings.simplefilter("ignore")
        try:
            import libero.libero as libero
            from libero.libero.envs.env_wrapper import ControlEnv
        except ImportError as error:
            raise MissingExtra(error.name or "libero", "libero", "the LIBERO simulator") from error
        libero._assets_path_cache = str(assets)
        return ControlEnv(bddl_file_name=str(file or bddl_file(task_set, name)), use_camera_obs=False,
                          has_offscreen_renderer=False, has_renderer=False)
