"""Self-contained HTML pages: tags that escape what they hold, sortable tables, and nothing from anywhere else.

A page's policy (`Content-Security-Policy`) lets a browser load nothing and run nothing but the one script below, whose
hash it names: text that slipped through the escaping could still do nothing.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from vlabench.util.text import exact


class Html(str):
    """Text that is markup already; every other string is escaped where it is put into a tag."""


VOID = ("meta", "br", "img", "source")
LEAVES = ("line", "circle")
"""Shapes of a drawing: empty, and closed, as XML has it."""
WIDTH, HEIGHT = 120, 12
"""Pixels of a drawn interval."""
STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent);
  --soft: color-mix(in srgb, currentColor 62%, transparent); }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; padding: 0 1.2rem; max-width: 92rem; }
h1 { font-size: 1.6rem; margin-bottom: .3rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .2rem; }
p { margin: .4rem 0; max-width: 52rem; } .soft, caption { color: var(--soft); font-size: .87rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; caption-side: bottom; padding-top: .4rem; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { white-space: nowrap; border-bottom-width: 2px; font-weight: 600; }
.number { text-align: right; white-space: nowrap; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid; outline-offset: 2px; }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
.mark { display: inline-block; border: 1px solid var(--line); border-radius: .6rem; padding: 0 .5rem; margin: .1rem 0;
  font-size: .8rem; } .warn { border-color: #c60; } svg { display: block; margin-left: auto; }
svg line { stroke: currentColor; } svg circle { fill: currentColor; }
code { font-size: .87rem; overflow-wrap: anywhere; }
td.words { min-width: 8rem; max-width: 24rem; overflow-wrap: break-word; }
"""
SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) table.tHead.addEventListener("click", event => {
  const head = event.target.closest("th");
  if (!head || !event.target.closest("button")) return;
  const rows = [...table.tBodies[0].rows], value = row => row.cells[head.cellIndex].dataset.value ?? "";
  const numbers = rows.every(row => !isNaN(value(row)));
  const order = head.ariaSort === (numbers ? "descending" : "ascending") ? !numbers : numbers;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.ariaSort = order ? "descending" : "ascending";
  const compare = (a, b) => numbers ? a - b : a.localeCompare(b, "en", {numeric: true});
  rows.sort((a, b) => (value(a) === "") - (value(b) === "") || (order ? -1 : 1) * compare(value(a), value(b)));
  table.tBodies[0].append(...rows);
});
"""


def tag(name: str, /, *content: str | None, **attributes: str | int | float | None) -> Html:
    """An element; what is no Html in it is escaped, None left out. `class_` is the attribute class, `data_x` data-x."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(exact(value)))}"'
                    for key, value in attributes.items() if value is not None)
    if name in VOID:
        return Html(f"<{name}{given}>")
    if name in LEAVES:
        return Html(f"<{name}{given}/>")
    inner = "".join(part if isinstance(part, Html) else escape(part) for part in content if part is not None)
    return Html(f"<{name}{given}>{inner}</{name}>")


def together(*parts: str | None) -> Html:
    """Several pieces one after another, without an element around them."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts if part is not None))


def page(title: str, *body: Html, style: str = "") -> str:
    """A whole page of this body, with the style and the script above, and what this page has of its own `style`."""
    script = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{script}'"
    head = tag("head", tag("meta", charset="utf-8"),
               Html(f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'),
               tag("meta", name="viewport", content="width=device-width, initial-scale=1"), tag("title", title),
               tag("style", Html(STYLE + style)))
    return "<!DOCTYPE html>\n" + tag("html", head, tag("body", *body, tag("script", Html(SCRIPT))), lang="en") + "\n"


def data(content: bytes, kind: str) -> str:
    """The address of something that the page carries in itself. kind: `image/png`, …"""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def drawn(value: float, low: float, high: float, said: str, start: float = 0.0, end: float = 1.0) -> Html:
    """A dot on its interval, on a line from `start` to `end`, with a mark at 0 if that is between; `said` in words."""
    def x(at: float) -> str:
        return f"{4 + (WIDTH - 8) * (at - start) / (end - start):.1f}"

    middle = HEIGHT / 2
    axis = tag("line", x1=x(start), x2=x(end), y1=middle, y2=middle, opacity=0.15)
    zero = tag("line", x1=x(0), x2=x(0), y1=1, y2=HEIGHT - 1, opacity=0.4) if start < 0 < end else None
    bar = tag("line", x1=x(low), x2=x(high), y1=middle, y2=middle, stroke_width=2)
    dot = tag("circle", cx=x(value), cy=middle, r=3.5)
    return tag("svg", tag("title", said), axis, zero, bar, dot, width=WIDTH, height=HEIGHT, role="img")


def sortable(header: list[str], rows: list[list[Html]]) -> Html:
    """A table whose columns sort at a click; a name that starts with `>` is one of numbers. The cells are `cell`s."""
    heads = [tag("th", tag("button", name.removeprefix(">"), type="button"), scope="col",
                 class_="number" if name.startswith(">") else None) for name in header]
    body = tag("tbody", *(tag("tr", *row) for row in rows))
    return tag("div", tag("table", tag("thead", tag("tr", *heads)), body, class_="sortable"), class_="wide")


def cell(value: str | float | None, *content: str | None) -> Html:
    """A table's cell: the value to sort by, and what it shows; a number stands to the right."""
    kind = "words" if isinstance(value, str) else "number"
    return tag("td", *content, class_=kind, data_value="" if value is None else value)
