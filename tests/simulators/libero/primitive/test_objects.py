"""The movable objects of the primitive pack: what hf-libero needs of them, what a person sees, parity with LIBERO's."""

from __future__ import annotations

import importlib
import itertools
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest

from vlabench.errors import MissingExtra, RenderingError
from vlabench.simulators.libero import gl, packs
from vlabench.simulators.libero.hf_libero import TASK_SETS, bddl_file, task_names
from vlabench.simulators.libero.primitive import objects
from vlabench.simulators.libero.primitive.mjcf import IDENTITY, Quat

try:
    BACKEND = gl.activate()
except RenderingError as error:
    pytest.skip(str(error), allow_module_level=True)
mujoco = pytest.importorskip("mujoco", reason="needs the extra 'libero'")

ITEMS = objects.items()
KINDS = sorted(ITEMS)
Array = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    for path, content in objects.documents().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture(scope="module")
def official() -> Path:
    return packs.official()


def compiled(root: Path, kind: str, extra: str = "", joint: bool = False, quat: Quat = IDENTITY) -> Any:
    """The kind's model as robosuite compiles it: radians, inertia from the collision group alone."""
    file = root / ITEMS[kind].folder / kind / f"{kind}.xml"
    tree = ElementTree.parse(file).getroot()
    for node in tree.iter():
        if "file" in node.attrib:
            node.set("file", str(file.parent / node.attrib["file"]))
    options = f"""<mujoco><compiler angle="radian" inertiagrouprange="0 0"/>
        <option timestep="0.002" impratio="20" cone="elliptic"/>{extra}</mujoco>"""
    for position, option in enumerate(ElementTree.fromstring(options)):
        if option.tag == "worldbody":
            world = tree.find("worldbody")
            assert world is not None
            world.extend(list(option))
        else:
            tree.insert(position, option)
    outer = tree.find("./worldbody/body")
    assert outer is not None
    outer.set("quat", " ".join(map(str, quat)))
    if joint:
        # A free joint has to be at the top level.
        inner = outer.find("./body[@name='object']")
        assert inner is not None
        outer.remove(inner)
        for geom in inner:
            outer.append(geom)
        outer.append(ElementTree.Element("freejoint"))
    return mujoco.MjModel.from_xml_string(ElementTree.tostring(tree, encoding="unicode"))


def reach(kind: str, axes: Array, size: Array) -> Array:
    """Half extents along x, y, z of a primitive of MuJoCo's `size` whose own axes are the columns of `axes`."""
    along: Array
    if kind == "box":
        along = np.abs(axes) @ size
    elif kind == "cylinder":
        along = size[0] * np.sqrt(np.maximum(0, 1 - axes[:, 2] ** 2)) + size[1] * np.abs(axes[:, 2])
    elif kind == "capsule":
        along = size[0] + size[1] * np.abs(axes[:, 2])
    elif kind == "ellipsoid":
        along = np.sqrt(axes**2 @ size**2)
    else:
        assert kind == "sphere"
        along = np.full(3, size[0])
    return along


def extents(model: Any, group: int) -> Array:
    """Lower and upper corner, [2, 3], of all geoms of a group in the frame of body `object`."""
    corners = []
    for index in np.flatnonzero(model.geom_group == group):
        if model.geom_bodyid[index] == 0:
            continue
        matrix = np.zeros(9)
        mujoco.mju_quat2Mat(matrix, model.geom_quat[index])
        axes, size = matrix.reshape(3, 3), model.geom_size[index]
        kind = mujoco.mjtGeom(model.geom_type[index]).name.removeprefix("mjGEOM_").lower()
        if kind == "mesh":
            mesh = model.geom_dataid[index]
            start = model.mesh_vertadr[mesh]
            points = model.mesh_vert[start : start + model.mesh_vertnum[mesh]] @ axes.T
            low, high = points.min(0), points.max(0)
        else:
            high = reach(kind, axes, size)
            low = -high
        corners.append((model.geom_pos[index] + low, model.geom_pos[index] + high))
    lows, highs = np.array(corners).transpose(1, 0, 2)
    return np.array([lows.min(0), highs.max(0)])


