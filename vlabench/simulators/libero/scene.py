"""One LIBERO task opened once: warm resets, physics steps without rendering, pictures only when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.errors import UnsupportedError
from vlabench.seeding import Draws, stream
from vlabench.simulators._values import Masks, Pictures, Spot
from vlabench.simulators.base import Scene
from vlabench.simulators.libero import clutter, gl, hand, hf_libero, mjdata, packs, start_states, surfaces
from vlabench.simulators.libero.advisor import Advisor
from vlabench.simulators.libero.arm import Arm
from vlabench.simulators.libero.coarse_robot import draw_cheaply
from vlabench.simulators.libero.imagined import Bodies, Imagined
from vlabench.simulators.libero.interface import CAMERAS, SETTLE_STEPS, SPACE, axis_angle
from vlabench.simulators.libero.looks import SHADOW_MAP, Looks
from vlabench.simulators.libero.sizes import Sizes
from vlabench.simulators.libero.surfaces import Surfaces
from vlabench.types import EpisodeSpec, Floats, Image, Observation, Outcome, Task

SENSED = 23
"""The substep of 25, from 0, after which robosuite's cameras and sensors read, 2 ms before a control step ends.

Its clock for observations starts a substep early at `reset` and another at `set_init_state`, so what its `step` returns
was read after the 24th substep: what policies were trained on, and published results measured with.
"""


class LiberoScene(Surfaces, Looks, Sizes, Scene):
    """A task of LIBERO, one copy. Actions are 7-D OSC_POSE deltas in [−1, 1] at 20 Hz; gripper −1 opens, +1 closes."""

    action_space = SPACE

    def __init__(self, task: Task, pack: str, cameras: Sequence[str], image_size: int, privileged: bool,
                 others: Sequence[str] = ()) -> None:
        """others: kinds of things that stand around, too (`clutter.chosen`)."""
        gl.activate()
        self.task, self.cameras, self.image_size, self.privileged = task, tuple(cameras), image_size, privileged
        self._cheap = pack == "primitive"
        self._states = hf_libero.init_states(task.task_set, task.name)
        with start_states.numpy_seeded(start_states.PUBLISHED_SEED):
            self._control = clutter.environment(task, packs.folder(pack), others)
            surfaces.make_room(self._control.env)
            hf_libero.give_memory_back(keep_source=False)  # before the same is compiled again
            self._fixtures = start_states.published_fixtures(self._control.env, len(self._states))
            self._control.seed(start_states.PUBLISHED_SEED)
            self._control.reset()
        hf_libero.give_memory_back(keep_source=privileged)
        self.env = self._control.env
        self.sim = self.env.sim
        self.model, self.data = self.sim.model._model, self.sim.data._data
        self._copy = mjdata.copier()
        self._substeps = int(self.env.control_timestep / self.env.model_timestep)
        if self._cheap:
            draw_cheaply(self.model)
        self._hand, self._covered = (), set()
        self._context: Any = self._make_context() if cameras else None
        self._world = Advisor(self.env)
        self._clutter = clutter.Clutter(self._world, others, task.key) if others else None
        self._remember()
        hf_libero.give_memory_back(keep_source=True)  # the context's, of pictures on their way to OpenGL
        self._opened = {name: np.array(array) for name, array in self._constants().items()}
        self._placed, self._put = np.array(self.data.qpos), None
        self._step_count = 0

    # opening

    def _make_context(self) -> Any:
        """robosuite's own off-screen context."""
        import mujoco
        from robosuite.utils.binding_utils import MjRenderContextOffscreen

        # 64 MB for a shadow map that nothing is drawn into
        self.model.vis.quality.shadowsize = SHADOW_MAP if self.model.light_castshadow.any() else 0
        # no larger than it has to be, or it takes 11 MB; robosuite makes room for larger pictures
        self.model.vis.global_.offwidth = self.model.vis.global_.offheight = self.image_size
        context = MjRenderContextOffscreen(self.sim, device_id=-1)
        context.vopt.geomgroup[:] = [0, 1, 1, 0, 0, 0]
        context.vopt.flags[mujoco.mjtVisFlag.mjVIS_CONVEXHULL] = self._cheap
        return context

    def _remember(self) -> None:
        """Keep what a full reset leaves behind, physics and controller, for warm resets."""
        import mujoco

        self._arm = Arm(self.sim, self.env.robots[0])
        self._fresh, self._sensed = mujoco.MjData(self.model), mujoco.MjData(self.model)
        self._copy(self._fresh, self.model, self.data)
        self._fresh_site_rgba = np.array(self.model.site_rgba)
        self._sense()

    # the contract

    def place(self, episodes: Sequence[EpisodeSpec]) -> None:
        """Warm reset: the state that full resets and `set_init_state` lead to; with `settle`, bit for bit.

        Episode k is the one that the published loop comes to after k + 1 resets. A `sampled` episode starts where
        LIBERO's own placement samplers put things.
        """
        (spec,) = episodes
        self._forget()
        state, fixtures = (start_states.sample(self.env, stream(spec, "start")) if spec.sampled
                           else (self._states[spec.index], self._fixtures[spec.index]))
        start_states.put_fixtures(self.env, fixtures)
        if self._clutter is not None:
            state = self._strewn(self._clutter, self._clutter.widened(state), stream(spec, "distractors"))
        self.set_state(state)
        self._placed, self._put = np.array(self.data.qpos), None
        self._step_count = 0

    def _forget(self) -> None:
        """All but fixtures and state is as after a full reset."""
        self._copy(self.data, self.model, self._fresh)
        self._arm.reset()
        self.model.site_rgba[:] = self._fresh_site_rgba

    def _strewn(self, around: clutter.Clutter, state: npt.NDArray[np.float64], draws: Draws) -> npt.NDArray[np.float64]:
        """The state with what stands around, drawn until it lies still, as it is tried out here; nothing is left of
        that."""
        self.set_state(state)
        around.begin(draws)
        for _ in range(clutter.ANEW):
            drawn = around.drawn(state)
            self.set_state(drawn)
            self.settle()
            lies = around.lies()
            self._forget()
            if lies:
                return drawn
        raise UnsupportedError(f"{self.task.key}: what stands around does not lie still, {clutter.ANEW} times drawn")

    def settle(self) -> None:
        """The null actions before the first observation."""
        for _ in range(SETTLE_STEPS):
            self._advance(self.null_action)

    def set_state(self, state: npt.NDArray[np.float64]) -> None:
        """Put the scene into a flattened MuJoCo state (time, qpos, qvel)."""
        self.sim.set_state_from_flattened(state)
        self.sim.forward()
        self.env._check_success()
        self.env._post_process()
        self._sense()

    def step(self, actions: Floats) -> Outcome:
        """One control step (50 ms) with actions [1, 7]."""
        success = self._advance(np.asarray(actions[0], dtype=np.float64))
        self._step_count += 1
        return Outcome(success=np.array([success]), terms={"joints": self._world.arm[None]})

    def observe(self) -> Observation:
        """Pictures of the scene's cameras, flipped on both axes; proprioception; the task's instruction."""
        images = {camera: self.render(camera, self.image_size)[None] for camera in self.cameras}
        return Observation.now(images=images, proprio=self.proprio()[None], instruction=(self.task.instruction,),
                           step=self._step_count, state=(self._world,) if self.privileged else None)

    def state_digest(self) -> tuple[str, ...]:
        """Of time, qpos and qvel, and of constants that are not as the scene was opened."""
        return self._digest(self.data.qpos, self.data.qvel)

    def _digest(self, qpos: Floats, qvel: Floats) -> tuple[str, ...]:
        digest = hashlib.blake2b(digest_size=8)
        for part in (np.float64(self.data.time), qpos, qvel):
            digest.update(np.ascontiguousarray(part).tobytes())
        for other in self._changed_constants(self._opened):
            digest.update(other)
        return (digest.hexdigest(),)

    def plain_digest(self) -> tuple[str, ...]:
        """Of the smaller model's joints."""
        return self.state_digest() if self._clutter is None else self._digest(*self._clutter.plain())

    def stands(self) -> Mapping[str, Any]:
        """What stands around, beside the task's own things."""
        return {} if self._clutter is None else self._clutter.stands()

    def save(self) -> Any:
        """A copy of the model's arrays that perturbations may change."""
        return {name: np.array(array) for name, array in self._changeable().items()}

    def restore(self, saved: Any) -> None:
        """To the last bit."""
        for name, array in self._changeable().items():
            array[:] = saved[name]
        self._uncover()
        self._unscale()
        self._hand = ()

    def _changeable(self) -> Mapping[str, Any]:
        return {**self._looks(), **self._surface_looks(), **self._constants()}

    def close(self) -> None:
        """Free the environment and the drawing context; a second call does nothing."""
        if vars(self):
            if self._context is not None:
                self._context.gl_ctx.make_current()  # or what it frees would be another context's of the same number
            self._control.close()
            vars(self).clear()  # robosuite's objects refer to each other in rings
            hf_libero.give_memory_back(keep_source=True)  # which may be another scene's by now

    # how the present moment would look otherwise

    @cached_property
    def _imagined(self) -> Imagined:
        return Imagined(self._world, self.cameras, self._sensed,
                        lambda camera, data: self._drawn(camera, self.image_size, data), self._bodies_seen)

    def masks(self, others: bool) -> Masks:
        """Where robot or what the goal names is seen; with `others`, where anything but the room and its table is."""
        return self._imagined.masks(others)

    def empty(self) -> Pictures:
        """The room and its table."""
        return self._imagined.empty()

    def with_target_moved(self, by: Spot, turn: float) -> Pictures:
        """What the goal names first, a cabinet as well as a bowl; nothing keeps it from sticking in other things."""
        return self._imagined.with_target_moved(by, turn)

    # what it is made of

    def _advance(self, action: Floats) -> bool:
        """The substeps of one control step; whether the goal holds after it.

        robosuite's own loop runs the whole forward pass three times a substep: before the controller, inside it, and
        in `mj_step`. MuJoCo's split step runs it once, with the controller in the middle, to the same last bit.
        """
        import mujoco

        for substep in range(self._substeps):
            mujoco.mj_step1(self.model, self.data)
            if substep == 0:
                self._arm.aim(action)
            self._arm.drive()
            mujoco.mj_step2(self.model, self.data)
            if substep == SENSED:
                self._sense()
        success = bool(self.env._check_success())
        self.env._post_process()
        return success

    def _sense(self) -> None:
        """Keep what cameras and sensors read now, in case somebody asks for it after the control step (20 µs)."""
        self._copy(self._sensed, self.model, self.data)
        self._sensed_site_rgba = np.array(self.model.site_rgba)  # a stove's burner glows from one step to the next

    def render(self, camera: str, size: int) -> Image:
        """A picture uint8 [size, size, 3] as sensed last, policy-facing orientation (flipped on both axes)."""
        return self._drawn(camera, size, self._sensed)

    def _drawn(self, camera: str, size: int, data: Any, segments: bool = False) -> Image:
        """The picture of data that were sensed last, or a copy of them; instead of colours, MuJoCo's segments."""
        if self._context is None:
            self._context = self._context_between_steps()
        site_rgba = np.array(self.model.site_rgba)
        self.model.site_rgba[:] = self._sensed_site_rgba
        self._context.data = SimpleNamespace(_data=data)
        self._context.gl_ctx.make_current()
        self._context.render(size, size, self.model.camera(CAMERAS[camera]).id, segmentation=segments)
        if self._hand:
            hand.draw(self._hand, self._context, size, segments)
        self.model.site_rgba[:] = site_rgba
        pixels: Image = self._context.read_pixels(size, size)
        return np.ascontiguousarray(pixels[::-1, ::-1])

    def _bodies_seen(self, camera: str) -> Bodies:
        """int32 [H, W]: the body whose geom or site each pixel shows, −1 for none."""
        import mujoco

        segments = self._drawn(camera, self.image_size, self._sensed, segments=True) @ np.array([1, 2**8, 2**16])
        drawn = self._context.scn
        owners = {mujoco.mjtObj.mjOBJ_GEOM: self.model.geom_bodyid, mujoco.mjtObj.mjOBJ_SITE: self.model.site_bodyid}
        bodies = np.full(drawn.ngeom + 1, -1, dtype=np.int32)
        for number in range(drawn.ngeom):
            each = drawn.geoms[number]
            if each.segid >= 0 and each.objtype in owners:
                bodies[each.segid + 1] = owners[each.objtype][each.objid]
        found: Bodies = bodies[np.where(segments > drawn.ngeom, 0, segments)]
        return found

    def _context_between_steps(self) -> Any:
        """robosuite's context makes a forward pass, which must not reach an episode that is under way."""
        import mujoco

        before = mujoco.MjData(self.model)
        self._copy(before, self.model, self.data)
        context = self._make_context()
        self._copy(self.data, self.model, before)
        return context

    def proprio(self) -> npt.NDArray[np.float32]:
        """End-effector position 3 (m), axis-angle 3 (rad), gripper joints 2 (m), as in OpenVLA-OFT's `state`."""
        from robosuite.utils import transform_utils as transforms

        robot, data = self.env.robots[0], self._sensed
        position = data.site_xpos[robot.eef_site_id]
        quat = transforms.convert_quat(data.body(robot.robot_model.eef_name).xquat, to="xyzw")
        gripper = data.qpos[robot._ref_gripper_joint_pos_indexes]
        return np.concatenate([position, axis_angle(quat), gripper]).astype(np.float32)
