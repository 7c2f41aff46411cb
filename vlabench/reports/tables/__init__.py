"""Episode records → tables: the summary of a run, and comparisons of policies in the papers' and in our own layouts."""

from vlabench.reports.tables.layouts import Choice, make, names
from vlabench.reports.tables.render import check_target, rendered, write_text
from vlabench.reports.tables.sheet import Sheet
from vlabench.reports.tables.summary import of_run

__all__ = ["Choice", "Sheet", "check_target", "make", "names", "of_run", "rendered", "write_text"]
