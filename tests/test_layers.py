"""Who may import whom, from the source: rooms build on each other in one direction, and no modules in a circle.

Every import counts: at the top of a module, inside a function, and for typing alone.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.places import ROOT

GROUND = ("types", "errors", "seeding", "stats", "util")
"""What only knows itself."""
ACTING = ("simulators", "perturbations", "adapters", "models")
HEAVY = ("matplotlib", "torch", "mujoco", "robosuite", "sapien", "mani_skill", "gymnasium", "sklearn")
"""Libraries that take long to import, or may be absent: imported where they are used."""

OF_MANISKILL = ("simulators.maniskill.base_env", "simulators.maniskill.agent", "simulators.maniskill.screens")
"""What is built on ManiSkill's classes or torch, which take seconds to import: nobody does but who asks for the
environment."""

Imports = Mapping[str, frozenset[str]]


def modules(root: Path) -> dict[str, Path]:
    """Dotted name below `vlabench` → file; a package goes by its own name, `vlabench` itself by ""."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(source: str) -> Iterator[str]:
    """Everything that a module imports, absolute, a name of a module as well as what is taken from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_ours(source: str, names: Collection[str]) -> frozenset[str]:
    """Those of the modules `names` that a source imports."""
    found = [each.removeprefix("vlabench").lstrip(".") for each in imported(source) if each.split(".")[0] == "vlabench"]
    return frozenset(each if each in names else each.rpartition(".")[0] for each in found)


def graph(root: Path) -> dict[str, frozenset[str]]:
    """Module → the modules of ours that it imports; without the package's `__init__`, which imports when asked."""
    names = modules(root)
    return {name: of_ours(path.read_text(encoding="utf-8"), names) - {name, ""} for name, path in names.items() if name}


