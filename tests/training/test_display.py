"""What a training shows while it plays episodes."""

from __future__ import annotations

from tests.factories import record
from vlabench.training.display import Display, EpisodesShown


def test_episodes_that_have_to_be_tried_again_are_counted_in() -> None:
    """Of 4 demonstrations asked for, one episode gave none: 5 are to be played."""
    display = Display(clock=lambda: 0.0)
    shown = EpisodesShown(display, "demonstrations")
    shown.start(4, 0)
    for index in range(4):
        shown.count("clean", record(index=index, status="failure" if index == 3 else "success"))
    shown.total = 5
    shown.count("clean", record(index=4))
    assert display.line() == "demonstrations: 5/5 episodes; success 0.8"
