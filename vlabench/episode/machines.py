"""Where workers live: on this machine, or on a cluster whose nodes have what they need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from vlabench.adapters.base import Actor
from vlabench.episode import ray_workers
from vlabench.episode.child import HERE, Machines
from vlabench.episode.player import Job
from vlabench.episode.resources import processes


class Card(Protocol):
    """What is asked of a policy's card."""

    @property
    def cameras(self) -> Sequence[str]:
        """That it sees."""

    @property
    def digest(self) -> str:
        """Of what it does."""

    def versions(self) -> Mapping[str, str]:
        """Of what it computes with."""

    def actor(self, host: bool | None = None) -> Actor:
        """What plays it."""


@contextlib.contextmanager
def machines(on: str | None, workers: int | None, job: Job, policy: Card, host: bool | None = None) -> Iterator[
        tuple[Machines, int]]:
    """The machines, and for how many workers. on: a cluster (`ray_workers.cluster`), every node of which is checked;
    None for this machine alone. workers: by default, all that they carry. host: as in `PolicyCard.actor`.

    Raises what `ray_workers.cluster` and `Cluster.check` raise.
    """
    if on is None:
        yield HERE, processes(workers)
        return
    with ray_workers.cluster(on, processes(workers)) as found:
        found.check(partial(facts, job, policy, host))
        room = found.room()
        yield found, min(workers or room, room)


def facts(job: Job, policy: Card, host: bool | None) -> Mapping[str, str]:
    """What decides how this machine plays a job: versions, assets, arithmetic, the policy with its code and weights.

    Raises VlabenchError for what is missing.
    """
    engine = job.engine()
    engine.check(policy.cameras)
    policy.actor(host)
    return {**engine.versions(), **policy.versions(), "policy": policy.digest}
