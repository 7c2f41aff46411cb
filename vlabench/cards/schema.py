"""What the cards of suites and of policies have in common: kinds of text, and the class of a simulator by its name."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vlabench import registry
from vlabench.errors import UnknownName
from vlabench.util.messages import shown
from vlabench.util.text import line

if TYPE_CHECKING:
    from vlabench.simulators.base import Simulator

Success = Literal["once", "end"]
"""As in `types`, which imports NumPy: listing cards is to take no second."""
Line = Annotated[str, Field(min_length=1), AfterValidator(line)]
Long = Annotated[str, Field(min_length=1), AfterValidator(partial(line, most=1000))]
"""Lines for people: of 200 and of 1,000 visible characters at most."""
Word = Annotated[str, Field(min_length=1, max_length=1000)]
"""A name, a pattern or a path: what is meant by it is looked up."""
COMMAND = 2**14
"""Characters of a command line, at most."""
Names = Annotated[tuple[Line, ...], Field(max_length=1000)]
EPISODES = 10**6
"""Of a task under a condition, at most: a number beyond it is a mistake."""
SIDES = (16, 1024)
"""Pixels per side of a picture for a policy: the fewest and the most."""


class CardFile(BaseModel):
    """What all card files have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: Line
    source: Long


def engine_of(name: str, card: Path) -> type[Simulator]:
    """The class of a simulator that a card names. Raises UnknownName, PluginError."""
    from vlabench.simulators.base import find_simulator

    valid = registry.names("simulator")
    if name not in valid:
        raise UnknownName("simulator", name, valid, where=f"{shown(card)}: simulator")
    return find_simulator(name)


