"""`vlabench run` as a function: the names of a policy and a suite in, records and a summary out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vlabench import cards, lineage, plan, runner
from vlabench.plan import Options, Plan
from vlabench.progress import Progress
from vlabench.runner import RunSummary
from vlabench.store import Store
from vlabench.types import EpisodeRecord, Identity, Success


@dataclass(frozen=True)
class Evaluation:
    """records: of the whole plan, in its order, whenever they were played. folder: where they lie. counts: the success
    that the suite counts (`types.won`).
    """

    summary: RunSummary
    records: tuple[EpisodeRecord, ...]
    folder: Path
    counts: Success | None = None


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
    planned = plan.make(suite, policy, suite.engine(store.assets), options)
    lineage.seen(policy)  # what tables mark; a card that names what is unknown is refused before anything is played
    digests = {name: condition.digest for name, condition in planned.conditions.items()}
    task_sets = list(dict.fromkeys(task.task_set for task in planned.tasks))
    for warning in [*planned.warnings, *store.read(task_sets, digests, policy.digest).warnings()]:
        progress.note(f"note: {warning}")
    summary = runner.run(planned, policy, suite.simulator, store, workers=workers, record=record,
                         time_limit=time_limit, progress=progress)
    held = store.read(task_sets, digests, policy.digest).records
    return Evaluation(summary, of_plan(planned, held), store.folder, planned.success)


def of_plan(planned: Plan, held: Mapping[Identity, EpisodeRecord]) -> tuple[EpisodeRecord, ...]:
    """The records of a plan's episodes, in the plan's order; what is not on record is left out."""
    return tuple(held[spec.identity] for spec in planned.specs if spec.identity in held)
