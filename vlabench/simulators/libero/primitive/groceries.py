"""Cans, boxes and cartons of the primitive pack, and a book, printed with labels of our own.

Outer sizes were measured on LIBERO's own objects; colours follow what those show, so that a person who knows LIBERO's
pictures finds the same product in the same place.
"""

from __future__ import annotations

from vlabench.simulators.libero.primitive.items import Y_UP, Item, octagon
from vlabench.simulators.libero.primitive.labels import (
    BLUE,
    BROWN,
    GREEN,
    INK,
    ORANGE,
    RED,
    SILVER,
    SKY,
    TAN,
    WHITE,
    YELLOW,
    Faces,
    Picture,
    Rgb,
    lying,
    paint,
    upright,
)
from vlabench.simulators.libero.primitive.mjcf import (
    Bounds,
    Colour,
    Geom,
    Vec3,
    block,
    collision,
    rod,
    rotation,
    visual,
)

HOPE = "stable_hope_objects"
TURBOSQUID = "turbosquid_objects"


def items() -> dict[str, Item]:
    """All cans, boxes and cartons, and the book, by kind."""
    return {
        "alphabet_soup": _alphabet_soup(),
        "tomato_sauce": _tomato_sauce(),
        "cookies": _cookies(),
        "cream_cheese": _cream_cheese(),
        "butter": _butter(),
        "chocolate_pudding": _chocolate_pudding(),
        "milk": _milk(),
        "orange_juice": _orange_juice(),
        "black_book": _black_book(),
    }


def _facts(ground: Rgb) -> Picture:
    """The white panel with small print at the back of a package."""
    return Picture(ground).area((0.15, 0.85), (0.08, 0.92), WHITE).lines((0.22, 0.78), (0.2, 0.85), 6, INK)


# --- cans ------------------------------------------------------------------------------------------------------------


def _can(kind: str, rim: Rgb, mass: float, centre: Vec3, moments: Vec3, bottom: float, faces: Faces) -> Item:
    # The label folds over the edge of the lid: from the wrist camera, above, a can is little else than its lid.
    lid = Picture(rim).disc((0.5, 0.5), (0.37, 0.37), (120, 125, 135)).disc((0.5, 0.5), (0.34, 0.34), SILVER)
    lid.disc((0.5, 0.34), (0.09, 0.13), (135, 140, 150))
    parts = [
        *octagon(0.0312, (-0.0386, 0.0376), (0, 0.0037)),
        visual("cylinder", (0.0325, 0.0396), (0, 0.002, 0.0010), material=kind),
    ]
    faces |= {"top": lid, "bottom": lid}
    return Item(HOPE, parts, mass, centre, moments, turn=Y_UP, bottom=bottom, faces=faces, rounded=True)


def _alphabet_soup() -> Item:
    def panel() -> Picture:
        return Picture(BLUE).area((0, 1), (0.72, 1), YELLOW)

    front = panel().word("SOUP", (0.1, 0.9), (0.18, 0.5), WHITE)
    for index, colour in enumerate((RED, WHITE, GREEN)):
        front.disc((0.2 + 0.3 * index, 0.86), (0.1, 0.08), colour)
    side = panel().word("ABC", (0.15, 0.85), (0.3, 0.6), YELLOW)
    faces: Faces = {"front": front, "back": _facts(BLUE), "left": side, "right": side}
    return _can("alphabet_soup", BLUE, 0.0259, (0, -0.0008, -0.0027), (18.2e-6, 13.4e-6, 18.7e-6), -0.04, faces)


def _tomato_sauce() -> Item:
    def panel() -> Picture:
        return Picture(RED).area((0, 1), (0.32, 0.62), GREEN)

    front = panel().word("TOMATO", (0.06, 0.94), (0.36, 0.58), WHITE)
    front.disc((0.32, 0.82), (0.2, 0.15), (245, 90, 50)).disc((0.72, 0.82), (0.2, 0.15), (245, 90, 50))
    faces: Faces = {"front": front, "back": _facts(RED), "left": panel(), "right": panel()}
    return _can("tomato_sauce", RED, 0.0266, (0.0006, -0.0008, -0.0023), (18.8e-6, 13.9e-6, 19.4e-6), -0.06, faces)


