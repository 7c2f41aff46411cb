"""The figure of what a policy finds probable at one state (FAN's figure 1), and how large its neighbourhood is.

The neighbourhood of near-equivalent actions is told as the probability within some bins of the most probable one, of
256 (OpenVLA has 255) over the range of an action's number: a peak in one bin has it all within 1, an even spread almost
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from vlabench import registry
from vlabench.cards.find import fits
from vlabench.errors import OptionError, UnknownName, UnsupportedError
from vlabench.records.probes import FIX, Probe, Trace
from vlabench.reports.plots.probe_data import by_condition, dimensions, interval, label
from vlabench.reports.plots.probes import Drawn
from vlabench.reports.plots.style import canvas, footnote, look, styled
from vlabench.simulators.base import find_simulator
from vlabench.types import Floats
from vlabench.util.text import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POLICY = "policy"
"""Its name as a kind of plot."""
WITHIN = (1, 2, 4)
"""Bins from the most probable one."""
SHOWN = 0.999
"""Share of every policy's probability that a panel's range holds."""
MESH = 64
"""Cells of a surface along either axis at most; of wider ones several bins are a cell together."""
ROOM, LEAST = 3, 12
"""Bins that a range has beyond that on either side, and those around the mode that it has at least."""


Part = tuple[float, float]
"""Of [−1, 1] units: where it begins and ends, in shares of their length."""


@dataclass(frozen=True)
class State:
    """Which look is drawn, and which two dimensions span the surface.

    tasks: patterns. index: of the start. look: its number in the episode, from 0, where all policies of a start see the
    same. dimensions: two names; by default the first two. By default the first look of the first episode, clean if any.
    """

    tasks: Sequence[str] = ()
    index: int | None = None
    look: int = 0
    dimensions: Sequence[str] = ()


@dataclass(frozen=True)
class Near:
    """The size of a policy's neighbourhood under a condition.

    within_1, within_2, within_4: the probability within so many bins of the mode, the mean over the arm's numbers, over
    an episode's looks, over episodes. low, high: of within_1, its 95 % interval over tasks. by_dimension: of every
    number of an action, the gripper's too, the same three.
    """

    interval_of: ClassVar[str] = "within_1"

    policy: str
    condition: str
    episodes: int
    looks: int
    within_1: float
    within_2: float
    within_4: float
    low: float | None
    high: float | None
    by_dimension: Mapping[str, Sequence[float]]


def policy(probes: Sequence[Probe], state: State) -> Drawn:
    """A surface for each policy, of the probability of pairs of bins in two dimensions of the action that follows one
    look; below it each dimension by itself; as rows, the sizes of the neighbourhoods at all looks.

    Raises UnsupportedError for a policy without a distribution, OptionError for files that lack it, and for a look that
    there is not; UnknownName for a dimension.
    """
    for probe in probes:
        _check(probe)
    traces = _chosen(probes, state)
    names = dimensions(probes[0])
    pair = _pair(names, state.dimensions)
    number = _look(traces, state.look)
    at = [_shares(trace)[number] for trace in traces]
    rows = [row for probe in probes for row in _near(probe, names)]
    with styled():
        trace = traces[0]
        said = f"{trace.task}, {trace.condition}, episode {trace.index}, step {trace.looks[number]}"
        figure = _figure(probes, at, names, pair, said)
        bins = " or ".join(map(str, sorted({shares.shape[-1] for shares in at})))
        footnote(figure, [
            f"Probabilities of the {bins} equal bins over [−1, 1] units that an action's numbers have, of the first "
            f"action after the look. Above: of pairs of bins in {names[pair[0]]} and {names[pair[1]]}, drawn "
            f"independently (where a policy gives its numbers one by one: each after the most probable before it), in "
            f"%, of a few together where a range is wide; each policy to its own height. Within n: "
            f"the probability of at most n bins from the mode, at this look, a mean over the arm's numbers. Ranges "
            f"hold {100 * SHOWN:g} % of every policy's probability."])
    method = {"bins": bins, "range": "[−1, 1] units", "action": "the first after a look", "task": trace.task,
              "condition": trace.condition, "index": trace.index, "step": int(trace.looks[number]),
              "within": "mean over the arm's numbers, looks of an episode, episodes"}
    return Drawn(figure, rows, method)


def within(shares: Floats, bins: int) -> Floats:
    """The probability [...] of at most so many bins from the most probable one, of shares [..., K]."""
    places = np.arange(shares.shape[-1])
    near = np.abs(places - shares.argmax(-1)[..., None]) <= bins
    found: Floats = np.where(near, shares, 0.0).sum(-1)
    return found


def _check(probe: Probe) -> None:
    if not probe.looks_inside:
        raise UnsupportedError(f"policy {probe.facts.policy!r} has no distribution that a probe could keep: its "
                               f"adapter is no TrainablePolicy\n  fix: a policy such as nano-sft")
    if probe.traces[0].shares is None:
        raise OptionError(f"{label(probe)}: this probe was made before distributions were kept\n  fix: {FIX}")


def _chosen(probes: Sequence[Probe], state: State) -> list[Trace]:
    """The episode of each policy, the same of all."""
    order = list(by_condition(probes[0]))
    found = [trace for trace in probes[0].traces
             if state.index in (None, trace.index) and fits(trace.task, state.tasks)]
    if not found:
        known = ", ".join(dict.fromkeys(f"{trace.task} {trace.index}" for trace in probes[0].traces[:4]))
        raise OptionError(f"no episode of the probes fits --tasks {','.join(state.tasks) or '*'}"
                          f"{'' if state.index is None else f' --index {state.index}'}\n  fix: there are {known}, …")
    first = min(found, key=lambda trace: order.index(trace.condition))
    return [next(each for each in probe.traces if each.identity == first.identity) for probe in probes]


def _look(traces: Sequence[Trace], number: int) -> int:
    fewest = min(len(trace.looks) for trace in traces)
    if not 0 <= number < fewest:
        raise OptionError(f"--look {number}: the episode has {counted(fewest, 'look')}, counted from 0")
    return number


def _pair(names: Sequence[str], asked: Sequence[str]) -> tuple[int, int]:
    chosen = asked or names[:2]
    for name in chosen:
        if name not in names:
            raise UnknownName("dimension", name, names, where="--dimensions")
    if len(set(chosen)) != 2 or len(chosen) != 2:
        raise OptionError(f"--dimensions {','.join(asked)}: a surface is over two\n  fix: --dimensions "
                          f"{','.join(names[:2])}")
    return names.index(chosen[0]), names.index(chosen[1])


def _shares(trace: Trace) -> Floats:
    """float64 [L, D, K], adding up to 1 again."""
    assert trace.shares is not None
    shares = trace.shares.astype(np.float64)
    found: Floats = shares / shares.sum(-1, keepdims=True)
    return found


def _arm(probe: Probe) -> list[int]:
    """The numbers of an action but the gripper's, whose two sides are no neighbourhood."""
    name, size = probe.facts.simulator, probe.traces[0].asked.shape[1]
    space = find_simulator(name).action_space if name in registry.names("simulator") else None
    return [d for d in range(size) if space is None or d != space.gripper]


