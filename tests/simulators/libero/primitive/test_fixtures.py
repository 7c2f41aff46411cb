"""Fixtures and scenes of the primitive pack: against LIBERO's own where it is there, and against hand-worked facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest

from vlabench.simulators.libero import packs
from vlabench.simulators.libero.primitive import arenas, fixtures

mujoco = pytest.importorskip("mujoco")
cv2 = pytest.importorskip("cv2")

Floats = npt.NDArray[np.float64]

KINDS = {
    "wooden_cabinet": "articulated_objects/wooden_cabinet.xml",
    "white_cabinet": "articulated_objects/white_cabinet.xml",
    "flat_stove": "articulated_objects/flat_stove.xml",
    "microwave": "articulated_objects/microwave.xml",
    "wine_rack": "turbosquid_objects/wine_rack/wine_rack.xml",
    "desk_caddy": "turbosquid_objects/desk_caddy/desk_caddy.xml",
}
SCENES = {
    "tabletop": "scenes/libero_tabletop_base_style.xml",
    "floor": "scenes/libero_floor_base_style.xml",
    "kitchen": "scenes/libero_kitchen_tabletop_base_style.xml",
    "living_room": "scenes/libero_living_room_tabletop_base_style.xml",
    "study": "scenes/libero_study_base_style.xml",
}
TOUCHED = 0
"""The geom group that robosuite treats as collision geometry."""


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixtures' and scenes' files, written out."""
    folder = tmp_path_factory.mktemp("assets")
    for path, content in {**fixtures.documents(), **arenas.documents()}.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def compiled(path: Path) -> Any:
    """The model as robosuite's merge makes it: the first asset of a name wins, inertia comes from touched geoms."""
    root = ElementTree.parse(path).getroot()
    seen = set()
    for asset in root.findall("asset"):
        for node in list(asset):
            key = (node.tag, node.get("name"))
            if key in seen:
                asset.remove(node)
            seen.add(key)
            if "file" in node.attrib:
                node.set("file", str(path.parent / node.attrib["file"]))
    for node in root.findall("compiler"):
        root.remove(node)
    ElementTree.SubElement(root, "compiler", angle="radian", inertiagrouprange="0 0")
    return mujoco.MjModel.from_xml_string(ElementTree.tostring(root, encoding="unicode"))


def touched(model: Any, body: str | int) -> list[int]:
    number = model.body(body).id
    return [g for g in range(model.ngeom) if model.geom_bodyid[g] == number and model.geom_group[g] == TOUCHED]


def bounds(model: Any, geom: int) -> Floats:
    """Lower and upper corner [2, 3] of a geom in its body's frame, from the support function of its shape."""
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
    axes, size, shape = turn.reshape(3, 3), model.geom_size[geom], mujoco.mjtGeom(model.geom_type[geom])
    if shape == mujoco.mjtGeom.mjGEOM_BOX:
        half = np.abs(axes) @ size
    elif shape == mujoco.mjtGeom.mjGEOM_CYLINDER:
        half = size[1] * np.abs(axes[:, 2]) + size[0] * np.sqrt(np.clip(1 - axes[:, 2] ** 2, 0, None))
    elif shape == mujoco.mjtGeom.mjGEOM_CAPSULE:
        half = size[1] * np.abs(axes[:, 2]) + size[0]
    else:
        raise AssertionError(f"no support function written for {shape}")
    return np.array([model.geom_pos[geom] - half, model.geom_pos[geom] + half])


def extent(model: Any, body: str | int) -> Floats | None:
    """The box around everything touched on a body [2, 3], or None if nothing is."""
    corners = [bounds(model, geom) for geom in touched(model, body)]
    if not corners:
        return None
    return np.array([np.min([low for low, _ in corners], axis=0), np.max([high for _, high in corners], axis=0)])


def names(model: Any, kind: str, count: int) -> list[str]:
    return [getattr(model, kind)(number).name for number in range(count)]


def probe(model: Any, start: tuple[float, float, float], direction: tuple[float, float, float]) -> float:
    """Distance from a point to the first touched surface in a direction, in the model's zero pose."""
    model.geom_rgba[:, 3] = 1  # rays pass through what is invisible, and LIBERO hides some parts that are touched
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    groups = np.array([1, 0, 0, 0, 0, 0], dtype=np.uint8)
    hit = np.zeros(1, dtype=np.int32)
    return float(mujoco.mj_ray(model, data, np.array(start), np.array(direction), groups, 1, -1, hit))


