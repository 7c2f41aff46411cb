"""How far a run is: a live bar with success rates on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vlabench.types import Ended, Success, won
from vlabench.util.text import counted

FEW = 6
"""Up to this many conditions have their rates in a line of plain text; of more it would grow longer than a screen."""


@dataclass
class Tally:
    """Episodes of one condition that were played in this run."""

    successes: int = 0
    failures: int = 0
    errors: int = 0

    @property
    def rate(self) -> str:
        """The success rate so far; errors are no part of it."""
        tried = self.successes + self.failures
        return f"{100 * self.successes / tried:.0f} %" if tried else "–"


class Progress:
    """Counts a run's episodes; shows nothing. The base of the two that do."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.total = self.held = self.played = 0
        self.tallies: dict[str, Tally] = {}
        self.began = clock()
        self.counts: Success | None = None

    def start(self, total: int, held: int, counts: Success | None = None) -> None:
        """A run of `total` episodes begins, `held` of which are on record already; `counts`: which success counts."""
        self.counts = counts
        self.total, self.held, self.played, self.tallies, self.began = total, held, 0, {}, self.clock()

    def count(self, condition: str, episode: Ended | None) -> None:
        """An episode is over; None for one that ended in an error."""
        self.played += 1
        tally = self.tallies.setdefault(condition, Tally())
        error = episode is None or episode.status == "error"
        good = not error and episode is not None and won(episode, self.counts)
        tally.successes += good
        tally.failures += not (good or error)
        tally.errors += error

    def note(self, text: str) -> None:
        """Something the user should read now."""

    def stop(self) -> None:
        """The run is over, or ended early."""

    @property
    def errors(self) -> int:
        """Episodes that ended in an error in this run."""
        return sum(tally.errors for tally in self.tallies.values())

    def line(self) -> str:
        """`60/500 episodes, 1.25/s, 0:05:52 left, 2 errors`."""
        seconds = self.clock() - self.began
        parts = [f"{self.held + self.played:,}/{counted(self.total, 'episode')}"]
        if self.played and seconds > 0:
            rate = self.played / seconds
            left = round((self.total - self.held - self.played) / rate)
            parts.append(f"{rate:.2f}/s" if rate >= 0.1 else f"{60 * rate:.1f}/min")
            parts.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
        if self.errors:
            parts.append(counted(self.errors, "error"))
        return ", ".join(parts)


class PlainProgress(Progress):
    """A line at the start, every `every` seconds, and at the end: for logs and pipes."""

    def __init__(self, console: Console, every: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.console, self.every = console, every
        self._printed = self.began

    def start(self, total: int, held: int, counts: Success | None = None) -> None:
        super().start(total, held, counts)
        self._print()

    def count(self, condition: str, episode: Ended | None) -> None:
        super().count(condition, episode)
        if self.clock() - self._printed >= self.every:
            self._print()

    def note(self, text: str) -> None:
        self._say(text)

    def stop(self) -> None:
        self._print()

    def _print(self) -> None:
        self._printed = self.clock()
        rates = ", ".join(f"{name} {tally.rate}" for name, tally in self.tallies.items())
        self._say(self.line() + (f"; {rates}" if 0 < len(self.tallies) <= FEW else ""))

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveProgress(Progress):
    """A bar, and the success rate of every condition so far, redrawn in place."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.console = console
        self._live = Live(console=console, get_renderable=self.picture, refresh_per_second=4)

    def start(self, total: int, held: int, counts: Success | None = None) -> None:
        super().start(total, held, counts)
        self._live.start()

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def stop(self) -> None:
        self._live.stop()

    def picture(self) -> Table:
        """What is on the screen now; of many conditions, those that fit."""
        picture = Table.grid(expand=True)
        picture.add_row(ProgressBar(total=max(self.total, 1), completed=self.held + self.played))
        picture.add_row(Text(self.line()))
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("condition")
        for column in ("success", "episodes", "errors"):
            table.add_column(column, justify="right")
        room = max(self.console.size.height - 6, 3)
        for name, tally in list(self.tallies.items())[-room:]:
            errors = Text(str(tally.errors or ""), style="red")
            table.add_row(Text(name), tally.rate, str(tally.successes + tally.failures), errors)
        if self.tallies:
            picture.add_row(table)
        return picture


def progress(console: Console) -> Progress:
    """The one that suits where the console writes to."""
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)
