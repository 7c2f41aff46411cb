"""Figures of probes: t-SNE of embeddings, and distributions of actions, clean and perturbed; with numbers as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vlabench.cards.conditions import CLEAN
from vlabench.errors import OptionError, UnknownName
from vlabench.records.probes import Probe, Trace
from vlabench.reports.plots import probe_data
from vlabench.reports.plots.probe_data import Changed, Moved, by_condition, label, spread
from vlabench.reports.plots.style import GRID, INK, SOFT, canvas, footnote, look, styled
from vlabench.reports.tables.render import write_text
from vlabench.types import Floats
from vlabench.util.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 2_000
"""Looks of a policy in a t-SNE at most, as many from every episode and evenly spread in it."""
PERPLEXITY = 30.0
FEWEST = 10
SEED = 0
BINS = 40
"""Of an action's range [−1, 1]."""
NAMED = 20
"""Up to this many tasks are in the legend."""


class Drawn(NamedTuple):
    """A figure and its numbers: a row for each policy and condition, and how they were made."""

    figure: Figure
    rows: Sequence[Any]
    method: Mapping[str, Any]

    def write(self, out: Path, probes: Sequence[Probe]) -> Path:
        """The numbers as JSON beside the figure's file `out`; the file. Raises StoreError."""
        path = out.with_suffix(".json")
        files = [{key: value for key, value in each.facts.model_dump().items() if key != "made"}
                 | {"made_by": each.facts.made.get("command"), "episodes": len(each.traces)} for each in probes]
        content = {"probes": files, "method": dict(self.method), "rows": [dataclasses.asdict(row) for row in self.rows]}
        write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        return path


def draw(kind: str, probes: Sequence[Probe]) -> Drawn:
    """One of the KINDS. Raises UnknownName, and what the kind raises for probes that it has no use for."""
    if kind not in KINDS:
        raise UnknownName("kind of plot", kind, KINDS)
    with styled():
        return KINDS[kind](probes)


def tsne(probes: Sequence[Probe]) -> Drawn:
    """Embeddings of looks in a plane of each policy's own, a row each: conditions in columns, the clean looks grey
    beneath; dots for looks in successful episodes, crosses for failures; tasks by colour and by number at their middle.

    Raises UnsupportedError for a policy without embedding, OptionError for too few looks.
    """
    rows = [probe_data.moved(probe) for probe in probes]
    conditions = list(by_condition(probes[0]))
    tasks = list(dict.fromkeys(trace.task for trace in probes[0].traces))
    figure = canvas(0.6 + 2.9 * len(conditions), 1.3 + 2.9 * len(probes))
    panels = figure.subplots(len(probes), len(conditions), squeeze=False, sharex="row", sharey="row")
    used: list[dict[str, Any]] = []
    for line, probe, moved in zip(panels, probes, rows, strict=True):
        flat, perplexity = _flattened(probe)
        used.append({"policy": probe.facts.policy, "looks": sum(len(trace.looks) for trace in probe.traces),
                     "drawn": sum(map(len, flat)), "perplexity": perplexity})
        for axes, condition, row in zip(line, conditions, moved, strict=True):
            _scatter(axes, probe.traces, flat, condition, tasks)
            axes.set_title(f"{condition}: {row.successes} of {row.episodes} succeed\n{_distance(row)}")
        line[0].set_ylabel(label(probe))
    _key(figure, tasks)
    method = {"projection": "t-SNE, scikit-learn, initialised by PCA", "seed": SEED, "policies": used,
              "distance": "Euclidean, mean over a condition's episodes of the mean over their looks"}
    footnote(figure, [
        "A point is a look of the policy: ● in an episode that succeeds, × in one that fails; grey: clean ones.",
        f"t-SNE (scikit-learn, initialised by PCA, seed {SEED}), each policy by itself: "
        + "; ".join(f"{each['policy']} {each['drawn']} of {counted(each['looks'], 'look')}, perplexity "
                    f"{each['perplexity']:g}"
                    for each in used) + ".",
        "Twin: the embedding that the same instant has without the perturbation; the mean distance to it, with its "
        "95 % interval over tasks, " + ("is as the embedding has it." if rows[0][0].ratio is None else
                                   "is relative to the mean distance between clean looks at two tasks.")])
    return Drawn(figure, [row for moved in rows for row in moved], method)


