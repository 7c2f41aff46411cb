"""Whatever is done to the files of a submission, it is read or refused with a reason, at once."""

from __future__ import annotations

import json
import time
from functools import reduce
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.leaderboard.made import altered
from vlabench.errors import VlabenchError
from vlabench.leaderboard.manifest import MANIFEST
from vlabench.leaderboard.submission import read
from vlabench.util.text import safe

EPISODES = tuple(f"records/policy-good/plain/toy_points/{name}.jsonl" for name in ("clean", "dark", "jolt"))
CARDS = ("cards/policies/policy-good.toml", "cards/suites/toy.toml")
MANY = (b"[", b"{", b'{"a":', b"[[a.", b"a.", b'"', b"'", b'"""', b"\\", b",", b"\n", b"9", b"#", b"\xcc\x81")
ODD = (b"nan", b"-inf", b"NaN", b"1e999", b"null", b"true", b"2024-01-01", "\u202e\u3164".encode(), b"\\ud800", b"\0",
       b"\x1b[2J", b'"title" = 1\n', b'"status": "error", ')
PIECES = st.binary(max_size=6) | st.sampled_from(ODD) | st.builds(
    lambda piece, times: piece * times, st.sampled_from(MANY), st.sampled_from([1, 3, 100, 20_000]))
LEAVES: st.SearchStrategy[Any] = st.text(max_size=5) | st.sampled_from(
    [None, True, -1, 0, 1, 10**18, 10**400, 1.5, -1e308, float("nan"), float("inf"), "", "x", "x" * 9999, "NUL",
     "Clean", "../x", "\u202e", "a\n", "\ud800", "1999-99-99", "9999-12-31", [], {}])
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    | st.builds(lambda value, depth: reduce(lambda within, _: [within], range(depth), value), inner,
                st.sampled_from([2, 70, 300])), max_leaves=4)


def change_bytes(data: st.DataObject, file: Path) -> None:
    """Some bytes of a file are others."""
    content = file.read_bytes()
    start, length = int(data.draw(st.floats(0, 1)) * len(content)), data.draw(st.integers(0, 40))
    file.write_bytes(content[:start] + data.draw(PIECES) + content[start + length:])


def change_value(data: st.DataObject, tree: Any) -> None:
    """Somewhere in a JSON value, there is another value, or none, or one of another name."""
    while True:
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(tree[key], (dict, list)) or not data.draw(st.integers(0, 3)):
            break
        tree = tree[key]
    what = data.draw(st.sampled_from(["replace", "delete", "rename"]))
    if what == "delete":
        del tree[key]
    elif what == "rename" and isinstance(tree, dict):
        tree[data.draw(st.text(max_size=4))] = tree.pop(key)
    else:
        tree[key] = data.draw(VALUES)


def change_line(data: st.DataObject, file: Path, number: int) -> None:
    """A line of JSON has another value."""
    lines = file.read_text().split("\n")
    content = json.loads(lines[number])
    change_value(data, content)
    lines[number] = json.dumps(content)
    file.write_text("\n".join(lines))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_submission_is_read_or_refused_whatever_is_done_to_it(good: Path, data: st.DataObject) -> None:
    what = data.draw(st.sampled_from(["bytes", "episode", "manifest", "manifest's bytes"]))

    def change(folder: Path, _: dict[str, Any]) -> None:
        if what == "bytes":
            change_bytes(data, folder / data.draw(st.sampled_from(EPISODES + CARDS)))
        elif what == "episode":
            change_line(data, folder / data.draw(st.sampled_from(EPISODES)), data.draw(st.integers(0, 11)))

    folder = altered(good, change)
    if what == "manifest":
        change_line(data, folder / MANIFEST, 0)
    elif what == "manifest's bytes":
        change_bytes(data, folder / MANIFEST)
    began = time.process_time()
    try:
        read(folder)
    except VlabenchError as error:
        assert str(error) == safe(str(error)) and len(str(error)) < 5000
    assert time.process_time() - began < 1
