"""Hostile JSON and TOML is refused before it costs anything; all other is read as the parsers read it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlabench.cards.write import _toml
from vlabench.util import parsing
from vlabench.util.parsing import DEPTH, MAX_TOML, Unreadable, content_of, json_line, keys_in, strict_json, toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES: st.SearchStrategy[Any] = st.booleans() | st.integers(-2**63, 2**63 - 1) | TEXT | st.floats(
    allow_nan=False, allow_infinity=False)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
                      max_leaves=8)
DEEP = [b"x = " + b"[" * 200_000, b"x = " + b"{a=" * 40_000, b".".join([b"a"] * 40_000) + b" = 1",
        b"[" + b".".join([b"a"] * 40_000) + b"]", b".".join([b'"a"'] * 20_000) + b" = 1",
        b"x = " + b"{x=1,a.b.c=" * 2000 + b"1" + b"}" * 2000, b"x = '''\n'''\ny = " + b"[" * 40_000,
        b'x = """\\""""""\ny = ' + b"[" * 40_000, b"x = [ # ]\n" * 40 + b"]" * 40]


def test_toml_may_begin_with_a_byte_order_mark() -> None:
    assert toml("\ufeffx = 1".encode()) == {"x": 1}


@pytest.mark.parametrize("number", range(len(DEEP)))
def test_toml_that_is_nested_too_deeply_is_refused_at_once(number: int) -> None:
    began = time.process_time()
    with pytest.raises(Unreadable, match="nested more than 32 deep in line"):
        toml(DEEP[number])
    assert time.process_time() - began < 0.5


def test_brackets_and_dots_in_texts_comments_and_numbers_nest_nothing() -> None:
    text = "\n".join([
        'a = "' + "[." * 100 + r'\" [ \\"', "b = '" + "[." * 100 + "\\'", 'c = """' + '[.\n""\\"' * 50 + '"""""',
        "d = '''" + "[.\n''" * 50 + "'''", "#" + " [." * 100, "e = [" + "1.5,\n" * 100 + "]",
        'f."' + "." * 100 + '" = 1',
        "g = [" + "[1.5], " * 100 + "] # " + "." * 100, "h = 1979-05-27T07:32:00.999Z", "[i.j]",
        "k.l = {m.n = [{o = 1}]}"])
    assert toml(text.encode()) == tomllib.loads(text)
    assert toml(text.replace("\n", "\r\n").encode()) == tomllib.loads(text.replace("\n", "\r\n"))


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_any_table_reads_back_equal(table: dict[str, Any]) -> None:
    text = "".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in table.items())
    assert toml(text.encode()) == tomllib.loads(text) == table
    assert strict_json(json.dumps(table)) == strict_json(json.dumps(table).encode()) == table


