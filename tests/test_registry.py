"""Names without imports, the one rule for built-in classes, and plug-ins as pip installs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import RUST, install
from vlabench import registry
from vlabench.adapters.base import Policy, find_adapter
from vlabench.errors import PluginError, UnknownName
from vlabench.perturbations.base import Perturbation, find_perturbation
from vlabench.simulators.base import Simulator
from vlabench.training.objectives.base import Objective


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path that packages can be installed into."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("kind", "contract"), [
    ("perturbation", Perturbation), ("adapter", Policy), ("simulator", Simulator), ("objective", Objective)])
def test_every_built_in_name_has_its_class(kind: registry.Kind, contract: type) -> None:
    assert registry.names(kind)
    for name in registry.names(kind):
        assert registry.load(kind, name, contract).__name__ == "".join(word.capitalize() for word in name.split("_"))


def test_listing_imports_no_module_and_cards_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys, vlabench.cards as cards, vlabench.registry as registry\n"
        "for kind in registry.FOLDERS: registry.names(kind)\n"
        "for name in cards.suite_names(): cards.load_suite(name)\n"
        "for name in cards.policy_names(): cards.load_policy(name)\n"
        "heavy = {'numpy', 'scipy', 'pandas', 'statsmodels', 'torch', 'mujoco', 'cv2', 'matplotlib', 'rich'}\n"
        "ours = ('vlabench.perturbations', 'vlabench.adapters', 'vlabench.simulators')\n"
        "print(sorted(m for m in sys.modules if m in heavy or m.startswith(ours)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_is_a_module_or_a_package_with_a_module_of_the_kind(tmp_path: Path) -> None:
    for path in ("base.py", "_tools.py", "__init__.py", "one_two.py", "big/simulator.py", "others/tools.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert registry.builtin("simulator", tmp_path) == [
        ("big", "vlabench.simulators.big.simulator:Big"),
        ("one_two", "vlabench.simulators.one_two:OneTwo"),
    ]


def test_unknown_name_says_what_was_meant() -> None:
    with pytest.raises(UnknownName) as caught:
        find_perturbation("rotaton")
    assert str(caught.value) == "unknown perturbation 'rotaton': did you mean 'rotation'?"
    assert caught.value.exit_code == 2


def test_an_installed_plug_in_is_found(site: Path) -> None:
    install(site, "rusty", {"vlabench.perturbations": {"rust": "rusty:Rust"}}, {"rusty.py": RUST})
    assert "rust" in registry.names("perturbation")
    assert "rusty" not in sys.modules
    found = find_perturbation("rust")
    assert issubclass(found, Perturbation)
    assert found.model_validate({}).model_dump() == {"friction": 0.3}


def test_what_is_installed_later_is_found_where_one_looks_again(site: Path) -> None:
    assert "rust" not in registry.names("perturbation")
    install(site, "rusty", {"vlabench.perturbations": {"rust": "rusty:Rust"}}, {"rusty.py": RUST})
    assert "rust" not in registry.names("perturbation")
    registry.refresh()
    assert "rust" in registry.names("perturbation")


def test_a_taken_name_is_refused(site: Path) -> None:
    install(site, "rusty", {"vlabench.perturbations": {"shift": "rusty:Rust"}}, {"rusty.py": RUST})
    with pytest.raises(PluginError) as caught:
        registry.names("perturbation")
    assert str(caught.value) == (
        "two perturbations are called 'shift': vlabench.perturbations.shift:Shift and rusty:Rust\n"
        "  fix: rename or uninstall the plug-in that brings one of them"
    )


def test_the_same_entry_point_seen_twice_is_one(site: Path) -> None:
    again = site / "again"
    for place in (site, again):
        install(place, "rusty", {"vlabench.perturbations": {"rust": "rusty:Rust"}}, {"rusty.py": RUST})
    sys.path.insert(0, str(again))
    try:
        assert registry.names("perturbation").count("rust") == 1
    finally:
        sys.path.remove(str(again))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("absent_one:Rust", "adapter 'odd' (absent_one:Rust) cannot be imported: No module named 'absent_one'"),
        ("json:JSONDecoder", "adapter 'odd': json:JSONDecoder is not a subclass of vlabench.adapters.base:Policy"),
        ("vlabench.adapters.random:Rondom", "adapter 'odd' (vlabench.adapters.random:Rondom): the module "
         "'vlabench.adapters.random' has no class 'Rondom': did you mean 'Random'?"),
        ("json:Absent", "adapter 'odd' (json:Absent): the module 'json' has no class 'Absent'"),
    ],
)
def test_a_broken_plug_in_is_named(site: Path, value: str, message: str) -> None:
    install(site, "odd", {"vlabench.adapters": {"odd": value}}, {})
    with pytest.raises(PluginError) as caught:
        find_adapter("odd")
    assert str(caught.value) == message


@pytest.mark.parametrize(("code", "message"), [
    ("x = 1\ndef f(:\n", "SyntaxError: "), ("x = 1\ny = undefined\n", "NameError: name 'undefined' is not defined"),
    ("x = 1\nraise RuntimeError('no licence')\n", "RuntimeError: no licence"),
    ("import sys\nsys.exit('usage: oddest')\n", "SystemExit: sys.exit('usage: oddest') was called")])
def test_a_mistake_in_a_plug_ins_module_is_told_with_file_and_line(site: Path, code: str, message: str) -> None:
    install(site, "odd", {"vlabench.adapters": {"odd": "oddest:Odd"}}, {"oddest.py": code})
    with pytest.raises(PluginError) as caught:
        find_adapter("odd")
    said = str(caught.value)
    assert said.startswith(f"adapter 'odd' (oddest:Odd) cannot be imported: {message}")
    assert said.endswith("oddest.py:2]")
