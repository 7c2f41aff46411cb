"""The geometry and file builders of the primitive pack, against scipy, closed forms and an independent PNG reader."""

from __future__ import annotations

import io
import math
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vlabench.simulators.libero.primitive import labels, mjcf
from vlabench.simulators.libero.primitive.mjcf import Geom, Quat, Vec3
from vlabench.simulators.libero.primitive.png import png

coordinate = st.floats(-2, 2).map(lambda value: round(value, 3))
point = st.tuples(coordinate, coordinate, coordinate)
quaternion = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: math.hypot(*q) > 0.1)


def unit(quat: Quat) -> Quat:
    norm = math.hypot(*quat)
    w, x, y, z = (value / norm for value in quat)
    return (w, x, y, z)


def reference(quat: Quat) -> Rotation:
    w, x, y, z = quat
    return Rotation.from_quat([x, y, z, w])


@given(quaternion, quaternion, point)
def test_rotations_agree_with_scipy(one: Quat, two: Quat, where: Vec3) -> None:
    a, b = unit(one), unit(two)
    both = mjcf.compose(a, b)
    assert mjcf.turn(both, where) == pytest.approx((reference(a) * reference(b)).apply(where), abs=1e-9)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_rotation_about_an_axis(axis: str) -> None:
    quat = mjcf.rotation(axis, 0.7)  # type: ignore[arg-type]
    np.testing.assert_allclose(reference(quat).as_matrix(), Rotation.from_euler(axis, 0.7).as_matrix(), atol=1e-12)


@given(point, point)
def test_between_runs_from_start_to_end(start: Vec3, end: Vec3) -> None:
    if start == end:
        with pytest.raises(ValueError, match="same point"):
            mjcf.between(start, end)
        return
    middle, quat, half = mjcf.between(start, end)
    for sign, expected in ((-1, start), (1, end)):
        assert np.add(middle, mjcf.turn(quat, (0, 0, sign * half))) == pytest.approx(expected, abs=1e-9)


def corners(geom: Geom) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).T
    return np.asarray(reference(geom.quat).apply(signs * np.array(geom.size)) + np.array(geom.pos))


@given(st.floats(0.02, 0.1), st.floats(0.02, 0.1), st.floats(0.01, 0.1), st.integers(6, 16))
def test_a_wall_has_the_radii_and_heights_that_were_asked(low: float, high: float, height: float, count: int) -> None:
    parts = mjcf.wall(mjcf.collision, (low, high), (0.0, height), 0.002, count)
    assert len(parts) == count
    # The first box looks along x; its outer face is where x' is largest, and must pass through both radii.
    face = sorted(corners(parts[0]), key=lambda corner: reference(parts[0].quat).inv().apply(corner)[0])[4:]
    found = sorted({(round(float(z), 6), round(float(x), 6)) for x, _, z in face})
    assert found[0] == pytest.approx((0, low), abs=1e-5)
    assert found[-1] == pytest.approx((height, high), abs=1e-5)
    # Neighbours leave no gap: each box is at least as wide as a side of the circumscribed polygon.
    assert parts[0].size[1] >= max(low, high) * math.tan(math.pi / count) - 1e-9


@given(point, st.tuples(*[st.floats(0.001, 1)] * 3))
def test_a_block_lies_between_its_bounds(low: Vec3, extent: Vec3) -> None:
    high = tuple(a + b for a, b in zip(low, extent, strict=True))
    geom = mjcf.block(mjcf.visual, *zip(low, high, strict=True))
    assert corners(geom).min(0) == pytest.approx(low, abs=1e-9)
    assert corners(geom).max(0) == pytest.approx(high, abs=1e-9)


def test_a_block_without_extent_is_refused() -> None:
    with pytest.raises(ValueError, match="lower bound"):
        mjcf.block(mjcf.visual, (0, 1), (1, 1), (0, 1))


@given(st.floats(-1e3, 1e3))
def test_numbers_are_read_back_to_their_resolution(value: float) -> None:
    assert float(mjcf.number(value)) == pytest.approx(value, abs=6e-8)
    assert mjcf.number(value) != "-0" and "e" not in mjcf.number(value)


def test_a_moved_part_turns_about_the_origin_before_it_shifts() -> None:
    part = mjcf.visual("box", (1, 2, 3), (1, 0, 0), rgba=(1, 0, 0)).moved((0, 0, 5), mjcf.rotation("z", math.pi / 2))
    assert part.pos == pytest.approx((0, 1, 5))
    assert mjcf.turn(part.quat, (1, 0, 0)) == pytest.approx((0, 1, 0))


def test_an_object_document_has_the_bodies_that_robosuite_looks_for() -> None:
    sites = mjcf.placement_sites((0, 0, -1), (0, 0, 2), (3, 3, 0))
    xml = mjcf.object_document("thing", [mjcf.collision("box", (1, 2, 3))], sites)
    root = ElementTree.fromstring(xml)
    geom = root.find("./worldbody/body/body[@name='object']/geom")
    assert geom is not None and geom.attrib["group"] == "0" and geom.attrib["size"] == "1 2 3"
    assert [s.attrib["name"] for s in root.findall("./worldbody/body/site")] == [
        "bottom_site",
        "top_site",
        "horizontal_radius_site",
    ]


def test_png_is_read_back_by_another_library() -> None:
    rows = [[(column * 20, row * 60, 7) for column in range(9)] for row in range(4)]
    image = matplotlib.image.imread(io.BytesIO(png(rows)), format="png")
    np.testing.assert_array_equal(np.rint(image * 255).astype(int), np.array(rows))


@pytest.mark.parametrize("rows", [[], [[]], [[(0, 0, 0)], [(0, 0, 0), (0, 0, 0)]]])
def test_png_refuses_what_is_no_picture(rows: list[list[tuple[int, int, int]]]) -> None:
    with pytest.raises(ValueError, match="pixel"):
        png(rows)


def test_a_word_is_drawn_left_to_right_and_upright() -> None:
    """`L`: a full left column and a full bottom row; nothing else."""
    ink = (9, 9, 9)
    pixels = np.array(labels.Picture((255, 255, 255)).word("L", (0, 1), (0, 1), ink).pixels)
    dark = (pixels == 9).all(-1)
    side = labels.SIDE
    assert dark[:, : side // 3].all() and dark[-side // 5 + 1 :].all()
    assert not dark[: side // 2, side // 2 :].any()


def test_every_letter_of_the_packages_is_known_and_fifteen_dots() -> None:
    assert all(len(dots) == 15 and set(dots) == {"0", "1"} for dots in labels.LETTERS.values())
    assert len(set(labels.LETTERS.values())) == len(labels.LETTERS)


def test_a_cube_map_puts_each_face_where_opengl_looks_for_it() -> None:
    """The middles of the six squares, in OpenGL's order: +x, -x, +y, -y, +z, -z."""
    order: tuple[labels.Face, ...] = ("right", "left", "back", "front", "top", "bottom")
    faces: labels.Faces = {face: labels.Picture((index, 0, 0)) for index, face in enumerate(order)}
    image = matplotlib.image.imread(io.BytesIO(labels.wrap(faces)), format="png")
    middles = image[labels.SIDE // 2 :: labels.SIDE, labels.SIDE // 2, 0]
    assert list(np.rint(middles * 255).astype(int)) == [0, 1, 2, 3, 4, 5]
