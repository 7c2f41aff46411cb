"""Runs with real worker processes: the same records however they are made, and every way in which one can go wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PLUGIN
from tests.factories import install
from tests.places import ROOT
from tests.toy.near import Near
from tests.toy.toy import Toy
from vlabench import cards, load_results
from vlabench.episode.child import ENVIRONMENT
from vlabench.episode.player import LONGEST, Batch, Ended, Finished, told
from vlabench.episode.recording import Recording
from vlabench.episode.resources import default_time_limit, default_workers
from vlabench.episode.worker import Worker, _send
from vlabench.errors import AuditError, OptionError, StoreError, UnknownName, WorkerError
from vlabench.evaluation import plan
from vlabench.evaluation.plan import Plan, RunOptions
from vlabench.evaluation.run import Evaluation, RunSummary, evaluate, run
from vlabench.gate import play as gate
from vlabench.gate.compare import Choice, compare
from vlabench.records.merge import merge
from vlabench.records.shards import Shard
from vlabench.records.store import Store
from vlabench.reports import plots, tables
from vlabench.reports.tables.paired import Cell
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeRecord, Success, won
from vlabench.util.progress import Progress

Records = Mapping[tuple[str, str, int, int], EpisodeRecord]

pytestmark = pytest.mark.usefixtures("toy_plugin")


class Notes(Progress):
    """Keeps what the user would be told."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def planned(suite: str = "toy", **options: Any) -> Plan:
    return plan.make(cards.load_suite(suite), cards.load_policy("toy-seeker"), find_simulator("toy")("plain"),
                     RunOptions(**options))


def store(results: Path) -> Store:
    return Store(results, "toy-seeker", "plain")


def playing(results: Path, todo: Plan | None = None, **options: Any) -> RunSummary:
    engine = find_simulator("toy")("plain")
    return run(todo or planned(), cards.load_policy("toy-seeker"), engine, store(results), **{"workers": 1, **options})


def records(results: Path, suite: str = "toy") -> Records:
    """What is on record, without what may differ from run to run."""
    conditions = {name: c.digest for name, c in cards.load_suite(suite).conditions.items()}
    reading = store(results).read(["toy_points"], conditions, cards.load_policy("toy-seeker").digest)
    assert not [why for why in reading.ignored if not why.startswith("half a line")]
    return {k: dataclasses.replace(r, seconds=0.0, finished="") for k, r in reading.records.items()}


def error_of(results: Path, index: int, condition: str = "clean", task: str = "0") -> EpisodeRecord:
    """The record of an episode that is an error."""
    found = records(results)[f"toy_points/{task}", condition, index, 0]
    assert found.status == "error"
    return found


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one undisturbed run with one worker."""
    results = tmp_path_factory.mktemp("truth")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGIN))
        summary = playing(results)
    assert (summary.planned, summary.held, summary.played, summary.errors, summary.exit_code) == (36, 0, 36, 0, 0)
    return results


@pytest.fixture
def mischief(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what goes wrong."""
    return lambda **kinds: monkeypatch.setenv("TOY_MISCHIEF", json.dumps(
        {key.lstrip("_").replace("_", "/"): kind for key, kind in kinds.items()}))


# the same records


def test_a_record_says_what_happened(truth: Path) -> None:
    found = records(truth)
    assert len(found) == 36
    by = {(r.task, r.index): r for r in found.values() if r.condition == "clean"}
    for record in found.values():
        assert record.status in ("success", "failure") and 0 < record.steps <= 20
        assert record.versions["toy"] == "0.1" and "vlabench" in record.versions
        assert record.frame == by[record.task, record.index].frame
        assert set(record.realised) == {"clean": set(), "dark": {"toy_dark"}, "jolt": {"toy_jolt"}}[record.condition]
    assert all(r.status == "success" and set(r.changed) == {"action/asked"} for r in by.values())
    (noted,) = (store(truth).folder / "runs.jsonl").read_text().splitlines()
    assert {"command", "host", "versions", "revision", "python"} <= json.loads(noted).keys()


def test_four_workers_and_another_order_make_the_same_records(truth: Path, tmp_path: Path) -> None:
    todo = planned()
    shuffled = dataclasses.replace(todo, specs=tuple(random.Random(3).sample(todo.specs, len(todo.specs))))
    playing(tmp_path, shuffled, workers=4)
    assert records(tmp_path) == records(truth)


