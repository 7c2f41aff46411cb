"""Workers on a Ray cluster: the records of one machine, what is lost with a node or an actor, and clear refusals."""

from __future__ import annotations

import dataclasses
import os
import pickle
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.nodes import free_port, from_outside, keepers, toys, two_nodes
from tests.toy.toy import Seeker, Toy
from vlabench import cards
from vlabench.adapters.base import Actor
from vlabench.episode import ray_workers
from vlabench.episode.ray_nodes import differences, source, teller
from vlabench.episode.ray_parcels import Parcel
from vlabench.episode.ray_workers import Cluster, Remote, cluster
from vlabench.errors import CardError, MissingExtra, OptionError, WorkerError
from vlabench.evaluation.plan import RunOptions
from vlabench.evaluation.run import Evaluation, evaluate
from vlabench.records.store import Store
from vlabench.types import EpisodeRecord
from vlabench.util.progress import Progress

pytestmark = pytest.mark.usefixtures("toy_plugin")

# without Ray


class Ray(ModuleType):
    """A Ray that cannot be connected to."""

    __version__ = "2.60.0"

    def __init__(self, error: Exception) -> None:
        super().__init__("ray")
        self.error, self.down = error, False

    def init(self, *where: Any, **how: Any) -> None:
        raise self.error


@pytest.fixture
def port() -> Iterator[int]:
    """Somebody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_address_that_is_none_is_refused_with_those_that_are_one() -> None:
    with pytest.raises(OptionError, match=r"--on rey: valid: ray \(.*ray://HOST:10001"), cluster("rey", 1):
        pass


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'vlabench\[ray\]'"), cluster("ray", 1):
        pass


def test_no_cluster_at_the_address_is_said_at_once(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setitem(sys.modules, "ray", Ray(AssertionError("it was asked")))
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    with pytest.raises(WorkerError, match=rf"--on ray://127.0.0.1:{free}: no cluster answers there.*\n.*ray start"):
        with cluster(f"ray://127.0.0.1:{free}", 1):
            pass


@pytest.mark.parametrize(("error", "told"), [
    (RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.10.4"),
     r"of another Ray or Python than this machine, which has Ray 2\.60\.0.*Ray: 2\.9\.0 Python: 3\.10\.4"
     r"\n  fix: .*pip install 'ray==2\.60\.0'"),
    (ConnectionError("ray client connection timeout"), r"Ray cannot be used: ray client connection timeout")])
def test_what_ray_says_of_a_cluster_that_does_not_fit_is_told(
        error: Exception, told: str, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setitem(sys.modules, "ray", Ray(error))
    with pytest.raises(WorkerError, match=told), cluster(f"127.0.0.1:{port}", 1):
        pass


def test_a_policy_on_a_gpu_needs_a_cluster_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [{"NodeID": "a", "Alive": True, "Resources": {"CPU": 3.0}},
             {"NodeID": "b", "Alive": False, "Resources": {"CPU": 9.0, "GPU": 9.0}}]
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(nodes=lambda: nodes))
    found = Cluster()
    assert (found.room(), found.hosts(Actor(Seeker))) == (3, 1)
    with pytest.raises(WorkerError, match="no node of the cluster has one\n  fix: ray start"):
        found.hosts(Actor(Seeker, gpu=True))
    nodes.append({"NodeID": "c", "Alive": True, "Resources": {"CPU": 1.0, "GPU": 4.0}})
    assert (found.room(), found.hosts(Actor(Seeker, gpu=True)), found.hosts(Actor(Seeker))) == (4, 4, 1)


class RayError(Exception):
    """Ray's own."""


class ActorUnavailableError(RayError):
    """The actor may have died, or its node."""


class ActorDiedError(RayError):
    """The actor has."""


class OutOfMemoryError(RayError):
    """Ray has killed it."""


class Grave:
    """A keeper that is asked which node it was on: at first it tells, then it is gone."""

    def __init__(self, *said: type[RayError]) -> None:
        self.said = ["a", *said]
        self.node = self
        self.exceptions = SimpleNamespace(
            RayError=RayError, ActorUnavailableError=ActorUnavailableError, OutOfMemoryError=OutOfMemoryError,
            GetTimeoutError=TimeoutError)

    def remote(self) -> Any:
        return self.said.pop(0) if len(self.said) > 1 else self.said[0]

    def get(self, said: Any, timeout: float = 0.0) -> Any:
        if said != "a":
            raise said()
        return said

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": "a", "NodeManagerAddress": "10.0.0.7", "Alive": True}]


