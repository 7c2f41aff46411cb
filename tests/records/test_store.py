"""Records survive kills, full disks and strangers' lines."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import record
from vlabench.errors import StoreError
from vlabench.records.store import FORMAT, Reading, Store
from vlabench.types import EpisodeRecord
from vlabench.util.parsing import json_line

DIGESTS = {"clean": "c"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    return Store(Path("results"), "random", "primitive")


def python(code: str) -> subprocess.Popen[str]:
    """Another process that runs `code` in the current directory and can import what this one can."""
    path = os.pathsep.join(p for p in sys.path if p)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )


def fill(store: Store, *records: EpisodeRecord) -> Path:
    with store.writer() as writer:
        for each in records:
            writer.append(each)
    return store.path("kitchen", "clean")


def read(store: Store, policy_digest: str | None = "p") -> Reading:
    return store.read(["kitchen"], DIGESTS, policy_digest)


def indices(reading: Reading) -> list[int]:
    return [each.index for each in reading.records.values()]


def test_a_record_is_one_line_in_the_file_of_its_condition_and_reads_back_equal(store: Store) -> None:
    once = record(realised={"degrees": 12.5, "blocks": [[1, 2]]}, message="two\nlines \u2028 and a 'quote'")
    path = fill(store, once)
    assert path == Path("results/random/primitive/kitchen/clean.jsonl")
    (line,) = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert line.endswith("\n") and json.loads(line)["format"] == FORMAT
    assert list(read(store).records.values()) == [once]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(TEXT, VALUES, max_size=3), TEXT, st.floats(0, 1e6), st.integers(0, 49))
def test_any_record_reads_back_equal(
    store: Store, realised: dict[str, Any], message: str, seconds: float, index: int
) -> None:
    once = record(realised=realised, message=message, seconds=seconds, index=index, status="failure")
    fill(store, once)
    assert read(store).records[once.identity] == once


def test_numpy_numbers_become_plain_ones(store: Store) -> None:
    fill(store, record(realised={"degrees": np.float32(0.5), "at": np.arange(2)}))
    (once,) = read(store).records.values()
    assert once.realised == {"degrees": 0.5, "at": [0, 1]}


def test_nothing_recorded_yet_reads_as_nothing(store: Store) -> None:
    reading = read(store)
    assert (reading.records, reading.held, reading.warnings()) == ({}, frozenset(), [])
    assert not store.folder.exists()


def test_the_last_line_of_an_identity_holds_and_errors_are_not_held(store: Store) -> None:
    fill(
        store,
        record(index=0, status="error", error="RuntimeError"),
        record(index=1),
        record(index=0, status="failure"),
        record(index=2, status="error", error="RuntimeError"),
    )
    reading = read(store)
    assert {each.index: each.status for each in reading.records.values()} == {0: "failure", 1: "success", 2: "error"}
    assert reading.held == {("kitchen/0", "clean", 0, 0), ("kitchen/0", "clean", 1, 0)}


def test_other_digests_are_left_out_and_counted_and_stay_in_the_file(store: Store) -> None:
    path = fill(
        store,
        record(index=0),
        record(index=0, condition_digest="old", status="failure"),
        record(index=1, policy_digest="old"),
        record(index=2, policy_digest="old"),
    )
    assert indices(read(store)) == [0]
    assert read(store).records[("kitchen/0", "clean", 0, 0)].status == "success"
    assert read(store).warnings() == [
        "1 record left out: condition 'clean' had other parameters then, or the simulator an earlier protocol",
        "2 records left out: policy 'random' had another card, other weights or other code then",
    ]
    assert indices(read(store, None)) == [0, 1, 2]
    assert path.read_bytes().count(b"\n") == 4


def test_a_tail_torn_at_any_byte_costs_one_record_and_is_cut_before_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no power is lost here, and it takes most of the time
    path = fill(store, *(record(index=i) for i in range(3)))
    whole = path.read_bytes()
    start = whole.rstrip(b"\n").rindex(b"\n") + 1
    for cut in range(start, len(whole) + 1):
        path.write_bytes(whole[:cut])
        complete = cut >= len(whole) - 1  # all but the newline is a whole record
        assert indices(read(store)) == ([0, 1, 2] if complete else [0, 1])
        assert bool(read(store).warnings()) == (start < cut < len(whole) - 1)
        fill(store, record(index=7))
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        assert [line["index"] for line in lines] == ([0, 1, 2, 7] if complete else [0, 1, 7])


def test_a_torn_tail_longer_than_a_block_is_cut(store: Store) -> None:
    path = fill(store, record(index=0))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"realised": "' + b"x" * 200_000)
    fill(store, record(index=1))
    assert path.read_bytes() == whole + whole.replace(b'"index": 0', b'"index": 1')
    path.write_bytes(b"x" * 200_000)
    fill(store, record(index=0))
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"format": 1, "task": "kit', "not a JSON line in results/random/primitive/kitchen/clean.jsonl"),
        (b"\x00\x00\xff", "not a JSON line in results/random/primitive/kitchen/clean.jsonl"),
        (b"[" * 200_000, "not a JSON line in results/random/primitive/kitchen/clean.jsonl"),
        (b'{"task": "\\ud800", "realised": ' + b"[" * 200_000, "not a JSON line in results/random/primitive/kitchen/"),
        (b"[1, 2]", "not a JSON line in results/random/primitive/kitchen/clean.jsonl"),
        (b'{"format": 1, "task": "kitchen/0"}', "written by another version of vlabench in results/"),
        (b'{"task": "kitchen/0", "index": 1}', "written by another version of vlabench in results/"),
    ],
)
def test_a_strange_line_in_the_middle_is_counted_and_the_rest_is_read(store: Store, line: bytes, why: str) -> None:
    path = fill(store, record(index=0), record(index=1))
    first, second = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([first, line, b"", second, b""]))
    assert indices(read(store)) == [0, 1]
    (warning,) = read(store).warnings()
    assert warning.startswith(f"1 record left out: {why}")


@pytest.mark.parametrize(("field", "value", "why"), [
    ("steps", "many", "damaged in {}: a field holds what it never does"),
    ("steps", -1, "damaged in {}: a field holds what it never does"),
    ("changed", {"action": 1.5}, "damaged in {}: a field holds what it never does"),
    ("task", "kitchen/\x1b[2J", "damaged in {}: a field holds what it never does"),
    ("status", "maybe", "damaged in {}: a field holds what it never does"),
    ("unheard_of", 1, "written by another version of vlabench in {}")])
def test_a_line_with_other_fields_or_types_is_left_out(store: Store, field: str, value: object, why: str) -> None:
    path = fill(store, record())
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}) + "\n")
    assert read(store).warnings() == [
        f"1 record left out: {why.format('results/random/primitive/kitchen/clean.jsonl')}"]


def test_an_empty_file_and_a_pipe_are_said_and_not_waited_for(store: Store) -> None:
    path = fill(store, record())
    path.write_text("\n")
    assert read(store).warnings() == ["no episode in results/random/primitive/kitchen/clean.jsonl, which is empty"]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StoreError, match=r"clean.jsonl: is a pipe or a device, not a plain file\n  fix: remove it"):
        read(store)


def test_a_file_beyond_all_records_is_not_read_into_memory(store: Store) -> None:
    os.truncate(fill(store, record()), 2**40)
    with pytest.raises(StoreError, match="clean.jsonl: 1099511627776 bytes; .* takes at most 1073741824"):
        read(store)


def test_half_a_line_that_is_nested_too_deeply_is_cut(store: Store) -> None:
    path = fill(store, record())
    whole = path.read_bytes()
    path.write_bytes(whole + b"[" * 200_000)
    fill(store, record(index=1))
    assert path.read_bytes() == whole + whole.replace(b'"index": 0', b'"index": 1')


def test_a_later_format_is_refused(store: Store) -> None:
    path = fill(store, record(), record(index=1))
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(StoreError) as caught:
        read(store)
    assert caught.value.exit_code == 4
    assert str(caught.value) == (
        "results/random/primitive/kitchen/clean.jsonl, line 1: format 2, written by a later vlabench; this one reads "
        "up to format 1\n  fix: upgrade vlabench, or choose another folder with --results DIR"
    )


def test_a_record_filed_under_another_condition_is_left_out(store: Store) -> None:
    fill(store, record()).rename(store.path("kitchen", "joint"))
    reading = store.read(["kitchen"], {"joint": "c"}, "p")
    assert reading.warnings() == ["1 record left out: filed under condition 'joint' but played under another"]


def test_only_one_writes_and_a_killed_writer_lets_go(store: Store) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom vlabench.records.store import Store\n"
        "with Store(Path('results'), 'random', 'primitive').writer():\n"
        "    print('in', flush=True)\n    time.sleep(60)\n"
    )
    with python(code) as other:
        assert other.stdout is not None and other.stdout.readline() == "in\n"
        with pytest.raises(StoreError) as caught, store.writer():
            pass
        assert str(caught.value).startswith(f"results/random/primitive: process {other.pid} on ")
        assert str(caught.value).endswith("--results DIR")
        with Store(Path("results"), "still", "primitive").writer():
            assert indices(read(store)) == []
        other.send_signal(signal.SIGKILL)
    assert indices(read(store)) == []
    fill(store, record())
    assert indices(read(store)) == [0]


def test_what_a_killed_writer_had_reported_is_there(store: Store) -> None:
    code = (
        "from pathlib import Path\nfrom tests.factories import record\nfrom vlabench.records.store import Store\n"
        "with Store(Path('results'), 'random', 'primitive').writer() as writer:\n"
        "    for index in range(10**6):\n        writer.append(record(index=index))\n        print(index, flush=True)\n"
    )
    with python(code) as other:
        assert other.stdout is not None
        reported = [int(other.stdout.readline()) for _ in range(30)]
        other.send_signal(signal.SIGKILL)
        reported += [int(line) for line in other.stdout]
    found = indices(read(store))
    assert found[: len(reported)] == reported and len(found) <= len(reported) + 1
    fill(store, record(index=10**6))
    assert indices(read(store)) == [*found, 10**6]


def test_every_record_is_written_and_then_synced_before_it_counts_as_recorded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of what is asked of the system: a record in a new file, one more, a note of the run."""
    asked: list[tuple[str, str]] = []
    folders = {"kitchen", "primitive"}

    def watched(name: str) -> None:
        real = getattr(os, name)

        def call(handle: int, *rest: Any) -> Any:
            file = Path(os.readlink(f"/proc/self/fd/{handle}")).name
            if file.endswith(".jsonl") or file in folders:
                asked.append((name, file))
            return real(handle, *rest)

        monkeypatch.setattr(os, name, call)

    for name in ("write", "fsync", "close"):
        watched(name)
    with store.writer() as writer:
        for index in range(2):
            writer.append(record(index=index))
            asked.append(("recorded", str(index)))
        writer.note_run({"host": "h"})
    first = [(name, "clean.jsonl") for name in ("write", "fsync", "close")]
    folder = [(name, "kitchen") for name in ("fsync", "close")]  # a new file's name is to last, too
    noted = [(name, "runs.jsonl") for name in ("write", "fsync", "close")]
    root = [(name, "primitive") for name in ("fsync", "close")]
    assert asked == [*first, *folder, ("recorded", "0"), *first, ("recorded", "1"), *noted, *root]


