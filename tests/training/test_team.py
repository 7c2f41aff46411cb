"""A training in two processes is that of one: the same gradients but for the order of sums, files once, words once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.places import ROOT, TESTS
from tests.training.methods.test_online import CONSISTENT, PPO
from tests.training.methods.test_sft import lamps
from vlabench.errors import DeviceError, OptionError, UnknownName
from vlabench.training import team
from vlabench.training import train as training
from vlabench.training.curves import Curves

Card = Callable[..., str]
SHORT: dict[str, Any] = {"contexts": 4, "iterations": 2, "updates": 2, "learning_rate": 0.01}
HEADS: dict[str, Any] = {"max_head_grad_norm": 0.5, "normalise": "iteration"}


STAYED = "this process is still joined to the others"
SCRIPT = f"""
import atexit, sys, torch
from vlabench.__main__ import main

@atexit.register  # the first to be registered is the last to be called
def tell() -> None:
    if torch.distributed.is_initialized():
        print("{STAYED}", file=sys.stderr)

sys.exit(main())
"""


def command(path: str, out: Path, processes: int, *more: str) -> dict[str, Any]:
    """As a user would: `accelerate launch`, which asks for GPUs, stands on this for processors."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] * (processes > 1)
    found = (ROOT, TESTS / "toy" / "learning", os.environ.get("PYTHONPATH", ""))
    script = out.parent / "vlabench_train.py"
    script.write_text(SCRIPT)
    return {"args": [sys.executable, *launch, str(script), "train", "--policy", path, "--out", str(out), "--device",
                     "cpu", "--workers", "1", *more],
            "cwd": out.parent, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
            "env": {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, found)), "OMP_NUM_THREADS": "1"}}


def train(path: str, out: Path, processes: int, *more: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """To its end, at which nobody is joined to anybody."""
    done: subprocess.CompletedProcess[str] = subprocess.run(check=False, **command(path, out, processes, *more))
    assert done.returncode == status and STAYED not in done.stderr, done.stderr
    return done


@pytest.mark.long
@pytest.mark.parametrize(("method", "options"), [("rloo", {**CONSISTENT, **SHORT, "rollouts": 4}),
                                                 ("ppo", {**PPO, **SHORT, "contexts": 16, **HEADS})])
def test_two_processes_learn_what_one_does(method: str, options: dict[str, Any], card: Card, tmp_path: Path) -> None:
    """With consistency, its memory, the critic's and the head's own clipping."""
    one, two = tmp_path / "one", tmp_path / "two"
    told = train(card(method, **options), one, 1).stdout
    assert train(card(method, **options), two, 2).stdout.replace("two", "one").split()[:1] == told.split()[:1]
    first, second = (load_file(next(folder.glob("pushes*.safetensors"))) for folder in (one, two))
    begun = load_file(tmp_path / "start.safetensors")
    for name, tensor in first.items():
        assert np.allclose(second[name], tensor, atol=2e-6), name
    assert any(not np.allclose(begun[name], tensor, atol=1e-3) for name, tensor in first.items() if name in begun)
    seen = [{name: values for name, (_, values) in Curves(folder).series().items()} for folder in (one, two)]
    assert seen[0].keys() == seen[1].keys()
    for name, values in seen[0].items():
        assert np.allclose(seen[1][name], values, rtol=1e-3, atol=1e-5), name
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}
    assert len(json.loads((two / "training.json").read_text())["runs"]) == 1


@pytest.mark.long
def test_two_processes_clone_what_one_does(card: Card, tmp_path: Path) -> None:
    """Fifteen samples a step, which two do not share evenly."""
    data = lamps(tmp_path / "lamps")
    path = card("sft", rounds=[{"per_task": 1, "steps": 20}], init=str(tmp_path / "start.toml"), batch=15,
                eval_episodes=2, every=50)
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, processes in ((one, 1), (two, 2)):
        train(path, folder, processes, "--data", str(data))
    first, second = (load_file(folder / "pushes.safetensors") for folder in (one, two))
    for name, tensor in first.items():
        assert np.allclose(second[name], tensor, atol=2e-6), name
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}


@pytest.mark.long
def test_two_processes_that_are_killed_go_on_to_the_same_weights(card: Card, tmp_path: Path) -> None:
    """By kill -9, after an iteration; each has the memory of consistency in a folder of its own."""
    path = card("rloo", **{**CONSISTENT, **SHORT, "rollouts": 4, "iterations": 3})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(path, whole, 1)
    with subprocess.Popen(**command(path, parts, 2)) as running:
        while not (parts / "state.pt").exists() and running.poll() is None:
            time.sleep(0.01)
        two = list(map(int, Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()))
        assert len(two) == 2
        for process in (running.pid, *two):
            os.kill(process, signal.SIGKILL)
    assert not list(parts.glob("pushes*"))
    train(path, parts, 2)
    assert len(json.loads((parts / "training.json").read_text())["runs"]) == 2
    first, second = (load_file(next(folder.glob("pushes*.safetensors"))) for folder in (whole, parts))
    for name, tensor in first.items():
        assert np.allclose(second[name], tensor, atol=2e-6), name
    assert Curves(parts).series().keys() == Curves(whole).series().keys()
    assert {path.name for path in whole.iterdir()} == {path.name for path in parts.iterdir()}


