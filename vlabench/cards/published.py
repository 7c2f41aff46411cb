"""Success rates, and training steps to some, that papers report: `leaderboard/published/*.toml`, one file a paper.

They are quoted, not measured: other assets, other readings of the perturbations, policies of other sizes. Nothing here
puts them in one row, or one ranking, with records.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from vlabench import cards
from vlabench.cards.conditions import Condition
from vlabench.cards.schema import Names
from vlabench.cards.suite import SuiteCard
from vlabench.errors import CardError
from vlabench.util import parsing
from vlabench.util.files import PACKAGE
from vlabench.util.messages import one_line_each, shown

_FOLDER = Path("leaderboard", "published")


class _Part(BaseModel):
    # Not strict, because TOML has arrays where tuples are asked for.
    model_config = ConfigDict(extra="forbid", frozen=True)


SUCCESS = "success"
"""What columns measure unless they name a milestone."""


class Column(_Part):
    """One column: conditions over task sets (where a suite here has them), or the average `of` other columns.

    measure: `success`, or the milestone whose rate it is. threshold: the rate in points that training steps lead to.
    """

    name: str
    group: str = ""
    conditions: Names = ()
    task_sets: Names = ()
    of: Names = ()
    measure: str = SUCCESS
    threshold: float | None = None

    @property
    def key(self) -> str:
        """Group and name, by which averages refer to it."""
        return f"{self.group} {self.name}".strip()


class Row(_Part):
    """One policy: rates and spreads (standard deviations between runs) in points, a column each; NaN where absent.

    In a table of steps `rates` are numbers of training steps. group: a kind of methods, or a model.
    """

    name: str
    group: str = ""
    rates: tuple[float, ...]
    spread: tuple[float, ...] = ()
    episodes: int | None = None


class Check(_Part):
    """A column is the average of columns of the table with that number, for rows of the same name."""

    column: str
    table: str
    of: Names


class Deviation(_Part):
    """A figure that does not follow from the columns it averages (those of `table`); `follows` would."""

    row: str
    column: str
    table: str
    follows: float
    note: str = ""


class PublishedTable(_Part):
    """A table as its paper numbers it, or a figure, `figure 3`. suite: whose conditions the columns name, if any.

    episodes: behind each cell that is no average, where the paper says so. transposed: the paper has columns as rows.
    steps: its figures are training steps until success reached each column's threshold. notes: what readers of its rows
    should know.
    """

    number: str
    title: str
    simulator: str
    suite: str | None = None
    task_sets: Names = ()
    transposed: bool = False
    steps: bool = False
    episodes: int | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)
    checks: tuple[Check, ...] = ()
    deviations: tuple[Deviation, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        keys = [column.key for column in self.columns]
        if len(set(keys)) < len(keys):
            raise ValueError(f"table {self.number} has two columns of one name")
        for column in self.columns:
            absent = set(column.of) - set(keys)
            if absent:
                raise ValueError(f"table {self.number}, {column.key!r}: no columns {sorted(absent)}")
            if self.suite and not (column.of or (column.conditions and (column.task_sets or self.task_sets))):
                raise ValueError(f"table {self.number}, {column.key!r}: which condition and task sets of {self.suite}?")
            if self.steps != (column.threshold is not None):
                raise ValueError(f"table {self.number}, {column.key!r}: steps, and a threshold for each column, or "
                                 f"neither")
        for row in self.rows:
            if len(row.rates) != len(keys) or (row.spread and len(row.spread) != len(keys)):
                raise ValueError(f"table {self.number}, {row.name!r}: not one figure for each of {len(keys)} columns")
            if any(not 0 <= rate <= 100 for rate in row.rates if not (math.isnan(rate) or self.steps)):
                raise ValueError(f"table {self.number}, {row.name!r}: a rate is 0 to 100 points")
        return self

    @property
    def label(self) -> str:
        """`table 1`, `figure 3`: as it is referred to."""
        return self.number if self.number.startswith("figure ") else f"table {self.number}"

    def called(self, row: Row) -> str:
        """A row's name, after its group's where several have the name."""
        alike = [each for each in self.rows if each.name == row.name]
        return f"{row.group} {row.name}" if len(alike) > 1 else row.name

    @property
    def measures(self) -> list[str]:
        """What its columns measure, each once."""
        return list(dict.fromkeys(column.measure for column in self.columns))

    def shares(self, column: Column, task_sets: Sequence[str] | None = None, without: Sequence[str] = (),
               ) -> dict[tuple[str, str], float]:
        """What a column averages: (condition, task set) → weight, adding up to 1; empty without a suite.

        An average of columns that are averages weighs these alike, whatever is in them. task_sets: only these. without:
        no such conditions.
        """
        if not column.of:
            leaves = [(condition, each) for condition in column.conditions if condition not in without
                      for each in column.task_sets or self.task_sets if task_sets is None or each in task_sets]
            return {leaf: 1 / len(leaves) for leaf in leaves}
        known = {part.key: part for part in self.columns}
        parts = [part for key in column.of if (part := self.shares(known[key], task_sets, without))]
        found: dict[tuple[str, str], float] = {}
        for part in parts:
            for leaf, share in part.items():
                found[leaf] = found.get(leaf, 0.0) + share / len(parts)
        return found


class Paper(_Part):
    """A paper's tables. assets: the pack that its LIBERO rows were measured on. spread: what ± is in them, where they
    have it.
    """

    paper: str
    name: str
    source: str
    assets: str
    spread: str = ""
    notes: tuple[str, ...] = ()
    tables: tuple[PublishedTable, ...]

    @model_validator(mode="after")
    def _said(self) -> Self:
        if bool(self.spread) != any(row.spread for table in self.tables for row in table.rows):
            raise ValueError("spread says what ± is, if there is any in a table, and only then")
        return self


class Figure(NamedTuple):
    """A published rate (a fraction) of a condition, as one of several of `source` (paper and table)."""

    name: str
    condition: str
    rate: float
    source: str


@functools.cache
def papers() -> dict[str, Paper]:
    """All papers by the names of their files. Raises CardError for a file that is wrong."""
    return {path.stem: read(path) for path in sorted(folder().glob("*.toml"))}


def folder() -> Path:
    """Where the files are: in a checkout, or inside an installed copy."""
    installed = PACKAGE / "_cards" / _FOLDER
    return installed if installed.is_dir() else PACKAGE.parent / _FOLDER


def read(path: Path) -> Paper:
    """The tables of one file. Raises CardError."""
    try:
        content = parsing.content_of(path, parsing.MAX_TOML)
        return Paper.model_validate(parsing.toml(content, finite=False))
    except ValidationError as error:
        raise CardError(one_line_each(error, Paper, shown(path))) from None
    except (OSError, parsing.Unreadable) as error:
        raise CardError(f"{shown(path)}: {error}") from error


def layouts() -> dict[str, tuple[Paper, PublishedTable]]:
    """`robustvla-1` …: the tables that a suite here can fill, by paper and number."""
    return {f"{stem}-{table.number.replace(' ', '-')}": (paper, table)
            for stem, paper in papers().items() for table in paper.tables if table.suite}


def figures(suite: SuiteCard) -> list[Figure]:
    """What papers report for a suite's conditions over all its task sets, in the order of the papers' tables."""
    found: dict[tuple[str, str, str], Figure] = {}
    for paper, table in layouts().values():
        for condition, rates in _by_condition(table, suite):
            for row, rate in zip(table.rows, rates, strict=True):
                name = table.called(row)
                figure = Figure(name, condition, round(rate / 100, 6), f"{paper.name}, {table.label}")
                if not math.isnan(rate):
                    found.setdefault((paper.name, name, condition), figure)
    return list(found.values())


def _by_condition(table: PublishedTable, suite: SuiteCard) -> Iterator[tuple[str, Sequence[float]]]:
    """(condition, a success rate per row) of the columns that are one of the suite's over its task sets."""
    theirs: Mapping[str, Condition] = {}
    for number, column in enumerate(table.columns):
        leaves = table.shares(column)
        name = next(iter(leaves))[0]
        if {leaf for leaf, _ in leaves} != {name} or {task_set for _, task_set in leaves} != set(suite.task_sets):
            continue
        if table.steps or column.measure != SUCCESS or name not in suite.conditions:
            continue
        theirs = theirs or cards.load_suite(str(table.suite)).conditions
        if suite.conditions[name].digest == theirs[name].digest:
            yield name, [row.rates[number] for row in table.rows]
