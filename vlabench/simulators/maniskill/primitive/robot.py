"""The pack's WidowX 250S as a URDF: the published joints, limits and inertias, with boxes and cylinders for meshes.

Source of the numbers: Trossen Robotics' Interbotix description of the WidowX 250 6DOF (`wx250s.urdf`, BSD-3-Clause), in
the form that SimplerEnv and ManiSkill give it out in (fingers without a mimic joint; an SRDF that lets neighbours
overlap). Shapes follow its meshes; where fingers touch, they follow the meshes' convex hulls, which is what sapien
makes of the official files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from vlabench.simulators.maniskill.shapes import ALONG_X, ALONG_Y, Part

Triple = tuple[float, float, float]
Range = tuple[float, float]
Point = tuple[float, float]
Quaternion = tuple[float, float, float, float]

NAME = "wx250s"
BLACK = (0.036, 0.036, 0.037)
DARK = (0.045, 0.045, 0.046)
FINGERS = (0.053, 0.053, 0.054)
PAINTS = {BLACK: "black", DARK: "dark", FINGERS: "fingers"}


@dataclass(frozen=True)
class Inertial:
    """mass: kg. at: the centre of mass in the link's frame (m). turns: roll, pitch, yaw of the tensor's frame (rad).
    tensor: ixx, ixy, ixz, iyy, iyz, izz (kg m²)."""

    mass: float
    at: Triple
    tensor: tuple[float, float, float, float, float, float]
    turns: Triple = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Joint:
    """at: the child's frame in the parent's, which is never turned (m). low, high: rad, of the fingers m.
    effort: N m, of the fingers N. velocity: rad/s, of the fingers m/s."""

    name: str
    kind: str
    parent: str
    child: str
    at: Triple
    axis: Triple = (1.0, 0.0, 0.0)
    low: float = 0.0
    high: float = 0.0
    effort: float = 0.0
    velocity: float = math.pi


def urdf() -> str:
    """The robot's description. Loaders need what `srdf` returns in a file of the same name beside it (`.srdf` for
    `.urdf`): without it the robot collides with itself."""
    root = ElementTree.Element("robot", name=NAME)
    for color, name in PAINTS.items():
        _add(_add(root, "material", name=name), "color", rgba=_text(*color, 1.0))
    for link, inertial in INERTIALS.items():
        _add_link(root, link, inertial)
    for joint in JOINTS:
        _add_joint(root, joint)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def srdf() -> str:
    """The pairs of links that may overlap, besides neighbours."""
    root = ElementTree.Element("robot", name=NAME)
    for first, second in MAY_OVERLAP:
        _add(root, "disable_collisions", link1=first, link2=second, reason="Default")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _box(x: Range, y: Range, z: Range, color: Triple = BLACK, solid: bool = True) -> Part:
    """A box from its sides' places (mm)."""
    half = tuple((high - low) / 2000 for low, high in (x, y, z))
    centre = (sum(x) / 2000, sum(y) / 2000, sum(z) / 2000)
    return Part("box", half, centre, color=color, solid=solid)


def _disc(axis: str, along: Range, radius: float, centre: Point = (0.0, 0.0), color: Triple = BLACK,
          solid: bool = True) -> Part:
    """A cylinder along x, y or z between two places, around a centre in the other two coordinates (mm)."""
    place, turn = "xyz".index(axis), {"x": ALONG_X, "y": ALONG_Y, "z": _turn("y", -math.pi / 2)}[axis]
    at = [value / 1000 for value in centre]
    at.insert(place, sum(along) / 2000)
    size = (radius / 1000, (along[1] - along[0]) / 2000)
    return Part("cylinder", size, (at[0], at[1], at[2]), turn, color, solid)


def _plank(axis: str, start: Point, end: Point, thickness: float, along: Range, color: Triple = BLACK,
           solid: bool = True) -> Part:
    """A box turned about x or z: one face runs from start to end in the plane (y, z) or (x, y), and the box lies to the
    left of it; `along` is where it begins and ends on the axis (mm)."""
    run, rise = end[0] - start[0], end[1] - start[1]
    length = math.hypot(run, rise)
    first = (start[0] + end[0]) / 2 - rise / length * thickness / 2
    second = (start[1] + end[1]) / 2 + run / length * thickness / 2
    half, middle = (along[1] - along[0]) / 2, sum(along) / 2
    size, at = ((half, length / 2, thickness / 2), (middle, first, second)) if axis == "x" else (
        (length / 2, thickness / 2, half), (first, second, middle))
    return Part("box", tuple(value / 1000 for value in size), (at[0] / 1000, at[1] / 1000, at[2] / 1000),
                _turn(axis, math.atan2(rise, run)), color, solid)