# --- boxes -----------------------------------------------------------------------------------------------------------


def _printed_box(kind: str, x: Bounds, y: Bounds, z: Bounds) -> list[Geom]:
    """A box to touch, and to see it half a millimetre larger, as LIBERO's pictures are."""
    grown = [(low - 0.0005, high + 0.0005) for low, high in (x, y, z)]
    return [block(collision, x, y, z), block(visual, *grown, material=kind)]


def _cookies() -> Item:
    top = Picture(WHITE).area((0, 1), (0, 0.14), RED).area((0, 1), (0.92, 1), RED)
    top.word("COOKIES", (0.06, 0.94), (0.18, 0.36), RED)
    for x, y in ((0.3, 0.55), (0.72, 0.58), (0.48, 0.78)):
        top.disc((x, y), (0.22, 0.16), TAN)
        for dx, dy in ((-0.08, 0.0), (0.05, 0.06), (0.06, -0.06)):
            top.disc((x + dx, y + dy), (0.035, 0.028), BROWN)
    long = Picture(RED).area((0, 1), (0.75, 1), WHITE).word("COOKIES", (0.08, 0.92), (0.2, 0.65), WHITE)
    return Item(
        HOPE,
        _printed_box("cookies", (-0.0310, 0.0310), (-0.0413, 0.0413), (-0.0094, 0.0094)),
        mass=0.0096,
        centre=(0, 0, 0),
        moments=(5.8e-6, 3.4e-6, 8.6e-6),
        faces=lying(top, long, long),
    )


def _cream_cheese() -> Item:
    ground = (205, 215, 228)
    top = Picture(ground).disc((0.5, 0.5), (0.4, 0.36), BLUE).disc((0.5, 0.5), (0.35, 0.3), (70, 105, 200))
    top.word("CREAM", (0.24, 0.76), (0.3, 0.46), WHITE).word("CHEESE", (0.22, 0.78), (0.53, 0.69), WHITE)
    long = Picture(ground).disc((0.5, 0.5), (0.22, 0.36), BLUE)
    return Item(
        HOPE,
        _printed_box("cream_cheese", (-0.0406, 0.0406), (-0.0213, 0.0213), (-0.0089, 0.0089)),
        mass=0.0062,
        centre=(0, 0, 0),
        moments=(1.1e-6, 3.6e-6, 4.3e-6),
        bottom=-0.025,
        top=0.025,
        radius=0.03,
        faces=lying(top, long, Picture(ground)),
    )


def _butter() -> Item:
    red = (205, 60, 25)
    top = Picture(red).area((0.0, 0.3), (0, 1), SKY).disc((0.15, 0.5), (0.12, 0.3), WHITE)
    top.disc((0.08, 0.34), (0.05, 0.12), INK).disc((0.2, 0.62), (0.04, 0.1), INK)
    top.word("BUTTER", (0.36, 0.96), (0.3, 0.7), YELLOW)
    long = Picture(red).word("BUTTER", (0.1, 0.9), (0.2, 0.8), YELLOW)
    return Item(
        HOPE,
        _printed_box("butter", (-0.0381, 0.0381), (-0.0198, 0.0198), (-0.0087, 0.0087)),
        mass=0.00525,
        centre=(0, 0, 0),
        moments=(0.8e-6, 2.7e-6, 3.2e-6),
        bottom=-0.02,
        top=0.02,
        radius=0.02,
        faces=lying(top, long, Picture(red)),
    )


def _chocolate_pudding() -> Item:
    top = Picture(BROWN).area((0, 1), (0.74, 1), SKY).disc((0.2, 0.22), (0.16, 0.12), (120, 70, 40))
    top.word("PUDDING", (0.06, 0.94), (0.36, 0.66), ORANGE)
    long = Picture(SKY).word("PUDDING", (0.1, 0.9), (0.3, 0.75), BROWN)
    return Item(
        HOPE,
        _printed_box("chocolate_pudding", (-0.0406, 0.0396), (-0.0232, 0.0232), (-0.0131, 0.0143)),
        mass=0.0102,
        centre=(-0.0005, 0, 0.0006),
        moments=(2.5e-6, 6.1e-6, 7.3e-6),
        faces=lying(top, long, Picture(BROWN)),
    )


