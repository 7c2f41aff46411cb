"""Writes the PNG files of textures, in bytes that are the same everywhere."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence


def png(rows: Sequence[Sequence[tuple[int, int, int]]]) -> bytes:
    """An RGB image file from rows of (red, green, blue) bytes.

    Stored without compression, so that the bytes do not depend on the zlib version; for textures up to 64 x 64.

    Raises:
        ValueError: if there are no pixels or the rows differ in length.
    """
    width = len(rows[0]) if rows else 0
    if width == 0 or any(len(row) != width for row in rows):
        raise ValueError("an image needs at least one pixel and rows of equal length")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    raw = b"".join(b"\0" + bytes(channel for pixel in row for channel in pixel) for row in rows)
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 0)) + chunk(b"IEND", b"")
