"""Task lists and init states against hf-libero's own, an import that asks nothing, and pickles that want too much."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlabench.errors import AssetsError, MissingExtra
from vlabench.simulators.libero import hf_libero

ORACLE = """
import json, sys, hashlib, numpy as np, torch
from libero.libero import benchmark
found = {}
for name in sys.argv[1:]:
    suite = benchmark.get_benchmark_dict()[name]()
    found[name] = []
    for n in range(suite.n_tasks):
        task, states = suite.get_task(n), np.asarray(suite.get_task_init_states(n), dtype=np.float64)
        found[name].append([task.name, task.language, task.bddl_file, list(states.shape),
                            hashlib.sha256(np.ascontiguousarray(states).tobytes()).hexdigest()])
print("FOUND" + json.dumps(found))
"""


def test_tasks_instructions_and_init_states_are_hf_liberos(tmp_path: Path) -> None:
    import hashlib

    root = hf_libero.root()
    keys = {"benchmark_root": root, "bddl_files": root / "bddl_files", "init_states": root / "init_files",
            "datasets": tmp_path, "assets": tmp_path}
    (tmp_path / "config.yaml").write_text("".join(f"{key}: {str(value)!r}\n" for key, value in keys.items()))
    pytest.importorskip("torch", reason="hf-libero's own task lists need torch")
    done = subprocess.run([sys.executable, "-c", ORACLE, *hf_libero.TASK_SETS], capture_output=True, text=True,
                          check=True, env={**os.environ, "LIBERO_CONFIG_PATH": str(tmp_path)})
    oracle = json.loads(done.stdout.split("FOUND")[1])
    for task_set in hf_libero.TASK_SETS:
        assert len(oracle[task_set]) == 10
        for name, (theirs, language, file, shape, digest) in zip(hf_libero.task_names(task_set), oracle[task_set],
                                                                 strict=True):
            found = hf_libero.instruction(name), hf_libero.bddl_file(task_set, name).name
            assert (name, *found) == (theirs, language, file)
            states = hf_libero.init_states(task_set, name)
            assert list(states.shape) == shape and shape[0] == 50
            assert hashlib.sha256(states.tobytes()).hexdigest() == digest


OPENED = """
import sys
sys.addaudithook(lambda event, given: event == "open" and "robosuite.log" in str(given[0]) and print("OPENED"))
from vlabench.simulators.libero import gl, hf_libero as package, packs
gl.activate()
package.make_environment("libero_goal", package.task_names("libero_goal")[0], packs.primitive())
import logging
print("AFTER", logging.FileHandler.__name__)
"""


def test_robosuites_log_of_another_user_is_not_opened() -> None:
    """It lies in /tmp under one name for all; who did not make it may not write to it."""
    done = subprocess.run([sys.executable, "-c", OPENED], capture_output=True, text=True, check=True)
    assert "OPENED" not in done.stdout and done.stdout.endswith("AFTER FileHandler\n")


def test_every_task_has_its_file() -> None:
    for task_set in hf_libero.TASK_SETS:
        assert all(hf_libero.bddl_file(task_set, name).is_file() for name in hf_libero.task_names(task_set))


def test_init_states_cannot_be_written_to() -> None:
    states = hf_libero.init_states("libero_goal", hf_libero.task_names("libero_goal")[0])
    with pytest.raises(ValueError, match="read-only"):
        states[0, 0] = 1.0


class Malice:
    """As a pickle it runs a command."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.victim}",)


def _as_init_file(monkeypatch: pytest.MonkeyPatch, folder: Path, content: bytes | None) -> str:
    """hf-libero's folder, with one init file that holds `content`, or is no archive at all; returns the task."""
    target = folder / "init_files" / "libero_goal" / "evil.pruned_init"
    target.parent.mkdir(parents=True)
    if content is None:
        target.write_text("not an archive")
    else:
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("archive/data.pkl", content)
    monkeypatch.setattr(hf_libero, "root", lambda: folder)
    return "evil"


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                   wrapped: bool) -> None:
    victim = tmp_path / "touched"
    content: Any = [np.zeros(3), Malice(victim)] if wrapped else Malice(victim)
    task = _as_init_file(monkeypatch, tmp_path, pickle.dumps(content))
    with pytest.raises(AssetsError, match=r"(?s)system has no place.*fix: pip install --force-reinstall"):
        hf_libero.init_states.__wrapped__("libero_goal", task)
    assert not victim.exists()
    pickle.loads(pickle.dumps(Malice(victim)))  # it would have worked
    assert victim.exists()


@pytest.mark.parametrize("content", [None, b"\x80\x04broken", pickle.dumps({"no": "array"})])
def test_a_damaged_init_file_is_an_assets_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                content: bytes | None) -> None:
    task = _as_init_file(monkeypatch, tmp_path, content)
    with pytest.raises(AssetsError, match="evil.pruned_init"):
        hf_libero.init_states.__wrapped__("libero_goal", task)


def test_arrays_pass_the_restricted_unpickler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = np.random.Generator(np.random.Philox(3)).normal(size=(50, 7))
    task = _as_init_file(monkeypatch, tmp_path, pickle.dumps(states, protocol=2))
    np.testing.assert_array_equal(hf_libero.init_states.__wrapped__("libero_goal", task), states)


def test_without_hf_libero_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'vlabench\[libero\]'"):
        hf_libero.root.__wrapped__()


OPEN = """
from vlabench.simulators.libero.simulator import Libero
simulator = Libero("primitive")
simulator.check()
scene = simulator.open(simulator.tasks("libero_spatial")[0])
scene.close()
print("OPENED")
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pack is built, once."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("closed", [
    pytest.param(True, id="standard input closed"),
    pytest.param(False, id="an empty standard input", marks=pytest.mark.long)])
def test_the_first_import_asks_nothing_and_leaves_the_home_folder_alone(
        tmp_path: Path, cache: Path, closed: bool) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "LIBERO_CONFIG_PATH"}
    environment |= {"HOME": str(home), "VLABENCH_CACHE": str(cache),
                    "PYTHONPATH": str(Path(hf_libero.__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", OPEN], env=environment, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, preexec_fn=(lambda: os.close(0)) if closed else None)
    assert "OPENED" in done.stdout, done.stderr[-2000:]
    assert not (home / ".libero").exists()
