from __future__ import annotations

import sys
from typing import Any

import pytest

from vlabench.__main__ import main


class Interrupting:
    """Ctrl-C, where a module is about to be imported."""

    @staticmethod
    def find_spec(name: str, path: Any, target: Any = None) -> None:
        if name == "vlabench.cli.app":
            raise KeyboardInterrupt


def test_ctrl_c_while_the_command_is_imported_is_told_in_a_line(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "vlabench.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting, *sys.meta_path])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 130 and capsys.readouterr().err == "vlabench: interrupted\n"
