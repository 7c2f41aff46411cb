"""Several processes that train one policy, each on a GPU of its own: `accelerate launch -m vlabench train …`.

All do the same, on the same seeds. The first plays, collects, writes and talks; the others are given what it has found,
and have a folder of their own that nobody sees. Of every minibatch each computes a part of the gradient.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from vlabench.errors import DeviceError, MissingExtra, OptionError
from vlabench.util.files import LOCK, Scratch

Found = TypeVar("Found")
Rows = TypeVar("Rows", range, Sequence[int])
DEMOS = "demos"
"""Folders of demonstrations, which the others read where they are."""
PATIENCE = timedelta(days=1)
"""That the others wait for the first, which may play or collect for hours."""


class Alone:
    """One process: nothing is shared or summed."""

    rank, size = 0, 1

    @property
    def first(self) -> bool:
        """Whether this process plays, writes and talks."""
        return self.rank == 0

    def share(self, find: Callable[[], Found]) -> Found:
        """What the first process finds, in all of them."""
        return find()

    def part(self, rows: Rows) -> tuple[Rows, float]:
        """This process's part of a minibatch's samples, and 1; the first of all, and 0, where there are too few."""
        return rows, 1.0

    def every(self, count: int, size: int, compute: Callable[[range], Sequence[Found]]) -> list[Found]:
        """What is computed of so many rows, at most `size` of them at a time, in their order."""
        return [found for rows in _in_parts(count, size) for found in compute(rows)]

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """From those of all processes' parts to those of the minibatch."""

    def sums(self, seen: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same for what there is to see, numbers or tensors of one number."""
        return seen

    @contextlib.contextmanager
    def folder(self, out: Path) -> Iterator[Path]:
        """Where this process reads and writes."""
        yield out

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What all do; one that fails in it waits for the others no more."""
        yield


ALONE = Alone()


class Team(Alone):
    """One process of several."""

    def __init__(self, device: str) -> None:
        try:
            from accelerate import PartialState
        except ImportError:
            raise MissingExtra("accelerate", "train", "a training in several processes") from None
        here, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
        if device != "cpu" and here > gpus:
            raise DeviceError(f"{here} processes for {gpus} GPUs\n  fix: accelerate launch --num_processes {gpus}")
        if torch.device(device).index is not None:
            raise OptionError(f"--device {device}: of several processes each has a GPU of its own\n"
                              f"  fix: --device cuda")
        self._state = PartialState(cpu=device == "cpu", timeout=PATIENCE)
        self._line = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)  # for what is no GPU's business
        self.rank, self.size = self._state.process_index, self._state.num_processes
        self._failed = False
        atexit.register(self._leave)  # not before: who has left cannot meet the others again

    def share(self, find: Callable[[], Found]) -> Found:
        """Where the first fails, the others end without a word."""
        box: list[Any] = [None, False]
        try:
            if self.first:
                box = [find(), True]
        finally:
            torch.distributed.broadcast_object_list(box, group=self._line)
        if not box[1]:
            raise SystemExit(1)
        found: Found = box[0]
        return found

    def part(self, rows: Rows) -> tuple[Rows, float]:
        """One after the other. All have to compute something, or some would know less of the network than others."""
        own = rows[len(rows) * self.rank // self.size : len(rows) * (self.rank + 1) // self.size]
        return (own, 1.0) if own else (rows[:1], 0.0)

    def every(self, count: int, size: int, compute: Callable[[range], Sequence[Found]]) -> list[Found]:
        """Each process computes some of the parts, which are those of one process, and is told the others'."""
        parts, told = _in_parts(count, size), list[Any]([None] * self.size)
        own = parts[len(parts) * self.rank // self.size : len(parts) * (self.rank + 1) // self.size]
        torch.distributed.all_gather_object(told, [compute(rows) for rows in own], self._line)
        return [found for computed in told for part in computed for found in part]

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Those that no part depends on have none, as with one process: an optimizer leaves them as they are."""
        from accelerate.utils import reduce

        known = torch.tensor([float(parameter.grad is not None) for parameter in parameters],
                             device=parameters[0].device)
        for parameter, there in zip(parameters, reduce(known, "sum").tolist(), strict=True):
            if there:
                own = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                parameter.grad = reduce(own, "sum")

    def sums(self, seen: Mapping[str, Any]) -> Mapping[str, Any]:
        """In the order of the processes, so that all have the same."""
        total: dict[str, Any] = {}
        every: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(every, {name: float(value) for name, value in seen.items()}, self._line)
        for each in every:
            for name, value in each.items():
                total[name] = total.get(name, 0.0) + value
        return {name: torch.tensor(value) for name, value in total.items()} if _tensors(seen) else total

    @contextlib.contextmanager
    def folder(self, out: Path) -> Iterator[Path]:
        """The others begin with what is there, and write elsewhere: whatever a training rewrites it puts in the place
        of what there was.
        """
        self._state.wait_for_everyone()
        with contextlib.ExitStack() as stack:
            if not self.first:
                scratch = Scratch("training")
                stack.callback(scratch.cleanup)
                shutil.copytree(out.resolve(), scratch.path, copy_function=os.symlink, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns(LOCK, DEMOS))
            self._state.wait_for_everyone()
            yield out if self.first else scratch.path

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Whatever it fails with, Ctrl-C as well."""
        try:
            yield
        except BaseException:
            self._failed = True
            raise

    def _leave(self) -> None:
        """What NCCL still has to do it would wait for, and so for ever where another process never begins it."""
        world = torch.distributed.group.WORLD
        if self._failed and world is not None and "nccl" in torch.distributed.get_backend() and hasattr(world, "abort"):
            world.abort()
        elif torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _in_parts(count: int, size: int) -> list[range]:
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _tensors(seen: Mapping[str, Any]) -> bool:
    return any(isinstance(value, Tensor) for value in seen.values())


_joined: list[Alone] = []


def join(device: str) -> Alone:
    """Meet the processes that train together, if whoever started this one says in the environment that there are
    others. Raises MissingExtra, DeviceError.
    """
    if not _joined and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        _joined.append(Team(device))
    return team()


def team() -> Alone:
    """The processes that train together; this one alone, if it has joined none."""
    return _joined[0] if _joined else ALONE
