"""Plays episodes in this process, where a test needs no workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typing_extensions import Self

from vlabench.episode.player import EpisodePlayer, Job, Renewal
from vlabench.episode.pool import Result
from vlabench.types import EpisodeSpec


class Alone:
    """Stands in for a WorkerPool; plays the last episode first, so that nothing can rely on the order."""

    last_words = ""

    def __init__(self, job: Job, specs: Sequence[EpisodeSpec], size: int, time_limit: object, note: object,
                 option: str = "", machines: object = None) -> None:
        self.stage, self.specs = EpisodePlayer(job), list(specs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stage.close_scene()

    def add(self, specs: Sequence[EpisodeSpec]) -> None:
        self.specs += specs

    def renew(self, renewal: Renewal) -> None:
        self.stage.renew(renewal)

    def rest(self) -> None:
        self.stage.close_scene()

    def results(self) -> Iterator[Result]:
        while self.specs:
            spec = self.specs.pop()
            (answer,) = self.stage.play((spec,))
            yield Result(spec, answer, 0.0)
