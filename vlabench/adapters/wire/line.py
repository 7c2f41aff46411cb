"""A connection to a policy's server, whatever the protocol: what one does, and within which limits."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from vlabench.adapters.wire.arrays import Array
from vlabench.adapters.wire.shaping import Look, Sends
from vlabench.errors import OptionError, ServerError
from vlabench.util.text import safe, short

UNWELCOME = (401, 403)
"""HTTP's statuses for those who have no right to ask."""
WORDS = 200
"""Characters of a server's error that are shown."""


class Lost(ServerError):
    """There is no connection, or there is none any more; the server may come back."""


class Limits(BaseModel):
    """What a server may take, and how it knows us."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    answer: Annotated[float, Field(gt=0)] = Field(
        default=120.0, description="Seconds that an answer takes at most; a first one may have to be compiled for.")
    patience: Annotated[float, Field(ge=0)] = Field(
        default=120.0, description="Seconds for which a server that has gone is waited for between episodes.")
    megabytes: Annotated[int, Field(ge=1)] = Field(
        default=64, description="Size of an answer at most, in MiB.")
    token: str = Field(
        default="", description="Environment variable that holds the token which the server asks for; none without.")

    @property
    def bytes(self) -> int:
        """Of an answer, at most."""
        return self.megabytes * 2**20

    @property
    def secret(self) -> str:
        """The token; "" where there is none. Raises OptionError if its variable is not set."""
        if self.token and not os.environ.get(self.token):
            raise OptionError(f"options.limits.token: the environment variable {self.token!r} is not set")
        return os.environ.get(self.token, "") if self.token else ""


class Line(ABC):
    """A connection to a server. What goes wrong is a ServerError: Lost, where trying again may help."""

    lasting: ClassVar[bool] = True
    """Whether an open one leads to the very same process until it is lost; else another may answer the next request."""
    sessions: ClassVar[bool] = False
    """Whether the server keeps something of an episode, so that each that is under way needs a line of its own."""

    def __init__(self, url: str, limits: Limits, sends: Sends) -> None:
        self.url, self.limits, self.sends = url, limits, sends

    @abstractmethod
    def open(self) -> dict[str, Any]:
        """Reach the server; what it says of itself, as JSON has it."""

    def begin(self, instruction: str) -> None:
        """An episode begins."""
        return None

    def end(self) -> None:
        """The episode is over."""
        return None

    @abstractmethod
    def ask(self, look: Look) -> Array:
        """The server's actions at one look, [T, D]."""

    @abstractmethod
    def close(self) -> None:
        """Hang up. Raises nothing."""


def refused(limits: Limits) -> ServerError:
    """Of a server that does not let us in."""
    why = f"the token in {limits.token} is wrong" if limits.token else "it asks for a token"
    return ServerError(f"it lets nobody in without the right token (401): {why}\n"
                       f"  fix: options.limits.token on the card names the environment variable that holds it")


def told(text: Any) -> str:
    """How a server's error ends, for a line of a message: of a traceback that is what went wrong."""
    lines = [line.strip() for line in safe(str(text)).splitlines() if line.strip()]
    return short(lines[-1], WORDS) if lines else "no words"
