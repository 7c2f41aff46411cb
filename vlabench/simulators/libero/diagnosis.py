"""What LIBERO needs on this machine, by trying it: packages, drawing, a scene, both packs."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

from vlabench.errors import VlabenchError
from vlabench.simulators.libero import gl, hf_libero, packs
from vlabench.util.diagnosis import Check, extra, failed, tried

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
from vlabench.simulators.libero.simulator import Libero
simulator = Libero(Libero.packs[0])
task = simulator.tasks(simulator.task_sets[0])[0]
scene = simulator.open(task, 1, simulator.cameras, 64)
from vlabench.types import EpisodeSpec
scene.reset([EpisodeSpec(task, "clean", 0)])
seen = scene.observe()
assert all(picture.std() > 5 for picture in seen.images.values()), "a picture of one colour"
print(f"the first look of {task.key}")
scene.close()
"""


def checks() -> list[Check]:
    """Everything, which takes a few seconds."""
    return [extra("libero", ("hf-libero", "robosuite", "mujoco", "bddl"), needed=True), *_mujoco(), _drawing(),
            _scene(), *_assets(), _gpu()]


def _mujoco() -> list[Check]:
    """A run works with newer ones, but four tasks of the official pack are others there."""
    try:
        version = importlib.metadata.version("mujoco")
    except importlib.metadata.PackageNotFoundError:
        return []
    if hf_libero.drifts(version):
        return [Check("MuJoCo", False, f"{version}: before 3.3.6, episodes differ from robosuite's in the last bits",
                      "pip install 'mujoco>=3.3.6,<3.4'", needed=False)]
    if not hf_libero.stirs(version):
        return [Check("MuJoCo", True, f"{version}: contacts as in published evaluations")]
    found = f"{version}: from 3.4 on, on the official pack, {', and '.join(hf_libero.STIRRED.values())}"
    return [Check("MuJoCo", False, found, "pip install 'mujoco>=3.3.6,<3.4'", needed=False)]


def _drawing() -> Check:
    """In a process of its own: a broken driver may take the process along."""
    return _apart("LIBERO drawing", _DRAW, "a picture was drawn with {}")


def _scene() -> Check:
    """One real scene, as a run opens it."""
    return _apart("LIBERO scene", _LOOK, "{}")


def _apart(name: str, script: str, said: str) -> Check:
    """Run a script in a process of its own; said: how the last line that it prints is put."""
    try:
        gl.choose()
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=DRAWING_LIMIT,
                              check=False)
    except VlabenchError as error:
        return failed(name, error)
    except subprocess.TimeoutExpired:
        return Check(name, False, f"not done within {DRAWING_LIMIT:g} s", gl.INSTALL)
    if done.returncode == 0:
        return Check(name, True, said.format(done.stdout.strip().splitlines()[-1]))
    last = (done.stderr.strip().splitlines() or [f"ended with exit status {done.returncode}"])[-1]
    fix = "pip install 'vlabench[libero]'" if "ModuleNotFoundError" in last else gl.INSTALL
    return Check(name, False, last, fix)


def _assets() -> list[Check]:
    return [tried("LIBERO primitive", lambda: str(packs.primitive())),
            tried("LIBERO official", lambda: f"{packs.official()} (copy {packs.digest('official')})", needed=False)]


def _gpu() -> Check:
    works, found = gl.has_gpu(), ", ".join(map(str, gl.gpus()))
    said = f"LIBERO's workers take turns at {found}" if "," in found else "there is one to draw on"
    return Check("GPU", works, said if works else "none; LIBERO runs on the CPU", needed=False)
