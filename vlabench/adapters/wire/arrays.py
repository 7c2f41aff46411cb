"""NumPy's arrays on the wire: in msgpack the three ways there are, and in JSON. Decoding makes numbers and text alone.

Whatever arrives is a stranger's: nothing is unpickled, an array has exactly the bytes that its shape says, and a text
of a few bytes cannot become gigabytes of small objects.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vlabench.errors import MissingExtra, ServerError
from vlabench.util import parsing
from vlabench.util.text import short

Array = npt.NDArray[Any]
Way = Literal["openpi", "vla_eval", "groot"]
"""Whose: `__ndarray__` with keys of bytes, the same with keys of text, or a .npy file in `__ndarray_class__`."""
LIMIT = 64 * 2**20
"""Bytes of a message, at most, unless its reader says otherwise."""
VALUES = 2**20
"""In all tables and lists of a message, at most; an array is one."""
KINDS = "biuf"
"""Arrays of these are numbers: truth values, whole numbers and floats."""
_AXES = 8
_HEADER = 4096  # bytes of a .npy file's header; of an array of numbers it takes 128


class Garbled(ServerError):
    """A message that is not what its protocol says."""


def array_of(data: Any, dtype: Any, shape: Any) -> Array:
    """The array that a message holds as raw bytes, read-only. Raises Garbled unless they fit each other."""
    try:
        kind = np.dtype(dtype) if isinstance(dtype, str) else None
    except (TypeError, ValueError, SyntaxError):
        kind = None
    if kind is None or kind.kind not in KINDS or kind.shape:
        raise Garbled(f"an array of {short(repr(dtype))}, which are no numbers")
    sides = list(shape) if isinstance(shape, (list, tuple)) else [-1]
    if len(sides) > _AXES or not all(type(side) is int and side >= 0 for side in sides):
        raise Garbled(f"an array of the shape {short(repr(shape))}")
    if not isinstance(data, bytes) or len(data) != math.prod(sides) * kind.itemsize:
        found = f"{len(data)} bytes" if isinstance(data, bytes) else type(data).__name__
        raise Garbled(f"an array of {sides} × {kind.str} in {found}")
    return np.frombuffer(data, kind).reshape(sides)


def numbers(value: Any, what: str) -> Array:
    """The actions [T, D] that an answer holds as an array or a list of numbers; [D] is a chunk of one. what: their key.

    Raises Garbled.
    """
    if isinstance(value, list):
        try:
            value = np.array(value)
        except ValueError:
            value = None
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf" or value.ndim not in (1, 2) or not value.size:
        found = f"an array of {value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else (
            "nothing" if value is None else f"a {type(value).__name__}")
        raise Garbled(f"an answer whose {what} are {found}; expected [T, D]")
    return np.atleast_2d(value)


def pack(value: Any, way: Way) -> bytes:
    """A message in msgpack. Raises MissingExtra."""
    packed: bytes = _msgpack().packb(value, default=lambda each: _encoded(each, way))
    return packed


def unpack(data: bytes, way: Way) -> Any:
    """What a message in msgpack holds: tables, lists, text, bytes, numbers and arrays. Raises Garbled, MissingExtra."""
    msgpack = _msgpack()
    seen = 0

    def counted(value: Any) -> Any:
        nonlocal seen
        seen += len(value)
        if seen > VALUES:
            raise Garbled(f"more than {VALUES} values in one message")
        return _decoded(value, way) if isinstance(value, dict) else value

    def foreign(code: int, content: bytes) -> Any:
        raise Garbled(f"something that is neither number nor text (msgpack's extension {code})")

    try:
        return msgpack.unpackb(data, object_hook=counted, list_hook=counted, ext_hook=foreign, timestamp=1,
                               max_array_len=VALUES, max_map_len=VALUES)
    except Garbled:
        raise
    except (ValueError, TypeError, RecursionError, OverflowError) as error:  # msgpack's own are ValueErrors
        raise Garbled(f"not a message in msgpack ({len(data)} bytes): {short(str(error)) or type(error).__name__}"
                      ) from None


def _msgpack() -> Any:
    try:
        import msgpack
    except ImportError as error:
        raise MissingExtra(error.name or "msgpack", "remote", "a policy behind a server") from error
    return msgpack


def _encoded(value: Any, way: Way) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in KINDS:
            raise TypeError(f"an array of {value.dtype} does not go on the wire")
        if way == "groot":
            file = io.BytesIO()
            np.save(file, value, allow_pickle=False)
            return {"__ndarray_class__": True, "as_npy": file.getvalue()}
        named = {"__ndarray__": True, "data": value.tobytes(), "dtype": value.dtype.str, "shape": list(value.shape)}
        return {key.encode(): each for key, each in named.items()} if way == "openpi" else named
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} does not go on the wire")


def _decoded(table: dict[Any, Any], way: Way) -> Any:
    if way == "openpi":
        if b"__ndarray__" in table:
            return array_of(table.get(b"data"), _text(table.get(b"dtype")), table.get(b"shape"))
        return table.get(b"data") if b"__npgeneric__" in table else table
    if way == "groot":
        return _npy(table.get("as_npy")) if "__ndarray_class__" in table else table
    if "__image__" in table:
        return _picture(table)
    return array_of(table.get("data"), table.get("dtype"), table.get("shape")) if "__ndarray__" in table else table


def _text(value: Any) -> Any:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


def _npy(data: Any) -> Array:
    """The array in a .npy file, by its header and its bytes; `np.load` would take other files, too."""
    if not isinstance(data, bytes):
        raise Garbled("an array without a .npy file")
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file, max_header_size=_HEADER)
    except (ValueError, TypeError, EOFError, SyntaxError, RecursionError, MemoryError):
        raise Garbled("an array whose .npy file has no header") from None
    found = array_of(data[file.tell():], dtype.str if dtype.fields is None else "", shape[::-1] if fortran else shape)
    return found.T if fortran else found


def _picture(table: Mapping[str, Any]) -> Array:
    """A picture that vla-eval's sender has compressed, uint8 [H, W, C]."""
    if table.get("format") == "raw":
        return array_of(table.get("data"), table.get("dtype"), table.get("shape"))
    from PIL import Image

    data = table.get("data")
    try:
        with Image.open(io.BytesIO(data if isinstance(data, bytes) else b""), formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height * 4 > LIMIT:
                raise Garbled(f"a picture of {picture.width} × {picture.height} pixels")
            return np.asarray(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise Garbled("a picture that is none") from None


def to_json(value: Any) -> bytes:
    """A message in JSON, arrays as json-numpy has them."""
    return json.dumps(value, default=_json_array).encode()


def from_json(text: bytes | str) -> Any:
    """What a message in JSON holds, arrays decoded. Raises Garbled, for numbers that are not finite, too."""
    try:
        return _with_arrays(parsing.strict_json(text))
    except parsing.Unreadable as error:
        raise Garbled(f"not a message in JSON: {short(str(error), 200)}") from None


def _json_array(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in KINDS:
        return {"__numpy__": base64.b64encode(value.tobytes()).decode(), "dtype": value.dtype.str,
                "shape": list(value.shape)}
    raise TypeError(f"a {type(value).__name__} does not go on the wire")


def _with_arrays(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_arrays(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "__numpy__" not in value:
        return {key: _with_arrays(each) for key, each in value.items()}
    try:
        data = base64.b64decode(value["__numpy__"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Garbled("an array that is not in base64") from None
    return array_of(data, value.get("dtype"), value.get("shape"))


def plain(value: Any, depth: int = parsing.DEPTH) -> Any:
    """A message's content as JSON has it, for records: bytes and arrays by their numbers, keys as text; what lies more
    than `depth` deep is left out.
    """
    if isinstance(value, Mapping):
        return {str(_text(key)): plain(each, depth - 1) for key, each in value.items()} if depth else {}
    if isinstance(value, (list, tuple)):
        return [plain(each, depth - 1) for each in value] if depth else []
    if isinstance(value, bytes):
        return _text(value)
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
