"""Other colours and patterns on the surfaces of a put-on-plate world: on things, the robot, and the table's picture."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from vlabench.simulators.maniskill.drawing import camera, screen
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.looks import Paint
from vlabench.simulators.maniskill.robot import BASE
from vlabench.simulators.maniskill.world import TABLE_TOP
from vlabench.types import Floats, Image

GAMMA = 2.2
"""Of pictures: materials say how much light comes back, and pictures the same to the power of its inverse."""
DARKEST = 0.02
"""A picture's mean is taken for at least this, where it is brought to another colour."""
LEVELS = 5
"""Of a pattern, each half as large as the one before."""
SIZES = ("half_size", "radius", "half_length")


# the table, a picture that no light reaches


def painted(picture: Image, paints: Iterable[Paint]) -> Image:
    """A table's picture, uint8 [H, W, 3], under paints; a pattern lies on it once a metre, seen by the camera that the
    pictures were taken with."""
    for given in paints:
        picture = tinted(picture, given) if given.pattern is None else _laid(picture, given)
    return picture


def tinted(picture: Image, given: Paint) -> Image:
    """Brighter or darker in each colour, such that its mean is the paint's share of the way to the paint's colour."""
    mean = picture.reshape(-1, 3).mean(axis=0) / 255
    asked = (1 - given.mix) * mean + given.mix * np.array(given.color)
    brought = picture * (asked / np.maximum(mean, DARKEST))
    return np.asarray(brought.clip(0, 255).round(), dtype=np.uint8)


