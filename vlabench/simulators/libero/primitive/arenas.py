"""The five scenes of the primitive pack: floor, table, kitchen table, living-room table and study desk.

Table tops, floors, cameras and lights are where LIBERO has them; the room around them is four walls and a few coloured
boxes. hf-libero looks up bodies, geoms and textures by the names used here, swaps the floor's and the wall's texture
file for the one of its problem's style, and sizes the two plain tables itself. Lengths are metres in the world's frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vlabench.simulators.libero.primitive import patterns
from vlabench.simulators.libero.primitive.mjcf import (
    Colour,
    Element,
    Geom,
    Quat,
    Value,
    Vec3,
    block,
    body,
    collision,
    document,
    element,
    rotation,
    site,
    visual,
)

# File names that hf-libero's `envs/arenas/style.py` gives to the styles that the 40 tasks ask for.
GREY_FLOOR, CERAMIC_FLOOR, WOOD_FLOOR = (
    "light-gray-floor-tile",
    "gray_ceramic_tile",
    "seamless_wood_planks_floor",
)
PLASTER_WALL, LINEN_WALL = "light-gray-plaster", "yellow_linen_wall_texture"

CAMERAS: dict[str, tuple[Vec3, Quat]] = {
    "frontview": ((1.0, 0.0, 1.45), (0.56, 0.43, 0.43, 0.56)),
    "birdview": ((-0.2, 0.0, 3.0), (0.7071, 0.0, 0.0, 0.7071)),
    "agentview": ((0.5, 0.0, 1.35), (0.653, 0.271, 0.271, 0.653)),
    "sideview": (
        (-0.05651774593317116, 1.2761224129427358, 1.4879572214102434),
        (0.009905065491771751, 0.006877963156909582, 0.5912228352893879, 0.806418094001364),
    ),
}
"""LIBERO's cameras before its problem classes move `agentview`: position and (w, x, y, z)."""

LIVING_ROOM_TOP = 0.4368
STUDY_TOP = 0.8851


@dataclass(frozen=True)
class _Look:
    """What tells one scene from another: texture files, and how often they repeat in a metre."""

    floor: str
    wall: str
    table: str | None = None
    floor_repeat: float = 3.0
    table_repeat: float = 1.5
    kitchen_light: bool = False


def documents() -> dict[str, str | bytes]:
    """The scene files and their textures, by path inside LIBERO's assets folder."""
    scenes = {
        "tabletop": _scene(_Look(GREY_FLOOR, PLASTER_WALL, "maple"), [_floor(), _plain_table()]),
        "floor": _scene(_Look(GREY_FLOOR, PLASTER_WALL), [body("floor", _floor(), pos=(0.0, 0.0, 0.0))]),
        "kitchen_tabletop": _scene(
            _Look(CERAMIC_FLOOR, LINEN_WALL, "stone", floor_repeat=2.0, table_repeat=5.0, kitchen_light=True),
            [_floor(), _plain_table()],
            _kitchen(),
        ),
        "living_room_tabletop": _scene(
            _Look(WOOD_FLOOR, PLASTER_WALL, "mahogany"),
            [body("floor", _floor(), pos=(0.0, 0.0, 0.0)), _living_room_table()],
            _living_room(),
        ),
        "study": _scene(_Look(GREY_FLOOR, PLASTER_WALL, "oak"), [_floor(), _desk()], _study()),
    }
    files: dict[str, str | bytes] = {f"scenes/libero_{name}_base_style.xml": text for name, text in scenes.items()}
    textures = {
        GREY_FLOOR: patterns.planks((122, 113, 106), (196, 192, 186), seed=1, contrast=0.35),
        CERAMIC_FLOOR: patterns.tiles((150, 152, 154), (96, 98, 100), seed=2),
        WOOD_FLOOR: patterns.planks((236, 200, 132), (168, 132, 78), seed=3),
        PLASTER_WALL: patterns.speckle((244, 244, 240), seed=4, contrast=0.06),
        LINEN_WALL: patterns.linen((250, 236, 196)),
        "primitive/maple": patterns.wood((222, 198, 170), seed=5, contrast=0.16),
        "primitive/stone": patterns.speckle((178, 174, 170), seed=6, contrast=0.2),
        "primitive/mahogany": patterns.wood((118, 74, 56), seed=7, contrast=0.4),
        "primitive/oak": patterns.wood((176, 124, 70), seed=8, contrast=0.35),
    }
    return files | {f"textures/{name}.png": image for name, image in textures.items()}


