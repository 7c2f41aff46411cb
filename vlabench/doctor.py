"""`vlabench doctor`: what works on this machine, by trying it, and the command that mends what does not."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlabench import __version__, arithmetic
from vlabench.errors import VlabenchError

ROOM = 2**30
"""Bytes below which the results' disk is called short; 2,000 episodes take about 4 MB, their recordings 40 MB."""
LEAST = 50 * 2**20
"""Bytes below which no run should begin."""
OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
"""The packages that put OpenCV into one and the same folder, `cv2`; the last one installed is the one that is there."""
DRAWING_LIMIT = 120.0  # seconds for importing MuJoCo and drawing one picture, or for opening a scene
_DRAW = """
from vlabench.simulators.libero import gl
backend = gl.activate()
import mujoco
world = "<mujoco><worldbody><light pos='0 0 3'/><geom size='.2' rgba='1 0 0 1'/></worldbody></mujoco>"
model = mujoco.MjModel.from_xml_string(world)
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 32, 32) as renderer:
    renderer.update_scene(data)
    assert renderer.render().max() > 50, "the picture is black"
print(backend)
"""
_LOOK = """
from vlabench import registry
simulator = registry.simulator("libero")("primitive")
task = simulator.tasks(simulator.task_sets[0])[0]
scene = simulator.open(task, 1, simulator.cameras, 64)
from vlabench.types import EpisodeSpec
scene.reset([EpisodeSpec(task, "clean", 0)])
seen = scene.observe()
assert all(picture.std() > 5 for picture in seen.images.values()), "a picture of one colour"
print(f"the first look of {task.key}")
scene.close()
"""


@dataclass(frozen=True)
class Check:
    """One thing that was tried. needed: a default run (LIBERO, generated assets) does not work without it."""

    name: str
    works: bool
    found: str
    mend: str = ""
    needed: bool = True

    @property
    def mark(self) -> str:
        """`ok`, `missing` (a default run needs it) or `absent` (it does not)."""
        return "ok" if self.works else "missing" if self.needed else "absent"


def diagnose(results: Path) -> list[Check]:
    """Try everything, which takes a few seconds. results: the folder that a run would write to."""
    return [_python(), _package(), _arithmetic(), *_libero(), _train(), _opencv(), _drawing(), _scene(), *_assets(),
            _gpu(), _disk(results)]


def would_run(checks: Sequence[Check]) -> bool:
    """Whether a default run would work."""
    return all(check.works for check in checks if check.needed)


def _python() -> Check:
    version = platform.python_version()
    works = (3, 10) <= sys.version_info[:2] < (3, 13)
    return Check("Python", works, version + ("" if works else ": 3.10, 3.11 or 3.12 is needed"),
                 "" if works else "install Python 3.12 and make a virtual environment with it", needed=True)


def _package() -> Check:
    return Check("vlabench", True, f"{__version__} in {Path(__file__).parent}")


def _arithmetic() -> Check:
    """Works either way; other kernels are no fault, but records then agree with those of like processors alone."""
    chosen = arithmetic.chosen()
    portable = chosen == arithmetic.NAME
    means = "records are to be the same on any such processor" if portable else "records may differ elsewhere"
    return Check("arithmetic", True, f"{chosen}: {means}")


def _libero() -> list[Check]:
    return [_extra("libero", ("hf-libero", "robosuite", "mujoco", "bddl"), needed=True), *_mujoco()]


def _mujoco() -> list[Check]:
    """A run works with newer ones, but four tasks of the official pack are others there."""
    from vlabench.simulators.libero import package

    try:
        version = importlib.metadata.version("mujoco")
    except importlib.metadata.PackageNotFoundError:
        return []
    if package.drifts(version):
        return [Check("MuJoCo", False, f"{version}: before 3.3.6, episodes differ from robosuite's in the last bits",
                      "pip install 'mujoco>=3.3.6,<3.4'", needed=False)]
    if not package.stirs(version):
        return [Check("MuJoCo", True, f"{version}: contacts as in published evaluations")]
    found = f"{version}: from 3.4 on, on the official pack, {', and '.join(package.STIRRED.values())}"
    return [Check("MuJoCo", False, found, "pip install 'mujoco>=3.3.6,<3.4'", needed=False)]


