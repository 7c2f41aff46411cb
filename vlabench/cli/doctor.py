"""`vlabench doctor`: what works on this machine, by trying it, and the command that fixes what does not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vlabench import __version__, registry
from vlabench.errors import VlabenchError
from vlabench.simulators.base import find_simulator
from vlabench.util import kernels
from vlabench.util.diagnosis import Check, extra, failed, tried, versions_of
from vlabench.util.files import PACKAGE

ROOM = 2**30
"""Bytes below which the results' disk is called short; 2,000 episodes take about 4 MB, their recordings 40 MB."""
LEAST = 50 * 2**20
"""Bytes below which no run should begin."""
OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
"""The packages that put OpenCV into one and the same folder, `cv2`; the last one installed is the one that is there."""


@dataclass(frozen=True)
class Diagnosis:
    """What was tried of this machine, and of what each simulator needs."""

    machine: tuple[Check, ...]
    simulators: Mapping[str, tuple[Check, ...]]

    @property
    def works(self) -> list[str]:
        """The simulators in which a run would work."""
        sound = all(check.works for check in self.machine if check.needed)
        return [name for name, checks in self.simulators.items()
                if sound and all(check.works for check in checks if check.needed)]

    @property
    def checks(self) -> list[Check]:
        """All; where a run works in some simulators, what the others lack is needed only by who wants them."""
        return [*self.machine, *(replace(check, needed=check.needed and name in (self.works or self.simulators))
                                 for name, checks in self.simulators.items() for check in checks)]


def diagnose(results: Path) -> Diagnosis:
    """Try everything, which takes a few seconds. results: the folder that a run would write to."""
    return Diagnosis((_python(), _package(), _arithmetic(), _train(), _opencv(), _disk(results)),
                     {name: _simulator(name) for name in registry.names("simulator")})


def _simulator(name: str) -> tuple[Check, ...]:
    try:
        return tuple(find_simulator(name).diagnose())
    except VlabenchError as error:
        return (failed(f"simulator {name}", error),)


def _python() -> Check:
    version = platform.python_version()
    works = (3, 10) <= sys.version_info[:2] < (3, 13)
    return Check("Python", works, version + ("" if works else ": 3.10, 3.11 or 3.12 is needed"),
                 "" if works else "install Python 3.12 and make a virtual environment with it", needed=True)


def _package() -> Check:
    return Check("vlabench", True, f"{__version__} in {PACKAGE}")


def _arithmetic() -> Check:
    """Works either way; other kernels are no fault, but records then agree with those of like processors alone."""
    chosen = kernels.chosen()
    portable = chosen == kernels.NAME
    means = "records are to be the same on any such processor" if portable else "records may differ elsewhere"
    return Check("arithmetic", True, f"{chosen}: {means}")


def _train() -> Check:
    return extra("train", ("torch", "peft", "safetensors", "h5py"), needed=False)


def _opencv() -> Check:
    """Whether it starts, and whether all packages that bring it bring the same one.

    Else which of them changes the pictures depends on what was installed last, and files of two may be mixed.
    """
    def version() -> str:
        from vlabench.util.opencv import check_opencv

        check_opencv()
        import cv2

        return cv2.__version__

    check = tried("OpenCV", version)
    packages = versions_of(OPENCVS)
    if not check.works or (len(set(packages.values())) < 2  # a wheel's version is OpenCV's and a build number
                           and all(f"{each}.".startswith(f"{check.found}.") for each in packages.values())):
        return check
    wanted = packages.get("opencv-python") or next(iter(packages.values()))
    installed = ", ".join(f"{name} {each}" for name, each in packages.items())
    return Check("OpenCV", False, f"{check.found} is what runs, but the packages in its folder are {installed}",
                 f"pip install --force-reinstall --no-deps {' '.join(f'{name}=={wanted}' for name in packages)}",
                 needed=False)


def _disk(results: Path) -> Check:
    """The nearest folder there is, since the results' own may not exist yet."""
    folder = results.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    name, found = "results", f"{results}: {free / 2**30:.1f} GB free"
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return Check(name, False, f"{folder} cannot be written", "choose another folder with --results DIR")
    if free < ROOM:
        return Check(name, False, f"{found}, which is short", "make room, or choose another folder with --results DIR",
                     needed=free < LEAST)
    return Check(name, True, found)
