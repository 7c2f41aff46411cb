"""Writes verifications beside the submissions, where the board finds them."""

from __future__ import annotations

from pathlib import Path

from vlabench.errors import OptionError, StoreError
from vlabench.leaderboard.manifest import SUBMISSIONS
from vlabench.leaderboard.verifications import VERIFICATIONS, VerificationForm
from vlabench.records import provenance
from vlabench.util.files import PACKAGE
from vlabench.util.messages import shown
from vlabench.util.text import shows


def signer(submission: Path, record: bool, by: str | None, board: Path, seed: int | None = None) -> str | None:
    """Whose name a verification will bear, None if it is not recorded. Raises OptionError before anything is played."""
    if not record:
        if by is not None:
            raise OptionError(f"--by {by!r}: only what is recorded bears a name\n"
                              f"  fix: add --record, or leave --by out")
        return None
    if seed is not None:
        raise OptionError(f"--seed {seed}: the sample of what is recorded must not be chosen\n"
                          f"  fix: leave --seed out; the one that is drawn is recorded")
    if by is None:
        raise OptionError("--record: whoever verified must be named\n  fix: --record --by NAME")
    if not shows(by):
        raise OptionError(f"--by {by[:80]!r}: must be one line of printable text, 1 to 200 characters\n"
                          f"  fix: --by NAME")
    entry = board / SUBMISSIONS / submission.absolute().name
    if not entry.exists() or not submission.exists() or not entry.samefile(submission):
        raise OptionError(f"--record: {shown(submission)} is no submission of the leaderboard {shown(board)}, where "
                          f"its verification would lie\n  fix: --board DIR names the leaderboard of the submission")
    if provenance.revision(PACKAGE.resolve()) is None:
        raise OptionError("--record: this vlabench is not in a git checkout, so that it cannot be said which code "
                          "verified\n  fix: run it from a clone of its repository, where git is installed")
    return by


def write(board: Path, form: VerificationForm) -> Path:
    """Put a verification beside the submissions; returns its file. Raises StoreError."""
    stamp = form.when.removesuffix("+00:00").replace(":", "").replace("-", "")
    path = board / VERIFICATIONS / form.name / f"{stamp}Z-{form.what}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(form.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise StoreError(f"{shown(path)}: the verification cannot be written: {error.strerror}\n"
                         f"  fix: name another leaderboard with --board") from error
    return path
