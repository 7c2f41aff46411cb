"""Names that are files' everywhere, and lines that show as they are."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlabench.errors import UnknownName, VlabenchError
from vlabench.util.text import check_told_apart, line, safe, short, shows, why_no_name


@pytest.mark.parametrize("name", ["a", "libero_10", "nano-sft", "0.1", "x" * 100, "console", "com10", "nul-1", "auxi"])
def test_a_plain_name_is_one(name: str) -> None:
    assert why_no_name(name) == ""


@pytest.mark.parametrize(("name", "why"), [
    ("", "use letters"), ("x" * 101, "100 at most"), (".x", "a letter or digit first"), ("a/b", "use letters"),
    ("a\n", "use letters"), ("é", "use letters"), ("a.", "Windows drops"), ("a..", "Windows drops"),
    ("CON", "a device on Windows"), ("nul", "a device"), ("Aux.jsonl", "a device"), ("com1", "a device"),
    ("lpt9.a.b", "a device"), ("prn.toml", "a device")])
def test_a_name_that_some_system_refuses_is_none(name: str, why: str) -> None:
    assert why in why_no_name(name)


def test_names_that_differ_only_in_case_are_one_file_somewhere() -> None:
    check_told_apart(["a", "b", "a"])
    with pytest.raises(ValueError, match="'Dark' and 'dark' differ only in case"):
        check_told_apart(["Dark", "b", "dark"])


@pytest.mark.parametrize("text", [
    "", "a b", "Überprüft: “bowl”, 95 %", "e\u0301te\u0301", "\u0e01\u0e34\u0e48\u0e19", "a\u0323\u0302", "机器人", "❤️",
    "e\u0301" * 200, "x" * 200])
def test_a_line_that_shows_is_taken_as_it_is(text: str) -> None:
    """Among them Thai and Vietnamese with several marks on a letter, and 200 letters with a mark each."""
    assert line(text) == text
    assert shows(text) == bool(text)


@pytest.mark.parametrize(("text", "why"), [
    ("x" * 201, "at most 200 visible characters"), ("e\u0301" * 201, "at most 200 visible"),
    ("a\u0301\u0301\u0301\u0301\u0301", "at most 4 on each"), ("\u0301a", "on characters only"),
    ("a \u0301", "on characters only"), ("\u3164", "show as nothing, such as U\\+3164"), ("a\u2800b", "U\\+2800"),
    ("a\u202eb", "printable"), ("a\nb", "printable"),
    ("\x1b[2J", "printable"), ("\ud800", "printable"), (" ", "printable"),
    (" a", "printable"), ("a\u00a0b", "printable"), ("a\u200bb", "printable"), ("\ufeffa", "printable")])
def test_a_line_that_shows_otherwise_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        line(text)
    assert not shows(text)


@given(st.text(max_size=30))
def test_a_line_holds_what_it_promises_whatever_is_written(text: str) -> None:
    if shows(text, most=10):
        kinds = [unicodedata.category(letter) for letter in text]
        assert sum(kind[0] != "M" for kind in kinds) <= 10
        assert all(letter == " " or kind[0] not in "CZ" for letter, kind in zip(text, kinds, strict=True))


@given(st.text())
def test_a_message_cannot_steer_a_terminal(text: str) -> None:
    shown = safe(text)
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in shown.replace("\n", ""))
    assert safe(shown) == shown == str(VlabenchError(text))
    shown.encode()


def test_a_message_is_short_whatever_it_quotes() -> None:
    assert short("a" * 60) == "a" * 60 and len(short("a" * 61)) == 60
    assert len(str(UnknownName("suite", "x" * 10**5, ["toy"]))) < 120