# --- what every scene has --------------------------------------------------------------------------------------------


def _scene(look: _Look, places: Iterable[Element], backdrop: Iterable[Geom] = ()) -> str:
    drawn = [part.element() for part in backdrop]
    return document("arena", [*places, *drawn, *_walls(), *_lights(look), *_cameras()], _assets(look))


def _assets(look: _Look) -> list[Element]:
    """A sky and one texture and one matt material each for floor, walls and table."""
    sky: dict[str, Value] = {
        "builtin": "gradient",
        "rgb1": "0.9 0.9 1",
        "rgb2": "0.2 0.3 0.4",
        "width": "32",
        "height": "32",
    }
    nodes = [element("texture", type="skybox", **sky)]
    surfaces = [
        ("texplane", "floorplane", look.floor, look.floor_repeat),
        ("tex-wall", "walls_mat", look.wall, 1.0),
    ]
    if look.table is not None:
        surfaces.append(("tex-table", "table_texture", f"primitive/{look.table}", look.table_repeat))
    for texture, material, file, repeat in surfaces:
        matt: dict[str, Value] = {"reflectance": 0, "shininess": 0, "specular": 0, "texuniform": "true"}
        nodes += [
            element("texture", name=texture, type="2d", file=f"../textures/{file}.png"),
            element("material", name=material, texture=texture, texrepeat=(repeat, repeat), **matt),
        ]
    return nodes


def _floor() -> Element:
    plane: dict[str, Value] = {"type": "plane", "pos": "0 0 0", "size": (3, 3, 0.125), "condim": "3"}
    return element("geom", name="floor", group="1", material="floorplane", **plane)


def _walls() -> list[Element]:
    """A room from x = −2 to 3 and y = −3 to 3; each wall is a slab whose face is its local xy plane."""
    sideways, facing = rotation("x", 1.5707963), (0.5, 0.5, 0.5, 0.5)
    slabs: list[tuple[str, tuple[float, float, float], Vec3, Quat]] = [
        ("wall_left_visual", (2.5, 1.5, 0.01), (0.5, 3.0, 1.5), sideways),
        ("wall_right_visual", (2.5, 1.5, 0.01), (0.5, -3.0, 1.5), sideways),
        ("wall_rear_visual", (3.0, 1.5, 0.01), (-2.0, 0.0, 1.5), facing),
        ("wall_front_visual", (3.0, 1.5, 0.01), (3.0, 0.0, 1.5), facing),
    ]
    return [visual("box", size, pos, quat=q, material="walls_mat", name=name).element() for name, size, pos, q in slabs]


def _lights(look: _Look) -> list[Element]:
    """LIBERO's lamps, without shadows: two overhead, and in the kitchen one above the counter."""
    lamp: dict[str, Value] = {"diffuse": (0.8, 0.8, 0.8), "castshadow": "false"}
    near: dict[str, Value] = {**lamp, "dir": (0.0, -0.15, -1.0), "directional": "false", "specular": (0.3, 0.3, 0.3)}
    nodes = [
        element("light", name="light1", pos=(1.0, 1.0, 4.0), **near),
        element("light", name="light2", pos=(-3.0, -3.0, 4.0), **near),
    ]
    if look.kitchen_light:
        above: dict[str, Value] = {**lamp, "dir": (0.0, 0.0, -1.0), "directional": "true", "specular": (0.8, 0.8, 0.8)}
        nodes.insert(0, element("light", name="light_kitchen", pos=(-1.75, 0.0, 1.6), **above))
    return nodes


