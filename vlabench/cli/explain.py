"""`vlabench show`: a suite, a policy, a perturbation or a task in words, with the command that uses it."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from vlabench import cards, registry
from vlabench.cards import lineage
from vlabench.cards.conditions import CLEAN, Condition
from vlabench.cards.files import Folder
from vlabench.cards.find import all_tasks, suites_with
from vlabench.cards.policy import PolicyCard
from vlabench.cards.schema import Made
from vlabench.cards.suite import SuiteCard
from vlabench.cli.listing import about, table
from vlabench.errors import MissingExtra, OptionError, UnknownName, VlabenchError
from vlabench.evaluation.plan import check_fit, choose_tasks, make
from vlabench.perturbations.base import Perturbation, find_perturbation
from vlabench.types import Task
from vlabench.util.messages import shown
from vlabench.util.text import counted, exact

MANY = 4
"""Suites that a message names."""


def explain(name: str) -> Group:
    """All that has this name. A path that ends in `.toml` is a card, of a policy if it names an adapter.

    Raises UnknownName, CardError; OptionError for what has no page but is part of suites.
    """
    if name.endswith(".toml"):
        return _policy(cards.load_policy(name)) if cards.is_policy(name) else _suite(cards.load_suite(name))
    finders: Mapping[str, tuple[Sequence[str], Callable[[str], Group]]] = {
        "suite": (cards.suite_names(), lambda n: _suite(cards.load_suite(n))),
        "policy": (cards.policy_names(), lambda n: _policy(cards.load_policy(n))),
        "perturbation": (registry.names("perturbation"), _perturbation),
    }
    found = [describe(name) for names, describe in finders.values() if name in names]
    if not found:
        tasks = _tasks_by_key()
        _check_part(name, [*tasks.values()])
        if name not in tasks:
            valid = [n for names, _ in finders.values() for n in names] + list(tasks)
            raise UnknownName("name", name, valid, fix="fix: vlabench list suites|policies|perturbations|tasks")
        found = [_task(tasks[name])]
    return Group(*found)


def _check_part(name: str, tasks: Sequence[Task]) -> None:
    """Raises OptionError for a condition or a task set, which has no page of its own but suites that hold it."""
    suites, what = suites_with(name), "condition"
    if not suites and name in {task.task_set for task in tasks}:
        suites, what = [each for each in cards.suite_names() if name in cards.load_suite(each).task_sets], "task set"
    if suites:
        more = f" and {counted(len(suites) - MANY, 'more suite')}" if len(suites) > MANY else ""
        raise OptionError(f"{name!r} is a {what} of {', '.join(suites[:MANY])}{more}\n"
                          f"  fix: vlabench show {suites[0]}")


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
        "success": {"once": "the goal held at some step", "end": "the goal held after the last step"}.get(
            card.success or "", ""),
        "includes": ", ".join(card.include),
        "run it": _run(cards.policy_names(), [_called(card, "suites")]),
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
        "options": _values(card.resolved_options),
        "sees": sees + (", and the simulator's state" if card.privileged else ""),
        "replan": f"looks again after {counted(card.replan, 'action')}",
        "assets": f"{', '.join(card.assets)} (the first unless --assets says otherwise)",
        "trained on": str(lineage.seen(card)),
        "weights": f"{card.weights.path}, sha256 {card.weights.sha256}" if card.weights else "",
        "trained by": f"{card.training.method}: {_values(card.training.options)}" if card.training else "",
        "train again": card.train or "",
        "made": _made(card.made),
        "digest": card.digest[:8],
        "run it": (_run([_called(card, "policies")], cards.suite_names()) or "no suite that is here fits it")
        if card.ready else f"its weights are not here{f': {card.train} makes them' if card.train else ''}",
    }
    return _page(f"policy {card.name}: {card.title}", facts)


def _made(made: Made | None) -> str:
    """How the weights came about, as far as the card says."""
    if made is None:
        return ""
    facts = [f"seed {made.seed}", f"{made.minutes:g} min", made.revision and f"revision {made.revision[:8]}", made.data]
    return f"{made.command} ({', '.join(filter(None, facts))})"


def _perturbation(name: str) -> Group:
    kind = find_perturbation(name)
    facts = {"group": kind.group, "class": registry.target("perturbation", name),
             "needs": ", ".join(sorted(each.__name__ for each in kind.needs)), "revision": str(kind.revision)}
    fields = [[key, _type(field.annotation), _value(field.get_default(call_default_factory=True)),
               _range(field.metadata)] for key, field in kind.model_fields.items()]
    levels = [[f"{level}" + (" (published)" if level == kind.paper else ""), _values(changes)]
              for level, changes in sorted(kind.severities.items())]
    text = "\n\n".join(dict.fromkeys([about(kind), inspect.getdoc(kind) or "", *_inherited(kind)]))
    card = f'{name} = [{{ perturbation = "{name}", severity = {kind.paper or 3} }}]'
    return _page(f"perturbation {name}", facts, Text(text), table(["parameter", "type", "default", "range"], fields),
                 table(["severity", "parameters"], levels), Text(f"in a suite's card, under [conditions]:\n  {card}"))


def _inherited(kind: type[Perturbation]) -> list[str]:
    """What the bases of a perturbation say of their parameters, in their last paragraphs, unless it says so itself."""
    bases = [base for base in kind.__mro__[1:] if issubclass(base, Perturbation) and base is not Perturbation]
    own = inspect.getdoc(kind) or ""
    return [inspect.cleandoc(base.__doc__ or "").rpartition("\n\n")[2] for base in bases
            if (names := inspect.get_annotations(base)) and not any(f"{name}:" in own for name in names)]


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


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2), expand=False)


def _called(card: SuiteCard | PolicyCard, folder: Folder) -> str:
    """What a command line calls a card: its name, or its path where the name would not find it."""
    return card.name if cards.card_files(folder).get(card.name) == card.path else shown(card.path)


def _run(policies: Sequence[str], suites: Sequence[str]) -> str:
    """The command that plays the first of these suites with the first of these policies that can play it."""
    for suite_name, policy_name in itertools.product(suites, policies):
        with contextlib.suppress(VlabenchError):  # whatever is wrong with the other card is no matter of this page
            suite, policy = cards.load_suite(suite_name), cards.load_policy(policy_name)
            if _fits(policy, suite):
                return f"vlabench run --policy {policy_name} --suite {suite_name}"
    return ""


def _fits(policy: PolicyCard, suite: SuiteCard) -> bool:
    """Raises VlabenchError where a run would."""
    simulator = suite.engine(policy.assets[0])
    try:
        make(suite, policy, simulator)
    except MissingExtra:  # which tasks there are is not known here
        check_fit(policy, suite, suite.conditions.values(), simulator)
    return policy.ready


def _parts(condition: Condition) -> str:
    if condition.name == CLEAN:
        return "none: the control"
    return " + ".join(
        f"{part.perturbation}({_values(made.model_dump(mode='json'))})"
        for part, made in zip(condition.parts, condition.perturbations, strict=True))


def _values(values: Mapping[str, Any]) -> str:
    """`degrees = 30.0, draw = "episode"`; an empty list, such as that of all cameras, goes without saying."""
    return ", ".join(f"{key} = {_value(value)}" for key, value in values.items() if value != [])


def _value(value: Any) -> str:
    return json.dumps(exact(value), ensure_ascii=False, default=str)


def _type(annotation: Any) -> str:
    """As a card's author knows it: `float`, `list`, `"episode" | "step"`."""
    origin = get_origin(annotation)
    if origin is Literal:
        return " | ".join(map(_value, get_args(annotation)))
    return "list" if origin in (tuple, list) else getattr(annotation, "__name__", str(annotation))


def _range(limits: Sequence[Any]) -> str:
    """pydantic's limits of a field: `≥ 0, ≤ 180`."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    found = [(signs[key], getattr(limit, key)) for limit in limits for key in signs if hasattr(limit, key)]
    return ", ".join(f"{sign} {value:g}" for sign, value in found)


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