@pytest.mark.official
@pytest.mark.parametrize("kind", KINDS)
class TestAgainstOfficial:
    def pair(self, kind: str, ours: Path) -> tuple[Any, Any]:
        return compiled(ours / KINDS[kind]), compiled(packs.official() / KINDS[kind])

    def test_same_body_tree_with_the_same_origins(self, kind: str, ours: Path) -> None:
        mine, reference = self.pair(kind, ours)
        assert names(mine, "body", mine.nbody) == names(reference, "body", reference.nbody)
        np.testing.assert_array_equal(mine.body_parentid, reference.body_parentid)
        np.testing.assert_allclose(mine.body_pos, reference.body_pos, atol=1e-7)
        np.testing.assert_allclose(mine.body_quat, reference.body_quat, atol=1e-6)

    def test_same_joints(self, kind: str, ours: Path) -> None:
        mine, reference = self.pair(kind, ours)
        assert names(mine, "joint", mine.njnt) == names(reference, "joint", reference.njnt)
        kinds = ("jnt_type", "jnt_bodyid", "jnt_axis", "jnt_pos", "jnt_range", "jnt_limited", "jnt_stiffness")
        for kind_of in (*kinds, "dof_damping", "dof_frictionloss", "dof_armature"):
            np.testing.assert_allclose(getattr(mine, kind_of), getattr(reference, kind_of), atol=1e-9, err_msg=kind_of)

    def test_same_sites(self, kind: str, ours: Path) -> None:
        mine, reference = self.pair(kind, ours)
        wanted = {name: i for i, name in enumerate(names(reference, "site", reference.nsite))}
        found = {name: i for i, name in enumerate(names(mine, "site", mine.nsite))}
        assert found.keys() == wanted.keys()
        for name, i in found.items():
            for kind_of in ("site_pos", "site_quat", "site_size", "site_type", "site_bodyid"):
                mine_value, value = getattr(mine, kind_of)[i], getattr(reference, kind_of)[wanted[name]]
                np.testing.assert_allclose(mine_value, value, atol=1e-6, err_msg=f"{name} {kind_of}")

    def test_what_is_touched_ends_where_it_ends_in_libero(self, kind: str, ours: Path) -> None:
        mine, reference = self.pair(kind, ours)
        for body in range(reference.nbody):
            found, wanted = extent(mine, body), extent(reference, body)
            assert (found is None) == (wanted is None), reference.body(body).name
            if found is not None and wanted is not None:
                np.testing.assert_allclose(found, wanted, atol=0.005, err_msg=reference.body(body).name)

    def test_moving_parts_weigh_the_same(self, kind: str, ours: Path) -> None:
        mine, reference = self.pair(kind, ours)
        for body in set(reference.jnt_bodyid.tolist()):
            assert mine.body_mass[body] == pytest.approx(reference.body_mass[body], rel=0.1)
            np.testing.assert_allclose(mine.body_ipos[body], reference.body_ipos[body], atol=0.005)
            np.testing.assert_allclose(mine.body_inertia[body], reference.body_inertia[body], rtol=0.1)

    def test_contacts_are_as_hard_and_as_sticky(self, kind: str, ours: Path) -> None:
        mine, reference = self.pair(kind, ours)
        for body in range(reference.nbody):
            for kind_of in ("geom_friction", "geom_solref", "geom_solimp", "geom_condim", "geom_margin"):
                found, wanted = (
                    {tuple(np.atleast_1d(getattr(model, kind_of)[g]).round(6)) for g in touched(model, body)}
                    for model in (mine, reference)
                )
                assert found == wanted, (reference.body(body).name, kind_of)

    def test_surfaces_are_at_the_same_height(self, kind: str, ours: Path) -> None:
        mine, reference = self.pair(kind, ours)
        for place, points in RESTING_PLACES[kind].items():
            for point in points:
                found, wanted = (probe(model, point, (0, 0, -1)) for model in (mine, reference))
                assert found == pytest.approx(wanted, abs=0.001), (place, point)