def resting(kind: str) -> Quat:
    """How the kind stands on a table: LIBERO's initial states turn it like this, up to the yaw."""
    w, x, y, z = ITEMS[kind].turn
    return (w, -x, -y, -z)


# --- what hf-libero needs --------------------------------------------------------------------------------------------


def test_every_movable_object_of_the_forty_tasks_is_there() -> None:
    try:
        tasks = [(task_set, name) for task_set in TASK_SETS for name in task_names(task_set)]
    except MissingExtra as error:
        pytest.skip(str(error))
    assert len(tasks) == 40
    asked = set()
    for task in tasks:
        section = re.search(r"\(:objects(.*?)\)", bddl_file(*task).read_text(), re.DOTALL)
        assert section is not None
        asked |= set(re.findall(r"- (\w+)", section[1]))
    assert asked == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_compiles_from_primitives_alone(pack: Path, kind: str) -> None:
    model = compiled(pack, kind)
    assert model.nmesh == model.nhfield == model.nskin == 0
    assert model.njnt == 0, "hf-libero's class adds the free joint"
    touched, drawn = model.geom_group == 0, model.geom_group == 1
    assert (touched | drawn).all()
    assert (model.geom_contype[drawn] == 0).all() and (model.geom_conaffinity[drawn] == 0).all()
    assert (model.geom_contype[touched] == 1).all()
    assert touched.sum() <= 26 and drawn.sum() <= 44
    assert (model.mat_reflectance == 0).all()
    assert (model.tex_width <= 64).all() and (model.tex_height <= 6 * 64).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_seen_is_what_is_touched(pack: Path, kind: str) -> None:
    model = compiled(pack, kind)
    gap = np.abs(extents(model, 0) - extents(model, 1))
    assert gap.max() < 0.011, "a gripper that closes on the picture must meet the shape"
    # What stands on a table must neither float nor sink: 1.5 mm is half a pixel of a 256 x 256 picture.
    up = 1 if ITEMS[kind].turn != IDENTITY else 2
    assert gap[0, up] < 0.0015


@pytest.mark.parametrize("kind", KINDS)
def test_stands_where_it_is_put(pack: Path, kind: str) -> None:
    plane = '<worldbody><geom type="plane" size="1 1 0.1" solref="0.001 1" friction="1 0.005 0.0001"/></worldbody>'
    model = compiled(pack, kind, plane, joint=True, quat=resting(kind))
    data = mujoco.MjData(model)
    up = 1 if ITEMS[kind].turn != IDENTITY else 2
    data.qpos[2] = 0.0005 - extents(compiled(pack, kind), 0)[0, up]
    start = data.qpos.copy()
    for _ in range(500):
        mujoco.mj_step(model, data)
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, data.qpos[3:7])
    tilt = np.degrees(np.arccos(np.clip(matrix.reshape(3, 3)[2, up], -1, 1)))
    assert tilt < 3
    assert np.linalg.norm(data.qpos[:3] - start[:3]) < 0.003
    assert np.abs(data.qvel).max() < 0.05


# --- what a person sees ----------------------------------------------------------------------------------------------

VIEWS = ((130, -35), (310, -35), (90, -80))
"""Azimuth and elevation, degrees, of cameras that see front and side, back and side, and the top."""


def pictures(pack: Path, kind: str) -> npt.NDArray[np.uint8]:
    """The kind at rest, at true scale, on black, from all views: [V, 96, 96, 3]."""
    light = '<visual><headlight ambient="0.5 0.5 0.5" diffuse="0.5 0.5 0.5"/></visual>'
    model = compiled(pack, kind, light, quat=resting(kind))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    option, camera = mujoco.MjvOption(), mujoco.MjvCamera()
    option.geomgroup[:] = [0, 1, 0, 0, 0, 0]
    drawn = np.flatnonzero(model.geom_group == 1)
    camera.lookat[:] = data.geom_xpos[drawn].mean(0)
    camera.distance = 0.32
    # MuJoCo's own `Renderer` would draw with whatever library was chosen when some other test first imported it.
    library = importlib.import_module(f"mujoco.{BACKEND}").GLContext(96, 96)
    library.make_current()
    context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_150.value)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, context)
    scene, frame = mujoco.MjvScene(model, maxgeom=200), mujoco.MjrRect(0, 0, 96, 96)
    shots = np.empty((len(VIEWS), 96, 96, 3), np.uint8)
    for shot, (camera.azimuth, camera.elevation) in zip(shots, VIEWS, strict=True):
        mujoco.mjv_updateScene(model, data, option, None, camera, mujoco.mjtCatBit.mjCAT_ALL.value, scene)
        mujoco.mjr_render(frame, scene, context)
        mujoco.mjr_readPixels(shot, None, frame, context)
    context.free()
    library.free()
    return shots[:, ::-1]


