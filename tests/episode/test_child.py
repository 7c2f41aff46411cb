"""Processes that a pool starts, where the machine has nothing left to start one with."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from vlabench.episode.child import HERE
from vlabench.errors import WorkerError


@pytest.mark.parametrize(("number", "where"), [
    (errno.ENOMEM, "subprocess.Popen"), (errno.EMFILE, "vlabench.episode.child.Pipe"),
    (errno.ENOSPC, "tempfile.TemporaryFile")])
def test_a_process_that_cannot_start_is_one_sentence(number: int, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(where, full)
    with pytest.raises(WorkerError, match=f"no other process \\(worker\\): {os.strerror(number)}\n  fix: fewer"):
        HERE.start("vlabench.episode.worker", "worker", {})