@pytest.mark.parametrize(("said", "told", "lost"), [
    ((ActorUnavailableError, ActorDiedError), "was lost with its Ray actor on 10.0.0.7", False),
    ((ActorUnavailableError, OutOfMemoryError), "was killed by Ray, as little memory was left on 10.0.0.7", False),
    ((OutOfMemoryError,), "was killed by Ray, as little memory was left on 10.0.0.7", False),
    ((ActorUnavailableError,), "was lost with its node, 10.0.0.7", True)])
def test_a_node_that_is_slow_to_say_who_died_is_not_taken_for_lost(
        said: tuple[type[RayError], ...], told: str, lost: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_workers, "_DOUBT", 0.4)
    monkeypatch.setattr(Remote, "_listen", lambda self: None)
    keeper, down = Grave(*said), set[str]()
    monkeypatch.setitem(sys.modules, "ray", keeper)
    life = Remote(keeper, down, Parcel())
    assert life._fate(keeper.remote()()).startswith(told)
    assert life.lost == lost and down == ({"a"} if lost else set())
    life.connection.close()
    life._theirs.close()


def facts() -> Mapping[str, str]:
    return {"mujoco": "3.3.7", "policy": "abc"}


def fails() -> Mapping[str, str]:
    raise CardError("cards/p.toml: policy 'p' has no weights yet\n  fix: vlabench train p")


def test_a_node_tells_what_it_has_and_what_it_lacks() -> None:
    told = teller()(pickle.dumps(facts))
    assert told == {**told, **facts(), "its source": source(), "python": "{}.{}".format(*sys.version_info)}
    assert differences(told, told) == []
    assert differences(told, teller()(pickle.dumps(fails))) == [
        "cards/p.toml: policy 'p' has no weights yet\n  fix: vlabench train p"]


@pytest.mark.parametrize(("there", "told"), [
    ({"python": "3.9", "vlabench": "none (No module named 'vlabench')"}, ["python is 3.9 there and 3.11 here"]),
    ({"vlabench": "none (No module named 'vlabench')"}, ["vlabench is none (No module named 'vlabench') there"]),
    ({"its source": "e", "mujoco": "3.2"}, ["its source is e there and d here"]),
    ({"mujoco": "3.2", "policy": "f"}, ["mujoco is 3.2 there and 3.3 here\n  fix: there, pip install mujoco==3.3",
                                        "policy is f there and p here\n  fix: copy the folder of the policy's card"])])
def test_what_differs_is_told_with_what_mends_it(there: Mapping[str, str], told: list[str]) -> None:
    here = {"python": "3.11", "vlabench": "1", "its source": "d", "mujoco": "3.3", "policy": "p"}
    found = differences(here, {**here, **there})
    assert len(found) == len(told) and all(map(str.startswith, found, told)), found


# with Ray, a cluster of two nodes on this machine

long = pytest.mark.long


