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
        for option, given in (("--url", url), ("--as", name)):
            if given is not None:
                raise OptionError(f"{option} {short(given)}: policy {card.name!r} is not behind a server\n"
                                  f"  fix: leave it out, or --policy openpi, or another one that is")
        return card
    name = _name(card, name)
    options = card.options if url is None else {**card.options, "url": url}
    policy = card.known_as(name, options).make()
    assert isinstance(policy, Served)
    policy.configure(space)
    met = policy.introduce(card.cameras, card.image_size, card.replan)
    for text in met.notes:
        note(text)
    return card.known_as(name, options, met)


def _name(card: PolicyCard, name: str | None) -> str:
    """That of the records. Raises OptionError."""
    if name is None:
        if not card.options.get("url"):
            raise OptionError(f"policy {card.name!r} is any policy behind such a server\n  fix: --url URL --as NAME: "
                              f"where it is, and the name that its records are to have")
        return card.name
    if why := why_no_name(name):
        raise OptionError(f"--as {short(name)!r} is no name for records: {why}")
    if name != card.name and name in card_files("policies"):
        raise OptionError(f"--as {name}: another policy has this name\n  fix: a name that `vlabench list policies` "
                          f"does not show")
    return name
