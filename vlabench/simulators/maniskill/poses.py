"""Poses in single precision, by the steps of ManiSkill's controllers and to their last bit: both then aim at the same.

Where a gripper touches, the last bits decide how a grasp ends. ManiSkill's are torch's, whose sines, cosines and roots
are those of Intel's MKL on x86 processors. Its sines and cosines are alike whatever the processor, and these. Its roots
are rounded correctly in its steps for AVX2, and here, on every machine. In those for AVX-512 every 150th, in those that
it takes on AMD's processors every fifth is a last bit off, by a guess that processors have each their own of.
Quaternions are (w, x, y, z), poses a place [3] (m) and a quaternion.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vlabench.types import Floats

Singles = npt.NDArray[np.float32]

SINE = tuple(map(float.fromhex, ("-0x1.55554bc836587p-3", "0x1.110ed3804ca96p-7", "-0x1.9f6ffeea73463p-13",
                                 "0x1.5dbdf0e4c7deep-19")))
"""MKL's polynomial in x²: what sin x / x adds to 1, divided by x²."""
QUARTER = tuple(map(float.fromhex, ("0x1.921fb54440000p+0", "0x1.68c234c4c6629p-39")))
"""π/2 (rad) in two parts."""


def product(a: Floats, b: Floats) -> Floats:
    """Of two quaternions: b first, then a. In the precision of what is given."""
    w, x, y, z = a
    v, i, j, k = b
    whole: Floats = np.array([w * v - x * i - y * j - z * k, w * i + x * v + y * k - z * j,
                     w * j - x * k + y * v + z * i, w * k + x * j - y * i + z * v], dtype=np.result_type(a, b))
    return whole


def standard(turn: Floats) -> Singles:
    """The same turn with w ≥ 0."""
    return (-turn if turn[0] < 0 else turn).astype(np.float32)


def relative(base: tuple[Singles, Singles], pose: tuple[Singles, Singles]) -> tuple[Singles, Singles]:
    """A pose in the frame of another."""
    back = base[1] * np.array([1, -1, -1, -1], np.float32)
    away = _turned(back, -base[0])
    return away + _turned(back, pose[0]), standard(product(back, pose[1]))


def _turned(turn: Singles, point: Singles) -> Singles:
    back = turn * np.array([1, -1, -1, -1], np.float32)
    whole = product(product(turn, np.concatenate([np.zeros(1, np.float32), point])), back)
    return whole[1:].astype(np.float32)


def sine_and_cosine(angles: Singles) -> tuple[Singles, Singles]:
    """Of angles of any shape (rad; at most π/2 either way), as MKL has them."""
    size = np.abs(angles.astype(np.float64))
    return np.copysign(_sine(size), angles), _sine(QUARTER[0] - size + QUARTER[1])


def _sine(angle: Floats) -> Singles:
    """In double precision, rounded at the end."""
    a, b, c, d = SINE
    square = angle * angle
    sine: Singles = (angle + angle * (square * (((d * square + c) * square + b) * square + a))).astype(np.float32)
    return sine


def from_euler(angles: Singles) -> Singles:
    """The quaternion of intrinsic turns about x, y and z (rad; at most π/2 either way), by way of the matrix."""
    sine, cosine = sine_and_cosine(angles)
    one, zero = np.float32(1), np.float32(0)
    about_x = np.array([[one, zero, zero], [zero, cosine[0], -sine[0]], [zero, sine[0], cosine[0]]])
    about_y = np.array([[cosine[1], zero, sine[1]], [zero, one, zero], [-sine[1], zero, cosine[1]]])
    about_z = np.array([[cosine[2], -sine[2], zero], [sine[2], cosine[2], zero], [zero, zero, one]])
    return _from_matrix(_times(_times(about_x, about_y), about_z))


def _times(a: Singles, b: Singles) -> Singles:
    """Of two matrices, summed from the left: a library's product may not round between its steps."""
    whole: Singles = a[:, 0:1] * b[0:1] + a[:, 1:2] * b[1:2] + a[:, 2:3] * b[2:3]
    return whole


def _from_matrix(m: Singles) -> Singles:
    """As pytorch3d has it, whose code ManiSkill's is: four times each component, the largest of which divides."""
    one, two, least = np.float32(1), np.float32(2), np.float32(0.1)
    sizes = np.sqrt(np.maximum(np.array([one + m[0, 0] + m[1, 1] + m[2, 2], one + m[0, 0] - m[1, 1] - m[2, 2],
                                         one - m[0, 0] + m[1, 1] - m[2, 2], one - m[0, 0] - m[1, 1] + m[2, 2]]), 0))
    x, y, z = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    xy, xz, yz = m[1, 0] + m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1]
    best = int(sizes.argmax())
    square = sizes[best] * sizes[best]
    rows = ([square, x, y, z], [x, square, xy, xz], [y, xy, square, yz], [z, xz, yz, square])
    return standard(np.array(rows[best], np.float32) / (two * max(sizes[best], least)))
