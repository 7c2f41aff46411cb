"""What of a traceback is shown."""

from __future__ import annotations

import json

import pytest

from vlabench.util.frames import print_traceback


def test_of_a_long_trace_its_beginning_and_its_end_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    def down(level: int) -> None:
        json.loads("{") if not level else (down if level % 2 else lambda n: down(n))(level - 1)

    with pytest.raises(ValueError, match="Expecting") as caught:
        down(30)
    print_traceback(caught.value)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21 and lines[10] == "  ..." and lines[-1].startswith("json.decoder.JSONDecodeError: ")
    assert lines[1].startswith(f'  File "{__file__}"')
