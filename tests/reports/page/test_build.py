"""The page as a file: whole or not at all, mistakes told before the work, and what a browser makes of it."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.factories import episodes, write_records
from tests.leaderboard.test_page import EVIL, Reader
from vlabench.errors import OptionError, StoreError, UnknownName
from vlabench.evaluation.plan import RunOptions
from vlabench.evaluation.run import evaluate
from vlabench.reports.page import build
from vlabench.reports.page.build import Choice, write
from vlabench.util import modules

QUIET = Choice(episodes=0, preview=False)


def page(places: Path, out: Path, choice: Choice = QUIET) -> Reader:
    size = write([places], out, choice)
    text = out.read_text(encoding="utf-8")
    assert len(text.encode()) == size
    reader = Reader()
    reader.feed(text)
    return reader


def test_a_page_of_several_policies(results: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    size = write([results], tmp_path / "r.html", QUIET, heard.append)
    assert 100_000 < size < 2_000_000 and heard[0] == "reading records" and "of hero, rival: drawing" in heard[1]
    reader = page(results, tmp_path / "r.html")
    for said in ("hero and rival under perturbation", "rival − hero, on the same episodes", "How to read this page",
                 "How to reproduce it", "Severity", "Time to success", "which enter no rate: 2 of hero",
                 "How they were played is not on record", "The same for each task set"):
        assert said in reader.text
    assert reader.tags.count("table") == 6 and reader.tags.count("img") == 5 and reader.tags.count("script") == 1
    links = [value for name, value in reader.attributes if name in ("src", "srcset", "href")]
    assert all(str(link).startswith(("data:image/", "#")) for link in links)
    ids = {value for name, value in reader.attributes if name == "id"}
    assert {str(link)[1:] for link in links if str(link).startswith("#")} == ids
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.html"]


def test_the_policy_to_compare_with_comes_first(results: Path, tmp_path: Path) -> None:
    reader = page(results, tmp_path / "r.html", Choice(versus="rival", episodes=0, preview=False))
    assert "rival and hero under perturbation" in reader.text and "hero − rival, on the same episodes" in reader.text


def test_sections_are_there_where_records_are(tmp_path: Path) -> None:
    bare = write_records(tmp_path / "bare", episodes("kitchen/0", "clean", "ssf"))
    reader = page(bare, tmp_path / "r.html")
    assert "random, clean" in reader.text and "random was played without perturbations" in reader.text
    assert "withstands" not in reader.text and "worst condition" not in reader.text
    assert "Kinds of perturbation" not in reader.text and "The same for each task set" not in reader.text
    assert "#severity" not in str(reader.attributes) and "#time" in str(reader.attributes)


def test_several_dimensions_have_a_table_before_that_of_perturbations(tmp_path: Path) -> None:
    played = [each for kind in ("rotation", "shift", "jpeg") for k in range(1, 6)
              for each in episodes("kitchen/0", f"{kind}-s{k}", "ssf")]
    clean = episodes("kitchen/0", "clean", "sss")
    text = page(write_records(tmp_path / "all", [*clean, *played]), tmp_path / "r.html").text
    assert text.index("sensor: jpeg.") < text.index("all of them: ")
    one = [each for each in played if "jpeg" not in each.condition]
    assert "observation: " not in page(write_records(tmp_path / "one", [*clean, *one]), tmp_path / "one.html").text


def test_what_comes_from_files_is_text(tmp_path: Path) -> None:
    evil = write_records(tmp_path / "r", episodes("kitchen/0", "clean", "ssf", policy_digest=EVIL,
                                                  versions={EVIL: EVIL}))
    keys = ("command", "host", "started", "python", "revision", "cores", "processor", "platform", "episodes")
    line = {"format": 1, **dict.fromkeys(keys, EVIL)}
    runs = [json.dumps(line), "half a li", json.dumps([1]), json.dumps({"command": "vlabench run", "episodes": 3}),
            json.dumps({"command": "half a \ud800"}), "[" * 200_000]
    (evil / "random" / "primitive" / "runs.jsonl").write_text("\n".join(runs))
    reader = page(evil, tmp_path / "r.html")
    assert reader.tags.count("script") == 1 and reader.text.count(EVIL) >= 8
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert "vlabench run" in reader.text and "half a ?" in reader.text


@pytest.mark.parametrize(("out", "choice", "kind", "message"), [
    ("folder", {}, OptionError, "folder: is a folder\n  fix: --out .*folder/report.html"),
    ("page.pdf", {}, OptionError, "page.pdf: a report is written as .html or .htm"),
    ("no/page.html", {}, OptionError, "there is no folder .*no"),
    ("page.html", {"episodes": -1}, OptionError, "--episodes -1: must be in 0 … 20"),
    ("page.html", {"versus": "hera"}, UnknownName, "unknown policy 'hera' in --versus: did you mean 'hero'"),
    ("page.html", {"policies": ["hera"]}, UnknownName, "unknown policy 'hera'"),
    ("page.html", {"assets": "official"}, OptionError, "no records on 'official' assets"),
    ("page.html", {"suite": "libero-jiont"}, UnknownName, "unknown suite 'libero-jiont'"),
])  # fmt: skip
def test_mistakes_are_told_before_the_work(
    out: str, choice: dict[str, Any], kind: type[Exception], message: str, results: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_content", None)
    (tmp_path / "folder").mkdir()
    with pytest.raises(kind, match=message):
        write([results], tmp_path / out, Choice(**choice))
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_other_records_than_a_page_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_content", None)
    mixed = write_records(tmp_path / "mixed", [*episodes("kitchen/0", "clean", "s"),
                                               *episodes("kitchen/0", "clean", "s", assets="official")])
    with pytest.raises(OptionError, match="on official and on primitive assets, .*\n  fix: --assets primitive"):
        write([mixed], tmp_path / "p.html", QUIET)
    with pytest.raises(StoreError, match="holds no records\n  fix: vlabench run"):
        write([tmp_path / "mixed" / "random" / "primitive" / "kitchen"], tmp_path / "p.html", QUIET)
    failed = write_records(tmp_path / "failed", episodes("kitchen/0", "clean", "ee"))
    with pytest.raises(OptionError, match="no episode with an outcome is left"):
        write([failed], tmp_path / "p.html", QUIET)
    assert not list(tmp_path.glob("*.html")) and not list(tmp_path.glob(".*"))


def test_a_place_that_cannot_be_written_to(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_content", None)

    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(StoreError, match="cannot write .*p.html: Permission denied\n  fix: name another file"):
        write([results], tmp_path / "p.html", QUIET)


def test_a_page_that_fails_half_way_leaves_the_old_one(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = tmp_path / "p.html"
    old.write_text("old")
    monkeypatch.setattr(build, "render", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write([results], old, QUIET)
    assert old.read_text() == "old" and os.listdir(tmp_path) == ["p.html"]


OWN = """title = "t"
source = "s"
adapter = "reported_policy:Mine"
assets = ["plain"]
cameras = ["top", "side"]
image_size = 16
replan = 3
"""


@pytest.mark.usefixtures("toy_plugin")
def test_episodes_of_a_card_are_shown_if_the_user_gives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a run found the card is never read off the results, which may be a stranger's."""
    monkeypatch.setattr(modules, "_homes", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    card, code = tmp_path / "own.toml", tmp_path / "reported_policy.py"
    card.write_text(OWN)
    code.write_text("from tests.toy.toy import Seeker\nclass Mine(Seeker):\n    pass\n")
    evaluate(str(card), "toy", tmp_path / "r", options=RunOptions(episodes=1, tasks=("toy_points/0",)), workers=1)
    heard: list[str] = []
    for given in ((), (str(card),)):
        sys.modules.pop("reported_policy", None)
        write([tmp_path / "r"], tmp_path / "p.html", Choice(episodes=1, preview=False, cards=given), heard.append)
        assert ("reported_policy" in sys.modules) == bool(given)
    del sys.modules["reported_policy"]
    (note,) = (line for line in heard if line.startswith("note: "))
    assert note.startswith("note: No episodes are shown: unknown policy 'own': ")
    assert note.endswith("fix: vlabench report … --card own.toml, with the path of its card")
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "to the very state on record" in text and "whose card is not here" not in text
    with pytest.raises(UnknownName, match="unknown policy 'own' in --card .*own.toml: no records are of it: "):
        write([write_records(tmp_path / "other", episodes("kitchen/0", "clean", "s"))], tmp_path / "p.html",
              Choice(cards=(str(card),)))


@pytest.mark.slow
@pytest.mark.usefixtures("toy_plugin")
def test_a_browser_opens_it_quietly_and_sorts_its_tables(toy_results: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert write([toy_results], path, Choice(suite="toy", episodes=2)) < 5_000_000
    text = path.read_text(encoding="utf-8")
    assert not re.search("https?://(?!www.w3.org)", text)
    table = "document.querySelectorAll('#conditions ~ * table')[0]"
    column = f"[...{table}.tBodies[0].rows].map(row => row.cells[{{}}].dataset.value)"
    with chromium() as browser:
        browser.open(path)
        assert browser.messages == []
        assert [each for each in browser.requests if not each.startswith("data:image/")] == [path.as_uri()]
        broken = "[...document.images].filter(each => each.complete && !each.naturalWidth).length"
        assert browser.evaluate("document.images.length") >= 6 and browser.evaluate(broken) == 0
        assert browser.evaluate("document.querySelectorAll('.films figure').length") == 2
        assert browser.evaluate("document.querySelectorAll('.looks figure').length") == 2
        names = browser.evaluate(column.format(0))
        browser.evaluate(f"{table}.tHead.rows[0].cells[1].querySelector('button').click()")
        rates = [float(value) for value in browser.evaluate(column.format(1))]
        assert rates == sorted(rates, reverse=True) and sorted(browser.evaluate(column.format(0))) == sorted(names)
        for width in (1300, 400):  # wide tables scroll in themselves
            browser.screenshot(tmp_path / f"{width}.png", width=width)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            assert (tmp_path / f"{width}.png").stat().st_size > 20_000
