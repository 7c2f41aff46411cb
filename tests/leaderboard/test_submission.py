"""Submissions that are not what they claim are refused, each with the reason; nothing outside their folder is read."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.leaderboard.made import altered
from vlabench.cards.conditions import digest_of
from vlabench.errors import OutdatedError, SubmissionError, UnknownName
from vlabench.leaderboard.manifest import Claim
from vlabench.leaderboard.submission import read

CLEAN = "records/policy-good/plain/toy_points/clean.jsonl"
JOLT = "records/policy-good/plain/toy_points/jolt.jsonl"
Manifest = dict[str, Any]
Change = Callable[[Path, Manifest], None]


def says(*path: str | int, value: Any) -> Change:
    """A manifest with one value changed."""
    def change(folder: Path, manifest: Manifest) -> None:
        place: Any = manifest
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    return change


def line(number: int, edit: Callable[[str], str], file: str = CLEAN) -> Change:
    """A records' file with one line changed."""
    def change(folder: Path, manifest: Manifest) -> None:
        lines = (folder / file).read_text().split("\n")
        lines[number] = edit(lines[number])
        (folder / file).write_text("\n".join(lines))
    return change


def fields(number: int, file: str = CLEAN, **values: Any) -> Change:
    """A records' file with some fields of one record changed."""
    return line(number, lambda text: json.dumps({**json.loads(text), **values}), file)


def swap(old: str, new: str, file: str = CLEAN) -> Change:
    """A file with some text replaced everywhere."""
    def change(folder: Path, manifest: Manifest) -> None:
        (folder / file).write_text((folder / file).read_text().replace(old, new))
    return change


def whole(file: str, content: bytes) -> Change:
    """A file with other content."""
    def change(folder: Path, manifest: Manifest) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    return change


def linked(file: str) -> Change:
    """A file or folder that is a link to the same, elsewhere."""
    def change(folder: Path, manifest: Manifest) -> None:
        elsewhere = folder.parent / f"elsewhere-{Path(file).name}"
        shutil.rmtree(elsewhere, ignore_errors=True)
        (folder / file).rename(elsewhere)
        (folder / file).symlink_to(elsewhere)
    return change


def huge(folder: Path, manifest: Manifest) -> None:
    """A sparse file of a terabyte, as the manifest says."""
    os.truncate(folder / CLEAN, 2**40)
    next(file for file in manifest["files"] if file["path"] == CLEAN)["size"] = 2**40


def fifo(folder: Path, manifest: Manifest) -> None:
    """A pipe, at which a reader would wait for ever."""
    (folder / CLEAN).unlink()
    os.mkfifo(folder / CLEAN)


def copied(folder: Path, manifest: Manifest) -> None:
    """A success copied over another episode, with that one's index."""
    lines = (folder / JOLT).read_text().split("\n")
    lines[1] = json.dumps({**json.loads(lines[0]), "index": 1})
    (folder / JOLT).write_text("\n".join(lines))
    manifest["rates"]["jolt"] = {"episodes": 12, "successes": 4, "rate": 0.333333}


def sparse(folder: Path, manifest: Manifest) -> None:
    """A file of nothing, as large as a million episodes may be, and of that checksum."""
    manifest["episodes"] = 10**6
    os.truncate(folder / CLEAN, 2**33)
    next(file for file in manifest["files"] if file["path"] == CLEAN)["size"] = 2**33


def deep(folder: Path, manifest: Manifest) -> None:
    """Folders inside each other."""
    (folder / ("a/" * 900)).mkdir(parents=True)


def two_in_one(folder: Path, manifest: Manifest) -> None:
    """Two records on one line and one over two, so that their numbers agree."""
    lines = (folder / CLEAN).read_text().split("\n")
    head, tail = lines[2][:13], lines[2][14:].lstrip()
    (folder / CLEAN).write_text("\n".join([lines[0] + "," + lines[1], head, tail, *lines[3:]]))


