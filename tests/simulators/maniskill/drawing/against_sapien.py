"""A page of numbers: our shaders against sapien's own, of official objects and of a scene of primitives.

FOLDER of its command holds RL4VLA's `more_carrot` and `more_plate`; it takes a minute.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vlabench.simulators.maniskill import catalogue, packs, starts
from vlabench.simulators.maniskill.drawing import camera, vulkan
from vlabench.simulators.maniskill.interface import SPACE
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.simulators.maniskill.view import View
from vlabench.simulators.maniskill.world import World
from vlabench.types import EpisodeSpec

BASE = ([0.147, 0.028, 0.870], [0, 0, 0, 1])
SIZES: tuple[Any, ...] = ((640, 480), 256, 128)
FRAMES = 60
SHAPES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("box", {"half_size": [0.02, 0.01, 0.03]}), ("sphere", {"radius": 0.02}),
    ("capsule", {"radius": 0.01, "half_length": 0.03}))
COMMAND = "python -m tests.simulators.maniskill.drawing.against_sapien"
TITLE = f"""# ManiSkill's pictures: our shaders against sapien's

Our pack draws in one pass what sapien's `default` pack draws in four: the same formula of light, textures, normal maps
and highlights. It has no shadows, no point, spot or textured lights, no surroundings that shine or show behind things,
and nothing half transparent, none of which the published scenes have; so it needs no table of reflections, which takes
a process seconds to compute.

    {COMMAND} FOLDER

Pictures of one official object each, 640×480, in the published light and camera: means and differences of 8-bit values
over the object's pixels, and how many pixels of the whole picture have another owner.

| thing | pixels | mean, ours | mean, `default` | mean difference | largest | other owner |
|---|--:|--:|--:|--:|--:|--:|"""
SPEED = """
Colours and segmentation of 13 primitives and nothing else on {}, milliseconds of processor time a frame:

| size | ours | `default` | `minimal` |
|---|--:|--:|--:|"""
EPISODE = """
A picture of an episode is more than that: {} shapes (the robot, an object, a plate, the table), after a control step of
100 physics steps, set before its table's picture. In one process, 256×256, medians of {}, processor time in ms:
{:.1f} for the 13 primitives, {:.1f} for the episode's shapes, {:.1f} for its whole picture
(`{} --episode`)."""
FIRST = """
The first frame of a process, 256×256, seconds of processor time:

| ours | `default` | `minimal` |
|--:|--:|--:|"""


class Theirs(camera.Camera):
    """A camera that draws with one of sapien's own packs."""

    def __init__(self, scene: Any, size: Any, pose: Any, pack: str) -> None:
        super().__init__(scene, size, pose)
        sapien = vulkan.engine()
        shaders = Path(sapien.__file__).parent / "vulkan_shader" / pack
        self._holder.remove_component(self._lens)
        self._lens = sapien.render.RenderCameraComponent(*self.size, str(shaders))
        self._focus()
        self._holder.add_component(self._lens)
        self._segments = "PositionSegmentation" if pack == "minimal" else "Segmentation"

    def shoot(self) -> tuple[Any, Any]:
        self._scene.update_render()
        self._lens.take_picture()
        return self._lens.get_picture("Color")[..., :3], self._lens.get_picture(self._segments)[..., 1]


def eye(pack: str, scene: Any, size: Any) -> camera.Camera:
    pose = camera.mounted(vulkan.engine().Pose(*BASE))
    return Theirs(scene, size, pose, pack) if pack else camera.Camera(scene, size, pose)


def lit(fill: Callable[[Any], Any]) -> Any:
    """A scene in the published light, with one entity that the builder is filled for."""
    sapien = vulkan.engine()
    scene = sapien.Scene([sapien.physx.PhysxCpuSystem(), sapien.render.RenderSystem()])
    camera.light(scene)
    builder = scene.create_actor_builder()
    builder.set_initial_pose(sapien.Pose([-0.15, 0, 0.9]))
    fill(builder)
    builder.build_kinematic()
    return scene


def primitives() -> Any:
    pose = vulkan.engine().Pose

    def fill(builder: Any) -> None:
        for n in range(13):
            kind, sizes = SHAPES[n % len(SHAPES)]
            getattr(builder, f"add_{kind}_visual")(pose([n % 5 * 0.04 - 0.08, n // 5 * 0.05 - 0.05, 0]), **sizes)

    return lit(fill)


def differences(folder: Path) -> Iterator[str]:
    for sort, things in (("more_carrot", catalogue.OBJECTS), ("more_plate", catalogue.RECEPTACLES)):
        for thing in things:
            (file,) = [path for path in (folder / sort / thing.folder).glob("textured.*") if path.suffix != ".mtl"][:1]
            scene = lit(lambda builder, file=file: builder.add_visual_from_file(str(file)))  # type: ignore[misc]
            (ours, ids), (theirs, owners) = (eye(pack, scene, (640, 480)).shoot() for pack in ("", "default"))
            here = ids > 0
            apart = np.abs(ours[here].astype(int) - theirs[here])
            yield (f"| {thing.name} | {here.sum()} | {ours[here].mean():.2f} | {theirs[here].mean():.2f} | "
                   f"{apart.mean():.4f} | {apart.max()} | {(ids != owners).sum()} |")


def speeds() -> Iterator[str]:
    scene = primitives()
    for size in SIZES:
        eyes = [eye(pack, scene, size) for pack in ("", "default", "minimal")]
        spent = [0.0 for _ in eyes]
        for frame in range(FRAMES + 1):
            for n, each in enumerate(eyes):
                start = time.process_time()
                each.shoot()
                spent[n] += time.process_time() - start if frame else 0
        for each in eyes:
            each.close()
        cells = [f"{1e3 * seconds / FRAMES:.1f}" for seconds in spent]
        yield f"| {size if isinstance(size, int) else '×'.join(map(str, size))} | {' | '.join(cells)} |"


def episode() -> str:
    """What a picture of an episode costs beside 13 primitives, in a sentence."""
    task, pack = Maniskill("primitive").tasks("maniskill_put_on_plate")[0], packs.pack("primitive")
    world = World(starts.draw(EpisodeSpec(task, "clean", 0)), pack, drawn=True)
    world.settle()
    view, thirteen = View(world, pack, 256), eye("", primitives(), 256)

    def spent(draw: Callable[[], Any]) -> float:
        times = []
        for _ in range(FRAMES):
            world.step(np.array(SPACE.null))
            start = time.process_time()
            draw()
            times.append(time.process_time() - start)
        return 1e3 * float(np.median(times[1:]))

    shapes = sum(len(part.render_shapes) for entity in world.scene.entities for part in entity.components
                 if hasattr(part, "render_shapes"))
    return EPISODE.format(shapes, FRAMES, spent(thirteen.shoot), spent(view.camera.shoot), spent(view.picture), COMMAND)


def first(pack: str) -> str:
    scene = primitives()
    start = time.process_time()
    eye(pack, scene, 256).shoot()
    return f"{time.process_time() - start:.2f}"


def main(arguments: list[str]) -> None:
    if arguments[0] == "--first":
        print(first(arguments[1]))
        return
    if arguments[0] == "--episode":
        print(episode())
        return
    print(TITLE, *differences(Path(arguments[0])), SPEED.format(vulkan.device()), *speeds(), episode(), FIRST, sep="\n")
    cells = [subprocess.run([sys.executable, *COMMAND.split()[1:], "--first", pack], capture_output=True, text=True,
                            check=True).stdout.strip() for pack in ("", "default", "minimal")]
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
