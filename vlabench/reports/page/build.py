"""`vlabench report`: reads records, draws, plays a few episodes again, and writes the page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vlabench import cards
from vlabench.cards.policy import PolicyCard
from vlabench.errors import OptionError, StoreError, UnknownName
from vlabench.records.read import owners
from vlabench.reports import plots
from vlabench.reports.page import images
from vlabench.reports.page.page import PLOTS, Content, render
from vlabench.reports.page.replays import scenes
from vlabench.reports.page.text import episodes_of
from vlabench.reports.page.verdicts import comparison, standing
from vlabench.reports.plots import Data
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import informed
from vlabench.reports.tables.severity import ALL, severity_sheet
from vlabench.reports.tables.sheet import Sheet
from vlabench.reports.tables.suite import suite_sheet
from vlabench.stats import TasksAs
from vlabench.util.files import replacing
from vlabench.util.text import counted

SUFFIXES = (".html", ".htm")
EPISODES = 2
"""Pairs of episodes that a page shows unless told otherwise."""
MOST = 20


@dataclass(frozen=True)
class Choice:
    """What `vlabench report` can be told.

    suite, conditions, policies, assets, at_end: which records, as for tables and plots. tasks_as: the question that
    figures answer (`stats.TasksAs`). versus: the policy that the
    others are compared with, and whose episodes are shown; by default the first by name. episodes: pairs to be shown.
    preview: show what the policy sees under each kind of condition. cards: paths of cards, for policies whose card has
    no name here.
    """

    suite: str | None = None
    conditions: Sequence[str] = ()
    policies: Sequence[str] = ()
    assets: str | None = None
    at_end: bool = False
    versus: str | None = None
    episodes: int = EPISODES
    preview: bool = True
    tasks_as: TasksAs = "fixed"
    cards: Sequence[str] = ()


def write(places: Sequence[Path], out: Path, choice: Choice, say: Callable[[str], None] = lambda text: None) -> int:
    """Write the page; its size in bytes. say: hears how far it is.

    Raises OptionError for options that cannot be, records on several packs and records without an outcome, UnknownName
    for a policy, StoreError for folders without records or a page that cannot be written, all before anything is drawn
    or played; and what `plots.load` and `cards.load_policy` raise.
    """
    if not 0 <= choice.episodes <= MOST:
        raise OptionError(f"--episodes {choice.episodes}: must be in 0 … {MOST}")
    _check_records(places, choice)
    _check_target(out)
    say("reading records")
    data = _ordered(plots.load(places, choice.suite, choice.conditions, choice.policies, choice.assets, choice.at_end,
                               choice.tasks_as),
                    choice.versus)
    data = _with_cards(data, choice.cards)
    whose = ", ".join(side.owner.policy for side in data.sides)
    say(f"{counted(sum(map(episodes_of, data.sides)), 'episode')} of {whose}: drawing")
    page = render(_content(data, choice, say)).encode(errors="replace")  # half characters of a file's name
    with _explained(out), replacing(out) as partial:
        partial.write_bytes(page)
    return len(page)


def _check_records(places: Sequence[Path], choice: Choice) -> None:
    found = owners(places, choice.policies, choice.assets)
    packs = sorted({owner.assets for owner in found})
    if len(packs) > 1:
        raise OptionError(f"the records are on {' and on '.join(packs)} assets, which share no page: the pictures are "
                          f"others there\n  fix: --assets {packs[-1]}")
    names = {owner.policy for owner in found}
    if choice.versus and choice.versus not in names:
        raise UnknownName("policy", choice.versus, names, where="--versus")


def _check_target(out: Path) -> None:
    """Raises OptionError for a name that is no page's, StoreError if nothing can be written there."""
    if out.is_dir():
        raise OptionError(f"--out {out}: is a folder\n  fix: --out {out / 'report.html'}")
    if out.suffix.lower() not in SUFFIXES:
        raise OptionError(f"--out {out}: a report is written as {' or '.join(SUFFIXES)}\n  fix: --out report.html")
    if not out.absolute().parent.is_dir():
        raise OptionError(f"--out {out}: there is no folder {out.absolute().parent}")
    with _explained(out), tempfile.TemporaryFile(dir=out.absolute().parent):
        pass  # better now than when all is drawn


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    """Turn an OSError inside into a StoreError."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise StoreError(f"cannot write {out}: {why}\n  fix: name another file with --out") from error


def _ordered(data: Data, versus: str | None) -> Data:
    """With the policy first that the others are compared with."""
    return replace(data, sides=sorted(data.sides, key=lambda side: side.owner.policy != versus))


def _with_cards(data: Data, paths: Sequence[str]) -> Data:
    """With the cards that were given by their paths. Raises CardError, and UnknownName for one without records."""
    given: dict[str, PolicyCard] = {}
    names = {side.owner.policy for side in data.sides}
    for path in paths:
        card = cards.load_policy(path)
        if card.name not in names:
            raise UnknownName("policy", card.name, names, where=f"--card {path}: no records are of it")
        given[card.name] = card
    return replace(data, sides=[_informed(side, data, given) for side in data.sides], cards=given)


def _informed(side: Side, data: Data, given: Mapping[str, PolicyCard]) -> Side:
    """With what the given card of its policy says, if that is of the version on record."""
    card, origin = given.get(side.owner.policy), data.origins[side.owner]
    return informed(side, origin, card) if card and card.digest == origin.policy else side


def _content(data: Data, choice: Choice, say: Callable[[str], None]) -> Content:
    """Figures are drawn while workers play."""
    standings = [standing(data, side) for side in data.sides]
    drawing = ThreadPoolExecutor(1)
    try:
        drawn = {kind: drawing.submit(images.figure, kind, data) for kind in PLOTS}
        shown = scenes(data, standings[0], choice.episodes, choice.preview, say)
        compared = [comparison(data, data.sides[0], side) for side in data.sides[1:]]
        severity, by_task_set = _severity(data), _by_task_set(data, choice)
        figures = {kind: image for kind, each in drawn.items() if (image := each.result())}
        for note in shown.notes:
            say(f"note: {note}")
    finally:
        drawing.shutdown(cancel_futures=True)
    return Content(data, standings, compared, figures, shown, severity, by_task_set)


def _severity(data: Data) -> list[Sheet]:
    """By perturbation, where some were swept; before it by dimension, where there are several."""
    sheets = []
    for dimensions in (True, False):
        with suppress(OptionError):
            sheets.append(severity_sheet(data.sides, (), dimensions=dimensions))
    several = len({line.group for line in sheets[0].lines} - {ALL}) > 1 if sheets else False
    return sheets if several else sheets[-1:]


def _by_task_set(data: Data, choice: Choice) -> Sheet | None:
    """The suite's table with each task set, where there are several."""
    if len(data.played) == 1:
        return None
    return suite_sheet(choice.suite, data.sides, (), True, False, None, data.also)