def _cameras() -> list[Element]:
    # Full precision, which `number` would round away: the pose decides every pixel.
    return [
        element("camera", name=name, mode="fixed", pos=" ".join(map(repr, pos)), quat=" ".join(map(repr, quat)))
        for name, (pos, quat) in CAMERAS.items()
    ]


# --- tables ----------------------------------------------------------------------------------------------------------


def _plain_table() -> Element:
    """A board on four legs; hf-libero's arena classes set its size, height and friction, and the legs' places."""
    size = (0.4, 0.4, 0.4)
    legs = [visual("cylinder", (0.05, 0.1), material="table_texture", name=f"table_leg{i}_visual") for i in range(1, 5)]
    touched: dict[str, Value] = {
        "type": "box",
        "pos": "0 0 0",
        "size": size,
        "group": "0",
        "friction": (1, 0.005, 0.0001),
    }
    return body(
        "table",
        element("geom", name="table_collision", **touched),
        visual("box", size, material="table_texture", name="table_visual"),
        site("table_top", (0.0, 0.0, 0.4), (0.001, 0.001, 0.001)),
        *legs,
        pos=(0.0, 0.0, 0.4),
    )


def _living_room_table() -> Element:
    """A long board with round ends on a drum, 44 cm high.

    What is touched are three boxes side by side, not on top of each other: an object on two coplanar boxes would get
    each contact twice.
    """
    top = (0.4131, LIVING_ROOM_TOP)
    middle, radius, half = -0.2104, 0.581, 0.28
    drawn = [
        block(visual, (middle - half, middle + half), (-0.5885, 0.5735), top, material="table_texture"),
        # A little lower than the board, so that the overlapping faces do not flicker.
        visual("cylinder", (radius, 0.0116), (middle - half, -0.0075, 0.4247), material="table_texture"),
        visual("cylinder", (radius, 0.0116), (middle + half, -0.0075, 0.4247), material="table_texture"),
        visual("cylinder", (0.41, 0.2065), (0.0, 0.0, 0.2065), material="table_texture"),
    ]
    touched = [
        block(collision, (-0.8693, 0.4741), (-0.5887, 0.5742), top),
        block(collision, (0.4741, 0.6507), (-0.4168, 0.4168), top),
        block(collision, (-1.0714, -0.8693), (-0.4168, 0.4168), top),
        block(collision, (-0.4352, 0.4352), (-0.4116, 0.4116), (-0.0047, 0.4131)),
    ]
    quarter = (0.7071068, 0.0, 0.0, 0.7071068)
    board = body("living_room_table_col", *drawn, *touched, pos=(-0.25, 0.25, 0.0), quat=quarter)
    return body("living_room_table", board, pos=(0.0, 0.0, 0.0))


def _desk() -> Element:
    """A thick board on two panels, 89 cm high."""
    shape = [
        ((-0.6895, 0.6895), (-1.3927, 1.3927), (0.8135, STUDY_TOP)),
        ((-0.5205, 0.5162), (-0.7409, -0.6403), (0.0002, 0.7884)),
        ((-0.5205, 0.5162), (0.6594, 0.765), (0.0002, 0.7884)),
    ]
    drawn = [block(visual, *bounds, material="table_texture") for bounds in shape]
    return body("study_table", *drawn, *(block(collision, *bounds) for bounds in shape), pos=(0.0, 0.0, 0.0))


# --- backdrops: never touched ----------------------------------------------------------------------------------------


