"""`vlabench show`: a suite, a policy, a perturbation and so on in words, with options and the command that uses it."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from vlabench import cards, registry
from vlabench.cards import lineage
from vlabench.cards.conditions import CLEAN, Condition
from vlabench.cards.files import Folder, card_near
from vlabench.cards.find import all_tasks, misfit, suites_with
from vlabench.cards.policy import PolicyCard
from vlabench.cards.schema import Made, PolicyFile
from vlabench.cards.suite import SuiteCard, SuiteFile
from vlabench.cli import fields
from vlabench.cli.listing import about, table
from vlabench.errors import MissingExtra, OptionError, UnknownName, VlabenchError
from vlabench.evaluation.plan import check_fit, choose_tasks, make
from vlabench.perturbations.base import find_perturbation
from vlabench.training.methods.base import find_method
from vlabench.types import Task
from vlabench.util.messages import shown
from vlabench.util.text import counted

if TYPE_CHECKING:
    from vlabench.training.objectives.base import Objective

MANY = 4
"""Suites that a message names."""


_FILES: Mapping[str, type[BaseModel]] = {"suite": SuiteFile, "policy": PolicyFile}


def explain(name: str) -> Group:
    """All that has this name. A path that ends in `.toml` is a card, of a policy if it names an adapter.

    Raises UnknownName, CardError; OptionError for what has no page but is part of suites.
    """
    found = _kinds_of(name)
    return Group(*(kind.page(name) for kind in found)) if found else _task(_task_called(name))


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a suite's or policy's card, also if `name` is the word `suite` or `policy`, or of the options
    of a perturbation, a training method or an objective.

    Raises UnknownName, CardError; OptionError for what has no options.
    """
    for kind in _kinds_of(name):
        return fields.schema(kind.model(name))
    raise OptionError(f"{_task_called(name).key!r} is a task, which has no options\n  fix: vlabench show {name}")


@dataclass(frozen=True)
class _Kind:
    """What names there are of a kind, the page of one, and the model of what a card may say of it."""

    names: Callable[[], Sequence[str]]
    page: Callable[[str], Group]
    model: Callable[[str], type[BaseModel]]


def _kinds() -> dict[str, _Kind]:
    return {
        "suite": _Kind(cards.suite_names, lambda name: _suite(cards.load_suite(name)), lambda name: SuiteFile),
        "policy": _Kind(cards.policy_names, lambda name: _policy(cards.load_policy(name)),
                        lambda name: fields.of_policy(cards.load_policy(name))),
        "perturbation": _Kind(partial(registry.names, "perturbation"), _perturbation, find_perturbation),
        "method": _Kind(partial(registry.names, "method"), _method, lambda name: find_method(name).Options),
        "objective": _Kind(partial(registry.names, "objective"), _objective,
                           lambda name: _find_objective(name).Options),
        "card": _Kind(lambda: list(_FILES), _file, _FILES.__getitem__),
    }


def _kinds_of(name: str) -> list[_Kind]:
    """What has this name, or lies at this path."""
    kinds = _kinds()
    if name.endswith(".toml"):
        return [kinds["policy" if cards.is_policy(name) else "suite"]]
    return [kind for kind in kinds.values() if name in kind.names()]


def _task_called(name: str) -> Task:
    """The task of a name that nothing else has. Raises UnknownName; OptionError for what is part of suites."""
    tasks = _tasks_by_key()
    _check_part(name, [*tasks.values()])
    if name not in tasks:
        valid = [each for kind in _kinds().values() for each in kind.names()] + list(tasks)
        fix = "fix: vlabench list suites|policies|perturbations|tasks|methods|objectives"
        raise UnknownName("name", name, valid, fix=fix, meant=card_near(name))
    return tasks[name]


def _check_part(name: str, tasks: Sequence[Task]) -> None:
    """Raises OptionError for a condition or a task set, which has no page of its own but suites that hold it."""
    suites, what = suites_with(name), "condition"
    if not suites and name in {task.task_set for task in tasks}:
        suites, what = [each for each in cards.suite_names() if name in cards.load_suite(each).task_sets], "task set"
    if suites:
        more = f" and {counted(len(suites) - MANY, 'more suite')}" if len(suites) > MANY else ""
        raise OptionError(f"{name!r} is a {what} of {', '.join(suites[:MANY])}{more}\n"
                          f"  fix: vlabench show {suites[0]}")


COUNTED = {"once": "the goal held at some step", "end": "the goal held after the last step"}


