"""The kernels that libraries are told to use are those that they use, and what is computed depends on them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_info

from vlabench.cards import load_policy
from vlabench.episode.player import Job
from vlabench.episode.worker import Worker
from vlabench.util import kernels as arithmetic
from vlabench.util.processes import WORKER

here = pytest.mark.skipif(arithmetic.chosen() != arithmetic.NAME, reason="another processor, or kernels of one's own")
PRODUCT = """
import {first}
import numpy as np
from threadpoolctl import threadpool_info
draws = np.random.default_rng(0)
found = [draws.random((6, 7)) @ draws.random((7, 6)) for _ in range(20)]
print({{each["architecture"] for each in threadpool_info() if each["internal_api"] == "openblas"}}.pop())
print(np.stack(found).tobytes().hex())
"""


def computed(first: str, **environment: str) -> tuple[str, str]:
    """(kernels, product of matrices) of a process that loads a module first."""
    clean = {name: value for name, value in os.environ.items() if name not in arithmetic.KERNELS}
    done = subprocess.run([sys.executable, "-c", PRODUCT.format(first=first)], env={**clean, **environment},
                          capture_output=True, text=True, check=True)
    kernels, product = done.stdout.split()
    return kernels, product


@here
def test_openblas_computes_as_told_here_and_in_child_processes() -> None:
    """threadpoolctl asks the library itself."""
    import numpy  # noqa: F401

    assert {each["architecture"] for each in threadpool_info() if each["internal_api"] == "openblas"} == {"Haswell"}
    assert computed("vlabench")[0] == "Haswell"


@here
def test_numpy_computes_as_told() -> None:
    """With what it has for AVX-512 arccos rounds otherwise."""
    core = importlib.import_module("numpy._core._multiarray_umath")
    assert not any(core.__cpu_features__.get(name) for name in arithmetic.WIDER.split())


@here
def test_torch_computes_as_told() -> None:
    """In these tests as in workers."""
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    assert torch.backends.cpu.get_cpu_capability() == "AVX2"


def _here() -> dict[str, str]:
    """NumPy is told nothing of kernels that the processor lacks."""
    wide = "avx512f" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return {name: value for name, value in arithmetic.KERNELS.items() if wide or name != "NPY_DISABLE_CPU_FEATURES"}


@here
def test_workers_are_started_with_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in arithmetic.KERNELS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "executable", "/bin/true")
    given: dict[str, str] = {}
    popen = subprocess.Popen

    def noted(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        given.update(options["env"])
        return popen(command, **options)

    monkeypatch.setattr(subprocess, "Popen", noted)
    Worker(Job("toy", "bare", load_policy("still").actor(), {}), 5.0, 3).kill()
    assert given.items() >= _here().items() and given[WORKER] == "3"


@here
def test_other_kernels_round_otherwise() -> None:
    """Else there would be nothing to choose; and what the user chooses stays, whatever vlabench would."""
    kernels, product = computed("vlabench", OPENBLAS_CORETYPE="Sandybridge")
    assert kernels == "Sandybridge" and product != computed("vlabench")[1]


@pytest.mark.parametrize("flags", ["flags : sse4_2 avx", "no such line", "flags : avx2"])
def test_processors_without_them_keep_their_own(flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_, **__: flags)
    for name in arithmetic.KERNELS:
        monkeypatch.delenv(name, raising=False)
    arithmetic.choose()
    assert not set(arithmetic.KERNELS) & set(os.environ) and not arithmetic.environment()
    assert arithmetic.chosen().endswith("kernels of its own")


@here
def test_a_choice_of_the_user_s_is_left_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert arithmetic.environment() == {**_here(), "ATEN_CPU_CAPABILITY": "default"}
    assert arithmetic.chosen() != arithmetic.NAME
    monkeypatch.delenv("ATEN_CPU_CAPABILITY")
    assert arithmetic.chosen() == arithmetic.NAME


@here
def test_the_training_process_learns_with_all_that_the_processor_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in arithmetic.KERNELS:
        monkeypatch.delenv(name, raising=False)
    arithmetic.choose()
    wanted = set(arithmetic.environment()) & set(arithmetic.PHYSICS)
    assert wanted and wanted == {name for name in arithmetic.KERNELS if name in os.environ}
