"""How far perturbations move a policy, from probes: its embeddings from their clean twins, its actions from clean ones.

In every mean an episode counts once, however many looks or steps it has: failures last longer than successes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

import numpy as np

from vlabench import registry
from vlabench.cards.conditions import CLEAN
from vlabench.errors import OptionError, UnknownName, UnsupportedError
from vlabench.records.probes import FIX, Floats32, Probe, Trace, load_current
from vlabench.simulators.base import find_simulator
from vlabench.stats import LEVEL, Tasks
from vlabench.stats.distances import mean_distances, paired_energy
from vlabench.types import Floats
from vlabench.util.messages import shown
from vlabench.util.text import counted

LOOKS, STEPS = 2_000, 4_000
"""So many looks of all clean episodes, and steps of a condition's, are compared with each other at most: from each
episode as many, evenly spread. Distances take time in their square."""


@dataclass(frozen=True)
class Moved:
    """How far embeddings lie from their clean twins under a condition.

    twin: mean Euclidean distance of a look's embedding to its twin's. between: of two clean looks at two tasks, all
    pairs of tasks alike; None with a single task. within: of two clean looks in two episodes of one task; None if no
    task has two. ratio: twin / between, with its 95 % interval over tasks, which takes `between` as given.
    by_task: task → its own ratio.
    """

    interval_of: ClassVar[str] = "ratio"

    policy: str
    condition: str
    episodes: int
    successes: int
    twin: float
    between: float | None
    within: float | None
    ratio: float | None
    low: float | None
    high: float | None
    by_task: Mapping[str, float]


@dataclass(frozen=True)
class Changed:
    """How far the actions of a condition's episodes are from those of the clean ones of the same starts.

    pairs: episodes compared. asked, executed: energy distance between the distributions of all dimensions together, as
    the policy chose the actions and as they reached the robot; below `…_chance` it means nothing (`stats.distances`).
    dimensions: Wasserstein distance in each dimension by itself, of what was asked. answer: mean Euclidean
    distance of the mean actions at a look to those at its clean twin, over the actions carried out, with its 95 %
    interval over tasks; None for a policy without a distribution. All in units of the action space.
    """

    interval_of: ClassVar[str] = "answer"

    policy: str
    condition: str
    pairs: int
    asked: float
    asked_chance: float
    executed: float
    executed_chance: float
    dimensions: Mapping[str, float]
    answer: float | None
    low: float | None
    high: float | None


def gather(paths: Sequence[Path], conditions: Sequence[str] = ()) -> tuple[list[Probe], list[str]]:
    """The probes of some files, cut to the episodes that all of them have, their actions `in_units`; and what there is
    to say about that.

    conditions: patterns of names; the control always stays. Raises what `load_current` raises; OptionError for no file,
    two of one policy or nothing in common; UnknownName for a pattern that fits nothing.
    """
    if not paths:
        raise OptionError(f"no probe is named\n  fix: {FIX}, and name that file")
    probes, notes = list[Probe](), list[str]()
    for path in paths:
        found, said = load_current(path)
        if any(label(found) == label(other) for other in probes):
            raise OptionError(f"{shown(path)}: another file is of {label(found)}, too\n  fix: name one of them")
        probes.append(found)
        notes += said
    names = {trace.condition for each in probes for trace in each.traces}
    for pattern in conditions:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UnknownName("condition", pattern, names, where=", ".join(map(shown, paths)))
    common = set.intersection(*({trace.identity for trace in each.traces} for each in probes))
    order = [trace.identity for trace in probes[0].traces
             if trace.identity in common and _wanted(trace.condition, conditions)]
    kept = [in_units(Probe(each.facts, each.only(order))) for each in probes]
    lost = "episode that other policies lack is left out", "episodes that other policies lack are left out"
    notes += [f"{label(each)}: {counted(len(each.traces) - len(common), *lost)}"
              for each in probes if len(each.traces) > len(common)]
    if not kept[0].traces:
        raise OptionError("the probes have no episode in common\n  fix: make them with the same --suite, --tasks, "
                          "--episodes and --seed")
    return kept, notes


def in_units(probe: Probe) -> Probe:
    """The same with actions counted in units of the simulator's action space, of which one has metres, radians and a
    gripper; as they are where the simulator is not here."""
    name = probe.facts.simulator
    unit = np.array(find_simulator(name).action_space.unit if name in registry.names("simulator") else 1.0)
    if (unit == 1.0).all() or unit.size != probe.traces[0].asked.shape[1]:
        return probe
    return Probe(probe.facts, tuple(
        replace(trace, **{kind: actions / unit for kind in ("asked", "executed", "mean", "twin_mean")
                          if (actions := getattr(trace, kind)) is not None}) for trace in probe.traces))


def label(probe: Probe) -> str:
    """Policy and pack."""
    return f"{probe.facts.policy} on {probe.facts.assets}"


def by_condition(probe: Probe) -> dict[str, list[Trace]]:
    """Condition → its traces, the control first, in the same order for all probes that `gather` gave together."""
    names = dict.fromkeys(trace.condition for trace in probe.traces)
    return {name: [trace for trace in probe.traces if trace.condition == name]
            for name in sorted(names, key=lambda name: name != CLEAN)}


def check_embedding(probe: Probe) -> None:
    """Raises UnsupportedError for a policy without an embedding."""
    if not probe.looks_inside:
        raise UnsupportedError(f"policy {probe.facts.policy!r} has no embedding that a probe could keep: its adapter "
                               f"is no TrainablePolicy\n  fix: vlabench plot actions, or a policy such as nano-sft")


def moved(probe: Probe) -> list[Moved]:
    """A row for each condition. Raises UnsupportedError for a policy without embedding, OptionError without clean
    episodes."""
    check_embedding(probe)
    groups = by_condition(probe)
    between, within = _among_clean(_clean(groups, probe))
    rows = []
    for condition, traces in groups.items():
        away = np.array([np.linalg.norm(inside(trace) - inside(trace, twin=True), axis=1).mean() for trace in traces])
        tasks = [trace.task for trace in traces]
        ratio, low, high = None, None, None
        if between:
            ratio = float(away.mean()) / between
            low, high = interval(traces, away / between)
        shares = {task: float(np.mean([each for each, own in zip(away, tasks, strict=True) if own == task])) / between
                  for task in dict.fromkeys(tasks)} if between else {}
        rows.append(Moved(probe.facts.policy, condition, len(traces), sum(trace.success for trace in traces),
                          float(away.mean()), between, within, ratio, low, high, shares))
    return rows


def changed(probe: Probe) -> list[Changed]:
    """A row for each condition but the control. Raises OptionError without clean episodes, or without any other."""
    groups = by_condition(probe)
    clean = {(trace.task, trace.index, trace.seed): trace for trace in _clean(groups, probe)}
    rows = []
    for condition, traces in groups.items():
        pairs = [(clean[key], trace) for trace in traces if (key := (trace.task, trace.index, trace.seed)) in clean]
        if condition != CLEAN and pairs:
            rows.append(_changed(probe, condition, pairs))
    if not rows:
        raise OptionError(f"{label(probe)}: no condition but {CLEAN!r} has episodes to compare with it\n  fix: {FIX}")
    return rows


def _changed(probe: Probe, condition: str, pairs: Sequence[tuple[Trace, Trace]]) -> Changed:
    from scipy.stats import wasserstein_distance

    quota = max(1, STEPS // len(pairs))
    before, after = ([spread(pair[side].asked, quota) for pair in pairs] for side in (0, 1))
    reached = [[spread(pair[side].executed, quota) for pair in pairs] for side in (0, 1)]
    weights = [np.concatenate([np.full(len(each), 1 / len(each)) for each in side]) for side in (before, after)]
    left, right = np.concatenate(before), np.concatenate(after)
    apart = {name: float(wasserstein_distance(left[:, d], right[:, d], *weights))
             for d, name in enumerate(dimensions(probe))}
    answer: tuple[float | None, ...] = (None, None, None)
    if probe.looks_inside:
        answers = np.array([_answer(trace) for _, trace in pairs])
        answer = (float(answers.mean()), *interval([trace for _, trace in pairs], answers))
    return Changed(probe.facts.policy, condition, len(pairs), *paired_energy(before, after),
                   *paired_energy(reached[0], reached[1]), apart, *answer)


def dimensions(probe: Probe) -> tuple[str, ...]:
    """Names of the actions' dimensions, as the simulator has them; their numbers where it is not here."""
    size, name = probe.traces[0].asked.shape[1], probe.facts.simulator
    names = find_simulator(name).action_space.names if name in registry.names("simulator") else ()
    return names if len(names) == size else tuple(str(d + 1) for d in range(size))


