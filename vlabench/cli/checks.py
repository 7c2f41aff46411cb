"""`vlabench check`: what is wrong with a suite's or a policy's card, and how a policy behaves in a few episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vlabench import cards
from vlabench.cards import find, lineage
from vlabench.cards.files import unknown
from vlabench.cards.find import simulators_for
from vlabench.cards.policy import PolicyCard
from vlabench.cards.served import introduced
from vlabench.cards.suite import SuiteCard
from vlabench.errors import CardError, VlabenchError
from vlabench.evaluation import plan
from vlabench.evaluation.rehearsal import Remark
from vlabench.simulators.base import find_simulator

if TYPE_CHECKING:
    from vlabench.simulators.base import Simulator
    from vlabench.types import Task


def check(name: str, *, play: bool = True, suite: str | None = None,
          against: str | None = None, say: Callable[[str], None] = lambda text: None) -> list[Remark]:
    """What there is to say of everything that has this name, or of the card at this path.

    play: a policy whose card is sound plays two episodes, twice. suite: whose simulator and tasks; by default those of
    the first simulator that shows what the policy looks at. against: where the model's own server is, for a checkpoint
    that is read here: their actions are compared instead.
    """
    remarks: list[Remark] = []
    with _noted(remarks):
        for kind in _kinds(name):
            remarks += _suite(name) if kind == "suite" else _policy(name, play, suite, against, say)
    return list(dict.fromkeys(remarks))


def _kinds(name: str) -> list[str]:
    """What has this name: a suite, a policy, or both. Raises UnknownName, CardError."""
    names = {"suite": cards.suite_names(), "policy": cards.policy_names()}
    if name.endswith(".toml"):
        return ["policy" if cards.is_policy(name) else "suite"]
    kinds = [kind for kind, known in names.items() if name in known]
    if not kinds:
        raise unknown(name, "suites", "policies")
    return kinds


@contextmanager
def _noted(remarks: list[Remark]) -> Iterator[None]:
    """What goes wrong inside becomes a remark, so that one mistake does not hide the next."""
    try:
        yield
    except VlabenchError as error:
        remarks.append(Remark(True, str(error)))


def _suite(name: str) -> list[Remark]:
    remarks: list[Remark] = []
    with _noted(remarks):
        suite = cards.load_suite(name)
        with _noted(remarks):
            suite.check_axes()
        for condition in suite.conditions.values():
            with _noted(remarks):
                plan.check_parts(condition, (), suite.engine.action_space)
        with _noted(remarks):
            _on_its_simulator(suite, remarks)
    return remarks


def _on_its_simulator(suite: SuiteCard, remarks: list[Remark]) -> None:
    simulator = suite.engine(suite.engine.packs[0])
    with _noted(remarks):
        plan.check_success(suite, simulator)
    tasks: tuple[Task, ...] = ()
    with _noted(remarks):
        tasks = plan.choose_tasks(suite, simulator)
        plan.number_of_episodes(suite, tasks, None)
    for condition in suite.conditions.values():
        try:
            condition.perturbations  # noqa: B018  # what is wrong with them was said before
        except VlabenchError:
            continue
        with _noted(remarks):
            plan.check_offered(condition, simulator, suite.task_sets)
            plan.check_tasks([condition], tasks, simulator)


def _policy(name: str, play: bool, suite: str | None, against: str | None,
            say: Callable[[str], None]) -> list[Remark]:
    remarks: list[Remark] = []
    with _noted(remarks):
        card = cards.load_policy(name)
        for examine in (_options, lineage.seen, _training, _weights, simulators_for):
            with _noted(remarks):
                examine(card)
        if against is not None and not remarks:
            from vlabench.evaluation.against import against as compared

            remarks.append(compared(card, against, _stage(card, suite), say))
        elif play and not remarks:
            remarks += _rehearsed(card, suite, say)
    return remarks


def _rehearsed(card: PolicyCard, suite: str | None, say: Callable[[str], None]) -> list[Remark]:
    from vlabench.evaluation.rehearsal import rehearse

    if card.served and not card.options.get("url"):
        return [Remark(False, "nothing was played: the card names no server\n  fix: options.url")]
    try:
        card.check()
    except CardError as error:  # it is still to be trained, which is no mistake
        return [Remark(False, f"nothing was played: {error}")]
    stage = _stage(card, suite)
    return rehearse(introduced(card, stage[1].action_space, note=say), stage, say)


def _options(card: PolicyCard) -> None:
    card.digest  # noqa: B018  # looks the adapter up and reads its options


def _training(card: PolicyCard) -> None:
    if card.training is not None:
        from vlabench.training.train import method_of

        method_of(card)


def _weights(card: PolicyCard) -> None:
    """What only a training or a download can give is not missing on a card that says how."""
    try:
        card.check()
    except CardError:
        if card.weights is not None or card.training is None and card.train is None:
            raise


def _stage(card: PolicyCard, suite: str | None) -> tuple[str, Simulator, tuple[str, ...]]:
    """Where it plays: the simulator's name, the simulator on the policy's pack, and the task sets."""
    if suite is not None:
        chosen = cards.load_suite(suite)
        name, sets = chosen.simulator, chosen.task_sets
        find.check_simulator(card, name, chosen.engine)
    else:
        name, sets = simulators_for(card)[0], ()
    kind = find_simulator(name)
    pack = next((pack for pack in card.assets if pack in kind.packs), kind.packs[0])
    return name, kind(pack), sets or tuple(kind.task_sets)
