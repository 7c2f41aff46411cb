"""Workers on a Ray cluster: on its node an actor starts a process as a pool does here, and passes on what is said.

So a worker's life is the same everywhere: a fresh interpreter with one thread and the same kernels. The actor sees
bytes alone; where actors live is Ray's affair.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlabench.adapters.base import Actor
from vlabench.episode.child import Address
from vlabench.episode.player import Renewal
from vlabench.episode.ray_keeper import Keeper
from vlabench.episode.ray_nodes import differences, teller
from vlabench.episode.ray_parcels import Parcel, stamp
from vlabench.errors import MissingExtra, OptionError, WorkerError, words_of

LOCAL = "ray"
"""What `--on` calls a cluster of this machine alone, which is started for the run and ends with it."""
PATIENCE = 10.0
"""Seconds that a cluster, or an actor that lives, gets to answer."""
_ROOM = 120.0  # seconds for Ray to find a node for the policy's process, and to start it
_DOUBT = 5.0  # seconds that a node gets to say that an actor alone has died, which a busy one is slow to
_STORE = 2**28  # bytes of the memory that a cluster of our own keeps answers in: nothing waits there for long
_BESIDES = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""Of an actor: a worker that asks for no GPU sees those that its node has, as it would without Ray (to draw with)."""

if TYPE_CHECKING:
    _Connection = Connection[Any, Any]
else:
    _Connection = Connection


class Line(_Connection):
    """What the pool has in place of a pipe: it sends to a keeper, and reads from a pipe what the keeper has taken."""

    def __init__(self, ours: Connection[Any, Any], keeper: Any, parcel: Parcel) -> None:
        super().__init__(os.dup(ours.fileno()))
        self._keeper, self._parcel = keeper, parcel
        ours.close()

    def send(self, message: Any) -> None:
        """Pickled here, and not by Ray, which would take it apart."""
        if isinstance(message, Renewal) and message.weights is not None:
            folder = message.weights.absolute()
            message = replace(message, weights=folder)
            if not self._seen(folder):
                self._keeper.renew.remote(pickle.dumps(message), self._parcel.of(folder))
                return
        self._keeper.give.remote(pickle.dumps(message))

    def _seen(self, folder: Path) -> bool:
        import ray

        try:
            found: bool = ray.get(self._keeper.sees.remote(folder, stamp(folder)), timeout=PATIENCE)
        except ray.exceptions.RayError:  # that a keeper has gone is heard of when it is listened to
            return False
        return found

    def close(self) -> None:
        """Nothing more is sent, and nothing is heard."""
        if not self.closed:
            with contextlib.suppress(Exception):  # the keeper, or the whole cluster, has gone
                self._keeper.close.remote()
        super().close()


class Remote:
    """A life somewhere in the cluster: see `child.Life`."""

    def __init__(self, keeper: Any, down: set[str], parcel: Parcel) -> None:
        self._keeper, self._node, self._down = keeper, keeper.node.remote(), down
        ours, self._theirs = Pipe(duplex=False)
        self.connection: Connection[Any, Any] = Line(ours, keeper, parcel)
        self.dead = self.lost = False
        self._error: Exception | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        import ray

        try:
            while (word := ray.get(self._keeper.take.remote())) is not None:
                self._theirs.send_bytes(word)
        except OSError:
            pass  # the pool listens no more
        except Exception as error:  # of the keeper, or of a cluster that is shut down
            self._error = error
        self.dead = True
        self._theirs.close()

    def door(self, home: Path) -> Address:
        """Raises WorkerError if Ray has no place for the keeper."""
        import ray

        try:
            found: Address = ray.get(self._keeper.door.remote(), timeout=_ROOM)
        except ray.exceptions.RayError as error:
            raise WorkerError(f"Ray found no place for the policy's process within {_ROOM:g} s: {_first(error)}\n"
                              f"  fix: wait for GPUs that others use; `ray status` shows them") from None
        return found

    def end(self, grace: float) -> tuple[str, str]:
        """One that has no node yet is ended in no time."""
        import ray

        how, words = "was given no place by Ray (`ray status` says what is taken)", ""
        with contextlib.suppress(Exception):  # the cluster itself has gone
            try:
                if self._error is not None:
                    raise self._error
                if ray.wait([self._node], timeout=0)[0]:
                    how, words = ray.get(self._keeper.end.remote(grace), timeout=grace + PATIENCE)
            except ray.exceptions.GetTimeoutError:
                how = "gave no answer and was stopped"
            except ray.exceptions.RayError as error:
                how = self._fate(error)
            ray.kill(self._keeper)
        self.connection.close()
        return how, words

    def _fate(self, error: Exception) -> str:
        """How the keeper died; sets `lost`."""
        import ray

        try:
            node = ray.get(self._node)
        except ray.exceptions.RayError:
            return f"could not be started by Ray: {_first(error)}"
        error = self._certain(error, node)
        (found,) = (each for each in ray.nodes() if each["NodeID"] == node)
        if isinstance(error, ray.exceptions.OutOfMemoryError):
            return (f"was killed by Ray, as little memory was left on {found['NodeManagerAddress']} (fewer workers "
                    f"need less: --workers N, or there ray start --num-cpus N)")
        # Of an actor that alone has died, its node says so; Ray takes a while to believe that a node has.
        self.lost = isinstance(error, ray.exceptions.ActorUnavailableError) or not found["Alive"]
        if self.lost:
            self._down.add(node)
        return (f"was lost with its node, {found['NodeManagerAddress']}" if self.lost else
                f"was lost with its Ray actor on {found['NodeManagerAddress']} (out of memory?)")

    def _certain(self, error: Exception, node: str) -> Exception:
        """What the keeper is asked once more has the same fate, of which more may be known by then."""
        import ray

        until = time.monotonic() + _DOUBT
        while (isinstance(error, ray.exceptions.ActorUnavailableError) and node not in self._down
               and time.monotonic() < until):
            time.sleep(0.1)
            try:
                ray.get(self._keeper.node.remote(), timeout=_DOUBT)
            except ray.exceptions.GetTimeoutError:
                break
            except ray.exceptions.RayError as again:
                error = again
        return error