def actions(probes: Sequence[Probe]) -> Drawn:
    """Distributions of each dimension of the actions that a policy asks for, a row each, a line for each condition;
    below, how far each condition's are from the clean ones, all dimensions together.

    Raises OptionError for probes without clean or without perturbed episodes.
    """
    rows = [probe_data.changed(probe) for probe in probes]
    names = probe_data.dimensions(probes[0])
    figure = canvas(max(4.5, 0.8 + 1.55 * len(names)), 3.6 + 1.5 * len(probes))
    grid = figure.add_gridspec(len(probes) + 1, len(names), height_ratios=[*[1.5] * len(probes), 2.0])
    conditions = list(by_condition(probes[0]))
    for number, probe in enumerate(probes):
        shared = None
        for d, name in enumerate(names):
            shared = axes = figure.add_subplot(grid[number, d], sharey=shared)
            for place, traces in enumerate(by_condition(probe).values()):
                _histogram(axes, traces, d, place, conditions[place])
            axes.set(title=name if not number else "", yscale="log")
            axes.tick_params(labelleft=not d)
        figure.axes[-len(names)].set_ylabel(f"{label(probe)}\nshare of steps")
    _distances(figure.add_subplot(grid[-1, :]), probes, rows)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(conditions))
    method = {"distance": "energy distance √(2 E|X − Y| − E|X − X'| − E|Y − Y'|) of the actions' joint distribution",
              "dimensions": "Wasserstein distance of each dimension's distribution", "steps": probe_data.STEPS,
              "chance": "95 % quantile over random exchanges of clean and perturbed episodes of the same start"}
    footnote(figure, [
        "Above: actions, in units, as the policy asked for them, every episode weighing alike; the scale is "
        "logarithmic. Below: energy distance in all dimensions together, filled as asked for, hollow as they reached "
        "the robot; a dash marks what chance gives: 95 % of random exchanges between clean and perturbed episodes stay "
        "below it.",
        f"Of at most {probe_data.STEPS} steps of a condition, evenly spread."])
    return Drawn(figure, [row for changed in rows for row in changed], method)


KINDS: Mapping[str, Callable[[Sequence[Probe]], Drawn]] = {"tsne": tsne, "actions": actions}
"""Name → function, as `vlabench plot` knows them beside `kinds.KINDS`."""


def short(tasks: Sequence[str]) -> list[str]:
    """Tasks without what all their names begin with: libero_goal/3 → 3, or goal/3 where there are other sets."""
    start = os.path.commonprefix(list(tasks))
    return [task[max(start.rfind("/"), start.rfind("_")) + 1 :] for task in tasks]


def _flattened(probe: Probe) -> tuple[list[Floats], float]:
    """Of each trace, the points [n, 2] of its looks, or of some; and the perplexity, lowered where there are few."""
    from sklearn.manifold import TSNE

    quota = max(1, POINTS // len(probe.traces))
    chosen = [spread(probe_data.inside(trace), quota) for trace in probe.traces]
    points = np.concatenate(chosen)
    if len(points) < FEWEST or not np.ptp(points, axis=0).any():
        raise OptionError(f"{label(probe)}: {counted(len(points), 'look')}, of which a t-SNE shows nothing: it takes "
                          f"{FEWEST} that differ\n  fix: more --episodes or --tasks for vlabench probe")
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    flat = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=SEED).fit_transform(points)
    return np.split(flat, np.cumsum([len(each) for each in chosen])[:-1]), perplexity


