"""Episode records → tables: the summary of a run, and comparisons of policies in the papers' and in our own layouts."""

from vlabench.tables.files import check_target, write_text
from vlabench.tables.layouts import Choice, make, names
from vlabench.tables.render import rendered
from vlabench.tables.sheet import Sheet
from vlabench.tables.summary import (
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