class Cluster:
    """Where a pool's processes live: see `child.Machines`."""

    def __init__(self) -> None:
        self._down: set[str] = set()
        self._parcel = Parcel()

    def _nodes(self) -> list[dict[str, Any]]:
        """Those that live, also where Ray has not noticed yet that others do not."""
        import ray

        return [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in self._down]

    def _count(self, resource: str) -> int:
        return int(sum(node["Resources"].get(resource, 0) for node in self._nodes()))

    def room(self) -> int:
        """One worker a CPU."""
        return self._count("CPU")

    def hosts(self, actor: Actor) -> int:
        """One a GPU, for a policy that computes on one."""
        if not actor.gpu:
            return 1
        found = self._count("GPU")
        if not found:
            raise WorkerError("the policy computes on a GPU, and no node of the cluster has one\n"
                              "  fix: ray start --address=HEAD:6379 on a machine with a GPU, or device = \"cpu\" among "
                              "the options of the policy's card")
        return found

    def start(self, module: str, kind: str, environment: Mapping[str, str], python: str = "", cpus: int = 1,
              gpus: int = 0) -> Remote:
        """A process where Ray finds room for it."""
        import ray

        kept = ray.remote(Keeper).options(num_cpus=cpus, num_gpus=gpus, max_concurrency=4,
                                          runtime_env={"env_vars": _BESIDES})
        return Remote(kept.remote(module, kind, dict(environment), python), self._down, self._parcel)

    def check(self, facts: Callable[[], Mapping[str, str]]) -> None:
        """Have every node tell `facts`, which is picklable, and compare with what they are here.

        Raises WorkerError with what differs, node by node, and how that is mended.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = teller()(pickle.dumps(facts))
        asked = {}
        for node in self._nodes():
            if node["Resources"].get("CPU", 0) + node["Resources"].get("GPU", 0):
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                asking = ray.remote(teller()).options(num_cpus=0, scheduling_strategy=there, max_retries=0,
                                                      runtime_env={"env_vars": _BESIDES})
                asked[node["NodeManagerAddress"], node["NodeID"]] = asking.remote(pickle.dumps(facts))
        wrong = []
        for (address, node_id), answer in asked.items():
            try:
                told = ray.get(answer)
            except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):  # Ray did not know it yet
                self._down.add(node_id)
                continue
            except ray.exceptions.RayError as error:
                told = {"error": f"it cannot run a task: {_first(error)}"}
            wrong += [f"node {address}: {text}" for text in differences(here, told)]
        if wrong:
            raise WorkerError("the cluster's nodes need what this machine has:\n" + "\n".join(wrong))
        if not self.room():
            raise WorkerError("no node of the cluster has a CPU for workers\n"
                              "  fix: ray start --address=HEAD:6379 on one")


@contextlib.contextmanager
def cluster(on: str, workers: int) -> Iterator[Cluster]:
    """A cluster, while the context lasts. on: LOCAL for one of this machine alone, for so many workers; else where one
    is: ray://HOST:10001 from anywhere, HOST:6379 from a machine that is part of it.

    Raises OptionError, MissingExtra; WorkerError if there is none, or it is of another Ray or Python.
    """
    at = re.fullmatch(r"(?:ray://)?([\w.-]+|\[[\da-fA-F:]+\]):(\d+)", on)
    if on != LOCAL and not at:
        raise OptionError(f"--on {on}: valid: ray (a cluster of this machine alone, for this run), ray://HOST:10001 "
                          f"(one that runs), or HOST:6379 (from a machine that is part of it)")
    try:
        import ray
    except ImportError:
        raise MissingExtra("ray", "ray", f"--on {on}") from None
    if at:
        _reach(on, at[1].strip("[]"), int(at[2]))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a run tells nobody of itself
    own = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": _STORE} if on == LOCAL else {}
    try:
        ray.init("local" if on == LOCAL else on, log_to_driver=False, logging_level="ERROR", **own)
    except Exception as error:  # of many classes, from Ray's own to those of sockets
        raise _unconnected(on, error) from None
    try:
        yield Cluster()
    finally:
        ray.shutdown()


def _reach(on: str, host: str, port: int) -> None:
    """Ray itself would try for a minute. Raises WorkerError."""
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError as error:
        raise WorkerError(f"--on {on}: no cluster answers there: {error.strerror or error}\n"
                          f"  fix: ray start --head on {host}, which says its address (ray://{host}:10001)") from None


def _unconnected(on: str, error: Exception) -> WorkerError:
    text = words_of(error)
    if "version" in text.lower() and "mismatch" in text.lower():
        import platform

        import ray

        return WorkerError(f"--on {on}: the cluster is of another Ray or Python than this machine, which has Ray "
                           f"{ray.__version__} and Python {platform.python_version()}: {' '.join(text.split())}\n"
                           f"  fix: the same Python on all machines, and there pip install 'ray=={ray.__version__}'")
    hint = ("\n  fix: RAY_AUTH_MODE=token before the command, if the cluster asks for a token (Ray's default if there "
            "is one)" if on.startswith("ray://") and isinstance(error, ConnectionError) else "")
    return WorkerError(f"--on {on}: Ray cannot be used: {_first(error)}{hint}")


def _first(error: Exception) -> str:
    """The lines of one of Ray's errors that say something, as one, cut."""
    return " ".join(words_of(error).split())[:300]