class Watch(Progress):
    """Does something once, after so many episodes; keeps what the user is told."""

    def __init__(self, after: int = 0, deed: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.after, self.deed, self.notes, self.seen = after, deed, list[str](), 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def count(self, condition: str, *ended: Any) -> None:
        self.seen += 1
        if self.seen == self.after:
            self.deed()


def playing(results: Path, on: str | None, watch: Progress | None = None, **options: Any) -> Evaluation:
    return evaluate("toy-seeker", "toy", results, workers=2, on=on, progress=watch, **options)


def records(results: Path) -> dict[Any, EpisodeRecord]:
    conditions = {name: c.digest for name, c in cards.load_suite("toy").conditions.items()}
    store = Store(results, "toy-seeker", "plain")
    reading = store.read(["toy_points"], conditions, cards.load_policy("toy-seeker").digest)
    return {k: dataclasses.replace(r, seconds=0.0, finished="") for k, r in reading.records.items()}


@long
@pytest.mark.filterwarnings("default")
def test_a_cluster_makes_the_records_of_one_machine_whatever_dies(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    playing(tmp_path / "here", None)
    truth = records(tmp_path / "here")
    with two_nodes(monkeypatch) as nodes:
        with monkeypatch.context() as patch, pytest.raises(WorkerError, match=r"node [\d.]+: toy is 0.1 there and 0.0"):
            patch.setattr(Toy, "versions", lambda self: {"toy": "0.0"})  # here, not on nodes
            playing(tmp_path / "none", nodes.address)
        assert not list(tmp_path.glob("none/**/clean.jsonl"))

        done = playing(tmp_path / "there", nodes.address)
        assert (done.summary.played, done.summary.errors) == (36, 0) and records(tmp_path / "there") == truth
        assert not keepers()

        playing(tmp_path / "hosted", nodes.address, host=True)
        assert records(tmp_path / "hosted") == truth

        killed = Watch(6, lambda: os.kill(keepers()[0], signal.SIGKILL))
        done = playing(tmp_path / "actor", nodes.address, killed)
        assert (done.summary.played, done.summary.errors) == (36, 1) and len(done.summary.causes) == 1, killed.notes
        assert "was lost with its Ray actor on" in done.summary.causes[0][0]

        lost = Watch(6, lambda: nodes.remove_node(nodes.list_all_nodes()[-1], allow_graceful=False))
        done = playing(tmp_path / "node", nodes.address, lost)
        assert done.summary.played == 36 and done.summary.errors <= 1, lost.notes
        assert any("was lost with its node" in note for note in lost.notes), lost.notes
        kept = {k: r for k, r in records(tmp_path / "node").items() if r.status != "error"}
        assert len(kept) == 36 - done.summary.errors and kept.items() <= truth.items()
        playing(tmp_path / "node", nodes.address)
        assert records(tmp_path / "node") == truth
    assert not keepers()


@long
@pytest.mark.filterwarnings("default")
def test_so_does_one_that_is_reached_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Ray's client: the policy in workers, in a process of its own, and with an actor that dies."""
    playing(tmp_path / "here", None)
    truth = records(tmp_path / "here")
    port = free_port()
    with two_nodes(monkeypatch, port) as nodes:
        on = from_outside(nodes, port)
        done = playing(tmp_path / "there", on)
        assert (done.summary.played, done.summary.errors) == (36, 0) and records(tmp_path / "there") == truth
        assert not keepers()

        playing(tmp_path / "hosted", on, host=True)
        assert records(tmp_path / "hosted") == truth

        killed = Watch(6, lambda: os.kill(keepers()[0], signal.SIGKILL))
        done = playing(tmp_path / "actor", on, killed)
        assert (done.summary.played, done.summary.errors) == (36, 1) and len(done.summary.causes) == 1, killed.notes
        assert "was lost with its Ray actor on" in done.summary.causes[0][0]
    assert not keepers()


@long
@pytest.mark.filterwarnings("default")
def test_an_episode_that_takes_too_much_memory_is_an_error_and_the_others_are_played(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's own monitor kills its actor. The memory that it may take is far more than what else comes and goes here."""
    pytest.importorskip("ray")
    from ray._private.utils import get_system_memory, get_used_memory

    free = get_system_memory() - get_used_memory()
    if free < 8 * 2**30:
        pytest.skip("too little memory is free here to waste 5 GiB")
    toys(monkeypatch)
    monkeypatch.setenv("TOY_MISCHIEF", '{"0/1": "hoard"}')
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{1 - (free - 2.5 * 2**30) / get_system_memory():.4f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "50")
    watch = Watch()
    done = evaluate("toy-seeker", "toy", tmp_path, workers=1, on="ray", progress=watch,
                    options=RunOptions(tasks=("toy_points/0",), conditions=("clean",)))
    assert (done.summary.played, done.summary.errors) == (4, 1), watch.notes
    ((cause, _),) = done.summary.causes
    assert re.match(r"worker: WorkerDied: the worker was killed by Ray, as little memory was left on [\d.]+ ", cause)
    assert [record.index for record in records(tmp_path).values() if record.status == "error"] == [1]
