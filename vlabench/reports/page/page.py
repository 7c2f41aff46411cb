"""The page of a report: its sections, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vlabench import stats
from vlabench.reports.page import provenance
from vlabench.reports.page.images import film, look
from vlabench.reports.page.replays import Scenes, Shot
from vlabench.reports.page.tables import conditions_table, policies_table, sheet_table, tasks_table
from vlabench.reports.page.text import LOSS, TASK_LOSS, against, figures, measured, title, verdict
from vlabench.reports.page.verdicts import TERMS, Comparison, Standing
from vlabench.reports.plots import Data
from vlabench.reports.tables.sheet import Sheet
from vlabench.util.html import Html, page, tag, together
from vlabench.util.text import counted

STYLE = """
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: 1rem 0; font-size: .93rem; }
.verdict { font-size: 1.12rem; font-weight: 600; margin-top: .9rem; } li { max-width: 52rem; }
.tall > .wide { max-height: 34rem; overflow: auto; border-bottom: 1px solid var(--line); }
.tall thead th { position: sticky; top: 0; background: Canvas; z-index: 1; } th { vertical-align: bottom; }
.sortable tr > :first-child { position: sticky; left: 0; background: Canvas; } .sortable th:first-child { z-index: 2; }
.sortable td.words:first-child { min-width: min(13rem, 38vw); }
.fine { border-color: #2a8; } figure { margin: .8rem 0; } picture { display: block; }
.plot .wide { background: white; border-radius: .4rem; max-width: fit-content; }
.plot img { display: block; max-width: 100%; height: auto; }
.looks { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.2rem; }
.looks figure { margin: 0; } .looks img, .films img { width: 100%; border-radius: .3rem; display: block; }
.films figure { max-width: 54rem; } figcaption { font-size: .87rem; overflow-wrap: anywhere; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; } .films .one { max-width: 27rem; }
pre { overflow-x: auto; margin: .4rem 0; } summary { cursor: pointer; margin: .8rem 0; }
h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; }
@media print { .tall > .wide { max-height: none; } nav { display: none; } }
"""


PLOTS = ("drops", "severity", "tasks", "radar", "time", "iterations")
"""The kinds on a page, where there is something to draw; rates by condition are in its tables."""


@dataclass(frozen=True)
class Content:
    """Everything on a page. plots: kind → image. severity, by_task_set: tables, where there are records for them."""

    data: Data
    standings: Sequence[Standing]
    comparisons: Sequence[Comparison]
    plots: Mapping[str, Html]
    scenes: Scenes
    severity: Sequence[Sheet]
    by_task_set: Sheet | None


def render(content: Content) -> str:
    """The page as text."""
    drawn, data, scenes = content.plots, content.data, content.scenes
    sections = [
        ("conditions", "Conditions", _conditions(content)),
        ("severity", "Severity", _severity(content)),
        ("tasks", "Tasks", [*_drawn(drawn, "tasks"), tasks_table(data, content.standings, scenes.instructions)]),
        ("groups", "Kinds of perturbation", _drawn(drawn, "radar")),
        ("time", "Time to success", _drawn(drawn, "time")),
        ("iterations", "Over a training", _drawn(drawn, "iterations")),
        ("looks", f"What {scenes.shown} sees", _looks(scenes)),
        ("episodes", "Episodes", _films(scenes)),
        ("reading", "How to read this page", _reading(content)),
        ("origin", "How to reproduce it", provenance.reproduce(data, scenes.conditions)),
    ]
    kept = [(key, name, parts) for key, name, parts in sections if parts]
    links = tag("nav", *(tag("a", name, href=f"#{key}") for key, name, _ in kept))
    body = [tag("section", tag("h2", name, id=key), *parts) for key, name, parts in kept]
    return page(title(data), tag("header", tag("h1", title(data)), tag("p", measured(data), class_="soft"),
                                 *_headline(content)), links, tag("main", *body), style=STYLE)


def _headline(content: Content) -> list[Html]:
    """The verdicts in words, then the policies beside each other, then what was left out."""
    parts = []
    for found in content.standings:
        parts += [tag("p", verdict(found), class_="verdict"), tag("p", figures(found))]
    parts += [tag("p", against(each)) for each in content.comparisons]
    data = content.data
    words = {side.owner.policy: provenance.about(side.owner, data.origins[side.owner], data.cards)
             for side in data.sides}
    notes = list(dict.fromkeys(data.notes))
    return [*parts, policies_table(content.standings, content.comparisons, words),
            *([tag("ul", *(tag("li", note) for note in notes), class_="soft")] if notes else [])]


def _conditions(content: Content) -> list[Html]:
    parts = [conditions_table(content.standings, content.comparisons), *_drawn(content.plots, "drops")]
    if content.by_task_set:
        parts.insert(1, tag("details", tag("summary", "The same for each task set, with 95 % intervals"),
                         sheet_table(content.by_task_set),
                         _notes(content.by_task_set)))
    return parts


def _severity(content: Content) -> list[Html]:
    if not content.severity:
        return []
    tables = [part for sheet in content.severity for part in (sheet_table(sheet), _notes(sheet))]
    return [*_drawn(content.plots, "severity"), *tables]


def _looks(scenes: Scenes) -> list[Html]:
    """A picture for each kind of condition; why there are none, where pictures were asked for."""
    if not scenes.looks:
        return [_list(scenes.notes)] if scenes.notes and not scenes.films else []
    told = "Its first look"
    if scenes.blind:
        told = f"{scenes.shown} reads no pictures; this is the first look of a policy that does"
    words = tag("p", f"{told}, {_episode(scenes.looks[0])}, under one condition of each kind that changes what is seen "
                     f"or said from the start.", class_="soft")
    return [words, tag("div", *(_figure(look(shot), [shot]) for shot in scenes.looks), class_="looks")]


def _films(scenes: Scenes) -> list[Html]:
    if not scenes.films:
        return [_list(scenes.notes)] if scenes.notes and scenes.looks else []
    how = "by their recorded actions" if scenes.recorded else "from their identities"
    seen = "what a policy that reads pictures would see" if scenes.blind else f"what {scenes.shown} sees"
    sides = "Left clean, right the same episode perturbed" if scenes.films[0][1] else "Clean episodes"
    words = tag("p", f"{sides}: {seen}, twice as fast as life. Played again {how}, to the very state on record.",
                class_="soft")
    shown = [_figure(film(clean, perturbed), [clean, perturbed] if perturbed else [clean])
             for clean, perturbed in scenes.films]
    return [words, tag("div", *shown, class_="films"), *([_list(scenes.notes)] if scenes.notes else [])]


def _figure(picture: Html, shots: Sequence[Shot]) -> Html:
    captions = tag("div", *(_caption(shot) for shot in shots), class_="two" if len(shots) > 1 else None)
    return tag("figure", picture, tag("figcaption", captions), class_=None if len(shots) > 1 else "one")


def _caption(shot: Shot) -> Html:
    outcome = f": {shot.status} after {counted(shot.steps, 'step')}" if shot.spec.task.step_limit > 1 else ""
    lines = [tag("div", tag("b", shot.spec.condition), outcome)]
    if outcome:
        lines.append(tag("div", f"{_episode(shot)}: “{shot.instruction}”", class_="soft"))
    elif shot.instruction != shot.spec.task.instruction:
        lines.append(tag("div", f"told “{shot.instruction}”", class_="soft"))
    return tag("div", *lines, *(tag("div", line, class_="soft") for line in shot.said))


def _reading(content: Content) -> list[Html]:
    """What the numbers and the verdicts mean."""
    data = content.data
    said = [" ".join(["Rates and differences are means over tasks, each with the same weight, with 95 % intervals.",
                      *stats.question(data.sides[0].tasks_as, len(data.tasks)),
                      "Differences pair the same episodes, which share start state and random draws. Episodes that "
                      "ended in errors enter no rate."])]
    if data.also:
        said.append(f"{data.also.note[0].upper()}{data.also.note[1:]}")
    if any(each.findings for each in content.standings):
        said.append(
            f"A policy withstands a condition that costs it at most {LOSS} of success, and loses under one that costs "
            f"it more, or {TASK_LOSS} in a single task; undecided means that the episodes do not say (the pointer on "
            f"the word tells how many would). The rule is that of vlabench gate with clean as the baseline: over all "
            f"conditions together, the chance that a loss is claimed wrongly is at most {100 * TERMS.alpha:g} %; for "
            f"each condition that is said to be withstood, the chance of an error is as much. The interval of a "
            f"difference beside a verdict is the one that it was read off: its lower end has an error of "
            f"{100 * TERMS.alpha:g} %, its upper end {100 * TERMS.accusing:g} % for all conditions together.")
    if any((rate := each.rate(name)) and rate.acted is not None and rate.acted < rate.n
           for each in content.standings for name in each.side.conditions):
        said.append("Where a condition acted in fewer episodes than were played, the others gave it no occasion to "
                    "change what the policy receives or the robot executes; the rate is of all of them.")
    met = [each for each in content.standings if each.side.familiar and each.side.seen]
    if met:
        said.append("†: under a perturbation that the policy was trained under, by its card's training and that of the "
                    "policies it goes on from: " + "; ".join(
                        f"{each.side.owner.policy}: {', '.join(sorted(each.side.seen.perturbations))}"
                        for each in met if each.side.seen) + ".")
    if content.comparisons:
        said.append(f"Between policies, worse and no worse are the same verdicts with "
                    f"{content.comparisons[0].baseline.owner.policy} as the baseline. All policies are compared on the "
                    f"episodes that all of them have an outcome for.")
    return [tag("p", each) for each in said]


def _episode(shot: Shot) -> str:
    seed = f", seed {shot.spec.seed}" if shot.spec.seed else ""
    return f"{shot.spec.task.key}, episode {shot.spec.index}{seed}"


def _drawn(drawn: Mapping[str, Html], kind: str) -> list[Html]:
    return [drawn[kind]] if kind in drawn else []


def _notes(sheet: Sheet) -> Html:
    return together(*(tag("p", note, class_="soft") for note in sheet.notes))


def _list(notes: Sequence[str]) -> Html:
    return tag("ul", *(tag("li", note) for note in notes), class_="soft")