def _kitchen() -> list[Geom]:
    """Cupboards under a worktop along the rear wall, a hood, a pot and a fridge."""
    front: Colour = (0.36, 0.45, 0.4)
    edges = (-1.5, -0.9, -0.3, 0.3, 0.9)
    doors = [block(visual, (-1.41, -1.395), (y + 0.02, y + 0.58), (0.12, 0.82), rgba=front) for y in edges]
    knobs = [block(visual, (-1.395, -1.375), (y + 0.2, y + 0.4), (0.74, 0.76), rgba=(0.8, 0.8, 0.8)) for y in edges]
    return [
        block(visual, (-1.98, -1.41), (-1.5, 1.5), (0.0, 0.86), rgba=(0.24, 0.3, 0.27)),
        block(visual, (-1.98, -1.38), (-1.5, 1.5), (0.86, 0.9), rgba=(0.75, 0.73, 0.7)),
        block(visual, (-1.98, -1.65), (-0.9, 0.9), (1.55, 2.2), rgba=front),
        visual("cylinder", (0.11, 0.07), (-1.65, 0.5, 0.97), rgba=(0.7, 0.2, 0.15)),
        block(visual, (-1.98, -1.3), (-2.6, -1.8), (0.0, 1.8), rgba=(0.72, 0.74, 0.76)),
        *doors,
        *knobs,
    ]


def _living_room() -> list[Geom]:
    """A low sideboard with a television, a sofa's back and a picture on the rear wall."""
    return [
        block(visual, (-1.95, -1.55), (-1.3, 0.3), (0.0, 0.45), rgba=(0.3, 0.22, 0.17)),
        block(visual, (-1.9, -1.85), (-1.1, 0.1), (0.55, 1.25), rgba=(0.05, 0.05, 0.06)),
        block(visual, (-1.95, -1.25), (0.6, 2.2), (0.0, 0.42), rgba=(0.55, 0.35, 0.27)),
        block(visual, (-1.98, -1.75), (0.6, 2.2), (0.42, 0.85), rgba=(0.6, 0.38, 0.3)),
        block(visual, (-1.985, -1.97), (0.9, 1.7), (1.15, 1.85), rgba=(0.25, 0.45, 0.55)),
    ]


def _study() -> list[Geom]:
    """A bookshelf with rows of books, a painting and a potted plant along the rear wall."""
    white: Colour = (0.85, 0.85, 0.83)
    levels = (0.0, 0.45, 0.9, 1.35, 1.77)
    boards = [block(visual, (-1.87, -1.56), (-1.6, -0.32), (z, z + 0.03), rgba=white) for z in levels]
    posts = [block(visual, (-1.87, -1.56), (y, y + 0.03), (0.0, 1.8), rgba=(0.3, 0.3, 0.3)) for y in (-1.6, -0.35)]
    books = [
        block(visual, (-1.85, -1.65), (-1.2, -0.8), (0.48, 0.74), rgba=(0.6, 0.18, 0.15)),
        block(visual, (-1.85, -1.65), (-0.75, -0.4), (0.93, 1.17), rgba=(0.12, 0.2, 0.4)),
        block(visual, (-1.85, -1.65), (-1.5, -1.1), (1.38, 1.64), rgba=(0.15, 0.4, 0.25)),
    ]
    painting = [
        block(visual, (-1.985, -1.96), (-0.19, 1.18), (0.8, 2.18), rgba=(0.5, 0.25, 0.3)),
        block(visual, (-1.96, -1.95), (0.1, 0.8), (1.1, 2.18), rgba=(0.85, 0.65, 0.15)),
        block(visual, (-1.96, -1.95), (0.4, 1.18), (0.8, 1.35), rgba=(0.3, 0.42, 0.55)),
    ]
    plant = [
        visual("cylinder", (0.14, 0.15), (-1.8, 0.55, 0.15), rgba=(0.8, 0.8, 0.78)),
        block(visual, (-1.83, -1.77), (0.52, 0.58), (0.3, 0.8), rgba=(0.4, 0.3, 0.2)),
        visual("ellipsoid", (0.24, 0.3, 0.3), (-1.8, 0.55, 0.98), rgba=(0.18, 0.4, 0.16)),
    ]
    return [*boards, *posts, *books, *painting, *plant]
