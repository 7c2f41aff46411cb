"""The layouts by severity: one line per perturbation, or dimension, and policy, from clean to the severest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from vlabench import registry, stats
from vlabench.cards.conditions import CLEAN, SEVERITIES
from vlabench.errors import OptionError, UnknownName
from vlabench.perturbations.base import find_perturbation
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import Cell, block, identity, rate
from vlabench.reports.tables.sheet import AVERAGING, MEASURED, Head, Line, Sheet, acted, counts, question, trained

ALL = "all of them"
SWEPT = re.compile(rf"(.+)-s([{SEVERITIES[0]}-{SEVERITIES[-1]}])")
"""`rotation-s3`: the condition of a perturbation at a severity."""
NOTE = (
    "area: mean success rate from clean to severity {last} (trapezoids); retention: the mean over severities as a "
    "share of the clean rate."
)  # fmt: skip


def swept(cut: Sequence[Side]) -> list[str]:
    """The task sets on which all policies have played some severity. Raises OptionError where they share none."""
    found = [{task_set for condition, task_set in side.outcomes if SWEPT.fullmatch(condition)} for side in cut]
    shared = [name for name in (cut[0].task_sets if cut else []) if all(name in each for each in found)]
    if cut and not shared:
        raise OptionError(f"these policies have played severities on no task set that all of them share: "
                          f"{', '.join(str(side.owner) for side in cut)}\n"
                          f"  fix: --suite libero-severity, or another suite; or --policies")
    return shared


def sweeps(side: Side) -> dict[str, list[int]]:
    """perturbation → severities that were played (`rotation-s3`), for those with two or more."""
    found: dict[str, list[int]] = {}
    for condition in side.conditions:
        match = SWEPT.fullmatch(condition)
        if match:
            found.setdefault(match[1], []).append(int(match[2]))
    return {name: sorted(severities) for name, severities in found.items() if len(severities) > 1}


def over(name: str, sides: Sequence[Side], task_sets: Sequence[str]) -> list[str]:
    """Those of the task sets on which all policies that have played a perturbation have played the same severities;
    all of them where there is none."""
    having = [(side, severities) for side in sides if (severities := sweeps(side).get(name))]
    found = [each for each in task_sets if all((f"{name}-s{k}", each) in side.outcomes
                                               for side, severities in having for k in severities)]
    return found or list(task_sets)


def fewer(names: Iterable[str], sides: Sequence[Side], task_sets: Sequence[str]) -> list[str]:
    """Sentences that say which perturbations are over some of the task sets alone."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        if (some := tuple(over(name, sides, task_sets))) != tuple(task_sets):
            found.setdefault(some, []).append(name)
    return [f"Over {', '.join(some)} alone: {', '.join(each)}." for some, each in found.items()]


def severity_sheet(
    cut: Sequence[Side], notes: Sequence[str], reference: str | None = None, dimensions: bool = False
) -> Sheet:
    """Rates at each severity, area under them, retention; with a reference policy, the mCE relative to it.

    dimensions: a line for each dimension of the perturbations that every policy has played at every severity, the mean
    of their rates, over the task sets that all of these share; else a line for each perturbation.

    Raises OptionError if no perturbation was played at two severities, for dimensions at all of them; UnknownName for a
    reference that is not there.
    """
    cut = [side for side in cut if sweeps(side)]
    known = {side.owner: sweeps(side) for side in cut}
    perturbations = list(dict.fromkeys(name for each in known.values() for name in each))
    if not perturbations:
        raise nothing("two or more", notes)
    if reference and reference not in {side.owner.policy for side in cut}:
        raise UnknownName("policy", reference, {side.owner.policy for side in cut}, where="--reference")
    task_sets = swept(cut)
    shared = _shared(cut, perturbations, task_sets)
    if dimensions:
        lines, said = _by_dimension(cut, perturbations, task_sets, notes)
    else:
        lines = [_line(side, name, [name], known[side.owner][name], over(name, cut, task_sets))
                 for name in perturbations for side in cut if name in known[side.owner]]
        said = fewer(perturbations, cut, task_sets)
    said = [*notes, f"Over {', '.join(task_sets)}.", *said, question(cut[0].tasks_as, lines), AVERAGING,
            NOTE.format(last=SEVERITIES[-1])]
    if len(perturbations) > 1 and shared:
        lines += [_line(side, ALL, shared, list(SEVERITIES), task_sets) for side in cut]
        said.append(f"{ALL}: {', '.join(shared)}.")
    heads = [Head("clean"), *(Head(str(k), "severity") for k in SEVERITIES), Head("area"), Head("retention")]
    if reference and lines[-1].group != ALL:
        said.append("No mCE: it takes several perturbations, of which all policies have played some at every "
                    "severity on all of the task sets.")
    elif reference:
        heads.append(Head("mCE", lower=True))
        lines = [replace(line, cells=[*line.cells, _mce(line, cut, shared, task_sets, reference)]) for line in lines]
        said.append(f"mCE: failures relative to those of {reference}, which are taken as exact, averaged over "
                    f"perturbations; 100 = as many.")
    said += [*trained(cut, lines), *acted(lines), *counts(cut, lines)]
    return Sheet("Success rate (%) by severity", heads, lines, said,
                 grouping="dimension" if dimensions else "perturbation")