def _laid(picture: Image, given: Paint) -> Image:
    assert given.pattern is not None
    across, along = ((axis * len(given.pattern) - 0.5) % len(given.pattern) for axis in _ground())
    laid = cv2.remap(given.pattern, across.astype(np.float32), along.astype(np.float32), cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_WRAP)
    laid = cv2.resize(laid, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(((1 - given.mix) * picture + given.mix * laid).round(), dtype=np.uint8)


@functools.lru_cache(maxsize=1)
def _ground() -> tuple[Floats, Floats]:
    """World x and y (m), [480, 640] each, of the table where the pixels of the published picture show it."""
    turns = [Rotation.from_quat(np.roll(turn, -1)) for turn in (BASE[1], camera.MOUNT[1])]
    place, turn = np.array(BASE[0]) + turns[0].apply(camera.MOUNT[0]), turns[0] * turns[1]
    width, height = screen.FULL
    column, row = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    seen = np.stack([np.full(column.shape, camera.FOCAL), camera.CENTRE[0] - column, camera.CENTRE[1] - row], axis=-1)
    ways = turn.apply(seen.reshape(-1, 3))  # ahead, to the left, up; all of them lead down to the table
    points = place + ways * ((TABLE_TOP - place[2]) / ways[:, 2])[:, None]
    x, y = points[:, :2].T.reshape(2, height, width)
    return x, y


# things and the robot, which have materials


def paint(entities: Sequence[Any], given: Paint, own: bool) -> None:
    """Paint what is drawn of entities. own: their materials are nobody else's; if not, they get such first.

    A pattern is stretched over each side of every shape.
    """
    for entity in entities:
        body = _drawn(entity)
        if body is None:
            continue
        if given.pattern is not None:
            _exchange(entity, _covered(body.render_shapes, given))
            continue
        if not own:
            body = _exchange(entity, [_copied(shape) for shape in body.render_shapes])
        for part in (part for shape in body.render_shapes for part in shape.parts):
            _color(part.material, given)


def _color(material: Any, given: Paint) -> None:
    """What has a picture keeps it."""
    picture = material.base_color_texture
    if picture is None:
        *color, opacity = material.base_color
        asked = (1 - given.mix) * as_shown(np.array(color)) + given.mix * np.array(given.color)
        material.base_color = [*as_light(asked).tolist(), opacity]
        return
    texels = picture.download()
    texels[..., :3] = tinted(np.ascontiguousarray(texels[..., :3]), given)
    material.base_color_texture = _texture(texels, picture.mipmap_levels)


def _covered(shapes: Sequence[Any], given: Paint) -> list[Any]:
    """The same shapes under a pattern."""
    parts = [(shape, part) for shape in shapes for part in shape.parts]
    tile = _tile(given, np.mean([_mean(part.material) for _, part in parts], axis=0))
    picture = _texture(np.dstack([tile, np.full(tile.shape[:2], 255, np.uint8)]), LEVELS)
    found = []
    for shape, part in parts:
        material = _same(part.material)
        material.base_color_texture = picture
        vertices, normals, places = _unfolded(_corners(shape, part), part.get_vertex_normal(), part.triangles)
        corners = np.arange(len(vertices), dtype=np.uint32).reshape(-1, 3)
        found.append(engine().render.RenderShapeTriangleMesh(vertices, corners, normals, places, material))
        found[-1].local_pose = shape.local_pose
    return found


def _tile(given: Paint, mean: Floats) -> Image:
    """A paint's pattern as it is laid on what has the mean [3] in [0, 1]."""
    assert given.pattern is not None
    blend = (1 - given.mix) * 255 * mean + given.mix * given.pattern.astype(np.float64)
    return blend.clip(0, 255).round().astype(np.uint8)


def _corners(shape: Any, part: Any) -> Floats:
    """The corners [n, 3] of a shape as large as it is: those of boxes, balls and cylinders are of such with edges of
    2."""
    render = engine().render
    size: Any = 1.0
    if hasattr(shape, "half_size"):
        size = shape.half_size
    elif hasattr(shape, "scale"):
        size = shape.scale
    elif isinstance(shape, render.RenderShapeCylinder):
        size = np.array([shape.half_length, shape.radius, shape.radius])
    elif isinstance(shape, render.RenderShapeSphere):
        size = shape.radius
    corners: Floats = np.asarray(part.vertices, dtype=np.float64) * size
    return corners


def _unfolded(corners: Floats, normals: Floats, triangles: Any) -> tuple[Floats, Floats, Floats]:
    """Corners, normals [3 n, 3] and places in a picture [3 n, 2] of triangles that share none, seen along the axis that
    each faces most, the picture as large as the whole there."""
    low, size = corners.min(axis=0), np.maximum(np.ptp(corners, axis=0), 1e-6)
    ends = corners[triangles]  # [n, 3, 3]
    facing = np.abs(np.cross(ends[:, 1] - ends[:, 0], ends[:, 2] - ends[:, 0])).argmax(axis=1)
    axes = np.array([(1, 2), (0, 2), (0, 1)])[facing]
    places = np.take_along_axis((ends - low) / size, axes[:, None, :].repeat(3, axis=1), axis=2)
    return ends.reshape(-1, 3), np.asarray(normals)[triangles].reshape(-1, 3), places.reshape(-1, 2)


def _copied(shape: Any) -> Any:
    """The same shape, with materials of its own."""
    render = engine().render
    if isinstance(shape, render.RenderShapeTriangleMesh):
        new = render.RenderShapeTriangleMesh(shape.filename, shape.scale)
        for old, part in zip(shape.parts, new.parts, strict=True):
            _same(old.material, part.material)
    else:
        new = type(shape)(*(getattr(shape, name) for name in SIZES if hasattr(shape, name)), _same(shape.material))
    new.local_pose = shape.local_pose
    return new


def _same(old: Any, new: Any = None) -> Any:
    """A material like another one, but for the textures of its relief, which go with a mesh's own picture."""
    new = new or engine().render.RenderMaterial()
    for name in ("base_color", "emission", "specular", "roughness", "metallic"):
        setattr(new, name, getattr(old, name))
    if old.base_color_texture is not None:
        new.base_color_texture = old.base_color_texture
    return new


def _exchange(entity: Any, shapes: Iterable[Any]) -> Any:
    """Let an entity be drawn as these shapes instead of its own."""
    body = engine().render.RenderBodyComponent()
    for shape in shapes:
        body.attach(shape)
    entity.remove_component(_drawn(entity))
    entity.add_component(body)
    return body


def _drawn(entity: Any) -> Any:
    return entity.find_component_by_type(engine().render.RenderBodyComponent)


def _texture(texels: Any, levels: int) -> Any:
    return engine().render.RenderTexture2D(texels, "R8G8B8A8Unorm", levels, srgb=True)


def _mean(material: Any) -> Floats:
    """The mean colour [3] as pictures have it."""
    if material.base_color_texture is None:
        return as_shown(np.array(material.base_color[:3]))
    mean: Floats = material.base_color_texture.download()[::7, ::7, :3].reshape(-1, 3).mean(axis=0) / 255
    return mean


def as_shown(light: Floats) -> Floats:
    """What share of white light a surface gives back, as a value of a picture in white light of 1."""
    shown: Floats = light ** (1 / GAMMA)
    return shown


def as_light(shown: Floats) -> Floats:
    """The other way round."""
    light: Floats = shown.clip(0, 1) ** GAMMA
    return light
