"""Where a training happens: the simulator and its assets, by the options, the card and the policy it starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vlabench.cards import find
from vlabench.cards.find import simulators_for
from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError
from vlabench.simulators.base import Simulator, find_simulator
from vlabench.util.messages import shown


class Placed(Protocol):
    """Options that may say where. simulator: by default the policy's own. assets: by default the card's first pack."""

    @property
    def simulator(self) -> str | None:
        """Its name."""

    @property
    def assets(self) -> str | None:
        """The pack's."""


@dataclass(frozen=True)
class Where:
    """A simulator's name, its class, and the pack."""

    name: str
    kind: type[Simulator]
    assets: str


def where(options: Placed, card: PolicyCard, start: PolicyCard | None) -> Where:
    """Where the policy of a card is trained, from `start` on, if it does not begin from nothing.

    Raises CardError if nothing says which of several simulators it is; UnsupportedError if one of the policies is for
    another than the options say, or than the other; UnknownName.
    """
    policies = sorted([card] if start is None else [card, start], key=lambda each: each.simulator is None)
    name = options.simulator or policies[0].simulator or _only(card)
    kind = find_simulator(name)
    for each in policies:
        fix = f"simulator = {each.simulator!r} in training.options, or a policy of {name!r} to train"
        find.check_simulator(each, name, kind, fix)
    return Where(name, kind, options.assets or next(pack for pack in card.assets if pack in kind.packs))


def _only(card: PolicyCard) -> str:
    fit = simulators_for(card)
    if len(fit) > 1:
        raise CardError(f"{shown(card.path)}: nothing says in which simulator policy {card.name!r} is trained; it fits "
                        f"{', '.join(fit)}\n  fix: simulator = {fit[0]!r} on the card")
    return fit[0]
