"""Files that tables are written to."""

from __future__ import annotations

from pathlib import Path

from vlabench.errors import OptionError, StoreError

FORMATS = {"rich": "", "md": ".md", "latex": ".tex", "csv": ".csv"}
"""What a sheet can become, and the suffix of its file."""


def check_target(out: Path | None, form: str | None) -> str:
    """The format that is meant: the one asked for, else that of the file's suffix, else the terminal's.

    Raises OptionError for a suffix that says nothing or something else, a folder that is not there, and a file for
    the terminal: to be asked before the work.
    """
    if out is None:
        return form or "rich"
    by_suffix = {suffix: name for name, suffix in FORMATS.items() if suffix}
    kind = form or by_suffix.get(out.suffix)
    if kind is None or kind not in by_suffix.values() or by_suffix.get(out.suffix, kind) != kind:
        raise OptionError(f"--out {out}: a table is written as {', '.join(by_suffix)}" +
                          (f", and not as {form}" if form else "") + "\n  mend: --out table.md")
    if not out.absolute().parent.is_dir():
        raise OptionError(f"--out {out}: there is no folder {out.absolute().parent}")
    return kind


def write_text(out: Path, text: str) -> None:
    """Raises StoreError if it cannot be written."""
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        why = error.strerror or error
        raise StoreError(f"cannot write {out}: {why}\n  mend: name another file with --out") from error
