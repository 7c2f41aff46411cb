"""Episode records → tables: the summary of a run, and comparisons of policies in the papers' and in our own layouts."""

from vlabench.reports.tables.layouts import Choice, make, names
from vlabench.reports.tables.render import check_target, rendered, write_text
from vlabench.reports.tables.sheet import Sheet
from vlabench.reports.tables.summary import (
    COLUMNS,
    TOTAL,
    check_path,
    grid,
    summary,
    to_csv,
    to_markdown,
    to_rich,
    write,
)

__all__ = [
    "COLUMNS", "TOTAL", "Choice", "Sheet", "check_path", "check_target", "grid", "make", "names", "rendered", "summary",
    "to_csv", "to_markdown", "to_rich", "write", "write_text",
]  # fmt: skip
