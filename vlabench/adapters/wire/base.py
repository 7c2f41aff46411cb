"""A policy behind a server: introduced before a run, asked at every look, reached again between episodes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from vlabench.adapters.base import Policy
from vlabench.adapters.wire.line import Limits, Line, Lost
from vlabench.adapters.wire.shaping import Look, Moves, Sends, probe
from vlabench.errors import OptionError, ServerError, ServerGone
from vlabench.seeding import Draws
from vlabench.types import Decision, Floats, Observation

AGREE = 1e-3
"""Two answers are the same if no number differs by more: a GPU's sums depend on what else is in a batch."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
"""Seconds between two attempts to reach a server that has gone."""

CARDS = ("openpi", "vla-eval", "openvla-rest", "openvla-oft-rest", "groot")
"""One for each protocol."""

SENDS, MOVES, LIMITS = Sends(), Moves(), Limits()
"""What cards say otherwise."""
Url = Annotated[str, Field(description="Where its server is; `vlabench run --url` says it, too.")]
ToSend = Annotated[Sends, Field(description="What the server is sent.")]
ToMove = Annotated[Moves, Field(description="What its actions mean.")]
Within = Annotated[Limits, Field(description="What it may take, and how it knows us.")]


@dataclass(frozen=True)
class Introduction:
    """What a served policy is known by. said: what its server says of itself. answer: its actions [T, D] at the probe
    for these cameras, where it gives nearly the same ones twice; to_the_bit: they were the very same. notes: what a
    user should know.
    """

    cameras: tuple[str, ...]
    image_size: int
    said: dict[str, Any]
    answer: Floats | None
    to_the_bit: bool
    notes: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """What of it identifies the policy, as JSON has it: numbers, rounded, only where they are the same to the bit.

        However coarsely they are rounded, those that vary cross a border now and then.
        """
        rounded = (np.round(self.answer / (10 * AGREE)).astype(int).tolist()
                   if self.answer is not None and self.to_the_bit else None)
        return {"said": self.said, "answer": rounded}


