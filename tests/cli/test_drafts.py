"""What `vlabench new` writes is installed, checked, run and shown in a table; what it refuses is not written at all."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.places import ROOT
from tests.toy.alone import Alone
from vlabench import cards
from vlabench.cli.app import app
from vlabench.cli.drafts import COMMANDS, NAMES, Kind, contents, draft
from vlabench.errors import OptionError, StoreError
from vlabench.perturbations.base import Perturbation, find_perturbation
from vlabench.seeding import Draws
from vlabench.simulators.base import find_simulator
from vlabench.types import Observation
from vlabench.util import modules

pytestmark = pytest.mark.usefixtures("toy_plugin")

CODE: tuple[Kind, ...] = ("policy", "perturbation")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory; modules that are imported go again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(modules, "_homes", [])
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if tmp_path in Path(getattr(module, "__file__", None) or "/").parents:
            del sys.modules[name]


def vlabench(*args: str) -> Result:
    return CliRunner().invoke(app, args)


def worked(*args: str) -> str:
    done = vlabench(*args)
    assert done.exit_code == 0, done.output
    return done.stdout


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("run", "rehearsal"):
        monkeypatch.setattr(f"vlabench.evaluation.{module}.WorkerPool", Alone)


def installed(folder: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build the wheel that pip would build, and unpack it where Python looks."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="the extra `dev` installs hatchling")
    (path,) = wheel.WheelBuilder(str(folder)).build(directory=str(site))
    zipfile.ZipFile(path).extractall(site)
    monkeypatch.syspath_prepend(str(site))


def on_the_toy(card: Path) -> None:
    """The card, for the toy instead of LIBERO."""
    text = card.read_text().replace('"libero"', '"toy"').replace("libero_spatial", "toy_points")
    text = text.replace('"primitive"', '"plain"').replace('"agentview", "wrist"', '"top", "side"')
    card.write_text(text.replace("libero_goal", "toy_points").replace('"libero_*', '"toy_*'))


def test_a_policy_works_as_it_is_written_and_its_class_has_a_name_once_installed(
        here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)
    said = worked("new", "policy", "lamp_seeker")
    assert shlex.split(said.splitlines()[-1], comments=True) == ["pip", "install", "-e", "lamp_seeker"]
    card = Path("lamp_seeker/lamp_seeker.toml")
    assert said.splitlines()[:4] == ["written:", *(f"  lamp_seeker/{name}" for name in (
        "lamp_seeker.py", "lamp_seeker.toml", "pyproject.toml"))]
    assert worked("check", str(card), "--no-play") == f"{card}: nothing wrong\n"
    on_the_toy(card)
    assert "nothing wrong" in worked("check", str(card)) and "clipped" not in worked("check", str(card))
    shown = worked("run", "--policy", str(card), "--suite", "toy", "--episodes", "2", "--workers", "1")
    assert "lamp_seeker on toy; measured, plain" in shown and "18 episodes played" in shown
    assert "toy_points" in worked("table", "results/lamp_seeker", "--suite", "toy", "--format", "md")
    assert len(cards.load_policy(str(card)).code) == 16  # edits of its module are noticed

    installed(card.parent, here / "site", monkeypatch)
    other = here / "other.toml"
    other.write_text(card.read_text().replace("lamp_seeker:LampSeeker", "lamp_seeker"))
    assert cards.load_policy(str(other)).kind.__name__ == "LampSeeker"
    assert "9 episodes played" in worked("run", "--policy", str(other), "--suite", "toy", "--episodes", "1")


def test_a_perturbation_is_installed_tested_and_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)
    commands = worked("new", "perturbation", "dusk", "--out", "a plug-in").partition("next:\n")[2]
    folder, card = here / "a plug-in", "a plug-in/dusk.toml"
    assert [shlex.split(line)[-1] for line in commands.splitlines()[:3]] == ["a plug-in", "a plug-in", card]
    assert "unknown perturbation 'dusk'" in vlabench("check", card).stdout  # not yet
    installed(folder, here / "site", monkeypatch)
    assert worked("check", card) == f"{card}: nothing wrong\n"
    assert "Largest share" in (folder / "dusk.py").read_text() and "darker" in worked("show", "dusk")
    declared = vars(find_perturbation("dusk"))["__annotations__"]
    known = {*vars(Perturbation), "severities"}
    assert "dimension" in declared and {name for name, kind in declared.items() if "ClassVar" in str(kind)} <= known
    assert {"clean", "dusk-s1", "dusk-s5", "dusk-noise"} <= set(cards.load_suite(card).conditions)
    namespace: dict[str, object] = {}
    exec((folder / "test_dusk.py").read_text(), namespace)
    for name in ("test_pictures_are_darker_the_higher_the_severity", "test_the_draw_is_held_for_the_episode"):
        test = namespace[name]
        assert callable(test)
        test()
    on_the_toy(Path(card))
    # The run audits that pictures, and nothing else, are changed from the first look on.
    shown = worked("run", "--policy", "toy-seeker", "--suite", card, "--episodes", "4", "--workers", "1")
    assert "dusk-s3" in shown and "84 episodes played" in shown


def test_a_suite_is_used_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)
    assert worked("new", "suite", "a.suite-2").splitlines()[1] == "  a.suite-2.toml"
    assert worked("check", "a.suite-2.toml") == "a.suite-2.toml: nothing wrong\n"
    assert "tilted-and-noisy" in worked("show", "a.suite-2.toml")
    on_the_toy(Path("a.suite-2.toml"))
    card = Path("a.suite-2.toml").read_text().replace('"toy_points", "toy_points"', '"toy_points"')
    Path("a.suite-2.toml").write_text(card)
    shown = worked("run", "--policy", "toy-seeker", "--suite", "a.suite-2.toml", "--conditions", "tilted*",
                   "--episodes", "2")
    assert "tilted-and-noisy" in shown and "6 episodes played" in shown


def test_its_conditions_are_no_other_suites() -> None:
    """A condition of another meaning under the name would set the records of the other aside."""
    mine = cards.load_suite(str(draft("suite", "mine").files[0])).conditions
    for name in cards.suite_names():
        for condition in cards.load_suite(name).conditions.values():
            assert mine.get(condition.name, condition).parts == condition.parts


@pytest.mark.parametrize("kind", CODE)
def test_the_code_is_clean(kind: Kind, here: Path) -> None:
    """By the rules of this project, and as mypy sees it at its strictest (with the cache that `make check` leaves)."""
    draft(kind, "thing", here)
    sources = [path for path in contents(kind, "thing") if path.endswith(".py")]
    for tool in (["ruff", "check", "--isolated", "--select", "E,F,I,UP,B", "--line-length", "120"],
                 ["mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]):
        done = subprocess.run([sys.executable, "-m", *tool, *sources], capture_output=True, text=True, cwd=here)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", NAMES)
def test_only_its_own_name_is_in_what_is_written(kind: Kind) -> None:
    written = contents(kind, "MyPolicy2")
    text = "\n".join([*written, *written.values()])
    assert "MyPolicy2" in text and "2MyPolicy2" not in text
    assert not re.search(r"my_|my-|MyPerturbation|MyPolicy\b|[.]txt", text)
    assert "{" not in "".join(COMMANDS[kind]).replace("{card}", "").replace("{folder}", "")


@pytest.mark.parametrize(("kind", "name", "said", "other"), [
    ("policy", "my-policy", "cannot be a policy's: use a Python module's: letters, digits and '_'", "my_policy"),
    ("policy", "3d", "cannot be a policy's", "my_3d"),
    ("policy", "class", "and no keyword", "my_class"),
    ("policy", "none", "and no keyword", "my_none"),
    ("policy", "../up", "cannot be a policy's: use letters", "up"),
    ("policy", "!", "cannot be a policy's", "my_policy"),
    ("policy", "x" * 61, "60 characters at most", "x" * 55),
    ("policy", "Random", "taken: a policy is called 'random'", "my_Random"),
    ("policy", "toy_seeker", "taken: a policy is called 'toy-seeker'", "my_toy_seeker"),
    ("policy", "numpy", "taken by a Python module (", "my_numpy"),
    ("policy", "decision", "the class would be called Decision, as another in its module", "my_decision"),
    ("policy", "policy", "the class would be called Policy", "my_policy"),
    ("perturbation", "rotation", "taken: a perturbation is called 'rotation'", "my_rotation"),
    ("perturbation", "perturbation", "the class would be called Perturbation", "my_perturbation"),
    ("suite", "libero-joint", "taken: a suite is called 'libero-joint'", "my_libero_joint"),
    ("suite", "con", "a device on Windows has this name", "my_con"),
])
def test_a_name_that_cannot_be_is_refused_with_one_that_can(kind: Kind, name: str, said: str, other: str,
                                                            here: Path) -> None:
    done = vlabench("new", kind, name)
    assert done.exit_code == 2 and said in done.stderr
    assert done.stderr.endswith(f"\n  fix: vlabench new {kind} {other}\n")
    assert list(here.iterdir()) == []
    draft(kind, other)


def test_nothing_is_written_over(here: Path) -> None:
    draft("policy", "one")
    before = {path: path.read_text() for path in Path("one").iterdir()}
    (here / "two").mkdir()
    (here / "two" / "pyproject.toml").symlink_to(here / "nowhere")
    for name, out, there in (("one", None, "one/one.py"), ("two", None, "two/pyproject.toml"),
                             ("three", Path("one"), "one/pyproject.toml")):
        with pytest.raises(OptionError, match=f"{there} is there already; nothing was written\n  fix: --out DIR"):
            draft("policy", name, out)
    assert before == {path: path.read_text() for path in Path("one").iterdir()}
    assert len(list((here / "two").iterdir())) == 1 and not (here / "three").exists()
    with pytest.raises(StoreError, match=r"one/one.py: cannot be written: .*\n  fix: --out DIR"):
        draft("suite", "four", Path("one/one.py"))


def test_a_policy_written_for_libero_moves_another_robot_by_its_own_units(here: Path) -> None:
    """With the two words of the card that say where."""
    card = next(path for path in draft("policy", "mover").files if path.name == "mover.toml")
    text = card.read_text().replace('simulator = "libero"', 'simulator = "maniskill"')
    card.write_text(text.replace('cameras = ["agentview", "wrist"]', 'cameras = ["third_person"]'))
    policy, space = cards.load_policy(str(card)).actor().make(), find_simulator("maniskill").action_space
    policy.configure(space)
    policy.reset([0], [Draws((0, "a/0", 0, "policy"))])
    actions = policy.act(Observation.now({}, np.zeros((1, 8), np.float32), ["put it"], 0)).actions
    assert (np.abs(actions[..., :6]) <= 0.2 * np.array(space.unit[:6])).all() and (actions[..., 6] == 1.0).all()