def _turn(axis: str, angle: float) -> Quaternion:
    about = [math.sin(angle / 2) if axis == name else 0.0 for name in "xyz"]
    return (math.cos(angle / 2), about[0], about[1], about[2])


def _mirrored(part: Part) -> Part:
    """As seen in the plane y = 0."""
    (x, y, z), (w, i, j, k) = part.at, part.turn
    return replace(part, at=(x, -y, z), turn=(w, -i, j, -k))


JOINTS = (
    Joint("waist", "revolute", "base_link", "shoulder_link", (0.0, 0.0, 0.072), (0.0, 0.0, 1.0),
          -math.pi, math.pi, 10.0),
    Joint("shoulder", "revolute", "shoulder_link", "upper_arm_link", (0.0, 0.0, 0.03865), (0.0, 1.0, 0.0),
          math.radians(-108), math.radians(114), 20.0),
    Joint("elbow", "revolute", "upper_arm_link", "upper_forearm_link", (0.04975, 0.0, 0.25), (0.0, 1.0, 0.0),
          math.radians(-123), math.radians(92), 15.0),
    Joint("forearm_roll", "revolute", "upper_forearm_link", "lower_forearm_link", (0.175, 0.0, 0.0), (1.0, 0.0, 0.0),
          1e-5 - math.pi, math.pi - 1e-5, 2.0),
    Joint("wrist_angle", "revolute", "lower_forearm_link", "wrist_link", (0.075, 0.0, 0.0), (0.0, 1.0, 0.0),
          math.radians(-100), math.radians(123), 5.0),
    Joint("wrist_rotate", "revolute", "wrist_link", "gripper_link", (0.065, 0.0, 0.0), (1.0, 0.0, 0.0),
          1e-5 - math.pi, math.pi - 1e-5, 1.0),
    Joint("ee_arm", "fixed", "gripper_link", "ee_arm_link", (0.043, 0.0, 0.0)),
    Joint("gripper", "fixed", "ee_arm_link", "gripper_prop_link", (0.0055, 0.0, 0.0)),
    Joint("gripper_bar", "fixed", "ee_arm_link", "gripper_bar_link", (0.0, 0.0, 0.0)),
    Joint("ee_bar", "fixed", "gripper_bar_link", "fingers_link", (0.023, 0.0, 0.0)),
    Joint("left_finger", "prismatic", "fingers_link", "left_finger_link", (0.0, 0.0, 0.0), (0.0, 1.0, 0.0),
          0.015, 0.037, 5.0, 1.0),
    Joint("right_finger", "prismatic", "fingers_link", "right_finger_link", (0.0, 0.0, 0.0), (0.0, -1.0, 0.0),
          0.015, 0.037, 5.0, 1.0),
    Joint("ee_gripper", "fixed", "fingers_link", "ee_gripper_link", (0.027575, 0.0, 0.0)),
)

MAY_OVERLAP = (
    ("base_link", "upper_arm_link"),
    ("gripper_link", "left_finger_link"), ("gripper_link", "right_finger_link"),
    ("gripper_bar_link", "gripper_link"),
    ("gripper_bar_link", "left_finger_link"), ("gripper_bar_link", "right_finger_link"),
    ("left_finger_link", "right_finger_link"),
)