def nothing(played: str, notes: Sequence[str]) -> OptionError:
    """What is raised where no perturbation was played at so many severities; notes: what else there is to say, such
    as why records were left out."""
    return OptionError("\n  ".join([f"no perturbation is on record at {played} severities", *notes,
                                    "fix: vlabench run --policy P --suite libero-severity"]))


def _by_dimension(
    cut: Sequence[Side], perturbations: Sequence[str], task_sets: Sequence[str], notes: Sequence[str]
) -> tuple[list[Line], list[str]]:
    """A line for each dimension and policy; which perturbations it is about, as notes. Raises OptionError for none."""
    members: dict[str, list[str]] = {}
    whole = [name for name in perturbations if _shared(cut, [name], over(name, cut, task_sets))]
    for name in whole:
        dimension = find_perturbation(name).dimension if name in registry.names("perturbation") else "others"
        members.setdefault(dimension, []).append(name)
    lines, said = [], []
    if rest := [name for name in perturbations if name not in whole]:
        said.append(f"Left out, not played at every severity by all: {', '.join(rest)}.")
    for dimension, names in members.items():
        sets = [each for each in task_sets if all(each in over(name, cut, task_sets) for name in names)]
        if not sets:
            said.append(f"{dimension}: left out, {', '.join(names)} were played on different task sets.")
            continue
        lines += [_line(side, dimension, names, list(SEVERITIES), sets) for side in cut]
        where = "" if sets == list(task_sets) else f", over {', '.join(sets)} alone"
        said.append(f"{dimension}: {', '.join(names)}{where}.")
    if not whole:
        raise nothing("all", notes)
    if not lines:
        raise OptionError(f"no dimension's perturbations were played on one and the same task set: {' '.join(said)}\n"
                          f"  fix: --layout severity, which has a line for each perturbation")
    return lines, said


def _line(
    side: Side, group: str, perturbations: Sequence[str], severities: Sequence[int], task_sets: Sequence[str]
) -> Line:
    cells: list[Cell | str | None] = [rate(side, [(CLEAN, each) for each in task_sets])]
    for k in SEVERITIES:
        leaves = [(f"{name}-s{k}", each) for name in perturbations for each in task_sets]
        cells.append(rate(side, leaves) if k in severities else None)
    whole = all(cells[k] is not None for k in severities)  # an area over some tasks would stand beside rates over all
    cells += _areas(side, perturbations, severities, task_sets) if whole else [None, None]
    return Line(side.owner.policy, MEASURED, side.owner.assets, cells, group)


def _areas(
    side: Side, perturbations: Sequence[str], severities: Sequence[int], task_sets: Sequence[str]
) -> list[Cell | str | None]:
    """Area and retention over clean and all severities of all these perturbations."""
    conditions = [CLEAN, *(f"{name}-s{k}" for name in perturbations for k in severities)]
    tasks, outcomes = block(side, conditions, task_sets)
    if not tasks:
        return [None, None]
    perturbed = outcomes[1:].reshape(len(perturbations), len(severities), -1)
    clean = np.broadcast_to(outcomes[:1], (len(perturbations), 1, len(tasks)))
    area = stats.severity_area(np.concatenate([clean, perturbed], axis=1), [0, *severities], tasks, side.tasks_as)
    kept = stats.retention(outcomes[0], outcomes[1:], tasks, side.tasks_as)
    same = identity(side, [(name, each) for name in conditions for each in task_sets])
    return [Cell(found.value, found.low, found.high, found.n, tasks=len(set(tasks)), played=same)
            for found in (area, kept)]


def _shared(cut: Sequence[Side], perturbations: Sequence[str], task_sets: Sequence[str]) -> list[str]:
    """The perturbations that every policy has played at every severity, on all of these task sets."""
    return [name for name in perturbations
            if all(side.outcomes.get((f"{name}-s{k}", each)) for side in cut for k in SEVERITIES for each in task_sets)]


def _mce(
    line: Line, cut: Sequence[Side], shared: Sequence[str], task_sets: Sequence[str], reference: str
) -> Cell | str:
    """Of the line about all perturbations; nothing for the others."""
    if line.group != ALL:
        return ""
    (side,) = (each for each in cut if (each.owner.policy, each.owner.assets) == (line.name, line.source))
    rivals = [each for each in cut if each.owner == (reference, line.source)]
    if not rivals:
        return ""
    names = [f"{name}-s{k}" for name in shared for k in SEVERITIES]
    others, failed = block(rivals[0], names, task_sets)
    theirs = np.array([1 - stats.rate(row, others).value for row in failed]).reshape(len(shared), len(SEVERITIES))
    tasks, outcomes = block(side, names, task_sets)
    by_name = dict(zip(shared, outcomes.reshape(len(shared), len(SEVERITIES), -1), strict=True))
    failing = [name for name, failures in zip(shared, theirs, strict=True) if failures.sum() > 0]
    if not failing:
        return "–"
    found = stats.mce({name: by_name[name] for name in failing},
                      {name: list(theirs[shared.index(name)]) for name in failing}, tasks, side.tasks_as)
    return Cell(found.value, found.low, found.high, found.n, tasks=len(set(tasks)),
                played=identity(side, [(name, each) for name in names for each in task_sets]))