# From inside or above each place where a task rests an object, straight down: fixture -> place -> points in its frame.
RESTING_PLACES: dict[str, dict[str, list[tuple[float, float, float]]]] = {
    **dict.fromkeys(
        ("wooden_cabinet", "white_cabinet"),
        {
            "top": [(0.0, 0.02, 0.3), (-0.1, -0.06, 0.3), (0.12, 0.1, 0.3)],
            "top drawer": [(x, y, 0.19) for x in (-0.09, 0.0, 0.1) for y in (-0.06, 0.08)],
            "middle drawer": [(x, y, 0.12) for x in (-0.09, 0.0, 0.1) for y in (-0.06, 0.08)],
            "bottom drawer": [(x, y, 0.05) for x in (-0.09, 0.0, 0.1) for y in (-0.06, 0.08)],
            "handles": [(0.0, -0.1, 0.3), (0.0, -0.1, 0.15), (0.0, -0.1, 0.08)],
        },
    ),
    "flat_stove": {"burner": [(0.15, 0.0, 0.1), (0.1, 0.05, 0.1), (0.2, -0.07, 0.1)], "knob": [(-0.03, 0.0, 0.1)]},
    "microwave": {
        "floor": [(0.0, 0.0, 0.1), (-0.13, -0.05, 0.1), (0.05, 0.07, 0.1)],
        "top": [(0.0, 0.0, 0.3), (0.15, 0.1, 0.3)],
    },
    "wine_rack": {
        "upper shelf": [(x, y, 0.4) for x in (-0.12, 0.1) for y in (-0.05, 0.0, 0.04)],
        "lower shelf": [(x, -0.09, 0.19) for x in (-0.12, 0.0, 0.12)],
    },
    "desk_caddy": {
        "right": [(0.0, -0.14, 0.12), (0.05, -0.19, 0.12)],
        "left": [(0.0, 0.14, 0.12), (-0.05, 0.09, 0.12)],
        "back": [(0.03, 0.0, 0.12), (0.05, 0.05, 0.12)],
        "front": [(-0.03, 0.0, 0.12), (-0.05, -0.05, 0.12)],
    },
}


class TestFixturesAlone:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_drawn_from_a_few_primitives_only(self, kind: str, ours: Path) -> None:
        model = compiled(ours / KINDS[kind])
        assert model.nmesh == 0
        assert model.ngeom <= 65
        assert (model.mat_reflectance == 0).all()
        for geom in range(model.ngeom):
            drawn = model.geom_group[geom] == 1
            inert = model.geom_contype[geom] == 0 and model.geom_conaffinity[geom] == 0
            assert drawn == inert, "a part is either drawn or touched"

    @pytest.mark.parametrize("kind", ["wooden_cabinet", "white_cabinet"])
    @pytest.mark.parametrize("level", ["top", "middle", "bottom"])
    def test_a_pull_opens_one_drawer_without_rubbing(self, kind: str, level: str, ours: Path) -> None:
        model = fixed_without_gravity(ours / KINDS[kind])
        data = mujoco.MjData(model)
        data.joint(f"{level}_level").qfrc_applied[0] = -25.0
        for _ in range(500):
            mujoco.mj_step(model, data)
        # A mass of 3 kg against a damping of 50: after many time constants (0.06 s) the speed is force / damping, so a
        # free slide covers 0.5 (1 - 0.06) = 0.47 m and is stopped by its limit at 0.16 m.
        assert data.joint(f"{level}_level").qpos[0] == pytest.approx(-0.16, abs=0.002)
        assert np.count_nonzero(np.abs(data.qpos) > 1e-4) == 1
        assert data.ncon == 0

    def test_the_microwave_door_swings_freely(self, ours: Path) -> None:
        model = fixed_without_gravity(ours / KINDS["microwave"])
        data = mujoco.MjData(model)
        data.joint("microjoint").qfrc_applied[0] = -1.0
        for _ in range(1500):
            mujoco.mj_step(model, data)
        assert data.joint("microjoint").qpos[0] == pytest.approx(-2.094, abs=0.02)

    def test_the_knob_is_thin_enough_for_the_gripper(self, ours: Path) -> None:
        # The Panda's fingers open to 80 mm; the grip runs along the knob's y axis.
        model = compiled(ours / KINDS["flat_stove"])
        grips = [bounds(model, g) for g in touched(model, "button") if bounds(model, g)[1, 2] > 0.03]
        assert grips
        assert all(high[0] - low[0] < 0.03 for low, high in grips)

    def test_the_glow_is_above_the_plate_and_below_what_stands_on_it(self, ours: Path) -> None:
        model = compiled(ours / KINDS["flat_stove"])
        glow = model.site("burner")
        assert glow.rgba[3] == 1.0
        top = glow.pos[2] + glow.size[1]
        plate = model.geom("burner")
        assert plate.pos[2] + plate.size[1] < top < model.geom("base").pos[2] + model.geom("base").size[2]

    @pytest.mark.parametrize("path", sorted(KINDS.values()))
    def test_regions_carry_a_quaternion_for_libero_to_read(self, path: str, ours: Path) -> None:
        # hf-libero parses pos, quat and size of a goal region as text and fails on a missing attribute.
        root = ElementTree.parse(ours / path).getroot()
        for site in root.iter("site"):
            if site.get("type") == "box":
                assert {"name", "pos", "quat", "size"} <= site.attrib.keys()