def spread(rows: Floats, count: int) -> Floats:
    """At most `count` rows [n, D], evenly spread, the first and the last among them."""
    if len(rows) <= count:
        return rows
    chosen: Floats = rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]
    return chosen


def inside(trace: Trace, twin: bool = False) -> Floats32:
    """The embeddings of a trace that has some, or those of the twins."""
    found = trace.twin if twin else trace.embedding
    assert found is not None
    return found


def _answer(trace: Trace) -> float:
    """How far the mean actions that were carried out lie from those at the clean twins, a mean over the steps."""
    assert trace.mean is not None and trace.twin_mean is not None
    away: Floats = np.linalg.norm(trace.mean - trace.twin_mean, axis=2)
    done = np.diff([*trace.looks, len(trace.asked)])
    return float(np.concatenate([each[:count] for each, count in zip(away, done, strict=True)]).mean())


def interval(traces: Sequence[Trace], scores: Floats,
             most: float = math.inf) -> tuple[float, float] | tuple[None, None]:
    """95 % about the mean of a score of each trace, in [0, `most`]: Student's t over the tasks' means."""
    from scipy.stats import t

    means = Tasks([trace.task for trace in traces]).means(scores)
    if len(means) < 2:
        means = np.asarray(scores, dtype=np.float64)
    if len(means) < 2 or not means.any():
        return None, None
    half = t.isf((1 - LEVEL) / 2, len(means) - 1) * means.std(ddof=1) / math.sqrt(len(means))
    return max(0.0, float(scores.mean() - half)), min(most, float(scores.mean() + half))


