"""One look for all figures, readable in grey: series differ in lightness, marker and dashes, not in colour alone."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vlabench.errors import OptionError, StoreError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png", ".pdf")
UNASKED = SUFFIXES[:2]
"""The files of a name without a suffix."""
PIXELS_PER_INCH = 160
LARGEST = 80.0
"""Inches of a figure's longer side."""
TRUETYPE = 42
"""How a PDF has its fonts, so that its text can be searched and edited; publishers refuse matplotlib's own choice."""
_DATE = {".svg": "Date", ".pdf": "CreationDate"}
INK, SOFT, GRID = "#1c1c1c", "#666666", "#dddddd"
RC: Mapping[Any, Any] = {
    "font.size": 9.0, "axes.titlesize": 9.5, "axes.titlelocation": "left", "axes.labelsize": 9.0,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": SOFT, "axes.labelcolor": INK,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": GRID, "grid.linewidth": 0.6,
    "xtick.color": SOFT, "ytick.color": SOFT, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "text.color": INK, "legend.frameon": False, "legend.fontsize": 9.0, "lines.linewidth": 1.6,
    "lines.markersize": 4.5, "figure.facecolor": "white", "savefig.facecolor": "white",
    "svg.hashsalt": "vlabench",  # the same figure is the same file
    "pdf.fonttype": TRUETYPE,
}  # fmt: skip


class Look(NamedTuple):
    """Of one series."""

    color: str
    marker: str
    dashes: Any


LOOKS = (
    Look("#16324f", "o", "solid"),
    Look("#c2502e", "s", (0, (5, 1.5))),
    Look("#3aa17e", "^", (0, (3, 1, 1, 1))),
    Look("#e3b23c", "D", (0, (1.5, 1))),
    Look("#8e5ea2", "v", (0, (7, 2, 1, 2))),
    Look("#93a1ad", "P", (0, (2, 2))),
)
"""In the order of the legend; the first four from dark to light, by a step that a grey print shows, too."""


def look(number: int) -> Look:
    """Of the n-th series; from the seventh on colours come again with other markers."""
    colour = LOOKS[number % len(LOOKS)]
    shifted = LOOKS[(number + number // len(LOOKS)) % len(LOOKS)]
    return Look(colour.color, shifted.marker, shifted.dashes)


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Inside, figures have this look; the user's own settings do not reach in, and stay what they were."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for key, value in RC.items():
            matplotlib.rcParams[key] = value
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty figure of some inches that no window manager knows of. Raises OptionError for more than LARGEST."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if max(width, height) > LARGEST:
        raise OptionError(f"a figure of {width:.0f} × {height:.0f} inches: too many policies, conditions or tasks for "
                          f"one\n  fix: --suite, --policies, --conditions or --assets chooses")
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def footnote(figure: Figure, sentences: Sequence[str]) -> None:
    """Small print below all else."""
    import textwrap

    columns = int(figure.get_figwidth() * 16)
    text = "\n".join(textwrap.wrap(" ".join(sentences), columns, break_on_hyphens=False))
    figure.supxlabel(text, fontsize=7.5, color=SOFT, x=0.01, ha="left")


def check_target(out: Path) -> list[Path]:
    """The files to write: `out`, or the UNASKED kinds beside each other if it has no suffix.

    Raises OptionError for another suffix or a folder that is not there: to be asked before the work.
    """
    if out.suffix and out.suffix not in SUFFIXES:
        raise OptionError(f"--out {out}: a figure is written as {', '.join(SUFFIXES)}, or without a suffix as "
                          f"{' and '.join(UNASKED)}")
    if not out.absolute().parent.is_dir():
        raise OptionError(f"--out {out}: there is no folder {out.absolute().parent}")
    return [out] if out.suffix else [out.with_suffix(suffix) for suffix in UNASKED]


def rendered(figure: Figure, suffix: str) -> bytes:
    """The content of a file with one of the SUFFIXES."""
    content = io.BytesIO()
    with styled():
        figure.savefig(content, format=suffix.removeprefix("."), dpi=PIXELS_PER_INCH,
                       metadata={_DATE[suffix]: None} if suffix in _DATE else {})
    return content.getvalue()


def save(figure: Figure, out: Path) -> list[Path]:
    """Write the figure; the files written. Raises what `check_target` raises, and StoreError."""
    files = check_target(out)
    for file in files:
        try:
            file.write_bytes(rendered(figure, file.suffix))
        except OSError as error:
            why = error.strerror or error
            raise StoreError(f"cannot write {file}: {why}\n  fix: name another file with --out") from error
    return files