def test_a_full_disk_leaves_whole_lines_and_says_so(store: Store) -> None:
    path = fill(store, record(index=0), record(index=1))
    whole = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with store.writer() as writer:
        # The kernel takes the first 40 bytes of the line and refuses the rest, as a disk does that fills up.
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 40, before[1]))
        try:
            with pytest.raises(StoreError) as caught:
                writer.append(record(index=2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        assert path.read_bytes() == whole
        writer.append(record(index=3))
    assert indices(read(store)) == [0, 1, 3]
    assert str(caught.value) == (
        "results/random/primitive/kitchen/clean.jsonl: File too large, when writing; what was recorded before stays "
        "readable\n  fix: make room or set the permissions there, or choose another folder with --results DIR"
    )


def test_no_space_at_all_is_a_store_error(store: Store) -> None:
    path = store.path("kitchen", "clean")
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    with pytest.raises(StoreError, match="clean.jsonl: No space left on device, when writing"):
        fill(store, record())


def test_a_results_folder_that_is_a_file_is_a_store_error(store: Store) -> None:
    store.root.touch()
    with pytest.raises(StoreError, match="results/random/primitive/.lock: (Not a directory|File exists), when writing"):
        fill(store, record())
    with pytest.raises(StoreError, match="clean.jsonl: Not a directory, when reading"):
        read(store)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_results_folder_without_permission_is_a_store_error(store: Store) -> None:
    store.root.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="Permission denied, when writing"):
        fill(store, record())


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "x" * 101, "a\nb", "nul", "Con.x", "a."])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    root = Path("results")
    with pytest.raises(StoreError, match="cannot be a file name"):
        Store(root, name, "primitive").path("kitchen", "clean")
    with pytest.raises(StoreError, match="cannot be a file name"):
        Store(root, "random", "primitive").path("kitchen", name)