@given(st.text("[]{}\"'\\#.=,\n a1", max_size=40))
def test_what_is_toml_is_read_and_never_nested_deeper_than_it_may(text: str) -> None:
    """Of brackets, quotes, comments and dots in any order; the limit is 2 here: of a header, and of a key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsing, "DEPTH", 2)
        try:
            found = toml(text.encode())
        except Unreadable as error:
            if "nested" not in str(error):
                with pytest.raises(ValueError):
                    tomllib.loads(text)
            return
    assert found == tomllib.loads(text)
    assert _depth(found) <= 9  # a header of two parts in lists of tables, a key of three, a value of two


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


@pytest.mark.parametrize(("text", "why"), [
    (b"x = nan", "x: must be a finite number, not nan"), (b"a.b = [1, {c = -inf}]", "a.b.1.c: must be a finite number"),
    (b"x = 1e999", "x: must be a finite number"), (b"x = 0x" + b"f" * 100, "x: a whole number of more than 64 bits"),
    (b"x = " + b"9" * 5000, "not valid TOML: Exceeds the limit"), (b"x = '\xff'", "not UTF-8 text: .* at byte 5"),
    (b"x = 1\nx = 2", "not valid TOML: Cannot overwrite"), (b"x = ", "not valid TOML"),
    (b'"a\\u001b\\nb" = nan', r"a\\x1b\\nb: must be a finite")])
def test_toml_that_is_none_or_holds_no_numbers_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        toml(text)


def test_published_tables_may_hold_what_is_not_a_number() -> None:
    assert str(toml(b"x = [nan, inf]", finite=False)) == "{'x': [nan, inf]}"


@pytest.mark.parametrize(("text", "why"), [
    (b"[" * 200_000, "nested more than 32 deep in line 1"), (b'{"a":' * 200_000, "nested more than 32 deep"),
    (b'["' + b'\\"' * 300_000, "not valid JSON"), (b'{"a": {"b": 1, "b": 1}}', "the key 'b' twice in one table"),
    (b'{"a": NaN}', "a: must be a finite number"), (b"[1, -Infinity]", "1: must be a finite number, not -inf"),
    (b'{"a": [1e999]}', "a.0: must be a finite number"), (b"[" + b"1," * 60_000 + b"1]", "60000 values; at most 50000"),
    (b"9" * 5000, "Exceeds the limit"), (b"1" * 100, "a whole number of more than 64"), (b"\xff", "not valid JSON"),
    (b"", "not valid JSON"), (b"{} {}", "not valid JSON: Extra data")])
def test_json_that_is_none_or_two_things_is_refused_at_once(text: bytes, why: str) -> None:
    began = time.process_time()
    with pytest.raises(Unreadable, match=why):
        strict_json(text)
    assert time.process_time() - began < 0.5


def test_as_deep_as_may_be_is_read() -> None:
    value = json.loads("[" * DEPTH + "]" * DEPTH)
    assert strict_json("[" * DEPTH + "]" * DEPTH) == value
    assert _depth(strict_json("[" * DEPTH + '"' + "[" * 99 + '"' + "]" * DEPTH)) == DEPTH
    assert toml(b"x = " + b"[" * DEPTH + b"]" * DEPTH) == {"x": value}
    assert _depth(toml(b".".join([b"a"] * (DEPTH + 1)) + b" = 1")) == DEPTH + 1


@pytest.mark.parametrize("line", [
    b"[" * 200_000, b'{"a": ' + b"[" * 200_000, b'{"a": "\\ud800", "b": ' + b"[" * 200_000])
def test_a_line_that_is_nested_too_deeply_is_no_line(line: bytes) -> None:
    assert json_line(line) is None


@given(VALUES)
def test_keys_are_counted_at_all_depths(value: Any) -> None:
    assert keys_in(value) == json.dumps(value, ensure_ascii=True).replace('": ', '":').count('":') - _colons(value)
    assert keys_in([value, {"a": float("inf")}]) != keys_in([value, {"a": float("inf")}])  # nan


def _colons(value: Any) -> int:
    """Of `":` in a JSON value's texts, where a quote is written as two characters."""
    if isinstance(value, dict):
        return sum(_colons(key) + _colons(inner) for key, inner in value.items())
    if isinstance(value, list):
        return sum(map(_colons, value))
    return json.dumps(value).replace('": ', '":').count('":') if isinstance(value, str) else 0


def test_files_are_plain_and_not_too_large(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert content_of(tmp_path / "x", 5) == b"12345"
    with pytest.raises(Unreadable, match="5 bytes; what belongs there takes at most 4"):
        content_of(tmp_path / "x", 4)
    os.truncate(tmp_path / "x", 2**40)
    with pytest.raises(Unreadable, match=f"1099511627776 bytes; .* at most {MAX_TOML}"):
        content_of(tmp_path / "x", MAX_TOML)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unreadable, match="is a pipe or a device"):
        content_of(tmp_path / "pipe", 5)
    with pytest.raises(IsADirectoryError):
        content_of(tmp_path, 2**20)