QUARTER = (0.0, 0.0, math.pi / 2)
FRAME = Inertial(0.001, (0.0, 0.0, 0.0), (0.001, 0.0, 0.0, 0.001, 0.0, 0.001))
"""Of a link that is only a frame."""
INERTIALS = {
    "base_link": Inertial(0.538736, (-0.0380446, 0.000613892, 0.0193354),
                          (0.002115, -1.635e-05, 6.998e-07, 0.0006921, 4.642e-05, 0.002524), QUARTER),
    "shoulder_link": Inertial(0.480879, (2.23482e-05, 4.14609e-05, 0.0066287),
                              (0.000379, 2.2e-09, -3.561e-07, 0.0005557, 1.2245e-06, 0.0005889), QUARTER),
    "upper_arm_link": Inertial(0.430811, (0.0171605, 2.725e-07, 0.191323),
                               (0.003463, -1e-10, -2e-10, 0.003587, 0.0004272, 0.0004566), QUARTER),
    "upper_forearm_link": Inertial(0.234589, (0.107963, 0.000115876, 0.0),
                                   (3.971e-05, 2.3528e-06, 0.0, 0.0008878, 0.0, 0.000888)),
    "lower_forearm_link": Inertial(0.220991, (0.0374395, 0.00522252, 0.0),
                                   (6.369e-05, -2.292e-05, 0.0, 0.0001677, 0.0, 0.0001834), (math.pi, 0.0, 0.0)),
    "wrist_link": Inertial(0.084957, (0.04236, -1.0663e-05, 0.010577),
                           (3.082e-05, 1.91e-08, 2.3e-09, 2.822e-05, 2.5481e-06, 3.152e-05), QUARTER),
    "gripper_link": Inertial(0.072885, (0.021631, 2.516e-07, 0.01141),
                             (2.537e-05, 0.0, 0.0, 1.836e-05, 4.34e-07, 1.674e-05), QUARTER),
    "ee_arm_link": FRAME,
    "gripper_prop_link": Inertial(0.00434, (0.000846, -1.6817e-06, 4.2e-05),
                                  (5.923e-07, 0.0, 3.195e-07, 1.1156e-06, -4e-10, 5.743e-07), QUARTER),
    "gripper_bar_link": Inertial(0.034199, (0.009687, 8.177e-07, 0.004962),
                                 (7.4125e-06, -8e-10, -6e-10, 2.843e-05, -1.3889e-06, 2.86e-05), QUARTER),
    "fingers_link": FRAME,
    "left_finger_link": Inertial(0.016246, (0.013816, 0.0, 0.0), (4.731e-06, -4.56e-07, 0.0, 1.5506e-06, 0.0,
                                                                  3.7467e-06), (math.pi, math.pi, math.pi / 2)),
    "right_finger_link": Inertial(0.016246, (0.013816, 0.0, 0.0), (4.731e-06, 4.56e-07, 0.0, 1.5506e-06, 0.0,
                                                                   3.7467e-06), (0.0, math.pi, math.pi / 2)),
    "ee_gripper_link": FRAME,
}

LEFT_FINGER = (
    _box((-8.2, 18), (-8.95, 4.2), (-14.5, 14.5), FINGERS),  # around the rail
    _plank("z", (0, -11), (43.15, -8.95), 4.8, (-13.2, 13.2), FINGERS),  # the face that grasps
    _plank("z", (41, -2.6), (8, 5.05), 6.6, (-13.2, 13.2), FINGERS),  # the sloping back
)
PARTS: dict[str, tuple[Part, ...]] = {
    "base_link": (
        _disc("z", (0, 8), 76.5),
        _box((-157, -55), (-51.5, 51.5), (0, 37.5)),
        _disc("z", (8, 71.6), 51),
    ),
    "shoulder_link": (
        _disc("z", (-3, 3), 51, color=DARK),
        _box((-14.3, 14.3), (15, 50), (3, 49.5)),
        _box((-14.3, 14.3), (-50, -15), (3, 49.5)),
    ),
    "upper_arm_link": (
        _box((-14.4, 14.4), (-14, 14), (-14.4, 54), solid=False),
        _box((-10, 10), (-10, 10), (-14.4, 215)),
        _box((-10, 21), (-27, 27), (213, 235), solid=False),
        _box((-6, 21), (-53, 53), (235, 268.4)),
        _box((21, 61), (-50.5, 50.5), (236, 264), DARK),
    ),
    "upper_forearm_link": (
        _box((-14.4, 54), (-14, 14), (-14.4, 14.4)),
        _box((54, 175), (-10, 10), (-10, 10)),
        _box((133, 164), (-14, 14), (-14, 14), solid=False),
        _disc("x", (164, 170.5), 21.2, color=DARK),
    ),
    "lower_forearm_link": (
        _disc("x", (-4.4, 2), 24.4, color=DARK),
        _box((2, 36), (-11.3, 35.2), (-17.4, 17.4)),
        _plank("z", (54, 17), (36, 35), 25.4, (-17.3, 17.3), solid=False),
        _box((36, 86.2), (-17, 17), (-17.4, 17.4)),
        _disc("y", (-23.4, 19), 10, (75, 0), DARK, solid=False),
    ),
    "wrist_link": (
        _box((-3.4, 38), (19, 22), (-11.4, 11.6), DARK),
        _box((-3.4, 38), (-22, -19), (-11.4, 11.6), DARK),
        _box((38, 55), (-22, 22), (-11.3, 31), solid=False),
        _box((29, 62), (-14.3, 14.3), (-11.3, 35.2)),
        _disc("x", (62, 65), 20, color=DARK, solid=False),
    ),
    "gripper_link": (
        _disc("x", (0, 3), 20, color=DARK),
        _box((0, 43), (-14.3, 14.3), (-11.3, 35.2)),
    ),
    "gripper_prop_link": (_disc("x", (-2.5, 2.5), 10.2, color=DARK, solid=False),),
    "gripper_bar_link": (
        _box((0, 3), (-51.7, 51.7), (-6, 6), DARK, solid=False),
        _plank("x", (50, 6.5), (15, 23), 16, (0, 3), DARK),
        _mirrored(_plank("x", (50, 6.5), (15, 23), 16, (0, 3), DARK)),
        _box((18, 28.5), (-50, 50), (-5, 5)),
        _disc("x", (3, 18), 3, (45, 0), DARK, solid=False),
        _disc("x", (3, 18), 3, (-45, 0), DARK, solid=False),
    ),
    "left_finger_link": LEFT_FINGER,
    "right_finger_link": tuple(map(_mirrored, LEFT_FINGER)),
}
"""What links are made of, in their own frames; those that are missing are only frames. Each part costs time to draw."""


