"""What drawing needs on this machine, by trying it: the driver, and one picture."""

from __future__ import annotations

import subprocess
import sys

from vlabench.simulators.maniskill.drawing import vulkan
from vlabench.util.diagnosis import Check, tried

DRAWING_LIMIT = 60.0  # seconds for importing sapien and drawing one picture
_DRAW = """
import time
from vlabench.simulators.maniskill.drawing import camera, vulkan
sapien = vulkan.engine()
scene = sapien.Scene([sapien.physx.PhysxCpuSystem(), sapien.render.RenderSystem()])
camera.light(scene)
builder = scene.create_actor_builder()
builder.add_sphere_visual(radius=0.2)
builder.set_initial_pose(sapien.Pose([1, 0, 0]))
ball = builder.build_kinematic()
start = time.perf_counter()
colors, ids = camera.Camera(scene, 64, sapien.Pose()).shoot()
assert (ids == ball.per_scene_id).any() and colors.max() > 50, "the picture is black"
print(f"{time.perf_counter() - start:.2f} s")
"""


def checks() -> list[Check]:
    """Whether there is a driver, and a picture drawn in a process of its own. Needed for all but physics."""
    driver = tried("Vulkan", _driver)
    return [driver, _picture()] if driver.works else [driver]


def _driver() -> str:
    vulkan.check()
    version = vulkan.mesa()
    return vulkan.device() + (f", Mesa {'.'.join(map(str, version))}" if version else "")


def _picture() -> Check:
    name = "ManiSkill drawing"
    try:
        done = subprocess.run([sys.executable, "-c", _DRAW], capture_output=True, text=True, timeout=DRAWING_LIMIT,
                              check=False)
    except subprocess.TimeoutExpired:
        return Check(name, False, f"not done within {DRAWING_LIMIT:g} s", vulkan.install())
    if done.returncode == 0:
        return Check(name, True, f"the first picture took {done.stdout.strip().splitlines()[-1]}")
    last = (done.stderr.strip().splitlines() or [f"ended with exit status {done.returncode}"])[-1]
    return Check(name, False, last, vulkan.install())
