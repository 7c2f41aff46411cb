"""Verifications beside the submissions: written by `verify --record`, read with distrust, and what entries become."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.conftest import PLUGIN
from tests.leaderboard import made
from vlabench import cards
from vlabench.cli.app import app
from vlabench.errors import SubmissionError
from vlabench.evaluation import plan, run
from vlabench.leaderboard import board
from vlabench.leaderboard.submit import submit
from vlabench.records.store import Store
from vlabench.simulators.base import find_simulator

REPRODUCED: dict[str, Any] = {"what": "reproduced", "agreed": 3, "share": 1.0, "band": 0.05,
                              "rerun": {"value": 0.0, "low": -0.04, "high": 0.04}}


def verification(entry: Path, **changes: Any) -> dict[str, Any]:
    """Of all 36 episodes, which came out equal to the bit."""
    digest = hashlib.sha256((entry / "submission.json").read_bytes()).hexdigest()
    return {"format": 1, "what": "replayed", "name": entry.name, "manifest_sha256": digest,
            "when": "2025-01-02T03:04:05+00:00", "by": "someone", "vlabench": "0.1.0", "revision": "0" * 40,
            "versions": {"toy": "0.1"}, "seed": 3, "sample": 36, "total": 36, "agreed": 36, "share": None, "band": None,
            "rerun": None} | changes


def put(entry: Path, content: dict[str, Any], name: str = "x.json") -> Path:
    """Into the leaderboard of an entry."""
    path = entry.parent.parent / "verifications" / entry.name / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """The only submission of a leaderboard."""
    return made.submission(tmp_path, "mine", lambda task, condition, index: index > 0).folder


def tracks(entry: Path) -> dict[str, list[dict[str, Any]]]:
    (suite,) = board.board(entry.parent.parent)["suites"]
    return {track["class"]: track["entries"] for track in suite["tracks"]}


def better_than(number: int) -> made.Outcome:
    return lambda task, condition, index: index > number


def test_each_class_is_ranked_for_itself(tmp_path: Path, entry: Path) -> None:
    """The best entry of all is first of its own table only, and the strengths are of those that it meets there."""
    for number, name in enumerate(["second", "third", "fourth"], 1):
        made.submission(tmp_path, name, better_than(number), noise=0.3 + number / 10)
    put(entry, verification(entry))
    put(entry.parent / "second", verification(entry.parent / "second", **REPRODUCED))
    found = tracks(entry)
    assert {known: [each["name"] for each in entries] for known, entries in found.items()} == {
        "replayed": ["mine"], "reproduced": ["second"], "reported": ["third", "fourth"]}
    assert list(found) == ["replayed", "reproduced", "reported"]
    assert [each["rank"]["best"] for entries in found.values() for each in entries][:3] == [1, 1, 1]
    (overall,) = board.board(entry.parent.parent)["overall"]
    assert overall["class"] == "reported" and len(overall["entries"]) == 2


def test_the_best_that_was_shown_counts_and_all_of_it_is_told(entry: Path) -> None:
    put(entry, verification(entry, by="first"), "a.json")
    put(entry, verification(entry, **REPRODUCED, by="later", when="2025-03-01T00:00:00+00:00"), "b.json")
    (found,) = tracks(entry)["replayed"]
    assert [(each["by"], each["what"], each["file"]) for each in found["verified"]] == [
        ("first", "replayed", "verifications/mine/a.json"), ("later", "reproduced", "verifications/mine/b.json")]
    texts = board.texts(entry.parent.parent)
    assert "[36 of 36 episodes replayed](verifications/mine/a.json) by first, 2025-01-02" in texts["board.md"]
    assert '<a href="verifications/mine/a.json">36 of 36 episodes replayed</a>' in texts["index.html"]
    assert ">by first, 2025-01-02<" in texts["index.html"] and "later" not in texts["index.html"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another manifest": ({"manifest_sha256": "0" * 64}, "manifest_sha256: 00000000… is of another manifest"),
    "another entry": ({"name": "yours"}, "name: 'yours' lies in the folder of another entry"),
    "other episodes": ({"total": 40}, "total: 40 episodes, where the entry has 36"),
    "markup": ({"by": "a\nb"}, "by: must be one line of printable text"),
    "nobody": ({"by": ""}, "by: "),
    "an unknown key": ({"trusted": True}, "unknown key 'trusted'"),
    "a number as text": ({"seed": "3"}, "seed: must be an integer"),
    "no such class": ({"what": "certified"}, "what: "),
    "no such month": ({"when": "2025-13-02T03:04:05+00:00"}, "month must be in 1..12"),
    "another zone": ({"when": "2025-01-02T03:04:05+02:00"}, "when: must match pattern"),
    "one that differs": ({"agreed": 35}, "does not make the entry replayed: 1 of 36 episodes did not come out equal"),
    "a small sample": ({"sample": 19, "agreed": 19}, "a sample of 19 shows little: 20 are needed"),
    "more than all": ({"agreed": 37}, "37 agreed of 36 of 36 episodes cannot be"),
    "a small share": (REPRODUCED | {"sample": 7, "share": 0.194444},
                      "7 of 36 episodes were played again, 20 % are needed"),
    "a wide interval": (REPRODUCED | {"rerun": {"value": 0.0, "low": -0.04, "high": 0.051}},
                        r"-4.0 to \+5.1 points, does not lie within ±5"),
    "no interval": (REPRODUCED | {"rerun": None}, "does not lie within ±5"),
    "a band of its own": (REPRODUCED | {"band": 0.5}, "share and band are 1.0 and 0.5, where 1.0 and 0.05 belong"),
    "beyond counting": ({"total": 10**400}, ".*more than 64 bits"),
    "tomorrow": ({"when": "2999-01-02T03:04:05+00:00"}, "when: 2999-01-02T03:04:05.00:00 is in the future"),
    "no revision": ({"revision": None}, "revision: "),
    "no versions": ({"versions": {}}, "versions: "),
    "ends the wrong way round": (REPRODUCED | {"rerun": {"value": 0.0, "low": 0.04, "high": -0.04}},
                                 "rerun: .* does not lie within 0.04 to -0.04"),
    "a value outside": (REPRODUCED | {"rerun": {"value": 0.045, "low": -0.04, "high": 0.04}},
                        "rerun: .*a difference of 0.045 does not lie within -0.04 to 0.04"),
    "reproduced though equal": (REPRODUCED | {"agreed": 36}, "all 36 episodes came out equal to the bit"),
    "both": ({"band": 0.05}, "share, band and rerun are of what was reproduced"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_as_it_should_be_is_refused(entry: Path, case: str) -> None:
    changes, reason = WRONG[case]
    put(entry, verification(entry, **changes))
    with pytest.raises(SubmissionError, match=f"verifications/mine/x.json: .*{reason}") as caught:
        board.board(entry.parent.parent)
    assert "\n  fix: " in str(caught.value)


@pytest.mark.parametrize(("content", "why"), [
    (b'{"what": "replayed", "what": "reproduced"}', "the key 'what' twice in one table"),
    (b"[" * 10_000, "nested more than"), (b'{"band": NaN}', "band: must be a finite number"),
    (b'{"seed": ' + b"9" * 5000 + b"}", "not valid JSON")])
def test_what_is_not_strict_json_is_refused(entry: Path, content: bytes, why: str) -> None:
    put(entry, {}).write_bytes(content)
    with pytest.raises(SubmissionError, match=f"verifications/mine/x.json: cannot be read: .*{why}.*\n  fix: "):
        board.board(entry.parent.parent)


def test_files_have_names_for_every_system(entry: Path) -> None:
    put(entry, verification(entry), "NUL.json")
    with pytest.raises(SubmissionError, match="NUL.json: does not belong there"):
        board.board(entry.parent.parent)
    put(entry, verification(entry), "nul.json")
    with pytest.raises(SubmissionError, match="verifications/mine: 'NUL.json' and 'nul.json' differ only in case"):
        board.board(entry.parent.parent)


def stray(path: Path) -> None:
    path.with_name("notes.txt").write_text("good")


def nested(path: Path) -> None:
    (path.parent / "more.json").mkdir()


def linked(path: Path) -> None:
    path.rename(path.parents[3] / "elsewhere.json")
    path.symlink_to(path.parents[3] / "elsewhere.json")


def linked_folder(path: Path) -> None:
    path.parent.rename(path.parents[3] / "elsewhere")
    path.parent.symlink_to(path.parents[3] / "elsewhere")


def all_linked(path: Path) -> None:
    path.parents[1].rename(path.parents[3] / "elsewhere")
    path.parents[1].symlink_to(path.parents[3] / "elsewhere")


def of_nobody(path: Path) -> None:
    path.parent.rename(path.parent.with_name("yours"))


def loose(path: Path) -> None:
    path.rename(path.parents[1] / "mine.json")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def huge(path: Path) -> None:
    os.truncate(path, 2**40)


def many(path: Path) -> None:
    for number in range(100):
        (path.parent / f"{number}.json").write_text(path.read_text())


def deep(path: Path) -> None:
    path.write_text('{"a":' * 3000 + "1" + "}" * 3000)


STRAYS: list[tuple[Callable[[Path], None], str]] = [
    (stray, "mine/notes.txt: does not belong there"), (nested, "mine/more.json: is a link, a folder or a device"),
    (linked, "mine/x.json: is a link, a folder"), (linked_folder, "verifications/mine: is a link or a file"),
    (all_linked, "verifications: is a link or a file"), (of_nobody, "verifications/yours: there is no submission"),
    (loose, "verifications/mine.json: there is no submission"), (pipe, "mine/x.json: is a link, a folder or a device"),
    (huge, r"mine/x.json: 1099511627776 bytes; what belongs there takes at most 16384"),
    (many, "verifications/mine: 101 files; an entry has at most 100"), (deep, "mine/x.json: "),
]


@pytest.mark.parametrize(("change", "reason"), STRAYS)
def test_what_does_not_belong_there_is_refused(entry: Path, change: Callable[[Path], None], reason: str) -> None:
    change(put(entry, verification(entry)))
    with pytest.raises(SubmissionError, match=reason):
        board.board(entry.parent.parent)


def test_all_wrong_verifications_are_named_at_once_by_check(entry: Path) -> None:
    put(entry, verification(entry, total=40), "a.json")
    put(entry, verification(entry, seed=-1), "b.json")
    found = CliRunner().invoke(app, ["board", "check", "--board", str(entry.parent.parent)])
    assert found.exit_code == 2 and "a.json: total" in found.stderr and "b.json: seed" in found.stderr


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaderboard, in `board`, with one submission that was really played, and its policy's card; left alone."""
    folder = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGIN))
        path = made.policy_card(folder / "policies", "seeker")
        policy, suite = cards.load_policy(str(path)), cards.load_suite("toy")
        engine = find_simulator("toy")("plain")
        run.run(plan.make(suite, policy, engine), policy, engine,
                Store(folder / "results", "seeker", "plain"), workers=1)
        submit(folder / "results", str(path), "toy", name="mine", contact="me",
               out=folder / "board" / "submissions" / "mine")
    return folder