def _add_link(root: ElementTree.Element, name: str, inertial: Inertial) -> None:
    link = _add(root, "link", name=name)
    parts = PARTS.get(name, ())
    shapes = [("visual", part) for part in parts] + [("collision", part) for part in parts if part.solid]
    for tag, part in shapes:
        shape = _add(link, tag)
        roll, pitch, yaw = _angles(part)
        _add(shape, "origin", xyz=_text(*part.at), rpy=_text(roll, pitch, yaw))
        if part.kind == "box":
            _add(_add(shape, "geometry"), "box", size=_text(*(2 * half for half in part.size)))
        else:
            radius, half = part.size
            _add(_add(shape, "geometry"), "cylinder", radius=_text(radius), length=_text(2 * half))
        if tag == "visual":
            _add(shape, "material", name=PAINTS[part.color])
    body = _add(link, "inertial")
    _add(body, "origin", xyz=_text(*inertial.at), rpy=_text(*inertial.turns))
    _add(body, "mass", value=_text(inertial.mass))
    names = ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
    _add(body, "inertia", **{key: _text(value) for key, value in zip(names, inertial.tensor, strict=True)})


def _add_joint(root: ElementTree.Element, joint: Joint) -> None:
    element = _add(root, "joint", name=joint.name, type=joint.kind)
    _add(element, "origin", xyz=_text(*joint.at), rpy="0 0 0")
    _add(element, "parent", link=joint.parent)
    _add(element, "child", link=joint.child)
    _add(element, "axis", xyz=_text(*joint.axis))
    if joint.kind != "fixed":
        _add(element, "limit", lower=_text(joint.low), upper=_text(joint.high), effort=_text(joint.effort),
             velocity=_text(joint.velocity))


def _angles(part: Part) -> Triple:
    """Roll, pitch, yaw (rad) of a part as URDF wants it: there cylinders lie along z, a `Part`'s along x."""
    w, x, y, z = part.turn
    if part.kind == "cylinder":  # a quarter turn about y first
        root = math.sqrt(0.5)
        w, x, y, z = root * (w - y), root * (x - z), root * (y + w), root * (z + x)
    pitch = math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x))))
    if abs(pitch) > math.pi / 2 - 1e-6:  # roll and yaw turn about one axis
        return (0.0, pitch, -2 * math.copysign(1.0, pitch) * math.atan2(x, w))
    return (math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y)), pitch,
            math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _text(*values: float) -> str:
    return " ".join(repr(round(float(value), 16)) for value in values)
