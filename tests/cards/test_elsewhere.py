"""A Python of another environment: what it lacks is told before a run, with the command that mends it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from vlabench.adapters.base import find_adapter
from vlabench.cards import elsewhere, load_policy
from vlabench.errors import CardError, OptionError
from vlabench.util.processes import lone_package


def interpreter(folder: Path, *says: str, status: int = 0) -> Path:
    """A script in its place that prints a line each time it is asked."""
    path = folder / "python"
    lines = " ".join(f"'{line}'" for line in says)
    path.write_text(f"#!/bin/bash\nprintf '%s\\n' {lines}\n(exit {status}) || echo 'Boom: why' >&2\nexit {status}\n")
    path.chmod(0o755)
    return path


def says(minor: int = 11, **versions: str) -> str:
    return json.dumps(["python", [3, minor, 0], {name.replace("_", "-"): value for name, value in versions.items()}])


OURS = {"numpy": "2.0", "pydantic": "2.7", "typing_extensions": "4.10"}


def test_versions_are_those_of_the_other_environment(tmp_path: Path) -> None:
    path = interpreter(tmp_path, says(11, **OURS, lerobot="0.4.4", torch="2.10.0+cpu"))
    found = elsewhere.inspected(path, ["lerobot"], ["lerobot", "torch", "transformers"], "x.toml: python")
    assert found == elsewhere.Elsewhere(str(path), {"lerobot": "0.4.4", "torch": "2.10.0"})


@pytest.mark.parametrize(("minor", "has", "told"), [
    (11, {}, r"lacks numpy, pydantic, typing-extensions, lerobot\n  fix: \S*/python -m pip install numpy pydantic "),
    (11, OURS, r"lacks lerobot\n  fix: \S*/python -m pip install lerobot$"),
    (10, {**OURS, "lerobot": "0.4.4"}, r"lacks tomli\n"),
    (9, {**OURS, "lerobot": "0.4.4"}, r"is Python 3.9.0; 3.10 or newer is needed"),
])
def test_what_an_environment_lacks_is_told_with_the_command_that_installs_it(
        minor: int, has: dict[str, str], told: str, tmp_path: Path) -> None:
    path = interpreter(tmp_path, says(minor, **has))
    with pytest.raises(CardError, match=f"x.toml: python: .*{told}"):
        elsewhere.inspected(path, ["lerobot"], [], "x.toml: python")


def test_what_is_no_python_is_told(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="bin/python cannot be run: No such file or directory\n  fix: python3 -m venv"):
        elsewhere.inspected(tmp_path / "bin" / "python", [], [], "x.toml: python")
    with pytest.raises(CardError, match="is no Python: it answers 'hello"):
        elsewhere.inspected(interpreter(tmp_path, "hello"), [], [], "x.toml: python")
    with pytest.raises(CardError, match="ends with exit status 3: Boom: why"):
        elsewhere.inspected(interpreter(tmp_path, "hello", status=3), [], [], "x.toml: python")


def test_a_card_with_another_python_is_hosted_there_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(
        f'title = "t"\nsource = "s"\nadapter = "still"\nassets = ["primitive"]\npython = "{sys.executable}"\n')
    card = load_policy(str(tmp_path / "card.toml"))
    actor = card.actor()
    assert (actor.hosted, actor.python) == (True, sys.executable)
    assert card.digest == card.model_copy(update={"python": None}).digest
    with pytest.raises(OptionError, match="lives in another Python, .*\n  fix: leave out --no-host"):
        card.actor(host=False)


def test_another_python_finds_this_package_and_nothing_that_lies_beside_it(tmp_path: Path) -> None:
    folder = lone_package(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["vlabench"]
    assert (folder / "vlabench" / "types.py").samefile(Path(sys.modules["vlabench.types"].__file__ or ""))


def test_adapters_say_which_keys_of_a_card_they_heed() -> None:
    assert find_adapter("nano").heeds == () and "cameras" in find_adapter("lerobot").heeds