@pytest.fixture
def played(once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same leaderboard, for one test; its submission is known here by its policy's name."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vlabench.records.provenance.revision", lambda folder: "0" * 40)  # also where there is no git
    return tmp_path / "board"


def command(*more: str, sample: str = "60%") -> Any:
    return CliRunner().invoke(app, ["verify", "board/submissions/mine", "--policy", "policies/seeker.toml", "--workers",
                                    "1", "--sample", sample, *more])


@pytest.mark.slow
def test_what_was_shown_is_recorded_and_makes_the_entry_replayed(played: Path) -> None:
    assert list(tracks(played / "submissions" / "mine")) == ["reported"]
    done = command("--record", "--by", "vlabench's own", "--board", "board")
    assert done.exit_code == 0, done.output
    (path,) = (played / "verifications" / "mine").iterdir()
    assert f"board/verifications/mine/{path.name}: recorded; next: vlabench board build" in done.stdout
    found = json.loads(path.read_text())
    assert (found["what"], found["by"], found["sample"], found["total"], found["agreed"]) == (
        "replayed", "vlabench's own", 22, 36, 22)
    assert f"--seed {found['seed']})" in done.stdout
    assert found["versions"]["toy"] == "0.1" and found["when"].endswith("+00:00")
    assert list(tracks(played / "submissions" / "mine")) == ["replayed"]
    # the entry, submitted anew, has not been seen by anyone
    manifest = played / "submissions" / "mine" / "submission.json"
    manifest.write_text(manifest.read_text().replace('"me"', '"you"'))
    with pytest.raises(SubmissionError, match=f"{path.name}: manifest_sha256: .* is of another manifest"):
        board.board(played)


@pytest.mark.slow
def test_what_shows_nothing_is_not_recorded(played: Path) -> None:
    small = command("--record", "--by", "me", "--board", "board", sample="3")
    assert small.exit_code == 2 and "3 of 3 replayed episodes agree" in small.stdout
    assert "mine: nothing is recorded: a sample of 3 shows little: 20 are needed" in small.stderr
    assert not (played / "verifications").exists()


@pytest.mark.parametrize(("more", "reason"), [
    (["--record"], "--record: whoever verified must be named"),
    (["--by", "me"], "--by 'me': only what is recorded bears a name"),
    (["--record", "--by", "a\nb", "--board", "board"], "must be one line of printable text"),
    (["--record", "--by", "", "--board", "board"], "--by is ''"),
    (["--record", "--by", "me", "--board", "board", "--seed", "5"], "--seed 5: the sample of what is recorded must"),
    (["--record", "--by", "me"], "board/submissions/mine is no submission of the leaderboard leaderboard"),
    (["--record", "--by", "me", "--board", "policies"], "is no submission of the leaderboard policies"),
])
def test_records_need_a_name_and_a_board_before_anything_is_played(played: Path, monkeypatch: pytest.MonkeyPatch,
                                                                   more: list[str], reason: str) -> None:
    monkeypatch.setattr(run, "run", lambda *_, **__: pytest.fail("played"))
    found = command(*more)
    assert found.exit_code == 2 and reason in " ".join(found.stderr.split()) and "fix: " in found.stderr


def test_code_without_a_revision_records_nothing(played: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "run", lambda *_, **__: pytest.fail("played"))
    monkeypatch.setattr("vlabench.records.provenance.revision", lambda folder: None)
    found = command("--record", "--by", "me", "--board", "board")
    assert found.exit_code == 2 and "this vlabench is not in a git checkout" in " ".join(found.stderr.split())
