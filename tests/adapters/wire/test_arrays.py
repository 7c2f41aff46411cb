from __future__ import annotations

import base64
import io
import json
import struct
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from vlabench.adapters.wire.arrays import (
    VALUES,
    Garbled,
    Way,
    array_of,
    from_json,
    numbers,
    pack,
    plain,
    to_json,
    unpack,
)

WAYS: tuple[Way, ...] = ("openpi", "vla_eval", "groot")
ARRAYS = arrays_of.arrays(st.sampled_from([np.uint8, np.float32, np.float64, np.int64, np.bool_]),
                          arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))


@given(ARRAYS, st.sampled_from(WAYS))
def test_an_array_arrives_as_it_was_sent(array: Any, way: Way) -> None:
    found = unpack(pack({"a": [array, "text", 1.5, None]}, way), way)["a"]
    assert found[1:] == ["text", 1.5, None] and found[0].dtype == array.dtype and found[0].shape == array.shape
    assert found[0].tobytes() == array.tobytes()
    again = from_json(to_json([array]))[0]
    assert again.dtype == array.dtype and again.shape == array.shape and again.tobytes() == array.tobytes()


def test_what_is_sent_is_what_each_of_them_reads() -> None:
    array = np.array([[1, 2]], "<i2")
    data = b"\x01\x00\x02\x00"
    assert msgpack.unpackb(pack(array, "openpi")) == {
        b"__ndarray__": True, b"data": data, b"dtype": "<i2", b"shape": [1, 2]}
    assert msgpack.unpackb(pack(array, "vla_eval")) == {
        "__ndarray__": True, "data": data, "dtype": "<i2", "shape": [1, 2]}
    found = msgpack.unpackb(pack(array, "groot"))
    assert found["__ndarray_class__"] and np.array_equal(np.load(io.BytesIO(found["as_npy"])), array)
    assert json.loads(to_json(array)) == {"__numpy__": base64.b64encode(data).decode(), "dtype": "<i2", "shape": [1, 2]}


def npy(shape: Any, descr: Any = "<f8", data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H" if version[0] == 1 else "<I", len(header)) + header + data


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("message", [
    b"", b"\xc1", b"\x93\x01", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xffabc",
    b"\x91" * 100_000, msgpack.packb(msgpack.ExtType(5, b"x")),
    msgpack.packb([[0] * 1000] * (VALUES // 1000 + 1)), msgpack.packb({1: 2}),
    msgpack.packb({b"__ndarray__": True, b"data": b"1234", b"dtype": "<f4", b"shape": [2**40]}),
    msgpack.packb({b"__ndarray__": True, b"data": b"12345678", b"dtype": "|O", b"shape": [1]}),
    msgpack.packb({b"__ndarray__": True, b"data": b"12345678", b"dtype": "f4,f4", b"shape": [1]}),
    msgpack.packb({b"__ndarray__": True, b"data": b"1234", b"dtype": "(2,)<f2", b"shape": [1]}),
    msgpack.packb({b"__ndarray__": True, b"data": b"1234", b"dtype": "<f4", b"shape": [-1]}),
    msgpack.packb({b"__ndarray__": True, b"data": b"", b"dtype": "<f4", b"shape": [0] * 9}),
    msgpack.packb({b"__ndarray__": True})])
def test_what_is_no_message_of_openpis_is_refused(message: bytes) -> None:
    with pytest.raises(Garbled):
        unpack(message, "openpi")


@pytest.mark.parametrize("data", [
    b"", b"PK\x03\x04", pickled(), npy((1,), "|O", b"12345678"), npy((2**40,)), npy((1,), data=b"12345678x"),
    npy((-1,)), npy((1,), [("a", "<f8")], b"12345678"), npy("no"), b"\x93NUMPY\x01\x00\xff\xff{", 5,
    npy((1,), version=b"\x09\x00")])
def test_a_file_that_holds_no_numbers_is_refused(data: Any) -> None:
    with pytest.raises(Garbled):
        unpack(msgpack.packb({"__ndarray_class__": True, "as_npy": data}), "groot")


@pytest.mark.parametrize("text", [
    "", "{", "[" * 100, '{"a": 1, "a": 2}', "NaN", "1e999", b"\xff\xfe",
    '{"__numpy__": "AAAA", "dtype": "<f4", "shape": [1]}', '{"__numpy__": "é", "dtype": "<f4", "shape": []}',
    '{"__numpy__": 3}', '{"__numpy__": "AAAAAAAAAAA=", "dtype": "|O8", "shape": [1]}'])
def test_what_is_no_json_of_numbers_is_refused(text: Any) -> None:
    with pytest.raises(Garbled):
        from_json(text)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_compressed_pictures_of_vla_evals_are_read_and_others_refused(kind: str) -> None:
    from PIL import Image

    picture = np.full((4, 6, 3), 128, np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind)
    sent = {"__image__": True, "format": kind.lower(), "data": file.getvalue(), "shape": [4, 6, 3]}
    assert np.abs(unpack(msgpack.packb(sent), "vla_eval").astype(int) - picture).max() <= 2
    for data in (file.getvalue()[:40], b"GIF89a", 7):
        with pytest.raises(Garbled, match="picture"):
            unpack(msgpack.packb({**sent, "data": data}), "vla_eval")
    huge = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 2**15, 2**15, 8, 2, 0, 0, 0) + b"\0" * 4
    with pytest.raises(Garbled, match="picture"):
        unpack(msgpack.packb({**sent, "data": huge}), "vla_eval")


def test_actions_are_a_chunk_whatever_they_come_as() -> None:
    for value in ([1, 2.5], [[1, 2.5]], np.array([1, 2.5])):
        assert numbers(value, "actions").tolist() == [[1, 2.5]]
    for wrong in (None, "text", [], [[1], [1, 2]], [["a"]], np.zeros((1, 1, 1)), np.array([True]), {"a": 1}):
        with pytest.raises(Garbled, match="actions are"):
            numbers(wrong, "actions")


def test_only_numbers_and_text_are_sent_and_kept() -> None:
    with pytest.raises(TypeError):
        pack(np.array([object()]), "openpi")
    with pytest.raises(TypeError):
        to_json({1, 2})
    assert plain({b"a": np.array([1, 2]), "b": [b"\xff", np.float32(0.5)]}) == {"a": [1, 2], "b": ["\ufffd", 0.5]}
    deep: Any = 0
    for _ in range(500):
        deep = [deep]
    assert len(json.dumps(plain(deep))) < 100


def test_an_array_cannot_be_written_to_by_mistake() -> None:
    assert not array_of(b"1234", "<f4", [1]).flags.writeable
