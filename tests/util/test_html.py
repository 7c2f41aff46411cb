"""Tags escape what they hold."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from vlabench.util.html import Html, cell, data, drawn, page, sortable, tag, together

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


class Reader(HTMLParser):
    """The first tag's attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXT, TEXT)
def test_any_text_comes_back_as_text_and_any_attribute_as_one(text: str, attribute: str) -> None:
    reader = Reader()
    reader.feed(tag("p", text, title=attribute))
    reader.close()
    assert reader.tags == [("p", [("title", attribute)])] and reader.text == text


def test_markup_stays_markup_and_none_is_left_out() -> None:
    inner = tag("b", "<")
    assert tag("p", inner, None, class_="x", data_value=3, title=None) == (
        '<p class="x" data-value="3"><b>&lt;</b></p>')
    assert together("a&", inner, None) == "a&amp;<b>&lt;</b>" and isinstance(together(inner), Html)
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert tag("line", x1=1, stroke_width=2) == '<line x1="1" stroke-width="2"/>'


def test_a_page_runs_its_own_script_alone_and_loads_nothing() -> None:
    import base64
    import hashlib
    import re

    text = page("<title>", tag("h1", "x"))
    (script,) = re.findall("<script>(.*?)</script>", text, re.S)
    (policy,) = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#x27;sha256-{digest}&#x27;" in policy and policy.startswith("default-src &#x27;none&#x27;")
    assert "<title>&lt;title&gt;</title>" in text and not re.search("https?://", text)


def test_cells_carry_what_they_are_sorted_by() -> None:
    assert cell(0.5, "50.0") == '<td class="number" data-value="0.5">50.0</td>'
    assert cell("a", "A") == '<td class="words" data-value="a">A</td>'
    assert cell(None, "–") == '<td class="number" data-value="">–</td>'
    table = sortable(["name", ">n"], [[cell("a", "A"), cell(1, "1")]])
    assert table.count("<th ") == 2 and '<th scope="col" class="number"><button type="button">n</button></th>' in table


def test_what_a_page_carries_in_itself() -> None:
    assert data(b"\x00\xffa", "image/png") == "data:image/png;base64,AP9h"
    assert tag("img", src="x", alt='"') == '<img src="x" alt="&quot;">'
    assert "<style>" in (text := page("t", style="p { color: red; }")) and "p { color: red; }\n" not in page("t")
    assert text.index("color-scheme") < text.index("p { color: red; }") < text.index("</style>")


def test_an_interval_is_drawn_where_it_lies() -> None:
    assert drawn(0.5, 0.25, 1.0, "half") == (
        '<svg width="120" height="12" role="img"><title>half</title>'
        '<line x1="4.0" x2="116.0" y1="6.0" y2="6.0" opacity="0.15"/>'
        '<line x1="32.0" x2="116.0" y1="6.0" y2="6.0" stroke-width="2"/><circle cx="60.0" cy="6.0" r="3.5"/></svg>')
    signed = drawn(-0.5, -1.0, 0.0, "less", -1.0, 1.0)
    assert '<line x1="60.0" x2="60.0" y1="1" y2="11" opacity="0.4"/>' in signed and 'cx="32.0"' in signed