def circle(imports: Imports) -> list[str]:
    """Modules that import each other in a ring, if there are any."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def within(module: str, *rooms: str) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)


def rule(who: Callable[[str], bool], never: Callable[[str], bool]) -> Callable[[Imports], list[str]]:
    """The imports that break a rule: modules of which `who` holds import none of which `never` holds."""
    def broken(imports: Imports) -> list[str]:
        return [f"{name} imports {other}" for name, others in imports.items() if who(name)
                for other in sorted(others) if never(other)]
    return broken


def room(*names: str) -> Callable[[str], bool]:
    return lambda module: within(module, *names)


def outside(*names: str) -> Callable[[str], bool]:
    return lambda module: not within(module, *names)


ABOVE = ("cards", "episode", "evaluation", "records", "training", "gate", "leaderboard", "reports", "serving",
         "cli", "gym")
"""Everything that is above those who act."""
RULES: Mapping[str, Callable[[Imports], list[str]]] = {
    "the ground knows itself alone": rule(room(*GROUND), outside("", *GROUND)),
    "the registry knows no contract": rule(room("registry"), outside("", *GROUND)),
    "who acts knows nobody above": rule(room(*ACTING), room(*ABOVE)),
    "simulators know no perturbation": rule(room("simulators"), room("perturbations", "adapters", "models")),
    "a simulator is asked through its base": rule(
        lambda name: not within(name, "simulators.libero", "simulators.maniskill", "training.demos"),
        room("simulators.libero", "simulators.maniskill")),
    "ManiSkill itself is imported by who asks for it": rule(outside(*OF_MANISKILL), room(*OF_MANISKILL)),
    "cards know nobody who plays": rule(
        room("cards"), room("episode", "evaluation", "records", "training", "gate", "leaderboard", "reports", "cli")),
    "an episode knows neither cards nor what is kept": rule(
        room("episode"), room("cards", "evaluation", "records", "training", "gate", "leaderboard", "reports", "cli")),
    "records know nobody who plays plans": rule(
        room("records"), room("evaluation", "training", "gate", "leaderboard", "reports", "cli")),
    "evaluation does not know training": rule(
        room("evaluation"), room("training", "gate", "leaderboard", "reports", "cli")),
    "training does not know evaluation": rule(
        room("training"), room("evaluation", "gate", "leaderboard", "reports", "cli")),
    "methods stand on rl": rule(room("training.rl"), room("training.methods")),
    "rl stands on demonstrations and objectives": rule(
        room("training.demos", "training.objectives"), room("training.methods", "training.rl")),
    "the gate and the leaderboard are neighbours": rule(room("gate"), room("leaderboard", "reports", "cli")),
    "the leaderboard and the gate are neighbours": rule(room("leaderboard"), room("gate", "reports", "cli")),
    "nothing below imports reports": rule(outside("reports", "cli"), room("reports")),
    "only the command line serves": rule(outside("serving", "cli"), room("serving")),
    "who serves knows neither plans nor records": rule(
        room("serving"), room("evaluation", "records", "training", "gate", "leaderboard", "reports", "cli")),
    "nothing imports the command line": rule(outside("cli", "__main__"), room("cli")),
}


@pytest.fixture(scope="module")
def ours() -> Imports:
    return graph(ROOT / "vlabench")


@pytest.mark.parametrize("name", RULES)
def test_rooms_build_on_each_other_in_one_direction(name: str, ours: Imports) -> None:
    assert RULES[name](ours) == []


def test_no_modules_import_each_other_in_a_circle(ours: Imports) -> None:
    assert circle(ours) == []


def test_few_modules_lie_at_the_top() -> None:
    assert len(list((ROOT / "vlabench").glob("*.py"))) <= 8


def test_every_folder_is_a_package_and_every_module_says_what_it_is_for() -> None:
    for path in (ROOT / "vlabench").rglob("*.py"):
        assert (path.parent / "__init__.py").is_file(), path
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_the_command_line_alone_imports_typer() -> None:
    users = [name for name, path in modules(ROOT / "vlabench").items() if not within(name, "cli")
             and any(each.split(".")[0] == "typer" for each in imported(path.read_text(encoding="utf-8")))]
    assert users == []


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    for name, path in modules(ROOT / "vlabench").items():
        if not within(name, "models", "training", "simulators.libero", "gym", *OF_MANISKILL):
            top = [node for node in ast.parse(path.read_text(encoding="utf-8")).body
                   if isinstance(node, (ast.Import, ast.ImportFrom))]
            found = {alias.name.split(".")[0] for node in top if isinstance(node, ast.Import) for alias in node.names}
            found |= {(node.module or "").split(".")[0] for node in top if isinstance(node, ast.ImportFrom)}
            assert not found.intersection(HEAVY), name


@pytest.mark.parametrize(("module", "line", "broken"), [
    ("simulators.libero.scene", "from vlabench.perturbations.base import Perturbation",
     "simulators know no perturbation"),
    ("stats.rates", "from vlabench import cards", "the ground knows itself alone"),
    ("episode.loop", "from vlabench.records import store", "an episode knows neither cards nor what is kept"),
    ("training.rl.learner", "import vlabench.evaluation.run", "training does not know evaluation"),
    ("evaluation.run", "from vlabench.simulators.libero.scene import LiberoScene",
     "a simulator is asked through its base"),
])
@pytest.mark.parametrize("frame", ["{}", "def added():\n    {}", "if TYPE_CHECKING:\n    {}"])
def test_an_import_that_is_forbidden_is_found(module: str, line: str, broken: str, frame: str, ours: Imports) -> None:
    source = modules(ROOT / "vlabench")[module].read_text(encoding="utf-8")
    worse = of_ours(f"{source}\n{frame.format(line)}\n", ours) - {module, ""}
    assert len(RULES[broken]({**ours, module: worse})) == 1


def test_a_circle_is_found(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("from vlabench.two import b\n")
    (tmp_path / "two.py").write_text("def b() -> None:\n    from vlabench import one\n")
    assert set(circle(graph(tmp_path))) == {"one", "two"}