# --- cartons ---------------------------------------------------------------------------------------------------------


def _carton(kind: str, shift: float, radius: float, roof: Rgb, faces: Faces) -> Item:
    """A carton with a gable roof whose ridge runs along x; `shift` is the x of its axis."""
    x: Bounds = (shift - 0.0263, shift + 0.0263)
    fall = [((shift, side * 0.0250, 0.0388), (shift, side * 0.0020, 0.0572)) for side in (-1, 1)]
    parts = [
        block(collision, x, (-0.0263, 0.0263), (-0.0698, 0.0398)),
        *(rod(collision, "box", low, high, (0.0022, 0.0263)) for low, high in fall),
        block(collision, x, (-0.0035, 0.0035), (0.0555, 0.0614)),
        block(visual, x, (-0.0268, 0.0268), (-0.0703, 0.0400), material=kind),
        # A beam standing on its edge: its upper half is the roof, its lower half is inside the carton.
        visual("box", (0.0263, 0.0186, 0.0186), (shift, 0, 0.0400), quat=rotation("x", 0.78539816), rgba=paint(roof)),
        block(visual, x, (-0.0012, 0.0012), (0.0600, 0.0714), rgba=paint(WHITE)),
    ]
    moments = (43.3e-6, 14.5e-6, 43.4e-6)
    return Item(HOPE, parts, 0.0317, (shift, -0.012, 0), moments, turn=Y_UP, radius=radius, faces=faces)


def _milk() -> Item:
    front = Picture(WHITE).area((0, 1), (0, 0.45), RED).area((0, 1), (0.68, 0.88), SKY).area((0, 1), (0.88, 1), GREEN)
    front.word("MILK", (0.08, 0.92), (0.12, 0.38), WHITE)
    front.disc((0.5, 0.7), (0.3, 0.1), WHITE).disc((0.35, 0.68), (0.1, 0.05), INK).disc((0.6, 0.73), (0.1, 0.04), INK)
    return _carton("milk", 0.0003, 0.03, RED, upright(front, front, _facts(RED), Picture(RED)))


def _orange_juice() -> Item:
    front = Picture(YELLOW).area((0, 1), (0, 0.16), ORANGE).word("ORANGE", (0.06, 0.94), (0.2, 0.36), GREEN)
    front.word("JUICE", (0.06, 0.94), (0.4, 0.52), GREEN)
    front.disc((0.5, 0.76), (0.44, 0.2), ORANGE).disc((0.5, 0.76), (0.3, 0.13), (250, 175, 70))
    return _carton("orange_juice", -0.0003, 0.025, ORANGE, upright(front, front, _facts(YELLOW), Picture(ORANGE)))


# --- book ------------------------------------------------------------------------------------------------------------


def _black_book() -> Item:
    black: Colour = (0.06, 0.06, 0.065)
    y: Bounds = (-0.0680, 0.0438)
    z: Bounds = (0.0016, 0.1376)
    parts = [
        block(collision, (-0.0148, 0.0139), (-0.0673, 0.0430), (0.0022, 0.1366)),
        block(visual, (-0.0120, 0.0111), (-0.0655, 0.0420), (0.0040, 0.1350), rgba=(0.88, 0.87, 0.82)),
        block(visual, (-0.0152, -0.0120), y, z, rgba=black),
        block(visual, (0.0111, 0.0143), y, z, rgba=black),
        # The spine, with the lettering of a title.
        block(visual, (-0.0152, 0.0143), (0.0400, 0.0438), z, rgba=black),
        block(visual, (-0.0060, 0.0051), (0.0430, 0.0441), (0.0800, 0.1200), rgba=(0.8, 0.68, 0.3)),
        block(visual, (0.0130, 0.0146), (-0.0350, 0.0150), (0.0900, 0.1080), rgba=(0.8, 0.68, 0.3)),
        block(visual, (-0.0155, -0.0140), (-0.0350, 0.0150), (0.0900, 0.1080), rgba=(0.8, 0.68, 0.3)),
    ]
    moments = (107.2e-6, 67e-6, 46.1e-6)
    return Item(TURBOSQUID, parts, mass=0.0426, centre=(-0.0005, -0.0121, 0.0694), moments=moments)