def _train() -> Check:
    return _extra("train", ("torch", "peft", "safetensors", "h5py"), needed=False)


def _extra(extra: str, packages: Sequence[str], *, needed: bool) -> Check:
    versions = _versions(packages)
    absent = [package for package in packages if package not in versions]
    found = ", ".join(f"{name} {version}" for name, version in versions.items())
    if absent:
        return Check(f"extra {extra}", False, f"not installed: {', '.join(absent)}",
                     f"pip install 'vlabench[{extra}]'", needed)
    return Check(f"extra {extra}", True, found, needed=needed)


def _versions(packages: Sequence[str]) -> dict[str, str]:
    """Of those that are installed."""
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _opencv() -> Check:
    """Whether it starts, and whether all packages that bring it bring the same one.

    Else which of them changes the pictures depends on what was installed last, and files of two may be mixed.
    """
    def version() -> str:
        from vlabench.perturbations._image import check_opencv

        check_opencv()
        import cv2

        return cv2.__version__

    check = _tried("OpenCV", version)
    packages = _versions(OPENCVS)
    if not check.works or (len(set(packages.values())) < 2  # a wheel's version is OpenCV's and a build number
                           and all(f"{each}.".startswith(f"{check.found}.") for each in packages.values())):
        return check
    wanted = packages.get("opencv-python") or next(iter(packages.values()))
    installed = ", ".join(f"{name} {each}" for name, each in packages.items())
    return Check("OpenCV", False, f"{check.found} is what runs, but the packages in its folder are {installed}",
                 f"pip install --force-reinstall --no-deps {' '.join(f'{name}=={wanted}' for name in packages)}",
                 needed=False)


def _drawing() -> Check:
    """In a process of its own: a broken driver may take the process along."""
    return _apart("drawing", _DRAW, "a picture was drawn with {}")


def _scene() -> Check:
    """One real scene, as a run opens it."""
    return _apart("scene", _LOOK, "{}")


def _apart(name: str, script: str, said: str) -> Check:
    """Run a script in a process of its own; said: how the last line that it prints is put."""
    from vlabench.simulators.libero import gl

    try:
        gl.choose()
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=DRAWING_LIMIT,
                              check=False)
    except VlabenchError as error:
        return _failed(name, error)
    except subprocess.TimeoutExpired:
        return Check(name, False, f"not done within {DRAWING_LIMIT:g} s", gl.INSTALL)
    if done.returncode == 0:
        return Check(name, True, said.format(done.stdout.strip().splitlines()[-1]))
    last = (done.stderr.strip().splitlines() or [f"ended with exit status {done.returncode}"])[-1]
    mend = "pip install 'vlabench[libero]'" if "ModuleNotFoundError" in last else gl.INSTALL
    return Check(name, False, last, mend)


def _assets() -> list[Check]:
    from vlabench.simulators.libero import packs

    return [_tried("assets primitive", lambda: str(packs.primitive())),
            _tried("assets official", lambda: f"{packs.official()} (copy {packs.digest('official')})", needed=False)]


def _gpu() -> Check:
    from vlabench.simulators.libero import gl

    works = gl.has_gpu()
    return Check("GPU", works, "there is one to draw on" if works else "none; LIBERO runs on the CPU", needed=False)


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


def _tried(name: str, attempt: Callable[[], str], *, needed: bool = True) -> Check:
    try:
        return Check(name, True, attempt(), needed=needed)
    except VlabenchError as error:
        return _failed(name, error, needed=needed)


def _failed(name: str, error: VlabenchError, *, needed: bool = True) -> Check:
    """An error's first line is what is wrong; what follows `mend:` is the command."""
    found, _, rest = str(error).partition("\n")
    return Check(name, False, found, rest.strip().removeprefix("mend: "), needed)