def test_runs_are_noted_beside_the_records(store: Store) -> None:
    with store.writer() as writer:
        writer.note_run({"command": ["vlabench", "run"]})
        writer.note_run({"command": ["vlabench", "again"]})
    lines = [json.loads(line) for line in (store.folder / "runs.jsonl").read_text().splitlines()]
    assert [line["command"][1] for line in lines] == ["run", "again"]
    assert read(store).records == {}


def test_every_field_of_a_record_is_kept(store: Store) -> None:
    path = fill(store, record())
    assert set(json.loads(path.read_text())) == {"format"} | {f.name for f in dataclasses.fields(EpisodeRecord)}


ODD = [
    b'{"a": 1, "a": 2}', b'{"a": NaN, "b": [Infinity, -Infinity]}', b'{"a": "\\ud800", "b": "\\udc80x"}', b"[1]", b"1",
    b'{"a": 1', b'{"a": "x', b'{"a": 1}x', b"{'a': 1}", b'{"a": 01}', b'{"a": 1.}', b'{"a": "\xff"}', b'{"a": "\t"}',
    b'{"a": 123456789012345678901234567890, "b": 1e400, "c": -0, "d": 0.1e-7}', b"\xef\xbb\xbf" b'{"a": 1}',
    b"nan", b"", b'{"a": ' + b"9" * 5000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("line", ODD)
def test_lines_are_read_as_python_reads_them(line: bytes) -> None:
    """The faster reader takes what `json.loads` takes and gives what it gives, in odd cases, too."""
    try:
        expected = json.loads(line)
    except ValueError:
        expected = None
    assert repr(json_line(line)) == repr(expected if isinstance(expected, dict) else None)


@settings(max_examples=200)
@given(st.dictionaries(TEXT, VALUES, max_size=4), st.booleans(), st.integers(0, 400))
def test_any_line_is_read_as_python_reads_it(content: dict[str, Any], ascii_only: bool, cut: int) -> None:
    line = json.dumps(content, ensure_ascii=ascii_only).encode()
    assert repr(json_line(line)) == repr(json.loads(line))
    if 0 < cut < len(line):  # as a kill leaves it
        assert json_line(line[:cut]) is None


def test_a_message_with_half_a_character_is_kept(store: Store) -> None:
    fill(store, once := record(status="error", message=os.fsdecode(b"no such file: \xff.npz")))
    assert list(read(store).records.values()) == [once]