class Served(Policy):
    """Asks a server for the actions of each row. What it sends and what it makes of the answers, `sends` and `moves`
    say.

    expected: whom the server has to be, where that is known.
    """

    whereabouts = ("url", "limits")
    exact_in_batches = True
    protocol: ClassVar[type[Line]]
    example: ClassVar[str]
    """Of a url."""
    expected: Introduction | None = None

    def __init__(self, url: str, sends: Any, moves: Any, limits: Any) -> None:
        self.url = url
        self.sends, self.moves = Sends.model_validate(sends), Moves.model_validate(moves)
        self.limits = Limits.model_validate(limits)
        self._lines: dict[int, Line] = {}
        self._fresh: set[int] = set()
        self._waits: list[float] = []

    def line(self) -> Line:
        """A new connection, not yet open."""
        return self.protocol(self.url, self.limits, self.sends)

    def hear(self, said: dict[str, Any]) -> Sequence[str]:
        """Heed what the server says of itself; notes for a user. Raises ServerError where it asks for what is not to be
        had.
        """
        return ()

    def waits(self) -> tuple[float, ...]:
        """Seconds that the answers took since this was asked last."""
        found, self._waits = tuple(self._waits), []
        return found

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """The server is reached, and waited for if it has gone. Raises ServerGone if it does not come back, or not as
        the one that is expected.
        """
        self._check_url()
        for key in dict.fromkeys(self._key(slot) for slot in slots):
            line = self._lines.get(key)
            if line is not None and line.lasting and key not in self._fresh:
                with contextlib.suppress(ServerError):
                    line.end()
            elif line is not None and not line.lasting:
                self._drop(key)
        for slot in slots:
            self._reach(self._key(slot))
            self._fresh.add(self._key(slot))

    def act(self, obs: Observation) -> Decision:
        """Float64 [B, T, D]; T is that of the shortest answer. Raises ServerError."""
        answers = [self._asked(self._key(slot), obs, row) for row, slot in enumerate(obs.slots.tolist())]
        shortest = min(len(answer) for answer in answers)
        return Decision(np.stack([answer[:shortest] for answer in answers]))

    def settle(self) -> None:
        """Where another server may have answered meanwhile, see that it is still the one that is expected; it is waited
        for. Raises ServerGone.
        """
        if self.protocol.lasting or self.expected is None:
            return
        for key in list(self._lines):
            self._drop(key)
            self._reach(key)

    def close(self) -> None:
        """Hang up."""
        for key in list(self._lines):
            if key not in self._fresh:
                with contextlib.suppress(ServerError):
                    self._lines[key].end()
            self._drop(key)

    def introduce(self, cameras: tuple[str, ...], image_size: int, replan: int) -> Introduction:
        """Meet the server: twice, to see what of it stays the same. The seconds are no part of `waits`.

        Raises ServerError unless it answers the probe with at least `replan` actions that the robot can be asked for;
        OptionError for a card that does not fit itself.
        """
        self._check_url()
        self.sends.check(cameras)
        said: list[dict[str, Any]] = []
        answers: list[Floats] = []
        notes: Sequence[str] = ()
        for _ in range(2):
            line = self.line()
            try:
                said.append(line.open())
                notes = self.hear(said[-1])
                answers.append(self._probed(line, cameras, image_size))
                self.moves.check(answers[-1], self.space)
            except Lost as error:
                raise ServerError(f"no policy to be asked at {self.url}: {error}\n"
                                  f"  fix: start its server, or name another address with --url; one that runs may "
                                  f"speak another protocol: --policy {' or '.join(CARDS)}") from None
            except ServerError as error:
                raise type(error)(f"the server at {self.url}: {error}") from None
            finally:
                line.close()
        found = answers[0]
        if len(found) < replan:
            raise ServerError(f"the server at {self.url} answers with {len(found)} actions, but {replan} are to be "
                              f"executed from one look to the next\n  fix: replan = {len(found)} on the card")
        kept = {key: value for key, value in said[0].items() if key in said[1] and said[1][key] == value}
        same = alike(*answers)
        if not same and not kept:
            notes = [*notes, f"the server at {self.url} says nothing of itself, and answers otherwise each time: "
                             f"whether it is the same policy as before cannot be seen; --as NAME for each other one"]
        return Introduction(cameras, image_size, kept, found if same else None, np.array_equal(found, answers[1]),
                            tuple(notes))

    def _check_url(self) -> None:
        if not self.url.startswith(self.example.partition("://")[0]):
            raise OptionError(f"url {self.url!r}: such a server is at an address like {self.example}\n"
                              f"  fix: --url {self.example}, or options.url on the card")

    def _key(self, slot: int) -> int:
        """The line that a slot has: one for all, where the server keeps nothing of an episode."""
        return slot if self.protocol.sessions else 0

    def _asked(self, key: int, obs: Observation, row: int) -> Floats:
        try:
            line = self._lines.get(key)
            if line is None:
                raise Lost("the connection was lost before")
            look = self.sends.look(obs, row)
            if key in self._fresh:
                line.begin(look.instruction)
                self._fresh.discard(key)
            began = time.perf_counter()
            reply = line.ask(look)
            self._waits.append(time.perf_counter() - began)
            return self.moves.actions(reply, self.space, obs.proprio[row])
        except ServerError as error:
            self._drop(key)  # whose answers may be to earlier requests from now on
            raise type(error)(f"the server at {self.url}: {error}") from None

    def _probed(self, line: Line, cameras: tuple[str, ...], image_size: int) -> Floats:
        obs = probe(cameras, image_size)
        look: Look = self.sends.look(obs, 0)
        line.begin(look.instruction)
        reply = line.ask(look)
        line.end()
        return self.moves.actions(reply, self.space, obs.proprio[0])

    def _reach(self, key: int) -> None:
        """See to it that there is a line, with the server that is expected at its other end."""
        if key in self._lines:
            return
        until, pause = time.monotonic() + self.limits.patience, FIRST_PAUSE
        while True:
            line = self.line()
            try:
                self._recognise(line, line.open())
            except Lost as error:
                line.close()
                if time.monotonic() + pause > until:
                    raise ServerGone(f"no policy to be asked at {self.url} for {self.limits.patience:g} s: {error}\n"
                                     f"  fix: start its server again; the same command goes on") from None
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except ServerError:
                line.close()
                raise
            else:
                self._lines[key] = line
                return

    def _recognise(self, line: Line, said: dict[str, Any]) -> None:
        """Raises ServerGone unless this is the server that is expected."""
        self.hear(said)
        met = self.expected
        if met is None:
            return
        other = next((key for key, value in met.said.items() if said.get(key) != value), "")
        if other:
            self._another(f"it says another `{other}` of itself than before")
        if met.answer is not None and not alike(met.answer, self._probed(line, met.cameras, met.image_size)):
            self._another("it answers the probe otherwise than before")

    def _another(self, why: str) -> None:
        raise ServerGone(f"another policy is at {self.url} now: {why}; what is on record stays\n"
                         f"  fix: start the former one again, or --as NEW for records of this one")

    def _drop(self, key: int) -> None:
        self._fresh.discard(key)
        if line := self._lines.pop(key, None):
            line.close()


def alike(first: Floats, second: Floats) -> bool:
    """Whether two answers are the same (AGREE)."""
    return first.shape == second.shape and bool((np.abs(first - second) <= AGREE).all())