def _near(probe: Probe, names: Sequence[str]) -> list[Near]:
    arm, found = _arm(probe), []
    for condition, traces in by_condition(probe).items():
        shares = [_shares(trace) for trace in traces]
        sizes = np.array([[within(each, bins).mean(0) for bins in WITHIN] for each in shares])  # [N, WITHIN, D]
        low, high = interval(traces, sizes[:, 0, arm].mean(-1), most=1.0)
        one, two, four = sizes[..., arm].mean((0, 2)).tolist()
        found.append(Near(probe.facts.policy, condition, len(traces), sum(map(len, shares)), one, two, four, low, high,
                          {name: sizes[:, :, d].mean(0).tolist() for d, name in enumerate(names)}))
    return found


def _figure(probes: Sequence[Probe], at: Sequence[Floats], names: Sequence[str], pair: tuple[int, int],
            said: str) -> Figure:
    """Surfaces beside each other, and below them a panel for each dimension."""
    figure = canvas(max(6.0, 3.1 * len(probes), 0.6 + 1.35 * len(names)), 6.1)
    parts: Any = figure.subfigures(3, 1, height_ratios=[0.25, 3.3, 1.7])
    head, above, below = parts  # a space has no room above its title
    head.suptitle(said, fontsize=9.5, x=0.01, ha="left")
    for number, (probe, shares) in enumerate(zip(probes, at, strict=True)):
        axes: Any = above.add_subplot(1, len(probes), number + 1, projection="3d")
        _surface(axes, shares[pair[0]], shares[pair[1]], *(_range([each[d] for each in at]) for d in pair))
        sizes = ", ".join(f"{within(shares[_arm(probe)], bins).mean():.2f}" for bins in WITHIN)
        axes.set_title(f"{label(probe)}\nwithin {', '.join(map(str, WITHIN))}: {sizes}", fontsize=9.0, loc="center")
        axes.set_xlabel(names[pair[0]], labelpad=-2)
        axes.set_ylabel(names[pair[1]], labelpad=-2)
    grid = below.subplots(1, len(names), squeeze=False)[0]
    for d, (name, axes) in enumerate(zip(names, grid, strict=True)):
        part = _range([shares[d] for shares in at])
        for number, (probe, shares) in enumerate(zip(probes, at, strict=True)):
            first, last = _bins(part, bins := shares.shape[-1])
            axes.plot(_units(np.arange(first, last), bins), 100 * shares[d, first:last], color=look(number).color,
                      linestyle=look(number).dashes, linewidth=1.2, label=label(probe))
        axes.set(title=name, ylim=(0, None))
        axes.tick_params(labelsize=7.5)
        axes.locator_params(axis="x", nbins=2)
        axes.locator_params(axis="y", nbins=3)
    grid[0].set_ylabel("a bin, %")
    below.supxlabel("units", fontsize=9.0)
    if len(probes) > 1:
        below.legend(*grid[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(probes))
    return figure


def _surface(axes: Any, one: Floats, other: Floats, across: Part, along: Part) -> None:
    """The probability of pairs of bins within two ranges, in %."""
    x, left = _cells(one, across)
    y, right = _cells(other, along)
    heights = 100 * left[:, None] * right[None, :]
    axes.plot_surface(*np.meshgrid(x, y, indexing="ij"), heights, cmap="viridis", rcount=len(x), ccount=len(y),
                      linewidth=0, antialiased=False)
    axes.set_zlim(0, None)
    axes.tick_params(labelsize=7, pad=-1)
    axes.locator_params(nbins=4)
    axes.view_init(elev=28, azim=-58)


def _cells(shares: Floats, part: Part) -> tuple[Floats, Floats]:
    """Middles, in units, and probabilities of at most MESH cells that a part of the bins is cut into."""
    first, last = _bins(part, len(shares))
    bins = math.ceil((last - first) / MESH)
    last = min(len(shares), first + bins * math.ceil((last - first) / bins))
    starts = np.arange(first, last, bins)
    return _units(starts + (bins - 1) / 2, len(shares)), np.add.reduceat(shares[:last], starts)


def _range(all_shares: Sequence[Floats]) -> Part:
    """Where the bins are that hold SHOWN of each, and some beside: there may be more of one than of another."""
    firsts, lasts = [], []
    for shares in all_shares:
        below = np.cumsum(shares)
        mode, tail = int(shares.argmax()), (1 - SHOWN) / 2
        firsts.append(min(int(np.searchsorted(below, tail)) - ROOM, mode - LEAST) / len(shares))
        lasts.append((max(int(np.searchsorted(below, 1 - tail)) + ROOM, mode + LEAST) + 1) / len(shares))
    return max(0.0, min(firsts)), min(1.0, max(lasts))


def _bins(part: Part, bins: int) -> tuple[int, int]:
    """The first of a part of so many, and the one after its last."""
    return round(part[0] * bins), round(part[1] * bins)


def _units(places: npt.NDArray[Any], bins: int) -> Floats:
    """The middles of bins, of so many."""
    found: Floats = (places + 0.5) * (2 / bins) - 1.0
    return found