def fixed_without_gravity(path: Path) -> Any:
    model = compiled(path)
    model.opt.gravity[:] = 0
    return model


class TestScenes:
    @pytest.mark.official
    @pytest.mark.parametrize("scene", SCENES)
    def test_cameras_and_lights_are_libero_s(self, scene: str, ours: Path) -> None:
        mine, reference = compiled(ours / SCENES[scene]), compiled(packs.official() / SCENES[scene])
        for what, count, kinds in (
            ("camera", "ncam", ("cam_pos", "cam_quat", "cam_fovy")),
            ("light", "nlight", ("light_pos", "light_dir", "light_diffuse", "light_specular", "light_castshadow")),
        ):
            number = getattr(reference, count)
            assert names(mine, what, getattr(mine, count)) == names(reference, what, number)
            for kind in kinds:
                np.testing.assert_allclose(getattr(mine, kind), getattr(reference, kind), atol=1e-7, err_msg=kind)

    @pytest.mark.official
    @pytest.mark.parametrize("scene", ["living_room", "study"])
    def test_table_tops_are_libero_s(self, scene: str, ours: Path) -> None:
        # The two plain tables are sized by hf-libero; these two are not.
        mine, reference = compiled(ours / SCENES[scene]), compiled(packs.official() / SCENES[scene])
        body = {"living_room": "living_room_table_col", "study": "study_table"}[scene]
        found, wanted = extent(mine, body), extent(reference, body)
        assert found is not None
        assert wanted is not None
        np.testing.assert_allclose(found, wanted, atol=0.005)
        for point in [(x, y, 1.5) for x in (-0.4, 0.0, 0.15) for y in (-0.35, 0.0, 0.35)]:
            assert probe(mine, point, (0, 0, -1)) == pytest.approx(probe(reference, point, (0, 0, -1)), abs=0.001)

    @pytest.mark.parametrize("scene", SCENES)
    def test_a_scene_is_cheap_to_draw(self, scene: str, ours: Path) -> None:
        model = compiled(ours / SCENES[scene])
        assert model.nmesh == 0
        assert model.ngeom <= 40
        assert (model.mat_reflectance == 0).all()
        assert not model.light_castshadow.any()
        assert model.tex_width.max() <= 64

    def test_textures_are_small_pictures_that_differ(self, ours: Path) -> None:
        pictures = {path.name: cv2.imread(str(path)) for path in (ours / "textures").rglob("*.png")}
        assert all(picture.shape == (64, 64, 3) for picture in pictures.values())
        looks = {name: picture.mean(axis=(0, 1)) for name, picture in pictures.items()}
        floors = [looks[f"{name}.png"] for name in (arenas.GREY_FLOOR, arenas.CERAMIC_FLOOR, arenas.WOOD_FLOOR)]
        tables = [looks[f"{name}.png"] for name in ("maple", "stone", "mahogany", "oak")]
        for group in (floors, tables):
            for i, one in enumerate(group):
                assert all(np.abs(one - other).max() > 20 for other in group[:i])

    def test_documents_are_the_same_every_time(self) -> None:
        assert fixtures.documents() == fixtures.documents()
        assert arenas.documents() == arenas.documents()
