"""The figure of episodes frame by frame: policies below each other, from one start, at the same steps."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vlabench.errors import OptionError
from vlabench.reports.plots.data import Data
from vlabench.reports.plots.episodes import Choice, Seen, choose, ordered, outcome, play
from vlabench.reports.plots.style import canvas, footnote, look, styled
from vlabench.types import EpisodeSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STRIPS = "strips"
"""Its name as a kind of plot."""
FRAMES = (2, 16)
"""Least and most beside each other."""
SIDE = 1.15
"""Inches of a picture."""
LABEL = 1.5
"""Inches of what stands beside a row."""
FADED = 0.35
"""How much is left of the last picture of an episode that is over."""


def strips(data: Data, choice: Choice, frames: int, say: Callable[[str], None]) -> Figure:
    """The episode of a choice, played again by each policy. frames: how many. say: hears what is going on.

    Raises OptionError for too many frames, and what `episodes.choose` and `episodes.play` raise.
    """
    if not FRAMES[0] <= frames <= FRAMES[1]:
        raise OptionError(f"--frames {frames}: must be in {FRAMES[0]} … {FRAMES[1]}")
    data = ordered(data, choice)
    spec, differ = choose(data, choice)
    same = "" if differ else ", in which they do not differ: nor do they in any other that was asked for"
    say(f"playing {spec.task.key} {spec.condition} {spec.index}{same}")
    return drawn(data, spec, play(data, spec, say), frames)


def drawn(data: Data, spec: EpisodeSpec, seen: Sequence[Seen], frames: int) -> Figure:
    """A row for each policy; so many frames at the same steps, evenly from the first to the longest episode's last."""
    steps = np.linspace(0, max(each.steps for each in seen), frames).round().astype(int).tolist()
    with styled():
        height, width, _ = next(iter(seen[0].pictures.values())).shape
        figure = canvas(LABEL + frames * (SIDE + 0.06), 0.95 + len(seen) * (SIDE * height / width + 0.08))
        grid = figure.subplots(len(seen), frames, squeeze=False)
        for number, (row, each) in enumerate(zip(grid, seen, strict=True)):
            for axes, step in zip(row, steps, strict=True):
                _frame(axes, each, step, number)
            row[0].set_ylabel(_label(each), rotation=0, ha="right", va="center", fontsize=8.5, labelpad=6)
        for axes, step in zip(grid[0], steps, strict=True):
            axes.set_title(f"step {step}" if step == 0 else str(step), loc="center", fontsize=8.5, pad=3)
        told = textwrap.fill(f"“{seen[0].instruction}”", int(figure.get_figwidth() * 12))
        figure.suptitle(f"{told}\n{spec.task.key}, {spec.condition}, episode {spec.index}", fontsize=9.5, x=0.01,
                        ha="left")
        names = ", ".join(each.policy for each in seen if each.blind)
        blind = [f"{names}: reads no pictures, and would have seen these."] if names else []
        over = ["Pale: the episode is over."] if any(each.steps < steps[-1] for each in seen) else []
        footnote(figure, ["The picture that each had seen last by a step.", *over, *blind, data.caption])
    return figure


def _frame(axes: Axes, seen: Seen, step: int, number: int) -> None:
    """What was seen last by a step, framed in the policy's colour."""
    axes.imshow(seen.pictures[max(look for look in seen.pictures if look <= step)], interpolation="antialiased",
                alpha=FADED if step > seen.steps else 1.0)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=look(number).color, linewidth=1.6)


def _label(seen: Seen) -> str:
    """The policy and how it ended."""
    return f"{textwrap.fill(seen.policy, 20)}\n{textwrap.fill(outcome(seen), 24)}"
