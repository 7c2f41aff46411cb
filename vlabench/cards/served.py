"""A policy's card meets its server: what that says of itself and answers to a probe is part of the policy's digest."""

from __future__ import annotations

from collections.abc import Callable

from vlabench.cards.files import card_files
from vlabench.cards.policy import PolicyCard
from vlabench.errors import OptionError
from vlabench.types import ActionSpace
from vlabench.util.text import short, why_no_name


def introduced(card: PolicyCard, space: ActionSpace, url: str | None = None, name: str | None = None,
               note: Callable[[str], None] = lambda text: None) -> PolicyCard:
    """The card of exactly the policy that is behind its server now; one without a server as it is.

    space: of the robot that it is to steer. url: where the server is, if not where the card says. name: of the policy;
    a card without a url, which is of any server, needs one. note: hears what a user should know. Raises OptionError for
    what is not to be said of such a policy, or missing; ServerError for a server that cannot be reached, or does not
    fit.
    """
    from vlabench.adapters.wire.base import Served

    if not card.served:
        _check_unserved(card, ("--url", url), ("--as", name))
        return card
    card = by_name(card, name, url, "fix: --url URL --as NAME: where it is, and the name that its records are to have")
    policy = card.make()
    assert isinstance(policy, Served)
    policy.configure(space)
    met = policy.introduce(card.cameras, card.image_size, card.replan)
    for text in met.notes:
        note(text)
    return card.known_as(card.name, card.options, met)


def by_name(card: PolicyCard, name: str | None, url: str | None = None,
            fix: str = "fix: --as NAME, the name that its records have") -> PolicyCard:
    """The card of a policy behind a server under the name that its records have; the server is not asked.

    url: where it is, if not where the card says. fix: of a name that is missing. Raises OptionError.
    """
    if not card.served:
        _check_unserved(card, ("--as", name))
        return card
    options = card.options if url is None else {**card.options, "url": url}
    return card.known_as(_name(card, name, fix), options)


def _check_unserved(card: PolicyCard, *given: tuple[str, str | None]) -> None:
    """Raises OptionError for options that only a policy behind a server has."""
    for option, value in given:
        if value is not None:
            raise OptionError(f"{option} {short(value)}: policy {card.name!r} is not behind a server\n"
                              f"  fix: leave it out, or --policy openpi, or another one that is")


def _name(card: PolicyCard, name: str | None, fix: str) -> str:
    """That of the records. Raises OptionError."""
    if name is None:
        if not card.options.get("url"):
            raise OptionError(f"policy {card.name!r} stands for whichever policy such a server has: its records need a "
                              f"name of their own\n  {fix}")
        return card.name
    if why := why_no_name(name):
        raise OptionError(f"--as {short(name)!r} is no name for records: {why}")
    if name != card.name and name in card_files("policies"):
        raise OptionError(f"--as {name}: another policy has this name\n  fix: a name that `vlabench list policies` "
                          f"does not show")
    return name
