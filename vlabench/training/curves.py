"""Training curves: a CSV that grows a line at a time, and its picture."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vlabench.errors import DataError
from vlabench.util.files import replacing

FILE, PICTURE = "curves.csv", "curves.png"
HEADER = ("step", "name", "value")


class Curves:
    """(step, name, value) rows in a folder; those of one step are appended together and flushed to the disk."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.picture = folder / PICTURE

    def cut(self, step: int) -> None:
        """Drop what a killed run wrote beyond `step`, its last checkpoint: the resumed run will write it again."""
        rows = [row for row in self.rows() if row[0] <= step]
        text = ",".join(HEADER) + "\n" + "".join(f"{number},{name},{value!r}\n" for number, name, value in rows)
        with self._writing(), replacing(self.path) as partial:
            partial.write_text(text)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append the values of a step. Raises DataError if the disk does not take them."""
        text = "".join(f"{step},{name},{float(value)!r}\n" for name, value in values.items())
        with self._writing(), self.path.open("a") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[tuple[int, str, float]]:
        """Everything, in the order of writing; a torn last line is left out."""
        if not self.path.exists():
            return []
        found = []
        with self.path.open(newline="") as file:
            for row in csv.reader(file):
                try:
                    found.append((int(row[0]), row[1], float(row[2])))
                except (ValueError, IndexError):
                    continue
        return found

    def series(self) -> dict[str, tuple[list[int], list[float]]]:
        """Name → (steps, values)."""
        series: dict[str, tuple[list[int], list[float]]] = {}
        for step, name, value in self.rows():
            steps, values = series.setdefault(name, ([], []))
            steps.append(step)
            values.append(value)
        return series

    def draw(self) -> None:
        """The picture: a small plot for every name."""
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        series = self.series()
        if not series:
            return
        columns = min(4, len(series))
        rows = math.ceil(len(series) / columns)
        figure = Figure(figsize=(3.2 * columns, 2.2 * rows), layout="constrained")
        for place, (name, (steps, values)) in enumerate(series.items(), start=1):
            axis = figure.add_subplot(rows, columns, place)
            axis.plot(steps, values, color="black", linewidth=1, marker="." if len(steps) < 30 else None)
            axis.set_title(name, fontsize=9)
            axis.tick_params(labelsize=7)
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        with self._writing(), replacing(self.picture) as partial:
            figure.savefig(partial, dpi=120, format="png")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written: {error.strerror or error}") from error