@pytest.fixture(params=[2, pytest.param(7, marks=pytest.mark.long)])
def side_by_side(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many episodes are played side by side, of any task, here and in workers."""
    monkeypatch.setenv("TOY_BATCH", str(request.param))
    monkeypatch.setattr(Toy, "max_batch", request.param)
    return int(request.param)


def test_episodes_played_side_by_side_make_the_same_records(truth: Path, tmp_path: Path, side_by_side: int) -> None:
    batches = []

    class Counting(Worker):
        def give(self, key: Any, batch: Batch, time_limit: float) -> None:
            batches.append(len(batch))
            super().give(key, batch, time_limit)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("vlabench.episode.pool.Worker", Counting)
        assert playing(tmp_path, workers=2, record=True).errors == 0
    assert records(tmp_path) == records(truth)
    assert batches == {2: [2] * 18, 7: [6] * 6}[side_by_side]  # three rounds of two workers, and no tiny ones
    recorded = {path.stem: Recording.load(path) for path in tmp_path.rglob("clean/*.npz")}
    assert len(recorded) == 12
    for record in records(truth).values():
        if record.condition == "clean":
            recording = recorded[f"{record.task[-1]}-{record.index}-0"]
            assert (recording.state, len(recording.actions)) == (record.state, record.steps)


def test_errors_of_episodes_side_by_side_are_their_own(tmp_path: Path, mischief: Any, side_by_side: int) -> None:
    kinds = [*IN_EPISODE, "numb", "quit", "exit"]
    mischief(**{f"_{n % 3}_{n // 3}": kind for n, kind in enumerate(kinds)})
    together, alone, todo = tmp_path / "together", tmp_path / "alone", planned(conditions=("dark",))
    playing(together, todo, workers=2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TOY_BATCH", "1")
        patched.setattr(Toy, "max_batch", 1)
        playing(alone, todo, workers=2)
    assert records(together) == records(alone)
    assert sum(record.status == "error" for record in records(together).values()) == 2 * len(kinds)


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Near]]:
    """Workers play in this process; all that are started."""
    monkeypatch.setattr("vlabench.episode.pool.Worker", Near)
    yield Near.made
    Near.made.clear()


def test_no_episode_is_an_error_because_a_mate_broke_the_process(
        truth: Path, tmp_path: Path, mischief: Any, side_by_side: int, near: list[Near]) -> None:
    mischief(_0_0="spoil", _0_2="spoil", _1_3="spoil")
    notes = Notes()
    assert playing(tmp_path, progress=notes).errors == 9
    found = records(tmp_path)
    broken = {("toy_points/0", 0), ("toy_points/0", 2), ("toy_points/1", 3)}
    assert {(task, index) for (task, _, index, _), record in found.items() if record.status == "error"} == broken
    assert all(record == records(truth)[identity] for identity, record in found.items() if record.status != "error")
    assert {re.sub("[23]", "n", note) for note in notes.notes} == {"a worker is replaced after n errors in a row"}
    assert len(near) <= 1 + 2 * 9


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), AuditError("no")])
def test_what_ended_with_the_last_that_was_entered_is_on_record(
        stop: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, near: list[Near]) -> None:
    monkeypatch.setattr(Toy, "max_batch", 7)

    class Stopped(Notes):
        def count(self, condition: str, ended: Any) -> None:
            super().count(condition, ended)
            if self.played == 2:
                raise stop

    with contextlib.suppress(AuditError):
        summary = playing(tmp_path, progress=Stopped())
        assert summary.interrupted and summary.exit_code == 130
    lines = [line for path in tmp_path.rglob("toy_points/*.jsonl") for line in path.read_text().splitlines()]
    assert len(records(tmp_path)) == len(lines) == near[0].batches[0] == 6


def test_what_is_on_record_is_not_played_again(truth: Path, tmp_path: Path) -> None:
    playing(tmp_path, planned(episodes=1))
    before = {path: path.read_text() for path in tmp_path.rglob("*.jsonl")}
    summary = playing(tmp_path)
    assert (summary.held, summary.played) == (9, 27) and records(tmp_path) == records(truth)
    for path, text in before.items():
        assert path.read_text().startswith(text)
    again = playing(tmp_path)
    assert (again.held, again.played, again.exit_code) == (36, 0, 0)


def test_records_of_other_versions_hold_but_are_pointed_out(tmp_path: Path) -> None:
    todo = planned(episodes=2, tasks=("toy_points/1",), conditions=("dark",))
    playing(tmp_path, todo)
    path = store(tmp_path).path("toy_points", "dark")
    path.write_text(path.read_text().replace('"toy": "0.1"', '"toy": "0.0"'))
    notes = Notes()
    assert playing(tmp_path, todo, progress=notes).held == 4
    assert notes.notes == ["note: 2 records on hand made with toy 0.0, now 0.1: an episode may end otherwise with it; "
                           "--results DIR plays all of them anew"]


def test_an_old_folder_is_played_anew_after_a_revision_of_the_simulator(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few: Any = {"options": RunOptions(episodes=1), "workers": 1}
    notes = Notes()
    before = evaluate("toy-seeker", "toy", tmp_path, **few).records
    monkeypatch.setattr(find_simulator("toy"), "revision", 2)
    after = evaluate("toy-seeker", "toy", tmp_path, progress=notes, **few)
    assert (after.summary.held, after.summary.played) == (0, 9)
    assert notes.notes == ["note: 9 records left out: conditions 'clean', 'dark', 'jolt' had other parameters then, or "
                           "the simulator an earlier protocol"]
    assert {r.identity for r in after.records} == {r.identity for r in before}
    assert not {r.condition_digest for r in after.records} & {r.condition_digest for r in before}
    assert sum(path.read_bytes().count(b"\n") for path in (store(tmp_path).folder / "toy_points").iterdir()) == 18
    monkeypatch.setattr(find_simulator("toy"), "revision", 1)
    assert evaluate("toy-seeker", "toy", str(tmp_path), **few).summary.held == 9


MINE = """
import numpy as np
from vlabench.adapters.base import Policy
from vlabench.types import Decision

class Mine(Policy):
    def reset(self, slots, draws): pass
    def act(self, obs): return Decision(np.full((len(obs.proprio), 4, 3), %s))
"""


def test_a_run_leaves_what_tables_say_of_a_training(tmp_path: Path) -> None:
    """A card that is given by its path is found by none of them else."""
    mine = tmp_path / "mine.toml"
    mine.write_text(cards.load_policy("toy-seeker").path.read_text() + 'trained_on = ["toy_dark"]\n')
    evaluate(str(mine), "toy", tmp_path / "r", options=RunOptions(episodes=1), workers=1)
    mine.unlink()
    sheet = tables.make([tmp_path / "r"], tables.Choice())
    marked = {column.name for column, cell in zip(sheet.columns, sheet.lines[0].cells, strict=True)
              if isinstance(cell, Cell) and cell.familiar}
    assert {"clean", "dark", "jolt"} - marked == {"clean", "jolt"}


def test_another_code_of_the_users_own_adapter_is_another_policy(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, card = tmp_path / "site", tmp_path / "mine.toml"
    install(site, "mine", {"vlabench.adapters": {"mine": "mine_policy:Mine"}}, {"mine_policy.py": MINE % 0.1})
    monkeypatch.syspath_prepend(str(site))
    card.write_text('title = "t"\nsource = "s"\nadapter = "mine"\nassets = ["plain"]\nreplan = 4\n')
    few: Any = {"options": RunOptions(episodes=1, conditions=("clean",)), "workers": 1}
    first = evaluate(str(card), "toy", tmp_path / "r", **few)
    assert evaluate(str(card), "toy", tmp_path / "r", **few).summary.held == 3
    (site / "mine_policy.py").write_text(MINE % 0.25)
    notes = Notes()
    second = evaluate(str(card), "toy", tmp_path / "r", progress=notes, **few)
    assert second.summary.played == 3
    assert notes.notes[0] == ("note: 3 records left out: policy 'mine' had another card, other weights or other code "
                              "then")
    one, other = first.records[0], second.records[0]
    assert one.policy_digest != other.policy_digest and one.state != other.state
    assert len(one.versions["adapter"]) == 16 and one.versions["adapter"] != other.versions["adapter"]
    assert "adapter" not in cards.load_policy("random").versions()  # our own: its revision says so


def test_recorded_actions_lie_beside_the_records(tmp_path: Path) -> None:
    todo = planned(episodes=1, tasks=("toy_points/1",))
    playing(tmp_path, todo, record=True)
    for spec in todo.specs:
        recording = Recording.load(Store(tmp_path, "toy-seeker", "plain").recording(spec.identity))
        record = records(tmp_path)[spec.identity]
        assert (len(recording.actions), recording.state, recording.replan) == (record.steps, record.state, 3)


def test_what_is_on_record_without_its_actions_is_played_again_for_them(tmp_path: Path) -> None:
    todo = planned(episodes=1, tasks=("toy_points/1",))
    playing(tmp_path, todo)
    files = {path: path.read_bytes() for path in tmp_path.rglob("toy_points/*.jsonl")}
    summary = playing(tmp_path, todo, record=True)
    assert (summary.planned, summary.held, summary.played, summary.again, summary.astray) == (3, 0, 3, 3, 0)
    assert "3 were on record already\n3 of these were played again, being on record without the actions" in str(summary)
    assert files and files == {path: path.read_bytes() for path in files}  # no line is added
    paths = [Store(tmp_path, "toy-seeker", "plain").recording(spec.identity) for spec in todo.specs]
    assert [Recording.load(path).state for path in paths] == [each.state for each in summary.records]
    dataclasses.replace(Recording.load(paths[0]), state="0" * 16).save(paths[0])  # an earlier version's
    again = playing(tmp_path, todo, record=True)
    assert (again.held, again.played) == (2, 1) and Recording.load(paths[0]).state == summary.records[0].state
    assert playing(tmp_path, todo, record=True).played == 0


def test_actions_that_lead_elsewhere_than_the_record_are_not_kept(tmp_path: Path) -> None:
    todo = planned(episodes=1, tasks=("toy_points/1",), conditions=("clean",))
    playing(tmp_path, todo)
    path = tmp_path / "toy-seeker/plain/toy_points/clean.jsonl"
    path.write_text(re.sub(r'"state": "\w+"', '"state": "0123456789abcdef"', path.read_text()))
    before = path.read_bytes()
    summary = playing(tmp_path, todo, record=True)
    assert summary.astray == 1 and "1 episode did not end as on record" in str(summary)
    assert path.read_bytes() == before and not list(tmp_path.rglob("*.npz"))
    assert summary.records[0].state == "0123456789abcdef"


def test_the_libraries_of_a_worker_use_one_thread() -> None:
    done = subprocess.run([sys.executable, "-c", "import cv2; print(cv2.getNumThreads())"], text=True, check=True,
                          env={**os.environ, **ENVIRONMENT}, capture_output=True)
    assert done.stdout == "1\n" and ENVIRONMENT["OMP_NUM_THREADS"] == "1"


# killed, interrupted, out of space


def command(results: Path, workers: int = 2, suite: str = "toy") -> list[str]:
    return [sys.executable, "-m", "tests.toy.toy_run", str(results), suite, str(workers)]


def environment(**mischief: Any) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(PLUGIN)]), "TOY_MISCHIEF": json.dumps(mischief)}


@contextlib.contextmanager
def started(*arguments: Any, **mischief: Any) -> Iterator[subprocess.Popen[str]]:
    # A shell's background job ignores Ctrl-C, and so would what it starts.
    with subprocess.Popen(command(*arguments), env=environment(**mischief), cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
        try:
            yield process
        finally:
            process.kill()


def workers_of(pid: int) -> list[int]:
    """Processes, zombies apart, that are workers of this parent; a worker has its parent's id in its command line."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            arguments = (folder / "cmdline").read_bytes().split(b"\0") if folder.name.isdigit() else []
            if len(arguments) > 5 and arguments[3] == b"vlabench.episode.worker" and arguments[5] == str(pid).encode():
                found.append(int(folder.name))
    return found


def eventually(condition: Any, seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed_the_records_are_the_same(truth: Path, tmp_path: Path) -> None:
    for least in (0, 1, 4):
        goal = len(records(tmp_path)) + random.randint(least, least + 3)
        with started(tmp_path, pause=0.1) as process:
            # by what was recorded, not by the clock alone: a slow machine must not be killed before it begins
            assert eventually(lambda goal=goal: len(records(tmp_path)) >= goal, 60.0)
            time.sleep(random.uniform(0.0, 0.2))
            process.kill()
            process.wait()
        assert eventually(lambda pid=process.pid: not workers_of(pid)), "workers outlived the runner"
    assert 5 <= len(records(tmp_path)) < 36, "no run was killed in its midst"
    playing(tmp_path, workers=2)
    assert records(tmp_path) == records(truth)


def test_ctrl_c_keeps_what_was_recorded(truth: Path, tmp_path: Path) -> None:
    with started(tmp_path, pause=0.5) as process:
        assert eventually(lambda: len(records(tmp_path)) >= 3)
        assert len(workers_of(process.pid)) == 2
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)
        assert process.returncode == 130, output
    assert workers_of(process.pid) == []
    kept = records(tmp_path)
    assert 3 <= len(kept) < 36 and all(record.status != "error" for record in kept.values())
    told = re.search(r"interrupted with (\d+) episodes left; the same command plays on", output)
    # the signal may come when an episode is written and not yet counted
    assert told and int(told[1]) - (36 - len(kept)) in (0, 1), output
    assert "Traceback" not in output
    playing(tmp_path, workers=2)
    assert records(tmp_path) == records(truth)


def test_a_full_disk_stops_the_run_and_what_was_recorded_stays_readable(truth: Path, tmp_path: Path) -> None:
    limited = ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", *command(tmp_path)]  # files of at most 8 KiB
    done = subprocess.run(limited, env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == StoreError.exit_code, done.stdout + done.stderr
    assert "File too large" in done.stdout and "recorded before stays readable" in done.stdout
    assert "\n  fix: " in done.stdout and "Traceback" not in done.stdout + done.stderr
    kept = records(tmp_path)
    assert 5 < len(kept) < 36
    assert all(path.read_bytes().endswith(b"\n") for path in tmp_path.rglob("*.jsonl"))
    playing(tmp_path)
    assert records(tmp_path) == records(truth)


def test_an_unwritable_folder_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        playing(tmp_path / "file")


# errors in episodes


IN_EPISODE = {
    "reset": ("reset", "ValueError", "mischief at reset [toy.py:"),
    "observe": ("observe", "ValueError", "mischief at observe [toy.py:"),
    "act": ("act", "KeyError", "'mischief at act' [toy.py:"),
    "nan": ("act", "ValueError", "returned 6 action values that are not finite at step 0 [loop.py:"),
    "step": ("step", "ValueError", "mischief at step [toy.py:"),
}


def test_errors_are_recorded_the_run_goes_on_and_the_next_one_retries(
        truth: Path, tmp_path: Path, mischief: Any) -> None:
    mischief(**{f"_{task}_{index}": kind for (task, index), kind in zip(
        [(0, 1), (0, 3), (1, 0), (1, 2), (2, 2)], IN_EPISODE, strict=True)})
    summary = playing(tmp_path)
    assert (summary.played, summary.errors, summary.exit_code) == (36, 15, 1)
    assert "15 of 36 ended in errors (41.7 %)" in str(summary)
    assert "3 × step: ValueError: mischief at step" in str(summary)
    assert "that is more than 5 %: this run failed" in str(summary)
    for key, (phase, error, message) in zip([("0", 1), ("0", 3), ("1", 0), ("1", 2), ("2", 2)], IN_EPISODE.values(),
                                            strict=True):
        for condition in ("clean", "dark", "jolt"):
            found = error_of(tmp_path, key[1], condition, task=key[0])
            assert (found.phase, found.error, found.steps, found.state) == (phase, error, 0, "")
            assert message in found.message
    sound = {identity: record for identity, record in records(tmp_path).items() if record.status != "error"}
    assert sound == {identity: records(truth)[identity] for identity in sound}
    mischief()
    again = playing(tmp_path)
    assert (again.held, again.played, again.errors, again.exit_code) == (21, 15, 0, 0)
    assert records(tmp_path) == records(truth)


def test_proprioception_that_is_not_finite_is_an_error_of_its_episodes(
        truth: Path, tmp_path: Path, mischief: Any) -> None:
    mischief(_0_1="numb")
    summary = playing(tmp_path, planned(tasks=("toy_points/0",)))
    assert (summary.played, summary.errors) == (12, 3)
    for condition in ("clean", "dark", "jolt"):
        found = error_of(tmp_path, 1, condition)
        assert (found.phase, found.error) == ("observe", "ValueError")
        assert "the simulator returned 2 values of proprioception that are not finite at step 0" in found.message
    assert all(record == records(truth)[identity] for identity, record in records(tmp_path).items()
               if record.status != "error")


@pytest.mark.parametrize(("kind", "error", "message"), [
    ("quit", "SystemExit", "sys.exit(3) was called [toy.py:"),
    ("mute", "Mute", "(a Mute that cannot be put into words)"),
])
def test_neither_an_exit_nor_an_exception_without_words_costs_a_worker(
        kind: str, error: str, message: str, tmp_path: Path, mischief: Any) -> None:
    mischief(_0_1=kind)
    notes = Notes()
    summary = playing(tmp_path, planned(tasks=("toy_points/0",), conditions=("clean",)), progress=notes)
    assert (summary.played, summary.errors, notes.notes) == (4, 1, [])
    found = error_of(tmp_path, 1)
    assert (found.phase, found.error) == ("act", error) and found.message.startswith(message)


@pytest.mark.parametrize(("episodes", "errors", "status"), [
    (20, 1, 0), (20, 2, 1), (100, 5, 0), (100, 6, 1), (1000, 50, 0), (1000, 51, 1), (39, 2, 1), (1, 0, 0), (1, 1, 1)])
def test_a_run_fails_with_more_than_one_error_in_twenty(episodes: int, errors: int, status: int) -> None:
    """Of the episodes of the plan, whatever was on record before."""
    summary = RunSummary(episodes, episodes - errors, 0, 0, errors, (("act: ValueError: no", errors),), 1.0, False)
    assert (summary.exit_code, summary.too_many_errors) == (status, bool(status))
    assert ("that is more than 5 %: this run failed" in str(summary)) == bool(status)
    assert dataclasses.replace(summary, interrupted=True).exit_code == 130


@pytest.mark.parametrize(("kind", "error", "how"), [
    ("segfault", "WorkerDied", "was killed by SIGSEGV"),
    ("exit", "WorkerDied", "ended with exit status 7"),
    ("hang", "Timeout", "gave no answer within 2 s and was stopped (a slow policy needs more than "
     "vlabench run --time-limit 2)"),
])
def test_a_worker_that_dies_or_hangs_is_an_error_and_another_goes_on(
        kind: str, error: str, how: str, truth: Path, tmp_path: Path, mischief: Any,
        monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)  # or it would stay where it once was
    mischief(_0_2=kind)
    todo, notes = planned(tasks=("toy_points/0",), conditions=("clean",)), Notes()
    summary = playing(tmp_path, todo, time_limit=2.0, progress=notes)
    assert (summary.played, summary.errors, summary.exit_code) == (4, 1, 1)
    found = error_of(tmp_path, 2)
    assert (found.phase, found.error, found.message) == ("worker", error, f"the worker {how}")
    (note,) = notes.notes
    assert note.startswith(f"a worker {how} (toy_points/0 clean 2)")
    words = {"exit": "leaving early", "segfault": "Fatal Python error: Segmentation fault", "hang": ""}[kind]
    assert words in note
    assert not list(temporary.iterdir())
    mischief()
    assert playing(tmp_path, todo).exit_code == 0
    assert records(tmp_path) == {k: r for k, r in records(truth).items() if k in records(tmp_path)}


def test_what_gets_on_is_not_late_however_long_all_of_it_takes(
        tmp_path: Path, mischief: Any) -> None:
    mischief(slow=0.25)
    todo = planned(episodes=1, tasks=("toy_points/0",), conditions=("clean",))
    assert playing(tmp_path, todo, time_limit=1.3).errors == 0
    (record,) = records(tmp_path).values()
    assert 0.25 * record.steps > 1.5


def test_what_cannot_be_sent_home_is_an_error_of_its_episodes() -> None:
    ours, theirs = Pipe()
    (spec, *_) = planned().specs
    _send(theirs, Ended((spec,), (Finished(None, lambda: None),)))  # type: ignore[arg-type]
    answer = ours.recv()
    assert answer.batch == (spec,) and (answer.error.phase, answer.error.error) in {
        ("collect", "PicklingError"), ("collect", "AttributeError")}


def test_a_copy_of_the_worker_that_a_policy_forks_off_answers_for_nobody(
        truth: Path, tmp_path: Path, mischief: Any) -> None:
    mischief(_0_1="fork")
    assert playing(tmp_path).errors == 0
    assert records(tmp_path) == records(truth)


def test_an_answer_for_another_episode_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take, answers = Worker.take, list[Ended]()

    def late(worker: Worker) -> Any:
        """The third episode's answer is the second's."""
        answer = take(worker)
        if isinstance(answer, Ended):
            answers.append(answer)
            return answers[1] if len(answers) == 3 else answer
        return answer

    monkeypatch.setattr(Worker, "take", late)
    notes = Notes()
    summary = playing(tmp_path, planned(conditions=("clean",), tasks=("toy_points/0",)), progress=notes)
    assert (summary.errors, summary.played) == (1, 4)
    failed = error_of(tmp_path, 2)
    assert (failed.phase, failed.error) == ("worker", "WrongEpisode") and "had not been given" in failed.message
    assert any("had not been given" in note for note in notes.notes)


def test_a_message_without_end_is_cut() -> None:
    assert len(told(ValueError("x" * 10**6))) < LONGEST + 100 and told(ValueError("x" * 10**6)).startswith("xxx")
    assert "(1000000 characters)" in told(ValueError("x" * 10**6))
    assert told(ValueError("short")) == "short"


def test_a_message_can_be_printed_whatever_it_holds() -> None:
    assert told(ValueError("\ud800 \x1b[2J\nnext")) == "\\ud800 \\x1b[2J\nnext"

    class Leaving(Exception):
        """Exits when asked what it says."""

        def __str__(self) -> str:
            sys.exit(5)

    assert told(Leaving()) == "(a Leaving that cannot be put into words)"
    try:
        raise MemoryError
    except MemoryError as error:
        assert told(error).startswith("[test_run.py:")


@pytest.mark.parametrize("counts", ["once", "end"])
def test_what_a_suite_counts_is_counted_everywhere(
        counts: Success, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulator that plays every episode to its end; under noise a point that came near the goal may leave it."""
    monkeypatch.setenv("TOY_SUCCESS", "end")  # for the workers
    monkeypatch.setattr(find_simulator("toy"), "success", "end")
    card = tmp_path / "counted.toml"
    card.write_text(f'title = "t"\nsource = "s"\nsimulator = "toy"\ntask_sets = ["toy_points"]\nepisodes = 4\n'
                    f'success = "{counts}"\n[conditions]\nwild = [{{ perturbation = "toy_jolt", sigma = 1.0 }}]\n')
    shown = Notes()
    done = evaluate("toy-seeker", str(card), tmp_path / "r", workers=1, progress=shown)
    assert {record.steps for record in done.records} == {20} and all(
        (record.status == "success") == record.success_at_end for record in done.records)
    once, end = (sum(getattr(record, name) for record in done.records) for name in ("success_once", "success_at_end"))
    assert once > end
    wins = once if counts == "once" else end
    assert done.summary.successes == wins == sum(tally.successes for tally in shown.tallies.values())
    assert load_results(tmp_path / "r", suite=str(card)).success.sum() == wins
    sheet = tables.of_run(done.records, done.folder, str(card), cards.load_policy("toy-seeker"), done.counts)
    assert round(sum(cell.n * cell.value for cell in sheet.lines[-1].cells[:2] if isinstance(cell, Cell)), 6) == wins
    data = plots.load([tmp_path / "r"], str(card))
    assert sum(sum(outcomes.values()) for side in data.sides for outcomes in side.outcomes.values()) == wins
    choice = Choice(suite=str(card))
    for report in (compare("toy-seeker", "toy-seeker", choice, tmp_path / "r"),
                   gate.play("toy-seeker", "toy-seeker", choice, tmp_path / "r")):
        for finding in report.findings:
            rounds = finding.pairs // 3
            expected = sum(won(record, counts) for record in done.records
                           if record.condition == finding.condition and record.index < rounds)
            assert rounds and round(finding.candidate.value * finding.pairs) == expected


def test_a_card_that_was_trained_on_nobody_knows_what_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    card = tmp_path / "mine.toml"
    card.write_text('title = "t"\nsource = "s"\nadapter = "toy_seeker"\nassets = ["plain"]\ncameras = ["top"]\n'
                    'image_size = 16\nreplan = 4\ntrained_on = ["bridge_v2"]\n')
    with pytest.raises(UnknownName, match="'bridge_v2' in .*mine.toml: trained_on"):
        evaluate(str(card), "toy", tmp_path / "r", workers=1)
    assert not (tmp_path / "r").exists()


def test_few_errors_do_not_fail_a_run(truth: Path, tmp_path: Path, mischief: Any) -> None:
    mischief(_1_3="step")
    summary = playing(tmp_path, planned(episodes=25, tasks=("toy_points/1",)))
    assert (summary.played, summary.errors, summary.exit_code) == (75, 3, 0)
    assert "3 of 75 ended in errors (4.0 %)" in str(summary) and "failed" not in str(summary)


def test_a_worker_that_fails_again_and_again_after_it_worked_is_replaced(tmp_path: Path, mischief: Any) -> None:
    mischief(**{f"_0_{index}": "act" for index in (1, 2, 3)})
    notes = Notes()
    summary = playing(tmp_path, planned(tasks=("toy_points/0",), conditions=("clean",)), progress=notes)
    assert (summary.successes, summary.errors) == (1, 3)
    assert notes.notes == ["a worker is replaced after 3 errors in a row"]


def test_a_task_that_cannot_be_opened_is_an_error_and_the_others_go_on(tmp_path: Path, mischief: Any) -> None:
    mischief(open_1="raise")
    notes = Notes()
    summary = playing(tmp_path, progress=notes)
    assert (summary.played, summary.errors, summary.exit_code) == (36, 12, 1)
    broken = [record for record in records(tmp_path).values() if record.status == "error"]
    assert {record.task for record in broken} == {"toy_points/1"}
    assert {(r.phase, r.error, r.message.partition(" [")[0]) for r in broken} == {("open", "RuntimeError", "mischief")}
    assert notes.notes[0].startswith("toy_points/1 cannot be opened: RuntimeError: mischief")


def test_side_by_side_with_others_the_task_that_cannot_be_opened_is_named(
        tmp_path: Path, mischief: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_BATCH", "7")
    monkeypatch.setattr(Toy, "max_batch", 7)
    mischief(open_0="raise")
    notes = Notes()
    assert playing(tmp_path, planned(episodes=1), progress=notes).errors == 9
    assert notes.notes[0].startswith("toy_points/0 cannot be opened: RuntimeError: mischief")


# runs that stop


@pytest.mark.parametrize(("trouble", "message"), [
    ({"construct": "raise"}, r"a worker could not start: RuntimeError: mischief \[toy.py:\d+\]$"),
    ({"construct": "exit"}, r"3 times in a row, .* ended with exit status 7 \(starting\)\nleaving early$"),
    ({"open_0": "raise", "open_1": "raise", "open_2": "raise"}, "3 times in a row, .* tasks could not be opened"),
    ({"_0_0": "segfault", "_0_1": "segfault", "_0_2": "segfault"}, "3 times in a row, .* killed by SIGSEGV"),
])
def test_workers_that_never_get_anywhere_stop_the_run(trouble: Any, message: str, tmp_path: Path,
                                                      mischief: Any) -> None:
    mischief(**trouble)
    with pytest.raises(WorkerError, match=message) as caught:
        playing(tmp_path)
    assert caught.value.exit_code == 3
    assert all(record.status == "error" for record in records(tmp_path).values())
    assert workers_of(os.getpid()) == []


@pytest.mark.parametrize(("suite", "channel", "problem"), [
    ("toy-idle", "images/top", "not changed at all in 5 of 5 episodes"),
    ("toy-leak", "images/side", "changed, although no perturbation declares it in 5 of 5 episodes"),
    ("toy-shy", "images/top", "never changed at the first look or step, only later in 5 of 5 episodes"),
])
def test_a_condition_that_breaks_its_word_stops_the_run_after_five_episodes(
        suite: str, channel: str, problem: str, tmp_path: Path) -> None:
    name = suite.removeprefix("toy-")
    with pytest.raises(AuditError) as caught:
        playing(tmp_path, planned(suite))
    assert f"condition {name!r}, channel {channel!r}: {problem} (toy_points/0:0, " in str(caught.value)
    found = records(tmp_path, suite)
    assert [r.condition for r in found.values()] == ["clean"] * 6 + [name] * 5  # kept, and no more were played
    with pytest.raises(AuditError):  # nothing is forgotten by the next run
        playing(tmp_path, planned(suite, episodes=5, tasks=("toy_points/0",)))


def test_a_short_run_is_audited_at_its_end(tmp_path: Path) -> None:
    done = subprocess.run(command(tmp_path, suite="toy-idle"), env=environment(), cwd=ROOT, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == AuditError.exit_code, done.stdout
    assert "the run's perturbations did not do what they say" in done.stdout and "Traceback" not in done.stderr
    with pytest.raises(AuditError, match="in 3 of 3 episodes"):
        playing(tmp_path / "short", planned("toy-idle", episodes=1))


# options


@pytest.mark.parametrize(("options", "message"), [
    ({"workers": 0}, "--workers 0: at least 1 is needed"), ({"time_limit": 0.0}, "--time-limit 0: must be above 0")])
def test_options_out_of_range_are_refused(options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        playing(tmp_path, **options)


def test_defaults_are_sane() -> None:
    assert 1 <= default_workers() <= (os.cpu_count() or 1)
    spec = planned().specs[0]
    assert default_time_limit(spec) == 300 + 5 * 20


def test_shards_joined_are_the_run_of_one_machine(truth: Path, tmp_path: Path) -> None:
    """As each has its pairs, each has its audit; and all of it is audited once it is joined."""
    def played(shard: Shard | None = None) -> Evaluation:
        return evaluate("toy-seeker", "toy", tmp_path, options=RunOptions(shard=shard), workers=1)

    def table(results: Path) -> str:
        return tables.rendered(tables.make([results], tables.Choice()), "md")

    parts = [played(Shard(number, 3)) for number in (1, 2, 3)]
    assert [part.summary.played for part in parts] == [12, 12, 12]
    assert parts[1].folder == tmp_path / "shard-2-of-3" / "toy-seeker" / "plain"
    with pytest.raises(StoreError, match="shards of a run that are not joined yet\n  fix: vlabench merge --results"):
        load_results(tmp_path)
    merge([], tmp_path)
    assert records(tmp_path) == records(truth) and table(tmp_path) == table(truth)
    whole = played().summary
    assert (whole.played, whole.held, whole.exit_code) == (0, 36, 0)
    assert [record.identity for record in whole.records] == [spec.identity for spec in planned().specs]
