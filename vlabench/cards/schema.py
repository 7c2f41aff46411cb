"""What the cards of suites and of policies have in common: kinds of text, and the class of a simulator by its name."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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

CHECKSUM = "^[0-9a-f]{64}$"
"""A SHA-256, in hexadecimal."""


class CardFile(BaseModel):
    """What all card files have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: Line = Field(description="What it is, in one line of at most 200 characters.")
    source: Long = Field(description="Where it comes from, such as a paper's section, in at most 1,000 characters.")


def _checksum(text: str) -> str:
    if not re.fullmatch(CHECKSUM, text):
        raise ValueError("must be 64 hexadecimal digits, as `sha256sum FILE` gives them")
    return text


class Weights(BaseModel):
    """A file or a folder beside the card, and its checksum."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: Word = Field(
        description="File or folder of the weights, relative to the card's folder.")
    sha256: Annotated[str, AfterValidator(_checksum)] = Field(
        json_schema_extra={"pattern": CHECKSUM},
        description="SHA-256 of the file; of a folder, over its files' names and contents.")


SPENT = ("rollouts", "control steps", "views", "updates", "passes")
"""What a training can have taken, whatever the machine: `Made.spent`."""


class Made(BaseModel):
    """How weights were made; `vlabench train` writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    command: str = Field(
        max_length=COMMAND, description="Command line that began the training.")
    revision: str = Field(
        default="", max_length=100, description="Git revision of the code.")
    seed: int = Field(
        description="Seed of the training.")
    minutes: float = Field(
        description="Minutes that the training took, over all its runs.")
    data: str = Field(
        default="", max_length=COMMAND, description="What it was trained on, in a few words.")
    spent: dict[str, int] = Field(
        default_factory=dict,
        description="What it took, whatever the machine: `rollouts` (of sft, demonstrations) and their `control "
                    "steps`, `views` drawn of looks, `updates`, and `passes`, looks and views of them that these put "
                    "through the network.")


class Training(BaseModel):
    """How `vlabench train` makes the weights."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    method: Word = Field(
        description="Name of the training method, such as `sft`, `rloo` or `ppo`.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the method: see `vlabench show METHOD`.")


class PolicyFile(CardFile):
    """The keys of a policy's file."""

    adapter: Word = Field(
        description="Name of the adapter; or `module:Class`, if the card is given by its path: the module lies beside "
                    "the card or where Python looks.")
    simulator: Word | None = Field(
        default=None,
        description="Simulator that it acts in; by default every one that has its cameras and one of its packs. No "
                    "part of the digest.")
    assets: Names = Field(
        min_length=1, description="Asset packs that it may run on; the first is the default.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Arguments of the adapter's constructor, beside `weights`.")
    cameras: Names = Field(
        default=(), description="Cameras that it looks through, by name; none for a policy that reads no pictures.")
    image_size: int = Field(
        default=256, ge=SIDES[0], le=SIDES[1], description="Side of its square pictures, in pixels.")
    replan: int = Field(
        default=1, ge=1, description="Actions of a chunk that are executed before it looks again.")
    privileged: bool = Field(
        default=False, description="Whether it reads the simulator's state.")
    host: bool = Field(
        default=False, description="Whether it lives once, in a process of its own that answers all workers, as one "
                                   "that computes on a GPU does in any case; else every worker has a copy.")
    python: Word | None = Field(
        default=None, description="Python of another environment, `DIR/bin/python`, where the policy lives, once, as "
                                  "with `host`; relative to the card's folder. No part of the digest.")
    exact: bool = Field(
        default=True, description="Whether a look's answer must be the same to the last bit whatever is asked at the "
                                  "same time. `false`: a host may answer workers in one batch whose arithmetic "
                                  "differs; part of the digest.")
    trained_on: Names = Field(
        default=(),
        description="Perturbations, task sets or suites seen in training, by name, beyond what `training` says; tables "
                    "and leaderboard mark the conditions that hold them.")
    weights: Weights | None = Field(
        default=None, description="File or folder of its weights, with the checksum.")
    train: Annotated[str, Field(max_length=COMMAND)] | None = Field(
        default=None, description="Command that makes the weights again.")
    training: Training | None = Field(
        default=None, description="Method and options of that command.")
    made: Made | None = Field(
        default=None, description="How these weights were made; `vlabench train` writes it.")


def engine_of(name: str, card: Path) -> type[Simulator]:
    """The class of a simulator that a card names. Raises UnknownName, PluginError."""
    from vlabench.simulators.base import find_simulator

    valid = registry.names("simulator")
    if name not in valid:
        raise UnknownName("simulator", name, valid, where=f"{shown(card)}: simulator")
    return find_simulator(name)