def _scatter(axes: Axes, traces: Sequence[Trace], flat: Sequence[Floats], condition: str, tasks: Sequence[str]) -> None:
    clean = [points for trace, points in zip(traces, flat, strict=True) if trace.condition == CLEAN]
    if condition != CLEAN:
        axes.scatter(*_xy(np.concatenate(clean)), s=5, color=GRID, linewidths=0, zorder=1)
    for task, colour, name in zip(tasks, _colours(len(tasks)), short(tasks), strict=True):
        own = [(trace.success, points) for trace, points in zip(traces, flat, strict=True)
               if (trace.condition, trace.task) == (condition, task)]
        for success, marker in ((True, "."), (False, "x")):
            points = np.concatenate([each for won, each in own if won == success] or [np.empty((0, 2))])
            axes.scatter(*_xy(points), s=14 if success else 11, marker=marker, color=colour, linewidths=0.7, zorder=2)
        if own:
            _write_at_middle(axes, np.concatenate([points for _, points in own]), name)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)


def _xy(points: Floats) -> tuple[Floats, Floats]:
    return points[:, 0], points[:, 1]


def _write_at_middle(axes: Axes, points: Floats, text: str) -> None:
    """At the point that is nearest to the median, so that it stands on one of them."""
    x, y = points[np.linalg.norm(points - np.median(points, axis=0), axis=1).argmin()]
    axes.text(x, y, text, fontsize=8, color=INK, ha="center", va="center", zorder=3,
              bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": SOFT, "linewidth": 0.4, "pad": 1.2})


def _colours(count: int) -> list[Any]:
    import matplotlib

    table = matplotlib.colormaps["tab10" if count <= 10 else "turbo"]
    return [table(i) for i in range(count)] if count <= 10 else [table(x) for x in np.linspace(0.05, 0.95, count)]


def _key(figure: Figure, tasks: Sequence[str]) -> None:
    """Marks, and tasks where they are not too many."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=SOFT, marker="o", markersize=4, linestyle="none", label="success"),
               Line2D([], [], color=SOFT, marker="x", markersize=4, linestyle="none", label="failure")]
    if len(tasks) <= NAMED:
        handles += [Line2D([], [], color=colour, marker="s", linestyle="none", label=name)
                    for colour, name in zip(_colours(len(tasks)), short(tasks), strict=True)]
    figure.legend(handles=handles, loc="outside upper left", ncols=max(2, int(figure.get_figwidth() * 1.3)),
                  handletextpad=0.1, columnspacing=1.0)


def _distance(row: Moved) -> str:
    """To the twins, in units of the distance between tasks where there are several."""
    said = f"distance to twin: {row.twin if row.ratio is None else row.ratio:.2f}"
    return said if row.low is None else f"{said} [{row.low:.2f}, {row.high:.2f}]"


def _histogram(axes: Axes, traces: Sequence[Trace], d: int, place: int, name: str) -> None:
    values = np.concatenate([trace.asked[:, d] for trace in traces])
    weights = np.concatenate([np.full(len(trace.asked), 1 / (len(trace.asked) * len(traces))) for trace in traces])
    edges = np.linspace(min(-1.0, float(values.min())), max(1.0, float(values.max())), BINS + 1).tolist()
    style = look(place)
    axes.hist(values, edges, weights=weights, histtype="step", color=style.color, linestyle=style.dashes,
              linewidth=1.1, label=name)


def _distances(axes: Axes, probes: Sequence[Probe], rows: Sequence[Sequence[Changed]]) -> None:
    """Conditions beside each other, a place for each policy in each."""
    names = [row.condition for row in rows[0]]
    space = 0.6 / len(rows)
    for number, (probe, changed) in enumerate(zip(probes, rows, strict=True)):
        style = look(number)
        x = np.arange(len(names)) + (number - (len(rows) - 1) / 2) * space
        for shift, values, chance, face in (
                (-0.1, [row.asked for row in changed], [row.asked_chance for row in changed], style.color),
                (0.1, [row.executed for row in changed], [row.executed_chance for row in changed], "white")):
            at = x + shift * space
            axes.plot(at, values, color=style.color, marker=style.marker, linestyle="none", markerfacecolor=face,
                      label=label(probe) if face == style.color else None)
            axes.hlines(chance, at - 0.07 * space, at + 0.07 * space, color=style.color, linewidth=1.2)
    axes.set(xticks=range(len(names)), ylabel="distance to clean", xlim=(-0.5, len(names) - 0.5))
    axes.set_ylim(bottom=0)
    axes.set_xticklabels(names)
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