def _suite(card: SuiteCard) -> Group:
    tasks = _tasks_of(card)
    total = f"{counted(len(tasks), 'task')} × {counted(len(card.conditions), 'condition')} × {card.episodes}" \
        if tasks else ""
    facts = {
        "source": card.source,
        "card": shown(card.path),
        "simulator": card.simulator,
        "task sets": ", ".join(card.task_sets) + (f" (of these: {', '.join(card.tasks)})" if card.tasks else ""),
        "episodes": f"{card.episodes} per task and condition"
        + (f"; {total} = {len(tasks) * len(card.conditions) * card.episodes} in all" if tasks else ""),
        "success": "; printed beside it: ".join(COUNTED[each] for each in (card.success, card.also) if each),
        "includes": ", ".join(card.include),
        "run it": run_of([name for name in cards.policy_names() if not _served(name)], [_called(card, "suites")]),
    }
    rows = [[c.name, _parts(c), c.digest[:8]] for c in card.conditions.values()]
    return _page(f"suite {card.name}: {card.title}", facts, table(["condition", "perturbations", "digest"], rows))


def _policy(card: PolicyCard) -> Group:
    pixels = f" at {card.image_size} × {card.image_size} pixels"
    sees = ", ".join(card.cameras) + pixels if card.cameras else "no pictures"
    facts = {
        "source": card.source,
        "card": shown(card.path),
        "adapter": f"{card.adapter} ({registry.target('adapter', card.adapter)})" if ":" not in card.adapter
        else card.adapter,
        "simulator": card.simulator or "any that has its cameras and one of its packs",
        "options": _values(card.options if card.served else card.resolved_options),
        "sees": sees + (", and the simulator's state" if card.privileged else ""),
        "replan": f"looks again after {counted(card.replan, 'action')}",
        "assets": f"{', '.join(card.assets)} (the first unless --assets says otherwise)",
        "trained on": str(lineage.seen(card)),
        "weights": f"{card.weights.path}, sha256 {card.weights.sha256}" if card.weights else "",
        "trained by": f"{card.training.method}: {_values(card.training.options)}" if card.training else "",
        "train again": card.train or "",
        "made": _made(card.made),
        "digest": "that of the policy which its server turns out to be" if card.served else card.digest[:8],
        "run it": (run_of([_called(card, "policies")], cards.suite_names()) or "no suite that is here fits it")
        if not card.absent else f"it {card.absent}" + (f": {card.train}" if card.train else ""),
    }
    more = [fields.options(card.adapter_options, f"option of {card.adapter}")] if card.adapter_options.model_fields \
        else []
    with contextlib.suppress(VlabenchError):  # a method whose libraries are not here
        if card.training:
            more.append(fields.options(find_method(card.training.method).Options, f"option of {card.training.method}"))
    return _page(f"policy {card.name}: {card.title}", facts, *more)


def _made(made: Made | None) -> str:
    """How the weights came about, as far as the card says."""
    if made is None:
        return ""
    facts = [f"seed {made.seed}", f"{made.minutes:g} min", made.revision and f"revision {made.revision[:8]}", made.data,
             *(f"{number:,} {name}" for name, number in made.spent.items())]
    return f"{made.command} ({', '.join(filter(None, facts))})"


def _perturbation(name: str) -> Group:
    kind = find_perturbation(name)
    facts = {"dimension": kind.dimension, "class": registry.target("perturbation", name),
             "needs": ", ".join(sorted(each.__name__ for each in kind.needs)), "revision": str(kind.revision)}
    levels = [[f"{level}" + (" (published)" if kind.is_published(level) else ""), _values(changes)]
              for level, changes in sorted(kind.severities.items())]
    chosen = f", severity = {kind.paper or 3}" if levels else ""
    card = f'{name} = [{{ perturbation = "{name}"{chosen} }}]'
    graded = [table(["severity", "parameters"], levels)] if levels else []
    return _page(f"perturbation {name}", facts, _said(kind), fields.options(kind, "parameter"), *graded,
                 Text(f"in a suite's card, under [conditions]:\n  {card}"))


def _method(name: str) -> Group:
    kind = find_method(name)
    return _page(f"training method {name}", {"class": registry.target("method", name)}, _said(kind),
                 fields.options(kind.Options),
                 Text(f'in a policy\'s card:\n  [training]\n  method = "{name}"\n\n  [training.options]\n  …'))


def _find_objective(name: str) -> type[Objective]:
    """Raises UnknownName, PluginError, MissingExtra."""
    try:
        from vlabench.training.objectives import base
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "train", "objectives of trainings") from error
    return base.find_objective(name)