@pytest.mark.long
def test_no_two_kinds_look_the_same(pack: Path) -> None:
    seen = {kind: pictures(pack, kind) for kind in KINDS}
    for one, other in itertools.combinations(KINDS, 2):
        for view in range(len(VIEWS)):
            a, b = seen[one][view], seen[other][view]
            shape_a, shape_b = a.any(-1), b.any(-1)
            overlap = (shape_a & shape_b).sum() / (shape_a | shape_b).sum()
            colour = np.linalg.norm(a[shape_a].mean(0) - b[shape_b].mean(0))
            assert overlap < 0.75 or colour > 25, (one, other, VIEWS[view], overlap, colour)


def test_labels_read_upright_from_outside(pack: Path) -> None:
    """The milk carton is red above and green below, on all four sides, and its front is not mirrored."""
    shot = pictures(pack, "milk")[0].astype(int)
    rows = np.flatnonzero(shot.any((1, 2)))
    column = int(np.flatnonzero(shot.any((0, 2))).mean())
    upper = shot[rows[len(rows) // 3], column]
    lower = shot[rows[-4], column]
    assert upper[0] > 2 * upper[1] and lower[1] > 1.5 * lower[0]


# --- parity with LIBERO's own pack -----------------------------------------------------------------------------------


def sites(model: Any) -> dict[str, Array]:
    return {
        model.site(i).name: np.concatenate(
            [model.site_pos[i], model.site_size[i], model.site_quat[i], [model.site_type[i]]]
        )
        for i in range(model.nsite)
    }


@pytest.mark.official
@pytest.mark.parametrize("kind", KINDS)
def test_parity_of_joints_and_sites(pack: Path, official: Path, kind: str) -> None:
    ours, theirs = compiled(pack, kind), compiled(official, kind)
    assert ours.njnt == theirs.njnt and ours.nbody == theirs.nbody
    assert [ours.body(i).name for i in range(ours.nbody)] == [theirs.body(i).name for i in range(theirs.nbody)]
    assert sites(ours).keys() == sites(theirs).keys()
    for name, values in sites(theirs).items():
        np.testing.assert_allclose(sites(ours)[name], values, atol=1e-6, err_msg=name)


@pytest.mark.official
@pytest.mark.parametrize("kind", KINDS)
def test_parity_of_extents(pack: Path, official: Path, kind: str) -> None:
    ours, theirs = extents(compiled(pack, kind), 0), extents(compiled(official, kind), 0)
    allowed = np.maximum(0.005, 0.1 * (theirs[1] - theirs[0]))
    assert (np.abs(ours - theirs) <= allowed).all(), (ours, theirs)
    up = 1 if ITEMS[kind].turn != IDENTITY else 2
    assert abs(ours[0, up] - theirs[0, up]) < 0.001, "an initial state would start with a drop or a push"


@pytest.mark.official
@pytest.mark.parametrize("kind", KINDS)
def test_parity_of_weight_and_contact(pack: Path, official: Path, kind: str) -> None:
    ours, theirs = compiled(pack, kind), compiled(official, kind)
    a, b = ours.body("object").id, theirs.body("object").id
    assert ours.body_mass[a] == pytest.approx(theirs.body_mass[b], rel=0.1)
    assert np.abs(ours.body_ipos[a] - theirs.body_ipos[b]).max() < 0.005
    assert np.sort(ours.body_inertia[a]) == pytest.approx(np.sort(theirs.body_inertia[b]), rel=0.1)
    for field in ("geom_friction", "geom_solref", "geom_solimp", "geom_condim", "geom_margin"):
        mine, official_values = (np.unique(getattr(m, field)[m.geom_group == 0], axis=0) for m in (ours, theirs))
        np.testing.assert_allclose(mine, official_values, err_msg=field)