def _among_clean(traces: Sequence[Trace]) -> tuple[float | None, float | None]:
    """Mean distance of clean embeddings between two tasks, and between two episodes of one."""
    quota = max(1, LOOKS // len(traces))
    distances = mean_distances([spread(inside(trace), quota) for trace in traces])
    tasks = np.array([trace.task for trace in traces])
    other, apart, same = [], ~np.eye(len(tasks), dtype=bool), []
    names = list(dict.fromkeys(tasks.tolist()))
    for i, one in enumerate(names):
        own = np.ix_(tasks == one, tasks == one)
        same += [float(distances[own][apart[own]].mean())] if apart[own].any() else []
        other += [float(distances[np.ix_(tasks == one, tasks == two)].mean()) for two in names[i + 1 :]]
    return float(np.mean(other)) if other else None, float(np.mean(same)) if same else None


def _clean(groups: Mapping[str, list[Trace]], probe: Probe) -> list[Trace]:
    if CLEAN not in groups:
        raise OptionError(f"{label(probe)}: no clean episode came to its end, with which others could be compared\n"
                          f"  fix: {FIX}, with other --tasks or more --episodes")
    return groups[CLEAN]


def _wanted(condition: str, patterns: Sequence[str]) -> bool:
    return condition == CLEAN or not patterns or any(fnmatchcase(condition, pattern) for pattern in patterns)
