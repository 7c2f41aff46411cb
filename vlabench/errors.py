"""The exception tree: every mistake a user can make has a class, and its message says how to fix it.

VlabenchError
├── UnknownName       a name that is not there, with the nearest ones that are
├── CardError         a suite or policy card that cannot be read as it stands
├── PluginError       an installed plug-in whose name is taken, or that holds no class of its kind
├── OptionError       a command-line option or argument outside what is possible
├── MissingExtra      a library that belongs to an extra that is not installed
├── RenderingError    no OpenGL library or no Vulkan driver to draw with
├── AssetsError       an asset pack that is absent or incomplete
├── UnsupportedError  a perturbation or a training asks for what the simulator or the policy cannot offer
├── DataError         demonstrations that cannot be read, written or mixed
├── DivergedError     a training whose loss is no longer a finite number
├── DeviceError       a GPU that is not there, or too little memory on one that is
├── StoreError        a results folder that cannot be read or written
├── WorkerError       workers that cannot start, or die again and again
├── ServerError       a policy's server that is not there, or that says what it should not
│   └── ServerGone    one that did not come back, or as another model: nothing more can be played
├── AuditError        a condition that did nothing, or changed what it must leave alone
├── SubmissionError   results that cannot go on the leaderboard, or a submission that is not what it claims
└── OutdatedError     a submission made for an earlier definition of its suite
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator

from vlabench.util.text import safe, short


class VlabenchError(Exception):
    """A mistake that a user can fix. The command line prints the message without a traceback and exits with 2."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        """What a message quotes from a file must not steer the terminal."""
        super().__init__(safe(message))


@contextlib.contextmanager
def about(what: str) -> Iterator[None]:
    """Errors of a user's that are raised within say first what they are about, unless they do."""
    try:
        yield
    except VlabenchError as error:
        if not str(error).startswith(f"{what}: "):
            error.args = (safe(f"{what}: {error}"),)
        raise


def words_of(error: BaseException) -> str:
    """What an error says, whatever it is: a class of a user's may fail at that, too, and its words steer a terminal or
    be no text that can be printed.
    """
    if isinstance(error, SystemExit):  # whose text is the bare status
        return f"sys.exit({short(safe(repr(error.code)))}) was called"
    try:
        return safe(str(error))
    except (Exception, SystemExit):
        return f"(a {type(error).__name__} that cannot be put into words)"


def near(name: str, valid: Iterable[str], limit: int = 30) -> str:
    """The end of a message about an unknown `name`: the closest valid names, else the first `limit` of them all."""
    names = sorted(set(valid))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    shown = ", ".join(names[:limit]) or "none"
    return f"valid: {shown}" + (f", and {len(names) - limit} more" if len(names) > limit else "")


class UnknownName(VlabenchError):
    """A name (suite, policy, condition, task, …) that does not exist."""

    def __init__(self, kind: str, name: str, valid: Iterable[str], *, fix: str = "", where: str = "",
                 meant: str = "", file: str = "") -> None:
        """meant: what is meant, if not a valid name. file: the path that the name is, where no file lies."""
        hint = f"did you mean {meant}?" if meant else near(name, valid)
        told = f"unknown {kind} {short(name)!r}" + (f" in {where}" if where else "")
        if file:
            told = f"there is no file {file}"
            hint = hint if hint.startswith("did") else ""
        super().__init__(": ".join(filter(None, (told, hint))) + (f"\n  {fix}" if fix else ""))
        self.kind, self.name = kind, name


class CardError(VlabenchError):
    """A TOML card with a typo, a wrong type or a missing key."""


class PluginError(VlabenchError):
    """A plug-in takes a name that exists already, cannot be imported, or holds something else than it should."""


class OptionError(VlabenchError):
    """An option whose value is outside what is possible."""


class MissingExtra(VlabenchError):
    """A library is missing that one of the extras installs."""

    def __init__(self, module: str, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs the Python package {module!r}, which is not installed\n"
                         f"  fix: pip install 'vlabench[{extra}]'")


class RenderingError(VlabenchError):
    """MuJoCo finds no OpenGL library that it can draw pictures with, or sapien no Vulkan driver."""


class AssetsError(VlabenchError):
    """An asset pack is absent, incomplete or cannot be written."""


class UnsupportedError(VlabenchError):
    """A perturbation or a training asks for something that this simulator or this policy does not have."""


class DataError(VlabenchError):
    """Demonstrations cannot be read or written, or are of another layout, size or version than is needed."""

    exit_code = 4


class DivergedError(VlabenchError):
    """A training's loss is NaN or infinite: its rate is too high for its data."""

    exit_code = 3


class DeviceError(VlabenchError):
    """The device that should compute is absent, or its memory is too small."""


class StoreError(VlabenchError):
    """A results folder cannot be read or written; what was recorded before stays readable."""

    exit_code = 4


class WorkerError(VlabenchError):
    """Worker processes cannot start or do not stay alive."""

    exit_code = 3


class ServerError(VlabenchError):
    """A policy's server cannot be reached, or its answers are not what they should be."""

    exit_code = 3


class ServerGone(ServerError):
    """A policy's server did not come back, or another model answers in its place: no more episodes can be played."""


class AuditError(VlabenchError):
    """A condition did nothing, or changed something that it must leave alone."""

    exit_code = 3


class SubmissionError(VlabenchError):
    """Results that cannot be submitted, or a submission that does not hold what it claims."""


class OutdatedError(SubmissionError):
    """A submission whose suite has been defined otherwise since: its numbers compare with no newer ones."""