@pytest.mark.long
def test_so_do_two_whose_rollouts_a_cluster_plays(card: Card, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    path = card("rloo", **{**CONSISTENT, **SHORT, "rollouts": 4})
    one, two = tmp_path / "one", tmp_path / "two"
    train(path, one, 1)
    train(path, two, 2, "--on", "ray")
    first, second = (load_file(next(folder.glob("pushes*.safetensors"))) for folder in (one, two))
    for name, tensor in first.items():
        assert np.allclose(second[name], tensor, atol=2e-6), name


@pytest.mark.long
def test_what_is_wrong_is_said_once_and_leaves_nobody_joined(card: Card, tmp_path: Path) -> None:
    done = train(card("rloo", **SHORT), tmp_path / "out", 2, "--data", str(tmp_path), status=1)
    assert done.stderr.count("learns from what it plays") == 1


class Of(team.Team):
    """One of several, without the others."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self._failed = False


@pytest.mark.parametrize("count", range(1, 9))
def test_a_minibatch_is_dealt_out_whole(count: int) -> None:
    """To each of three a part; who would get none computes the first sample, which then counts nothing."""
    dealt = [Of(rank, 3).part(range(count)) for rank in range(3)]
    assert [row for rows, share in dealt for row in rows if share] == list(range(count))
    assert all(rows for rows, _ in dealt) and all(share == 1 or rows == range(1) for rows, share in dealt)


@pytest.mark.parametrize(("count", "size"), [(0, 4), (3, 4), (8, 4), (23, 4), (9, 1)])
def test_what_is_computed_of_rows_is_what_one_computes_and_nothing_is_computed_twice(
        count: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same parts: a row's numbers may depend on whom it is computed with."""
    asked: list[range] = []

    def compute(rows: range) -> list[tuple[int, int, int]]:
        asked.append(rows)
        return [(row, rows.start, rows.stop) for row in rows]

    alone = team.ALONE.every(count, size, compute)
    assert [row for row, *_ in alone] == list(range(count))
    whole, sent = sorted(map(str, asked)), list[object]()
    asked.clear()

    def gather(told: list[object], own: object, line: object) -> None:
        sent.append(own)
        told[:len(sent)] = sent

    monkeypatch.setattr("torch.distributed.all_gather_object", gather)
    monkeypatch.setattr(Of, "_line", None, raising=False)
    for rank in range(2):
        with contextlib.suppress(TypeError):  # not all have told yet
            Of(rank, 3).every(count, size, compute)
    assert Of(2, 3).every(count, size, compute) == alone and sorted(map(str, asked)) == whole


@pytest.mark.parametrize(("backend", "failed", "ended"), [("nccl", False, ["destroyed"]), ("nccl", True, ["aborted"]),
                                                          ("gloo", True, ["destroyed"])])
def test_on_gpus_who_fails_does_not_wait_for_the_others(backend: str, failed: bool, ended: list[str],
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """Where NCCL would, for ever, as it does before it is destroyed."""
    seen: list[str] = []
    world = SimpleNamespace(abort=lambda: seen.append("aborted"))
    for name, fake in {"group": SimpleNamespace(WORLD=world), "get_backend": lambda: backend,
                       "is_initialized": lambda: True,
                       "destroy_process_group": lambda: seen.append("destroyed")}.items():
        monkeypatch.setattr(f"torch.distributed.{name}", fake)
    one = Of(0, 2)
    with contextlib.suppress(KeyboardInterrupt), one.together():
        if failed:
            raise KeyboardInterrupt
    one._leave()
    assert seen == ended


def test_of_several_processes_none_is_told_which_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(OptionError, match="--device cuda:1: of several processes each has a GPU of its own"):
        team.join("cuda:1")


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "64")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "64")
    with pytest.raises(DeviceError, match=r"64 processes for \d+ GPUs?\n  fix: accelerate launch --num_processes"):
        team.join("cuda")
    assert team.team() is team.ALONE


def test_the_first_process_alone_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LAST_WORDS", 0.0)
    with pytest.raises(UnknownName, match="nobody"):
        training.train("nobody", tmp_path / "out")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit) as ended:
        training.train("nobody", tmp_path / "out")
    assert ended.value.code == 1