def _objective(name: str) -> Group:
    kind = _find_objective(name)
    facts = {"class": registry.target("objective", name), "needs": ", ".join(sorted(kind.needs)),
             "reads": ", ".join(sorted(kind.reads))}
    return _page(f"objective {name}", facts, _said(kind), fields.options(kind.Options),
                 Text(f"in a policy's card, under [training.options]:\n  objectives = {{ {name} = {{ }} }}"))


def _file(kind: str) -> Group:
    folder = {"suite": "suites", "policy": "policies"}[kind]
    facts = {"where": f"{folder}/NAME.toml, or any path", "check it": "vlabench check CARD.toml",
             "JSON Schema": f"vlabench show {kind} --schema"}
    return _page(f"the card of a {kind}", facts, fields.options(_FILES[kind], "key"))


def _task(task: Task) -> Group:
    suites = [name for name in cards.suite_names() if _has(cards.load_suite(name), task)]
    facts = {
        "instruction": task.instruction, "name": task.name, "simulator": task.simulator,
        "step limit": counted(task.step_limit, "control step"),
        "init states": f"{task.init_states or 'any'}, one per episode",
        "suites": ", ".join(suites),
        "see it": f"vlabench preview --suite {suites[-1]} --tasks {task.key}" if suites else "",
    }
    return _page(f"task {task.key}", facts)


def _page(title: str, facts: Mapping[str, str], *more: RenderableType) -> Group:
    rows = [[key, value] for key, value in facts.items() if value]
    parts: list[RenderableType] = [Text(title, style="bold"), _indented(table(["", ""], rows))]
    for part in more:
        parts += ["", _indented(part)]
    return Group(*parts)


def _said(kind: type[Any]) -> Text:
    """`about`, with each paragraph on a line of its own: the width of the page breaks it."""
    return Text(re.sub(r"(?<!\n)\n(?![\n ])", " ", about(kind)))


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2), expand=False)


def _called(card: SuiteCard | PolicyCard, folder: Folder) -> str:
    """What a command line calls a card: its name, or its path where the name would not find it."""
    return card.name if cards.card_files(folder).get(card.name) == card.path else shown(card.path)


def run_of(policies: Sequence[str], suites: Sequence[str]) -> str:
    """The command that plays the first of these suites with the first of these policies that can play it."""
    for suite_name, policy_name in itertools.product(suites, policies):
        with contextlib.suppress(VlabenchError):  # whatever is wrong with the other card is no matter of this page
            suite, policy = cards.load_suite(suite_name), cards.load_policy(policy_name)
            if not misfit(policy, suite.simulator, suite.engine) and _fits(policy, suite):
                where = " --url URL --as NAME" if policy.served and not policy.options.get("url") else ""
                return f"vlabench run --policy {policy_name}{where} --suite {suite_name}"
    return ""


def _served(name: str) -> bool:
    """Whether a policy is behind a server, which not everybody has."""
    with contextlib.suppress(VlabenchError):
        return cards.load_policy(name).served
    return False


def _fits(policy: PolicyCard, suite: SuiteCard) -> bool:
    """Raises VlabenchError where a run would."""
    simulator = suite.engine(policy.assets[0])
    try:
        make(suite, policy, simulator)
    except MissingExtra:  # which tasks there are is not known here
        check_fit(policy, suite, suite.conditions.values(), simulator)
    return not policy.absent


def _parts(condition: Condition) -> str:
    if condition.name == CLEAN:
        return "none: the control"
    return " + ".join(
        f"{part.perturbation}({_values(made.model_dump(mode='json'))})"
        for part, made in zip(condition.parts, condition.perturbations, strict=True))


def _values(values: Mapping[str, Any]) -> str:
    """`degrees = 30.0, draw = "episode"`; an empty list, such as that of all cameras, or text goes without saying."""
    return ", ".join(f"{key} = {fields.value(found)}" for key, found in values.items() if found not in ([], ""))


def _tasks_by_key() -> dict[str, Task]:
    try:
        return {task.key: task for task in all_tasks()}
    except MissingExtra:
        return {}


def _tasks_of(card: SuiteCard) -> tuple[Task, ...]:
    try:
        return choose_tasks(card, card.engine(card.engine.packs[0]))
    except MissingExtra:
        return ()


def _has(card: SuiteCard, task: Task) -> bool:
    return card.simulator == task.simulator and task in _tasks_of(card)
