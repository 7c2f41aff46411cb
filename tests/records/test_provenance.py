"""What a run notes of itself: the git revision is that of the code, or none; the command is what a user can type."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import TESTS
from vlabench.records import provenance


def git(folder: Path, *command: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    return subprocess.run(["git", "-C", str(folder), *identity, *command], check=True, capture_output=True,
                          text=True).stdout.strip()


def test_revision_is_that_of_the_checkout_and_says_when_files_differ(tmp_path: Path) -> None:
    assert provenance.revision(tmp_path) is None
    git(tmp_path, "init")
    code, installed = tmp_path / "code", tmp_path / "venv"
    for folder in (code, installed):
        folder.mkdir()
        (folder / "__init__.py").write_text("")
    git(tmp_path, "add", "code")
    git(tmp_path, "commit", "-m", "one")
    git(tmp_path, "tag", "-a", "v1", "-m", "a tag is not a revision")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert provenance.revision(code) == head
    assert provenance.revision(installed) is None  # below a checkout, but no part of it
    (code / "__init__.py").write_text("changed = 1\n")
    assert provenance.revision(code) == f"{head}-dirty"


def test_without_git_there_is_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.revision(TESTS) is None


@pytest.mark.parametrize(("program", "name"), [
    ("/opt/ann/my venv/bin/vlabench", "vlabench"), ("vlabench", "vlabench"),
    ("/usr/lib/python3/vlabench/__main__.py", "vlabench"), ("/opt/ann/play.py", "play.py"),
])
def test_the_command_has_no_folders_and_comes_back_from_a_shell(program: str, name: str,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["run", "--tasks", "libero_*/0", "--results", "a folder", "it's"]
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    told = provenance.command()
    assert shlex.split(told) == [name, *arguments]
    assert "'libero_*/0'" in told and "/opt/ann" not in told
    facts = provenance.facts({"mujoco": "3.8.1"})
    assert facts["command"] == told and facts["versions"] == {"mujoco": "3.8.1"} and facts["processor"]
