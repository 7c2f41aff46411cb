"""The page and the Markdown: nothing from outside is markup, the page asks for nothing, and its tables sort."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from vlabench.leaderboard import markdown, page
from vlabench.util.html import STYLE

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>\" onclick='alert(3)' [x](javascript:alert(4)) | `a` *b*"


def entry(name: str, value: float, **changes: Any) -> dict[str, Any]:
    figure = {"episodes": 12, "successes": 6, "value": value, "low": max(0, value - 0.1), "high": min(1, value + 0.1)}
    return {"name": name, "title": EVIL, "policy": name, "policy_digest": "ab" * 32, "contact": EVIL, "notes": EVIL,
            "created": "2025-01-01", "sees": "top", "privileged": False, "trained_on": [], "contaminated": [],
            "unknown_origin": [], "rank": {"best": 1, "worst": 2}, "score": figure, "drop": figure, "versions": {},
            "rates": {"clean": figure, "dark": figure, "jolt": figure}, "evidence": f"submissions/{name}",
            "manifest_sha256": "cd" * 32, "class": "reproduced", "verified": [
                {"what": "reproduced", "by": EVIL, "when": "2025-02-03T04:05:06+00:00", "sample": 4, "total": 12,
                 "rerun": {"value": 0.01, "low": -0.02, "high": 0.04}, "file": f"verifications/{name}/x.json"},
                {"what": "replayed", "by": "nobody", "when": "2025-02-04T04:05:06+00:00", "sample": 4, "total": 12,
                 "rerun": None, "file": "verifications/other/x.json"}]} | changes


BOARD: dict[str, Any] = {
    "format": 1,
    "suites": [{
        "suite": "toy", "simulator": "toy", "title": EVIL, "source": EVIL, "tasks": 3, "episodes": 4,
        "conditions": ["clean", "dark", "jolt"], "scored": ["dark", "jolt"],
        "tracks": [{"assets": "plain", "class": "reproduced", "entries": [
            entry("b-high", 0.9), entry("a-middle", 0.55, contaminated=["dark"], unknown_origin=[EVIL]),
            entry("c-low", 0.06, rank=None, privileged=True, verified=[])]}],
        "published": [{"method": EVIL, "source": EVIL, "rates": {"dark": 0.5}}]}],
    "overall": [{"simulator": "toy", "assets": "plain", "class": "reported", "entries": [
        {"policy": EVIL, "policy_digest": "ab" * 32, "rank": {"best": 1, "worst": 1}, "entries": [EVIL],
         "strength": {"value": 1.0, "low": 0.5, "high": 1.5}}]}],
    "outdated": [{"name": "old", "why": EVIL}],
}  # fmt: skip


class Reader(HTMLParser):
    """Notes tags, attributes and visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_comes_from_outside_is_text_on_the_page() -> None:
    reader = Reader()
    reader.feed(page.render(BOARD))
    assert reader.tags.count("script") == 1 and "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert reader.text.count(EVIL) >= 9
    links = [value for name, value in reader.attributes if name in ("href", "src")]
    assert links and all(str(link).startswith(("submissions/", "verifications/")) for link in links)
    assert "http" not in STYLE and "url(" not in STYLE


def test_what_comes_from_outside_is_text_in_markdown() -> None:
    text = markdown.render(BOARD)
    assert "<img" not in text and "<script" not in text and "](javascript" not in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1
    assert "\\| \\`a\\` \\*b\\*" in text


def test_both_say_the_same() -> None:
    reader = Reader()
    reader.feed(page.render(BOARD))
    for said in ("90.0 [80.0, 100.0]", "1–2", "+1.00 [+0.50, +1.50]", "trained on a perturbation of dark",
                 "reads top", "plain assets, reproduced", "Across suites, plain assets, reported", "not rerun",
                 ", 2025-02-03", "4 of 12 episodes reproduced, rerun − submitted +1.0",
                 "3 tasks × 3 conditions × 4 episodes."):
        assert said in reader.text and said in markdown.render(BOARD)


def test_many_conditions_fold_away() -> None:
    names = ["clean", *(f"c{k}" for k in range(12))]
    board = json.loads(json.dumps(BOARD))
    suite = board["suites"][0]
    suite |= {"conditions": names, "scored": names[1:], "published": []}
    for each in suite["tracks"][0]["entries"]:
        each["rates"] = {name: each["score"] for name in names}
    text = page.render(board)
    assert "all 13 conditions" in text and text.count(">c7<") == 1
    assert markdown.render(board).count("| rank | entry | score | clean | drop | submitted | verified |") == 1


@pytest.mark.slow
def test_a_browser_opens_it_quietly_and_sorts_it(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(page.render(BOARD), encoding="utf-8")
    names = "[...document.querySelectorAll('table')[0].tBodies[0].rows].map(row => row.cells[1].dataset.value)"
    with chromium() as browser:
        browser.open(path)
        assert browser.messages == [] and browser.requests == [path.as_uri()]
        assert browser.evaluate("document.querySelectorAll('script').length") == 1
        assert browser.evaluate(names) == ["b-high", "a-middle", "c-low"]
        click = "document.querySelectorAll('table')[0].tHead.rows[0].cells[{}].querySelector('button').click()"
        for column, first, second in (
            (1, ["a-middle", "b-high", "c-low"], ["c-low", "b-high", "a-middle"]),  # words go up first
            (2, ["b-high", "a-middle", "c-low"], ["c-low", "a-middle", "b-high"]),  # numbers down
            (0, ["b-high", "a-middle", "c-low"], ["b-high", "a-middle", "c-low"]),  # no rank comes last either way
        ):
            browser.evaluate(click.format(column))
            assert browser.evaluate(names)[-1 if column == 0 else 0] == first[-1 if column == 0 else 0]
            assert browser.evaluate(names) == first or column == 0
            browser.evaluate(click.format(column))
            assert browser.evaluate(names) == second or column == 0
            assert column or browser.evaluate(names)[-1] == "c-low"
        heads = "[...document.querySelectorAll('table')[0].tHead.rows[0].cells].map(cell => cell.ariaSort)"
        assert [sort for sort in browser.evaluate(heads) if sort] in (["ascending"], ["descending"])
        # the page's own policy stops what might slip through
        browser.evaluate("document.body.append(Object.assign(document.createElement('script'), "
                         "{textContent: 'document.title = \"broken\"'}))")
        assert browser.evaluate("document.title") == "vlabench leaderboard"
