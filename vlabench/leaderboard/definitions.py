"""What a suite means here, and whether a submission's episodes can have come from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vlabench import cards
from vlabench.cards.conditions import Condition, named
from vlabench.cards.policy import PolicyCard
from vlabench.cards.suite import SuiteCard
from vlabench.errors import OutdatedError, SubmissionError, UnknownName
from vlabench.evaluation.audit import audit
from vlabench.evaluation.plan import choose_tasks
from vlabench.leaderboard.manifest import ConditionForm, Manifest
from vlabench.types import EpisodeRecord, Success, Task, won
from vlabench.util.text import counted, shows

FIX = "fix: play the suite as it is here, and submit again"
LAST_STEP, FEW = 0.1, 5
"""The share of an entry's successes that may come with the very last step that was allowed, or fewer than so many: they
come when the goal is reached, and failures that were turned into successes end there."""


@dataclass(frozen=True)
class Definition:
    """A suite on an asset pack, as this copy of vlabench has it. tasks: by key, in the suite's order."""

    card: SuiteCard
    tasks: Mapping[str, Task]

    @property
    def conditions(self) -> dict[str, ConditionForm]:
        """The suite's conditions as a manifest has them."""
        protocol = self.card.engine.revision
        return {name: _form(condition, protocol) for name, condition in self.card.conditions.items()}


@dataclass
class Definitions:
    """Looks suites up, each once."""

    _known: dict[tuple[str, str], Definition] = field(default_factory=dict)

    def of(self, suite: str, assets: str) -> Definition:
        """The definition of a suite. Raises UnknownName (suite, asset pack), CardError, MissingExtra."""
        if (suite, assets) not in self._known:
            if suite.endswith(".toml"):  # which would be a path
                raise UnknownName("suite", suite, cards.suite_names())
            card = cards.load_suite(suite)
            tasks = choose_tasks(card, card.engine(assets))
            self._known[suite, assets] = Definition(card, {task.key: task for task in tasks})
        return self._known[suite, assets]


def check_current(manifest: Manifest, definition: Definition) -> None:
    """Raises OutdatedError unless the suite here has the tasks, conditions and episodes of the submission."""
    card, now, then = definition.card, definition.conditions, manifest.conditions
    for what, mine, theirs in (
        ("simulator", card.simulator, manifest.simulator),
        ("number of episodes per task and condition", card.episodes, manifest.episodes),
        ("success that counts", card.success, manifest.success),
        ("tasks", ", ".join(definition.tasks), ", ".join(manifest.tasks)),
        ("conditions", ", ".join(now), ", ".join(then)),
    ):
        if mine != theirs:
            raise OutdatedError(f"{manifest.name}: suite {card.name!r} has another {what} here: {_short(str(mine))}; "
                                f"the submission has {_short(str(theirs))}\n  {FIX}")
    for name in now:
        if now[name].protocol != then[name].protocol:
            raise OutdatedError(f"{manifest.name}: played by protocol {then[name].protocol} of the simulator "
                                f"{card.simulator!r}, which is {now[name].protocol} here\n  {FIX}")
        if now[name].digest != then[name].digest:
            raise OutdatedError(f"{manifest.name}: condition {name!r} of suite {card.name!r} has other parameters here "
                                f"(digest {now[name].digest[:8]}) than in the submission ({then[name].digest[:8]})\n"
                                f"  {FIX}")


def check_plausible(records: Iterable[EpisodeRecord], policy: PolicyCard, definition: Definition, where: str) -> None:
    """Raises SubmissionError for episodes that no run of this policy on this suite leaves behind.

    where: what they are, for messages. They must be of the suite's tasks and conditions.
    """
    records = list(records)
    conditions = definition.card.conditions
    streams = {name: named(condition).keys() for name, condition in conditions.items()}
    worded = {name for name, condition in conditions.items() if _may_reword(condition, policy)}
    ends: dict[tuple[str, str, str], int] = {}
    rule = definition.card.engine.success
    for record in records:
        task = definition.tasks[record.task]
        problem = _contradiction(record, task.step_limit, rule)
        if record.condition not in worded and record.instruction != task.instruction:
            problem = f"has the instruction {record.instruction[:80]!r}, not the task's"
        elif record.condition in worded and not shows(record.instruction, most=1000):
            problem = f"has the instruction {record.instruction[:80]!r}, which is not one line of printable text"
        elif record.realised.keys() != streams[record.condition]:
            problem = f"has drawn parameters of {sorted(record.realised)}, not of {sorted(streams[record.condition])}"
        elif record.frame.keys() != set(policy.cameras):
            problem = f"has first pictures of {sorted(record.frame)}, not of {sorted(policy.cameras)}"
        twin = ends.setdefault((record.task, record.condition, record.state), record.index)
        if twin != record.index:
            problem = f"ends in the very physical state of episode {twin}: a copy"
        if problem:
            raise SubmissionError(f"{where}: {record.task} {record.condition} {record.index} {problem}")
    if rule == "once":
        _check_last_steps(records, definition, where)
    findings = audit(records, conditions, policy.cameras)
    if findings:
        raise SubmissionError(f"{where}: {findings[0]}")


def _check_last_steps(records: Iterable[EpisodeRecord], definition: Definition, where: str) -> None:
    """Raises SubmissionError for too many successes at the step limit, where episodes end with their first success."""
    successes = [record for record in records if won(record)]
    last = [record for record in successes if record.steps == definition.tasks[record.task].step_limit]
    if len(last) >= FEW and len(last) > LAST_STEP * len(successes):
        first = f"{last[0].task} {last[0].condition} {last[0].index}"
        raise SubmissionError(
            f"{where}: {len(last)} of {len(successes)} successes end at exactly the step limit, as {first} does; at "
            f"most {100 * LAST_STEP:.0f} % may: failures that were turned into successes look like this\n"
            f"  fix: submit the records as they were played")


def _contradiction(record: EpisodeRecord, limit: int, rule: Success) -> str:
    """What about an episode cannot be so, whatever the policy: by the rule `once` it ends with its first success or at
    the limit, by `end` at the limit.
    """
    if record.status == "error":
        return "is an error, not an outcome"
    good, over = won(record), won(record) and rule == "once"
    if good != record.success_at_end or good > record.success_once or rule == "once" and good != record.success_once:
        return (f"is a {record.status}, but success_once is {record.success_once} and success_at_end "
                f"{record.success_at_end}")
    if not 1 <= record.steps <= limit or not over and record.steps != limit:
        return f"is a {record.status} after {counted(record.steps, 'step')}, with a limit of {limit}"
    if not record.state or record.phase or record.error or record.message:
        return "has no final state, or an error's phase or message"
    return "" if record.seconds >= 0 else f"took {record.seconds:g} seconds"


def _may_reword(condition: Condition, policy: PolicyCard) -> bool:
    return any("instruction" in perturbation.channels(policy.cameras) for perturbation in condition.perturbations)


def _form(condition: Condition, protocol: int) -> ConditionForm:
    parts = tuple((part.perturbation, type(made).revision, made.model_dump(mode="json"))
                  for part, made in zip(condition.parts, condition.perturbations, strict=True))
    return ConditionForm(digest=condition.digest, parts=parts, protocol=protocol)


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
