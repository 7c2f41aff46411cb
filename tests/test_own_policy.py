"""The README's section on a policy of one's own: its code is what `vlabench new` writes, and its commands work."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.places import ROOT
from vlabench.cards.schema import Weights
from vlabench.cli.app import app
from vlabench.cli.drafts import contents
from vlabench.seeding import Draws
from vlabench.simulators.libero.simulator import STEP_LIMITS
from vlabench.util import modules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SECTION = re.split("^## ", (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your own policy\n")[2],
                   flags=re.M)[0]
COMMANDS = [shlex.split(line, comments=True)[1:] for line in re.findall(r"^    (vlabench .*)$", SECTION, re.M)]
MODULE, EVALUATE = re.findall(r"^```python\n(.*?)^```$", SECTION, re.M | re.S)
QUICK = {"check": ["--no-play"], "run": ["--episodes", "1", "--tasks", "libero_goal/0", "--workers", "1"]}
"""What makes the commands play less; how a policy is checked in play is tested on the toy."""


def test_the_code_and_the_card_are_those_that_are_written() -> None:
    written = contents("policy", "my_policy")
    assert written["my_policy.py"] == MODULE
    assert re.findall(r"^```toml\n(.*?)^```$", SECTION, re.M | re.S) == [written["my_policy.toml"]]


def test_what_stands_in_its_text_is_python_and_toml() -> None:
    inline = re.findall("`([^`\n]+)`", SECTION)
    tables = [tomllib.loads(code) for code in inline if re.fullmatch(r"\w+ = {.*}", code)]
    assert [set(table) for table in tables] == [{"weights"}, {"options"}]
    assert set(tables[0]["weights"]) == set(Weights.model_fields)
    (libraries,) = (code for code in inline if code.startswith("libraries"))
    made: dict[str, object] = {}
    exec(libraries, made)
    assert isinstance(made["libraries"], tuple)


def test_torch_can_draw_from_what_reset_gets() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    (code,) = re.findall("`(torch[.]Generator.*?)`", SECTION)
    named = {"torch": torch, "draws": [Draws(("episode",))], "i": 0}
    one, again, other = (eval(code, {**named, "step": step}) for step in (0, 0, 8))
    assert one.initial_seed() == again.initial_seed() != other.initial_seed()


@pytest.mark.slow
def test_its_commands_and_its_python_work_one_after_the_other(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEP_LIMITS, "libero_goal", 30)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(modules, "_homes", [])
    assert [command[0] for command in COMMANDS] == ["new", "check", "run", "table"]
    said_by = {}
    for command in COMMANDS:
        done = CliRunner().invoke(app, [*command, *QUICK.get(command[0], [])])
        assert done.exit_code == 0, done.output
        said_by[command[0]] = done.stdout
    assert "2 episodes played" in said_by["run"] and "my_policy" in said_by["table"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(EVALUATE, {})  # the same episodes, which are on record by now
    assert said.getvalue() == "libero_goal/0 clean 0 failure 30\nlibero_goal/0 joint 0 failure 30\n"
    del sys.modules["my_policy"]
