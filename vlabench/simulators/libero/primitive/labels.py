"""Printed packaging: small pictures painted from shapes and letters, wrapped around a box or a can as a cube texture.

One textured geom draws faster than a plain one with stickers on it, and shows what a person reads a package by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from vlabench.simulators.libero.primitive.mjcf import Colour, Element, element
from vlabench.simulators.libero.primitive.png import png

Rgb = tuple[int, int, int]
Face = Literal["front", "back", "left", "right", "top", "bottom"]
# Printing inks that several packages share.
WHITE: Rgb = (245, 245, 240)
INK: Rgb = (60, 60, 70)
SILVER: Rgb = (185, 190, 198)
GREEN: Rgb = (30, 140, 60)
RED: Rgb = (215, 45, 30)
ORANGE: Rgb = (240, 130, 20)
YELLOW: Rgb = (250, 205, 50)
BLUE: Rgb = (40, 80, 185)
SKY: Rgb = (150, 195, 235)
BROWN: Rgb = (75, 38, 22)
TAN: Rgb = (215, 160, 90)

SIDE = 48
"""Width and height of one face, in pixels: a package covers some 20 pixels of a 256 x 256 camera picture."""

# Letters of three by five pixels, rows from the top, for the words that the packages use.
LETTERS: Mapping[str, str] = {
    "A": "010101111101101",
    "B": "110101110101110",
    "C": "011100100100011",
    "D": "110101101101110",
    "E": "111100110100111",
    "G": "011100101101011",
    "H": "101101111101101",
    "I": "111010010010111",
    "J": "001001001101010",
    "K": "101101110101101",
    "L": "100100100100111",
    "M": "101111111101101",
    "N": "110101101101101",
    "O": "010101101101010",
    "P": "110101110100100",
    "Q": "010101101110011",
    "R": "110101110101101",
    "S": "011100010001110",
    "T": "111010010010010",
    "U": "101101101101111",
}


class Picture:
    """One printed face. Coordinates run from 0 to 1, x to the right and y downwards, as a reader sees it."""

    def __init__(self, ground: Rgb) -> None:
        self.pixels: list[list[Rgb]] = [[ground] * SIDE for _ in range(SIDE)]

    def area(self, x: tuple[float, float], y: tuple[float, float], colour: Rgb) -> Picture:
        """Fills a rectangle."""
        for row in range(round(y[0] * SIDE), round(y[1] * SIDE)):
            for column in range(round(x[0] * SIDE), round(x[1] * SIDE)):
                self.pixels[row][column] = colour
        return self

    def disc(self, centre: tuple[float, float], radius: tuple[float, float], colour: Rgb) -> Picture:
        """Fills an ellipse with half axes `radius`; what lies outside the face is left out."""
        for row in range(SIDE):
            for column in range(SIDE):
                dx = ((column + 0.5) / SIDE - centre[0]) / radius[0]
                dy = ((row + 0.5) / SIDE - centre[1]) / radius[1]
                if math.hypot(dx, dy) <= 1:
                    self.pixels[row][column] = colour
        return self

    def word(self, word: str, x: tuple[float, float], y: tuple[float, float], colour: Rgb) -> Picture:
        """Stretches a word of capital letters over a rectangle."""
        columns = 4 * len(word) - 1
        for row in range(round(y[0] * SIDE), round(y[1] * SIDE)):
            line = int(((row + 0.5) / SIDE - y[0]) / (y[1] - y[0]) * 5)
            for column in range(round(x[0] * SIDE), round(x[1] * SIDE)):
                place = int(((column + 0.5) / SIDE - x[0]) / (x[1] - x[0]) * columns)
                index, dot = divmod(place, 4)
                if 0 <= line < 5 and 0 <= index < len(word) and dot < 3 and LETTERS[word[index]][3 * line + dot] == "1":
                    self.pixels[row][column] = colour
        return self

    def lines(self, x: tuple[float, float], y: tuple[float, float], count: int, colour: Rgb) -> Picture:
        """Small print: `count` thin lines, the last one short."""
        pitch = (y[1] - y[0]) / count
        for index in range(count):
            end = x[1] if index < count - 1 else (x[0] + x[1]) / 2
            self.area((x[0], end), (y[0] + index * pitch, y[0] + (index + 0.4) * pitch), colour)
        return self


def _reader(x: float, y: float, z: float, rounded: bool) -> tuple[Face, float, float]:
    """The face seen in direction (x, y, z), and where on it, right and down of its middle, from -1 to 1.

    z is up and the front looks towards -y. The reader sees the top, and the bottom, with the front's edge nearest.
    """
    around = math.hypot(x, y) if rounded else max(abs(x), abs(y))
    if abs(z) >= around:
        return ("top", x / abs(z), -y / abs(z)) if z > 0 else ("bottom", x / abs(z), y / abs(z))
    face: Face
    if abs(y) >= abs(x):
        face, right, out = ("back", -x, y) if y > 0 else ("front", x, -y)
    else:
        face, right, out = ("right", y, x) if x > 0 else ("left", -y, -x)
    # On a can a face is a quarter of the way around, on a box a plane.
    return face, math.atan2(right, out) / (math.pi / 4) if rounded else right / out, -z / around


def wrap(faces: Mapping[Face, Picture], rounded: bool = False) -> bytes:
    """The six faces of a box, or of a can if `rounded`, as one strip in the order and orientation of a cube map."""
    rows: list[list[Rgb]] = []
    steps = [(2 * index + 1) / SIDE - 1 for index in range(SIDE)]
    for side in range(6):
        for t in steps:
            line = []
            for s in steps:
                # Direction of texel (s, t) on +x, -x, +y, -y, +z, -z: OpenGL's specification, cube map selection.
                x, y, z = ((1, -t, -s), (-1, -t, s), (s, 1, t), (s, -1, -t), (s, -t, 1), (-s, -t, -1))[side]
                face, right, down = _reader(x, y, z, rounded)
                column, row = (min(SIDE - 1, int((place + 1) / 2 * SIDE)) for place in (right, down))
                line.append(faces[face].pixels[row][column])
            rows.append(line)
    return png(rows)


def printed(name: str, file: str) -> list[Element]:
    """Texture and material `name` for a strip written by `wrap`; a geom that uses it is covered face by face."""
    # The order of faces in the strip: right (+x), left, up (+y), down, front (+z), back.
    texture = element("texture", name=f"tex-{name}", type="cube", file=file, gridsize=(6, 1), gridlayout="RLUDFB")
    return [texture, element("material", name=name, texture=f"tex-{name}", specular=0.2, shininess=0.2)]


Faces = dict[Face, Picture]
"""The six faces of a package."""


def paint(rgb: Rgb) -> Colour:
    """A printing ink as the colour of a geom."""
    return (rgb[0] / 255, rgb[1] / 255, rgb[2] / 255)


def upright(front: Picture, side: Picture, back: Picture, top: Picture) -> Faces:
    """The faces of a package that stands."""
    return {"front": front, "back": back, "left": side, "right": side, "top": top, "bottom": top}


def lying(top: Picture, long: Picture, short: Picture) -> Faces:
    """The faces of a package that lies on its largest side."""
    return {"top": top, "bottom": top, "front": long, "back": long, "left": short, "right": short}
