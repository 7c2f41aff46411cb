"""`vlabench run` as a function: the names of a policy and a suite in, records and a summary out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vlabench import cards, lineage, plan, runner
from vlabench.plan import Options
from vlabench.progress import Progress
from vlabench.runner import RunSummary
from vlabench.store import Store
from vlabench.types import EpisodeRecord, Success


@dataclass(frozen=True)
class Evaluation:
    """folder: where the records lie. counts: the success that the suite counts (`types.won`)."""

    summary: RunSummary
    folder: Path
    counts: Success | None = None

    @property
    def records(self) -> tuple[EpisodeRecord, ...]:
        """Of the whole plan, in its order, whenever they were played."""
        return self.summary.records


def evaluate(policy_name: str, suite_name: str, results: Path, *, assets: str | None = None,
             options: Options | None = None, workers: int | None = None, record: bool = False,
             time_limit: float | None = None, progress: Progress | None = None) -> Evaluation:
    """Play what is missing of a suite with a policy and read the records of all of it.

    assets: by default the first pack on the policy's card. The other options are those of `runner.run`. What the user
    should know goes to `progress.note`. Raises what cards, plan and runner raise: a VlabenchError for whatever a user
    can mend.
    """
    progress = progress or Progress()
    suite, policy = cards.load_suite(suite_name), cards.load_policy(policy_name)
    store = Store(results, policy.name, assets or policy.assets[0])
    engine = suite.engine(store.assets)
    planned = plan.make(suite, policy, engine, options)
    lineage.seen(policy)  # what tables mark; a card that names what is unknown is refused before anything is played
    for warning in planned.warnings:
        progress.note(f"note: {warning}")
    summary = runner.run(planned, policy, engine, store, workers=workers, record=record, time_limit=time_limit,
                         progress=progress)
    return Evaluation(summary, store.folder, planned.success)
