"""The action for CI: what its script passes on, and how it ends for each verdict."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.places import ROOT

ACTION = ROOT / ".github" / "actions" / "gate"
STUB = """#!/bin/bash
printf '%s\\n' "$@" >arguments
exit $STATUS
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a `vlabench` that notes its arguments and ends as $STATUS says."""
    (tmp_path / "vlabench").write_text(STUB)
    (tmp_path / "vlabench").chmod(0o755)
    return tmp_path


def act(here: Path, **inputs: str) -> tuple[int, dict[str, str], list[str]]:
    """Exit status, outputs and the command's arguments."""
    given = {"BASELINE": "old:a", "CANDIDATE": "new:a", "SUITE": "", "MARGIN": "5", "ALPHA": "0.05", "ARGUMENTS": "",
             "INCONCLUSIVE": "fail", "JUNIT": "gate.xml", "STATUS": "0", **inputs,
             "GITHUB_OUTPUT": str(here / "output"), "GITHUB_STEP_SUMMARY": "page.md",
             "PATH": f"{here}:{os.environ['PATH']}"}
    done = subprocess.run([ACTION / "gate.sh"], cwd=here, env=given, capture_output=True, text=True, check=False)
    outputs = dict(line.split("=", 1) for line in (here / "output").read_text().splitlines())
    return done.returncode, outputs, (here / "arguments").read_text().splitlines()


def test_inputs_become_options(here: Path) -> None:
    status, outputs, arguments = act(here, SUITE="libero-joint", ARGUMENTS="--run --episodes 20", MARGIN="2")
    assert (status, outputs) == (0, {"status": "0", "verdict": "no regression"})
    assert arguments == ["gate", "--baseline", "old:a", "--candidate", "new:a", "--suite", "libero-joint", "--margin",
                         "2", "--alpha", "0.05", "--summary", "page.md", "--junit", "gate.xml", "--run", "--episodes",
                         "20"]
    assert "--suite" not in act(here)[2]


@pytest.mark.parametrize(("found", "inconclusive", "status", "verdict"), [
    ("1", "pass", 1, "regression"), ("3", "fail", 3, "inconclusive"), ("3", "pass", 0, "inconclusive"),
    ("2", "pass", 2, "error")])
def test_how_it_ends(here: Path, found: str, inconclusive: str, status: int, verdict: str) -> None:
    ended, outputs, _ = act(here, STATUS=found, INCONCLUSIVE=inconclusive)
    assert ended == status and outputs == {"status": found, "verdict": verdict}


def test_inputs_are_words_not_commands(here: Path) -> None:
    evil = '"; touch broken; $(touch broken) `touch broken` *'
    _, _, arguments = act(here, BASELINE=evil, ARGUMENTS=evil)
    assert arguments[2] == evil and not (here / "broken").exists()
    assert arguments[-len(evil.split()):] == evil.split()


def test_the_action_hands_every_input_to_the_script() -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, which hf-libero brings")
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    install, gate = action["runs"]["steps"]
    handed = {value: name for step in (install, gate) for name, value in step["env"].items()}
    assert handed == {f"${{{{ inputs.{name} }}}}": name.upper() for name in action["inputs"]}
    assert "${{" not in install["run"] + gate["run"]
    assert os.access(ACTION / "gate.sh", os.X_OK)
    workflow = yaml.safe_load((ROOT / ".github/workflows/gate.yml").read_text())
    used = [step for step in workflow["jobs"]["expert"]["steps"] if step.get("uses") == "./.github/actions/gate"]
    assert used and set(used[0]["with"]) <= set(action["inputs"])
    assert (ROOT / used[0]["with"]["baseline"]).is_dir()
