"""How far a training is: a live bar with rate, time left and latest figures on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vlabench.types import Ended, Success
from vlabench.util.progress import Progress


class Display:
    """Shows nothing; the base of the two that do. A stage is a number of steps of one kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.name, self.total, self.done, self._before, self.unit, self.began = "", 0, 0, 0, "steps", clock()
        self.figures: dict[str, float] = {}

    def start(self, name: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """A stage of `total` steps begins, `done` of which a run before this one has made."""
        self.name, self.total, self.done, self._before, self.unit = name, total, done, done, unit
        self.began, self.figures = self.clock(), {}

    def step(self, done: int, figures: Mapping[str, float]) -> None:
        """`done` steps of the stage are made; `figures` replace those of before."""
        self.done, self.figures = done, {**self.figures, **figures}

    def note(self, text: str) -> None:
        """Something the user should read now."""

    def stop(self) -> None:
        """The stage is over."""

    def line(self) -> str:
        """`sft: 600/3000 steps, 3.4/s, 0:11:46 left; action 3.52, points 0.114`."""
        seconds, made = self.clock() - self.began, self.done - self._before
        parts = [f"{self.name}: {self.done}/{self.total} {self.unit}"]
        if made and seconds > 0:
            rate = made / seconds
            left = round(max(self.total - self.done, 0) / rate)
            parts.append(f"{rate:.2g}/s" if rate < 10 else f"{rate:.0f}/s")
            parts.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
        figures = ", ".join(f"{name} {value:.3g}" for name, value in self.figures.items())
        return ", ".join(parts) + (f"; {figures}" if figures else "")


class PlainDisplay(Display):
    """A line at the start, every `every` seconds, and at the end."""

    def __init__(self, console: Console, every: float = 20.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.console, self.every, self._printed = console, every, self.began

    def start(self, name: str, total: int, done: int = 0, unit: str = "steps") -> None:
        super().start(name, total, done, unit)
        self._print()

    def step(self, done: int, figures: Mapping[str, float]) -> None:
        super().step(done, figures)
        if self.clock() - self._printed >= self.every:
            self._print()

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        self._print()

    def _print(self) -> None:
        self._printed = self.clock()
        self.note(self.line())


class LiveDisplay(Display):
    """A bar and the latest figures, redrawn in place."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.console = console
        self._live: Live | None = None

    def start(self, name: str, total: int, done: int = 0, unit: str = "steps") -> None:
        super().start(name, total, done, unit)
        self._live = Live(console=self.console, get_renderable=self.picture, refresh_per_second=4)
        self._live.start()

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def picture(self) -> Table:
        """What is on the screen now."""
        picture = Table.grid(expand=True)
        picture.add_row(ProgressBar(total=max(self.total, 1), completed=self.done))
        head, _, figures = self.line().partition("; ")
        picture.add_row(Text(head))
        picture.add_row(Text(figures))
        return picture


class EpisodesShown(Progress):
    """Episodes that are played for a training, shown as a stage of it."""

    def __init__(self, display: Display, name: str) -> None:
        super().__init__(display.clock)
        self._display, self._name = display, name

    def start(self, total: int, held: int, counts: Success | None = None) -> None:
        super().start(total, held, counts)
        self._display.start(self._name, total, held, "episodes")

    def count(self, condition: str, episode: Ended | None) -> None:
        super().count(condition, episode)
        successes = sum(tally.successes for tally in self.tallies.values())
        self._display.total = self.total  # more than at first, where episodes give no demonstration
        self._display.step(self.held + self.played, {"success": successes / self.played})

    def note(self, text: str) -> None:
        self._display.note(text)

    def stop(self) -> None:
        self._display.stop()


def display(console: Console) -> Display:
    """The one that suits where the console writes to."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)