def endless(folder: Path, manifest: Manifest) -> None:
    """Task sets and conditions, in half a megabyte, of which the product is 810,000 files."""
    manifest["tasks"] = [f"a{k}/0" for k in range(900)]
    manifest["conditions"] = {f"c{k}": {"digest": digest_of([]), "parts": []} for k in range(900)}


def bomb() -> bytes:
    """A small zip of a lot of nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("records.jsonl", bytes(10**7))
    return buffer.getvalue()


CARD = "cards/policies/policy-good.toml"
HOSTILE: dict[str, tuple[Change, str]] = {
    "a date before its episodes": (says("created", value="2024-12-31"),
                                   r"created: 2024-12-31 is before the last of its episodes was .*\(2025-01-01\)"),
    "episodes after its date": (fields(3, finished="2999-01-01T00:00:00+00:00"), r"created: .*\(2999-01-01\)"),
    "an hour that is no time": (fields(3, finished="yesterday"), "finished at 'yesterday', which is no time"),
    "a month that is none": (says("created", value="2025-13-01"), "created: month must be in 1..12"),
    "a day that is none": (says("created", value="2025-02-30"), "created: day is out of range"),
    "a day to come": (says("created", value="2999-01-01"), "created: is in the future"),
    "a time that is none": (fields(3, finished="2025-02-30T00:00:00"), "'2025-02-30T00:00:00', which is no time"),
    "marks on marks": (says("contact", value="a" + "\u0301" * 150), "contact: must have combining marks on char"),
    "a blank contact": (says("contact", value="\u3164"), "contact: must not hold characters that show as nothing"),
    "a long contact": (says("contact", value="x" * 201), "contact: must have at most 200 visible characters"),
    "a device for a simulator": (says("simulator", value="NUL"), "simulator: cannot be a file's name: a device on Wi"),
    "a device for a task set": (says("tasks", 0, value="com1/0"), "tasks.0: cannot be a file's name: a device on Win"),
    "a dot at the end": (says("policy", value="policy-good."), "policy: cannot be a file's name: Windows drops"),
    "conditions that differ in case": (lambda _, manifest: manifest["conditions"].update(
        Clean=manifest["conditions"]["clean"]), "conditions: 'clean' and 'Clean' differ only in case"),
    "task sets that differ in case": (says("tasks", 0, value="Toy_points/0"), "tasks: 'Toy_points' and 'toy"),
    "episodes beyond counting": (says("episodes", value=10**4000), "episodes: a whole number of more than 64 bits"),
    "values beyond counting": (says("tasks", value=["a/0"] * 60_000), "60[0-9]{3} values; at most 50000"),
    "a card with a key of 30,000 parts": (whole(CARD, b".".join([b"a"] * 30_000) + b"=1"), "nested more than 32 deep"),
    "a card with a key of many tables": (whole(CARD, b"x=" + b"{x=1,a.b.c=" * 5000), "nested more than 32 deep"),
    "a title of 60,000": (swap('"Seeks"', f'"{"x" * 60_000}"', CARD), "title: must have at most 200 visible char"),
    "a title of marks": (swap('"Seeks"', '"a' + "\u0301" * 9 + '"', CARD), "title: must have combining marks"),
    "a title that shows as nothing": (swap('"Seeks"', '"\u2800"', CARD), "title: must not hold characters that show"),
    "a title that runs backwards": (swap('"Seeks"', '"a\u202eb"', CARD), 'title: must be .*, not "a.u202eb"'),
    "a camera of 5,000": (swap('"side"', f'"{"x" * 5000}"', CARD), "cameras.1: must have at most 200 visible"),
    "an option that is no number": (swap("0.2", "nan", CARD), "options.noise: must be a finite number, not nan"),
    "an option beyond 64 bits": (swap("0.2", "0x" + "f" * 50_000, CARD), "options.noise: a whole number of more"),
    "a share above all": (fields(0, changed={"action": 1.5}), "line 1: changed.action: .*less than or equal to 1"),
    "a share below none": (fields(0, changed={"action": -0.5}), "line 1: changed.action: .*greater than or equal to 0"),
    "a task that is none": (fields(0, task="toy_points/\x1b[2J"), "line 1: task: .*match pattern"),
    "a step before the first": (fields(0, steps=-1), "line 1: steps: .*greater than or equal to 0"),
    "a status twice": (swap('"steps"', '"status": "failure", "steps"'), "line 1: the key 'status' twice in one table"),
    "a picture twice": (swap('"frame": {', '"frame": {"top": "x", '), "line 1: the key 'top' twice in one table"),
    "a parameter twice": (swap('"realised": {}', '"realised": {"a": {"b": 1, "b": 2}}'), "the key 'b' twice in one"),
    "a key twice for one that is not there": (swap('"phase": ""', '"status": "success"'), "the key 'status' twice"),
    "a key twice behind an escape": (swap('00+00:00"', '00+00\\u003a00", "steps": 1'), "the key 'steps' twice"),
    "a parameter beyond floats": (swap('"realised": {}', '"realised": {"a": 1e999}'), "realised.a: must be a finite"),
    "a line of two": (line(0, lambda text: text.replace("{}", '{"a": [' + "1," * 10_000 + "1]}")),
                      "line 1: [0-9]+ bytes; an episode takes at most 16384"),
    "a key that steers the terminal": (swap('"steps"', r'"\u001b[2J\n": 1, "steps"'),
                                       r"line 1: \\x1b\[2J\\n: Unexpected keyword"),
    "eight gigabytes of nothing": (sparse, "clean.jsonl: 8589934592 bytes; what belongs there takes at most 67108864"),
    "folders in folders": (deep, "a/.*' does not belong there"),
    "html in the name": (says("name", value="<script>alert(1)</script>"), "name: must match pattern"),
    "html as a condition": (says("conditions", "<b>", value={"digest": "0" * 64, "parts": []}), "match pattern"),
    "a name of another folder": (says("name", value="other"), "lies in a folder of another name"),
    "text that runs backwards": (says("contact", value="a\u202egro.live"), "contact: must be one line of printable"),
    "a line break in the contact": (says("contact", value="a\n# b"), "contact: must be one line of printable"),
    "an escape sequence in the notes": (says("notes", value="\x1b[2J"), "notes: must be one line of printable"),
    "a path upwards": (says("files", 0, "path", value="../../../../etc/passwd"), "files.0.path: .*match pattern"),
    "an absolute path": (says("files", 0, "path", value="/etc/passwd"), "files.0.path: .*match pattern"),
    "a path that turns round": (says("files", 0, "path", value="records/../../x"), "files.0.path: .*match pattern"),
    "a policy upwards": (says("policy", value="../../policy"), "policy: .*match pattern"),
    "a task upwards": (says("tasks", 0, value="../../x/0"), "tasks.0: .*match pattern"),
    "another suite": (says("suite", value="x"), "files: 'cards/suites/toy.toml' is no part"),
    "a file that is not listed": (whole("records/more.jsonl", b"{}\n"), "'records/more.jsonl' does not belong there"),
    "an archive among the files": (whole("records/more.zip", bomb()), "'records/more.zip' does not belong there"),
    "a program": (whole("cards/run.sh", b"true"), "'cards/run.sh' does not belong there"),
    "a file missing": (lambda folder, _: (folder / CLEAN).unlink(), "clean.jsonl: is missing"),
    "a file missing from the list": (lambda _, manifest: manifest["files"].pop(), "jolt.jsonl' is missing"),
    "a file listed twice": (lambda _, manifest: manifest["files"].append(manifest["files"][0]), "the same path twice"),
    "a link to a file": (linked(CLEAN), "clean.jsonl: is a link"),
    "a link to a folder": (linked("records/policy-good"), "'records/policy-good' does not belong there"),
    "a pipe": (fifo, "clean.jsonl: is a link, a folder or a device"),
    "a terabyte": (huge, "clean.jsonl: 1099511627776 bytes; what belongs there takes at most"),
    "files without end": (endless, "810000 files of records would belong to so many task sets and conditions"),
    "a manifest of megabytes": (says("notes", value="x" * 2**21), r"submission.json: \d+ bytes; .* at most 1048576"),
    "a line nested too deeply": (line(0, lambda text: text.replace('"realised": {}',
                                                                   '"realised": ' + '{"a":' * 300 + "1" + "}" * 300)),
                                 "line 1: .*recursion limit"),
    "a card nested too deeply": (whole("cards/policies/policy-good.toml", b"x = " + b"[" * 30000),
                                 "policy-good.toml: nested more than 32 deep in line 1"),
    "a card with an endless number": (whole("cards/policies/policy-good.toml", b"x = " + b"9" * 60000),
                                      "policy-good.toml: not valid TOML: Exceeds the limit"),
    "a card of another policy": (swap("noise = 0.2", "noise = 0.3", "cards/policies/policy-good.toml"),
                                 "policy-good.toml: the card's digest is"),
    "a card that names a class": (swap('"toy_seeker"', '"tests.toy.toy:Seeker"', "cards/policies/policy-good.toml"),
                                  "names a class, which this card may not: it lies in a submission, of which nothing"),
    "a policy behind a server": (swap('"toy_seeker"', '"openpi"', CARD), "behind a server, so that nobody"),
    "a title of two lines": (swap('"Seeks"', '"a\\nb"', "cards/policies/policy-good.toml"), "title: must be one line"),
    "a card trained on nothing known": (swap("[]", '["rotatoin"]', "cards/policies/policy-good.toml"),
                                        "unknown perturbation, suite or task set 'rotatoin'"),
    "a rate that is none": (says("rates", "jolt", "rate", value=float("nan")),
                            "json: rates.jolt.rate: must be a finite number, not nan"),
    "an endless rate": (says("rates", "jolt", "rate", value=float("inf")),
                        "json: rates.jolt.rate: must be a finite number, not inf"),
    "more than all": (says("rates", "jolt", "rate", value=1.5), "rates.jolt.rate: .*less than or equal to 1"),
    "a rate of its own": (says("rates", "jolt", "rate", value=0.75),
                          r"rates.jolt: the claim \(3 of 12, 0.75\) is not what the episodes give \(3 of 12, 0.25\)"),
    "successes of its own": (says("rates", "jolt", "successes", value=9), "rates.jolt: the claim"),
    "no rates": (says("rates", value={}), "the claim .none. is not"),
    "an unknown key": (says("verified", value=True), "unknown key 'verified'"),
    "seconds that are none": (swap('"seconds": 0.25', '"seconds": NaN'), "line 1: expected value|finite number"),
    "an endless parameter": (line(0, lambda text: text.replace('"realised": {}', '"realised": {"a": -Infinity}')),
                             "clean.jsonl, line 1: realised.a: must be a finite number, not -inf"),
    "a blank line": (line(1, lambda _: ""), "clean.jsonl, line 2: "),
    "an episode in place of another": (fields(1, index=0, state="0123456789abcdef"), "toy_points/0 clean 0: .* twice"),
    "a copy of a success": (copied, "toy_points/0 jolt 1 ends in the very physical state of episode 0: a copy"),
    "an episode too many": (line(11, lambda text: text + "\n" + text), "13 lines, where 12 episodes belong"),
    "an episode too few": (line(11, lambda text: "x"), "clean.jsonl, line 12"),
    "no newline at the end": (line(12, lambda _: "x"), "12 lines and one without an end, where 12 episodes belong"),
    "two records on a line": (two_in_one, "clean.jsonl, line 1: "),
    "an episode beyond the suite": (fields(3, index=4), "toy_points/0 clean 4: .* does not belong to the suite"),
    "another task": (fields(0, task="toy_points/7"), "toy_points/7 clean 0: .* does not belong"),
    "another task set": (fields(0, task="other/0"), "line 1: task is 'other/0', where 'toy_points/' belongs"),
    "another policy": (fields(0, policy="better"), "line 1: policy is 'better', where 'policy-good' belongs"),
    "other assets": (fields(0, assets="official"), "line 1: assets is 'official', where 'plain' belongs"),
    "another condition": (fields(0, condition="dark"), "line 1: condition is 'dark', where 'clean' belongs"),
    "another seed": (fields(0, seed=1), "line 1: seed is '1', where '0' belongs"),
    "another version": (fields(0, versions={"toy": "0.2"}), "line 1: versions is"),
    "the wrong policy digest": (fields(0, policy_digest="0" * 64), "line 1: policy_digest is"),
    "the wrong condition digest": (fields(0, condition_digest="0" * 64), "line 1: condition_digest is"),
    "the wrong digest of a condition": (says("conditions", "jolt", "digest", value="0" * 64),
                                        "conditions.jolt: the digest is not that of the parts"),
    "the wrong digest of the policy": (says("policy_digest", value="0" * 64), "the card's digest is"),
    "an error": (fields(0, status="error"), "toy_points/0 clean 0 ended in an error"),
    "a failure turned into a success": (fields(1, JOLT, status="success"), "rates.jolt: the claim"),
    "a field that is none": (fields(0, sure=True), "line 1: sure: Unexpected keyword"),
    "a number as text": (fields(0, steps="5"), "line 1: steps: Input should be a valid integer"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_not_as_it_should_be_is_refused(good: Path, case: str) -> None:
    change, reason = HOSTILE[case]
    folder, began = altered(good, change), time.process_time()
    with pytest.raises((SubmissionError, UnknownName), match=reason) as caught:
        read(folder)
    assert not isinstance(caught.value, OutdatedError)
    assert time.process_time() - began < 1 and len(str(caught.value)) < 5000


IMPLAUSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "quick failure": ({"steps": 5}, "is a failure after 5 steps, with a limit of 20"),
    "once but not so": ({"success_once": True}, "is a failure, but success_once is True"),
    "no end": ({"state": ""}, "has no final state"),
    "words": ({"instruction": "Do nothing"}, "has the instruction 'Do nothing', not the task's"),
    "parameters": ({"realised": {}}, r"has drawn parameters of \[\], not of \['toy_jolt'\]"),
    "pictures": ({"frame": {}}, r"has first pictures of \[\], not of \['side', 'top'\]"),
    "nothing changed": ({"changed": {}, "changed_first": []}, "condition 'jolt', channel 'action': not changed at all"),
    "time": ({"seconds": -1.0}, "took -1 seconds"),
}


@pytest.mark.parametrize("case", IMPLAUSIBLE)
def test_episodes_that_no_run_leaves_behind_are_refused(good: Path, case: str) -> None:
    values, reason = IMPLAUSIBLE[case]
    with pytest.raises(SubmissionError, match=reason):
        read(altered(good, fields(1, JOLT, **values)))


def test_a_forged_success_must_be_right_in_every_field(good: Path) -> None:
    """Status and rate alone do not do; with all fields forged only a replay tells."""
    def forged(**values: Any) -> Change:
        def change(folder: Path, manifest: Manifest) -> None:
            fields(1, JOLT, status="success", **values)(folder, manifest)
            manifest["rates"]["jolt"] = {"episodes": 12, "successes": 4, "rate": 0.333333}
        return change

    with pytest.raises(SubmissionError, match="is a success, but success_once is False"):
        read(altered(good, forged()))
    found = read(altered(good, forged(success_once=True, success_at_end=True, steps=7)))
    assert found.manifest.rates["jolt"] == Claim(episodes=12, successes=4, rate=0.333333)


def test_bytes_that_were_altered_afterwards_show(good: Path) -> None:
    same_size = swap('"index": 0', '"index": 9')
    with pytest.raises(SubmissionError, match="clean.jsonl: its SHA-256 is not the manifest's"):
        read(altered(good, same_size, resealed=False))
    with pytest.raises(SubmissionError, match=r"clean.jsonl: \d+ bytes, but the manifest says \d+"):
        read(altered(good, swap("0.25", "0.125"), resealed=False))


def test_an_archive_is_no_submission(good: Path, tmp_path: Path) -> None:
    (tmp_path / "good.zip").write_bytes(bomb())
    with pytest.raises(SubmissionError, match="a submission is a folder of text files, not an archive"):
        read(tmp_path / "good.zip")
    (tmp_path / "link").symlink_to(good)
    with pytest.raises(SubmissionError, match="a submission is a folder of text files"):
        read(tmp_path / "link")
    with pytest.raises(SubmissionError, match="No such file"):
        read(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SubmissionError, match="submission.json: is missing"):
        read(tmp_path / "empty")


def test_a_manifest_is_read_where_it_lies(good: Path) -> None:
    folder = altered(good, lambda *_: None)
    (folder / "submission.json").rename(folder.parent / "manifest")
    (folder / "submission.json").symlink_to(folder.parent / "manifest")
    with pytest.raises(SubmissionError, match="submission.json: is a link"):
        read(folder)


@pytest.mark.parametrize(("old", "new", "why"), [
    (b'"contact"', b'"contact": "x", "contact"', "the key 'contact' twice"),
    (b'"successes"', b'"successes": 0, "successes"', "the key 'successes' twice"),
    (b"{", b"[" * 200_000, "nested more than 32 deep in line 1"), (b"{", b'{"a":' * 100_000, "nested more than 32"),
    (b"{", b"\xef\xbb\xbf{", "not valid JSON"), (b"team@", b"\\ud800", "Invalid JSON")])
def test_a_manifest_that_is_not_strict_json_is_refused_at_once(good: Path, old: bytes, new: bytes, why: str) -> None:
    folder = altered(good, lambda *_: None)
    content = (folder / "submission.json").read_bytes()
    (folder / "submission.json").write_bytes(content.replace(old, new, 1))
    began = time.process_time()
    with pytest.raises(SubmissionError, match=f"submission.json: {why}"):
        read(folder)
    assert time.process_time() - began < 0.5


def test_words_with_marks_and_a_day_that_has_just_begun_are_taken(good: Path) -> None:
    def worded(folder: Path, manifest: Manifest) -> None:
        manifest["contact"], manifest["notes"] = "Zoe\u0308 " + "e\u0301" * 190, "\u0e01\u0e34\u0e48\u0e19"
        manifest["created"] = datetime.now(timezone.utc).date().isoformat()

    assert read(altered(good, worded)).manifest.contact.startswith("Zoe\u0308")


def test_a_suite_that_has_changed_since_is_outdated_not_wrong(good: Path) -> None:
    def louder(folder: Path, manifest: Manifest) -> None:
        parts = [["toy_jolt", 1, {"sigma": 0.4}]]
        old = manifest["conditions"]["jolt"]["digest"]
        manifest["conditions"]["jolt"] = {"digest": digest_of(parts), "parts": parts}
        swap(old, digest_of(parts), JOLT)(folder, manifest)

    with pytest.raises(OutdatedError, match="condition 'jolt' of suite 'toy' has other parameters here"):
        read(altered(good, louder))


@pytest.mark.parametrize(("name", "message"), [
    ("x.toml", "unknown suite 'x.toml'"), ("tooy", "unknown suite 'tooy': did you mean 'toy'")])
def test_suites_are_known_by_name_only(good: Path, name: str, message: str) -> None:
    def renamed(folder: Path, manifest: Manifest) -> None:
        manifest["suite"] = name
        (folder / "cards/suites/toy.toml").rename(folder / f"cards/suites/{name}.toml")
        next(file for file in manifest["files"] if "suites" in file["path"])["path"] = f"cards/suites/{name}.toml"

    with pytest.raises(UnknownName, match=message):
        read(altered(good, renamed))


def test_a_good_one_is_read(good: Path) -> None:
    found = read(good)
    assert len(found.records) == 36 and found.policy.name == "policy-good"
    successes = {name: claim.successes for name, claim in found.manifest.rates.items()}
    assert successes == {"clean": 12, "dark": 9, "jolt": 3}
    assert found.manifest.rates["dark"].rate == 0.75
