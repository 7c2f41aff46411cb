"""What the progress shows, on a terminal and elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from tests.factories import record
from vlabench.util.progress import LiveProgress, PlainProgress, Progress, progress


class Clock:
    """Time that passes when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_line_counts_rates_and_time_left() -> None:
    clock = Clock()
    shown = Progress(clock)
    shown.start(500, 40)
    assert shown.line() == "40/500 episodes"
    for i in range(60):
        clock.now += 0.8
        shown.count("clean", record(status="error" if i % 30 == 0 else "success"))
    # 60 in 48 s are 1.25/s; 400 left take 320 s
    assert shown.line() == "100/500 episodes, 1.25/s, 0:05:20 left, 2 errors"
    clock.now += 3600 - 48
    assert shown.line() == "100/500 episodes, 1.0/min, 6:40:00 left, 2 errors"


def test_elsewhere_than_on_a_terminal_a_line_every_ten_seconds() -> None:
    clock, out = Clock(), io.StringIO()
    shown = PlainProgress(Console(file=out, width=40), clock=clock)
    shown.start(100, 0)
    for i in range(21):
        clock.now += 1
        shown.count(("clean", "[b]dark")[i % 2], record(status=("success", "failure")[i % 4 == 1]))
    shown.note("a worker died [/b]")
    shown.stop()
    assert out.getvalue().splitlines() == [
        "0/100 episodes",
        "10/100 episodes, 1.00/s, 0:01:30 left; clean 100 %, [b]dark 40 %",
        "20/100 episodes, 1.00/s, 0:01:20 left; clean 100 %, [b]dark 50 %",
        "a worker died [/b]",
        "21/100 episodes, 1.00/s, 0:01:19 left; clean 100 %, [b]dark 50 %",
    ]


def test_on_a_terminal_a_bar_and_the_conditions_that_fit() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, height=12)
    shown = progress(console)
    assert isinstance(shown, LiveProgress)
    shown.start(40, 0)
    for i in range(20):
        shown.count(f"c{i:02}", record(status="failure"))
    shown.count("c19", record(status="error"))
    shown.note("look here")
    shown.stop()
    with console.capture() as capture:
        console.print(shown.picture())
    picture = capture.get()
    assert "21/40 episodes" in picture and "c19" in picture and "c14" in picture and "c13" not in picture
    assert len(picture.splitlines()) <= 12
    assert "look here" in out.getvalue() and "\x1b[?25h" in out.getvalue()  # the cursor is back


def test_the_kind_follows_the_console() -> None:
    assert isinstance(progress(Console(file=io.StringIO())), PlainProgress)
