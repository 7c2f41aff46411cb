"""The actor on a cluster's node: it starts a process as a pool does on one machine, and passes on what is said."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlabench.episode.child import Address, Process
from vlabench.episode.player import StartFailed
from vlabench.episode.ray_parcels import Stamp, stamp, unpack
from vlabench.util.files import Scratch


class Keeper:
    """It sees bytes alone, but for new weights that its node lacks."""

    def __init__(self, module: str, kind: str, environment: Mapping[str, str], python: str) -> None:
        self._process = Process(module, kind, environment, python)
        self._line = self._process.connection
        self._folders: list[Scratch] = []
        self._failed: bytes | None = None

    def node(self) -> str:
        """The id of the node that it is on."""
        import ray

        found: str = ray.get_runtime_context().get_node_id()
        return found

    def door(self) -> Address:
        """This node's address in the cluster, and a port that is free."""
        import ray

        address = ray.util.get_node_ip_address()
        with socket.socket() as trial:
            trial.bind((address, 0))
            return address, trial.getsockname()[1]

    def give(self, message: bytes) -> None:
        """To the process; one that has ended says so to who takes."""
        with contextlib.suppress(OSError):
            self._line.send_bytes(message)

    def sees(self, folder: Path, known: Stamp) -> bool:
        """Whether the folder is on a disk of this node's, too."""
        return stamp(folder) == known

    def renew(self, message: bytes, content: Mapping[str, Any]) -> None:
        """To the process, weights that this node does not see, from Ray's store. Those before them may still be read.
        """
        import ray

        here = Scratch("weights")
        self._folders.append(here)
        for older in self._folders[:-2]:
            older.cleanup()
        try:
            for name, file in content.items():
                unpack(name, ray.get(file), here.path)
        except (OSError, ray.exceptions.RayError) as error:
            self._failed = pickle.dumps(StartFailed(f"{type(error).__name__}: {error}"))
            self.close()
        else:
            self.give(pickle.dumps(replace(pickle.loads(message), weights=here.path)))

    def take(self) -> bytes | None:
        """What the process says next, or None if it ended instead."""
        with contextlib.suppress(EOFError, OSError):
            return self._line.recv_bytes()
        failed, self._failed = self._failed, None
        return failed

    def close(self) -> None:
        """Nothing more is given. Not by closing the line, which the thread that takes would keep open."""
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._line.fileno())) as end:
            end.shutdown(socket.SHUT_WR)

    def end(self, grace: float) -> tuple[str, str]:
        """As `Process.end`."""
        found = self._process.end(grace)
        for folder in self._folders:
            folder.cleanup()
        return found
