"""Suite × policy × options → the episodes to play, in order, with every check that needs no simulator running."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from vlabench.cards.conditions import CLEAN, Condition, named
from vlabench.cards.find import check_simulator, matching, where_to
from vlabench.cards.policy import PolicyCard
from vlabench.cards.suite import SuiteCard
from vlabench.episode.chain import variant_of
from vlabench.errors import OptionError, UnknownName, UnsupportedError, about
from vlabench.records.shards import Shard
from vlabench.simulators.base import Simulator
from vlabench.types import ActionSpace, EpisodeRecord, EpisodeSpec, Identity, Success, Task
from vlabench.util.messages import shown
from vlabench.util.text import counted, short

NOTHING = "nothing beyond stepping and looking"


@dataclass(frozen=True)
class RunOptions:
    """What the command line may choose.

    episodes: per task and condition; None leaves it to the suite. tasks: `libero_spatial/3`, `libero_spatial` or
    patterns such as `libero_*/0`; empty for all. conditions: names or patterns; empty for all. control: play `clean`
    too, even where `conditions` does not name it. shard: play its part of all that alone. Raises OptionError for a text
    in place of several.
    """

    episodes: int | None = None
    tasks: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    control: bool = True
    seed: int = 0
    shard: Shard | None = None

    def __post_init__(self) -> None:
        for key, given in (("tasks", self.tasks), ("conditions", self.conditions)):
            if isinstance(given, str):  # whose letters would be taken for patterns
                raise OptionError(f"RunOptions: {key} = {short(given)!r} is a text, not a tuple of texts\n"
                                  f"  fix: {key}=({short(given)!r},)")


@dataclass(frozen=True)
class Plan:
    """All episodes that were asked for, by task, then condition, then index: a scene is opened once per task.

    success: which one counts, where the suite says so. warnings: what the user should know but need not fix. shard: the
    one whose episodes `specs` are, of a run in several.
    """

    tasks: tuple[Task, ...]
    conditions: Mapping[str, Condition]
    episodes: int
    seed: int
    specs: tuple[EpisodeSpec, ...]
    success: Success | None = None
    warnings: tuple[str, ...] = field(default=())
    shard: Shard | None = None

    def todo(self, held: Collection[Identity]) -> tuple[EpisodeSpec, ...]:
        """The episodes whose identity is not among `held`, in order."""
        return tuple(spec for spec in self.specs if spec.identity not in held)

    def records(self, held: Mapping[Identity, EpisodeRecord]) -> tuple[EpisodeRecord, ...]:
        """Those of its episodes, in order; what is not on record is left out."""
        return tuple(held[spec.identity] for spec in self.specs if spec.identity in held)


def make(suite: SuiteCard, policy: PolicyCard, simulator: Simulator, options: RunOptions | None = None) -> Plan:
    """The plan of a run on the simulator's asset pack.

    Raises UnknownName (task set, task, condition), OptionError (number of episodes, nothing to play), CardError (a
    perturbation's parameters) and UnsupportedError (what the simulator or the policy cannot do).
    """
    options = options or RunOptions()
    check_success(suite, simulator)
    tasks = choose_tasks(suite, simulator, options.tasks)
    conditions = choose_conditions(suite, options)
    episodes = number_of_episodes(suite, tasks, options.episodes)
    check_fit(policy, suite, conditions.values(), simulator)
    check_tasks(conditions.values(), tasks, simulator)
    specs = tuple(
        EpisodeSpec(task, name, index, options.seed)
        for task in tasks
        for name in conditions
        for index in range(episodes)
    )
    if options.shard is not None:
        specs = options.shard.part(specs)
    return Plan(tasks, conditions, episodes, options.seed, specs, suite.success,
                _warnings(policy, conditions.values(), simulator), options.shard)


def check_success(suite: SuiteCard, simulator: Simulator) -> None:
    """Raises UnsupportedError if the suite counts a success that the simulator does not wait for."""
    for key, value in (("success", suite.success), ("also", suite.also)):
        if value == "end" and simulator.success == "once":
            raise UnsupportedError(f"{shown(suite.path)}: {key} = 'end': simulator {type(simulator).__name__} ends an "
                                   f"episode when its goal first holds\n  fix: success = 'once', or leave it out")


def choose_tasks(suite: SuiteCard, simulator: Simulator, patterns: Sequence[str] = ()) -> tuple[Task, ...]:
    """The suite's tasks, in their published order, that match any of `patterns` (all, if there are none)."""
    for task_set in suite.task_sets:
        if task_set not in simulator.task_sets:
            raise UnknownName("task set", task_set, simulator.task_sets, where=f"{shown(suite.path)}: task_sets")
    tasks = [task for task_set in suite.task_sets for task in simulator.tasks(task_set)]
    if suite.tasks:
        tasks = matching(tasks, suite.tasks, f"suite {suite.name!r}")
    if patterns:
        tasks = matching(tasks, patterns, "--tasks")
    return tuple(tasks)


def choose_conditions(suite: SuiteCard, options: RunOptions) -> dict[str, Condition]:
    """The suite's conditions that were asked for, in the suite's order. Raises UnknownName, OptionError."""
    chosen = {name for name in suite.conditions if name != CLEAN}
    if options.conditions:
        for pattern in options.conditions:
            if not fnmatch.filter(suite.conditions, pattern):
                raise UnknownName("condition", pattern, suite.conditions, where=f"suite {suite.name!r}",
                                  fix=where_to(pattern, suite.simulator))
        chosen = {name for pattern in options.conditions for name in fnmatch.filter(suite.conditions, pattern)}
    if options.control:
        chosen.add(CLEAN)
    if not chosen:
        raise OptionError(f"--no-control leaves nothing to play: suite {suite.name!r} has no condition but {CLEAN!r}")
    return {name: condition for name, condition in suite.conditions.items() if name in chosen}


def number_of_episodes(suite: SuiteCard, tasks: Sequence[Task], asked: int | None) -> int:
    """Per task and condition: as many as asked for, else the suite's. Raises OptionError for more than start states."""
    episodes = suite.episodes if asked is None else asked
    where = f"suite {suite.name!r}" if asked is None else "--episodes"
    if episodes < 1:
        raise OptionError(f"{where}: {episodes} episodes: at least 1 is needed")
    published = [(task.init_states, task) for task in tasks if task.init_states is not None]
    fewest, task = min(published, key=lambda pair: pair[0], default=(episodes, tasks[0]))
    if episodes > fewest:
        raise OptionError(
            f"{where}: {counted(episodes, 'episode')}: "
            f"{counted(fewest, 'init state is', 'init states are')} published for {task.key}, "
            f"and an episode needs one of its own\n  fix: --episodes {fewest} or less"
        )
    return episodes


def check_fit(policy: PolicyCard, suite: SuiteCard, conditions: Collection[Condition], simulator: Simulator) -> None:
    """Raises UnsupportedError unless the policy is for the suite's simulator, which can show and do all of this, and
    can notice it; UnknownName for a policy of a simulator that is not there.
    """
    check_simulator(policy, suite.simulator, type(simulator))
    for condition in conditions:
        check_offered(condition, simulator, suite.task_sets)
    _check_felt(policy, conditions)


def check_offered(condition: Condition, simulator: Simulator, task_sets: Collection[str]) -> None:
    """Raises UnsupportedError if the condition needs what the simulator cannot do, or has no scenes for in one of these
    task sets."""
    for part, perturbation in zip(condition.parts, condition.perturbations, strict=True):
        missing = sorted(kind.__name__ for kind in perturbation.needs - simulator.offers)
        if missing:
            raise UnsupportedError(
                f"condition {condition.name!r}: perturbation {part.perturbation!r} needs {', '.join(missing)}, "
                f"which simulator {type(simulator).__name__} does not offer\n"
                f"  it offers: {', '.join(sorted(kind.__name__ for kind in simulator.offers)) or NOTHING}"
            )
        with about(f"condition {condition.name!r}"):
            perturbation.check_simulator(type(simulator))
    variant = variant_of(named(condition))
    for task_set in task_sets:
        try:
            simulator.check_variant(task_set, variant)
        except OptionError as error:
            asking = [part.perturbation for part, made in zip(condition.parts, condition.perturbations, strict=True)
                      if made.scene_variant()]
            raise UnsupportedError(f"condition {condition.name!r}, {' and '.join(asking)}: {error}") from None


def _check_in_time(condition: Condition, name: str, step: int, tasks: Sequence[Task]) -> None:
    """Raises UnsupportedError for what happens after a task's last step, and so never."""
    over = {task.key: task.step_limit for task in tasks if task.step_limit <= step}
    if over:
        told = ", ".join(f"{key} ({limit})" for key, limit in list(over.items())[:3]) + ", …" * (len(over) > 3)
        raise UnsupportedError(
            f"condition {condition.name!r}: {name} happens after {step} steps, when {counted(len(over), 'task')} of "
            f"{len(tasks)} have ended: {told}\n  fix: fewer than {min(over.values())}")


def check_parts(condition: Condition, cameras: Sequence[str], space: ActionSpace) -> None:
    """Raises what its perturbations have against this machine, these cameras or the robot."""
    with about(f"condition {condition.name!r}"):
        for perturbation in condition.perturbations:
            perturbation.check(cameras, space)


def _check_order(condition: Condition) -> None:
    """Raises UnsupportedError for what would get a sentence that it knows no other words for."""
    before, movable = "", False
    for part, perturbation in zip(condition.parts, condition.perturbations, strict=True):
        if before and perturbation.knows_own_words:
            fix = f"{part.perturbation} before {before}" if movable else "leave one of the two out"
            raise UnsupportedError(
                f"condition {condition.name!r}: {part.perturbation} has other words for tasks' own sentences alone, "
                f"and {before}, before it, makes others of them\n  fix: {fix}")
        if perturbation.rewords and not before:
            before, movable = part.perturbation, not perturbation.knows_own_words


def check_tasks(conditions: Collection[Condition], tasks: Sequence[Task], simulator: Simulator) -> None:
    """Raises what a perturbation has against one of these tasks, such as that it has no other words for it, and
    UnsupportedError where a task's scenes have nothing for it to act on."""
    for condition in conditions:
        _check_order(condition)
        for part, perturbation in zip(condition.parts, condition.perturbations, strict=True):
            with about(f"condition {condition.name!r}"):
                perturbation.check_tasks(tasks)
            _check_in_time(condition, part.perturbation, perturbation.shows_after, tasks)
            lacking = {task.key: why for task in tasks if (why := simulator.lacking(task, perturbation.needs))}
            if lacking:
                whys = "".join(f"  {why}: {', '.join(key for key, other in lacking.items() if other == why)}\n"
                               for why in dict.fromkeys(lacking.values()))
                raise UnsupportedError(
                    f"condition {condition.name!r}: perturbation {part.perturbation!r} has nothing to act on in "
                    f"{counted(len(lacking), 'task')} of {len(tasks)}\n{whys}"
                    f"  fix: --tasks or the suite's `tasks` without these, or --conditions without this one")


def _check_felt(policy: PolicyCard, conditions: Collection[Condition]) -> None:
    """Refuse conditions that change nothing this policy can notice: their rates would be the control's again."""
    reached = [condition.name for condition in conditions if policy.feels(condition)]
    unfelt = [condition.name for condition in conditions if condition.name not in reached]
    if unfelt:
        useful = [name for name in reached if name != CLEAN]
        others = "a policy that they reach (vlabench list policies)"
        fix = f"--conditions {','.join(useful)}, or {others}" if useful else f"choose {others}, or another suite"
        raise UnsupportedError(
            f"policy {policy.name!r} {_reads(policy)}, so nothing of these conditions can reach it: "
            f"{', '.join(unfelt)}\n  fix: {fix}"
        )


def _reads(policy: PolicyCard) -> str:
    return f"looks only at {', '.join(policy.cameras)}" if policy.cameras else "reads no pictures"


def _warnings(policy: PolicyCard, conditions: Collection[Condition], simulator: Simulator) -> tuple[str, ...]:
    warnings = []
    if simulator.assets not in policy.assets:
        warnings.append(
            f"policy {policy.name!r} was made for the assets {', '.join(policy.assets)}; on {simulator.assets!r} it "
            f"sees pictures of another kind (tables name the pack of every row)")
    for condition in conditions:
        lost = [part.perturbation for part, made in zip(condition.parts, condition.perturbations, strict=True)
                if not policy.notices(made)]
        if lost:
            warnings.append(f"policy {policy.name!r} {_reads(policy)}: of condition {condition.name!r}, "
                            f"{' and '.join(lost)} cannot reach it, only the rest does")
    return tuple(warnings)
