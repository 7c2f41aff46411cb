"""The wheel carries the cards, and an installed copy reads them there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from vlabench import cards

ROOT = Path(__file__).parent.parent


def test_an_installed_copy_finds_every_card_of_the_checkout(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="builds the wheel with hatchling, which the extra `dev` installs")
    build = "from hatchling.builders.wheel import WheelBuilder; import sys\n"
    build += "print(*WheelBuilder(sys.argv[1]).build(directory=sys.argv[2]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(ROOT), str(tmp_path)], capture_output=True, text=True, check=True
    )
    site = tmp_path / "site"
    zipfile.ZipFile(done.stdout.strip()).extractall(site)
    code = (
        "import vlabench, vlabench.cards as c\n"
        "print(vlabench.__file__)\n"
        "print(*c.suite_names())\nprint(*c.policy_names())\nprint(c.load_suite('libero-joint').conditions['joint'].digest)"
    )
    command, there = [sys.executable, "-c", code], {"PYTHONPATH": str(site)}
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=site, env=there)
    assert found.stdout.splitlines() == [
        str(site / "vlabench" / "__init__.py"),
        " ".join(cards.suite_names()),
        " ".join(cards.policy_names()),
        cards.load_suite("libero-joint").conditions["joint"].digest,
    ]
