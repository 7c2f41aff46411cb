"""Every option says what it is, and cards are what their JSON Schemas say."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, Field
from rich.console import Console
from typer.testing import CliRunner

from tests.cli.test_explain import words
from tests.places import ROOT
from vlabench import cards, registry
from vlabench.adapters.base import find_adapter
from vlabench.cards.files import read
from vlabench.cards.policy import PolicyCard
from vlabench.cards.suite import SuiteFile
from vlabench.cli.app import app
from vlabench.cli.explain import explain, schema
from vlabench.errors import CardError, OptionError, UnknownName
from vlabench.models.nano import NanoConfig
from vlabench.perturbations.base import find_perturbation
from vlabench.training.methods.base import find_method
from vlabench.training.objectives.base import find_objective
from vlabench.training.train import method_of
from vlabench.util.messages import options_model


def ours(kind: registry.Kind) -> list[str]:
    return [name for name in registry.names(kind) if registry.target(kind, name).startswith("vlabench.")]


def adapter_options(name: str) -> type[BaseModel]:
    adapter = find_adapter(name)
    return options_model(adapter, ("weights", *adapter.heeds), adapter.builds_on)


FIND: Mapping[registry.Kind, Callable[[str], type[BaseModel]]] = {
    "perturbation": find_perturbation, "method": lambda name: find_method(name).Options,
    "objective": lambda name: find_objective(name).Options, "adapter": adapter_options}


def inside(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, and those in their fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from inside(field.annotation)
    for each in get_args(annotation):
        yield from inside(each)


def silent(model: type[BaseModel]) -> list[str]:
    return [f"{each.__name__}.{key}" for each in inside(model) for key, field in each.model_fields.items()
            if not re.fullmatch(r"[A-Z`].{8,}\.", field.description or "")]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in FIND for name in ours(kind)])
def test_every_option_says_what_it_is(kind: registry.Kind, name: str) -> None:
    assert silent(FIND[kind](name)) == []


@pytest.mark.parametrize("model", [SuiteFile, PolicyCard, NanoConfig])
def test_every_key_of_a_card_says_what_it_is(model: type[BaseModel]) -> None:
    assert silent(model) == []


def test_the_walk_finds_options_in_tables_and_lists() -> None:
    class Inner(BaseModel):
        number: int = 0

    class Outer(BaseModel):
        many: tuple[Inner, ...] | None = Field(default=None, description="Some of them.")

    assert list(inside(Outer)) == [Outer, Inner] and silent(Outer) == ["Inner.number"]


def test_names_of_methods_objectives_and_cards_have_a_page_with_all_options() -> None:
    page = words("rloo")
    assert "init str, required Policy to start from" in page and "rollouts int ≥ 2, default 8" in page
    assert page.index("init str") < page.index("objectives table")  # what must be said comes first
    assert "clip_low float > 0, < 1, default 0.2" in page and "curriculum table, optional" in page
    assert "rounds list of tables, required" in words("sft") and "precision \"auto\" |" in words("sft")
    assert "needs reference" in words("smoothness") and "β (published: 0.0005)" in words("smoothness")
    assert "task_sets list, required" in words("suite") and "severity int ≥ 1, ≤ 5, optional" in words("suite")
    assert "adapter str, required" in words("policy") and "sha256 str, required" in words("policy")


def test_a_policys_page_has_the_options_of_its_adapter_and_of_its_training() -> None:
    page = words("robustvla")
    assert 'decode "mean" | "mode" | "sample" | "normal" | "mixed", default "mean" How a chunk is taken' in page
    assert "option of rloo init str, required" in page and "option of" not in words("expert")


@pytest.mark.parametrize("width", [80, 120])
def test_options_are_aligned_and_no_name_is_broken(width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(explain("rloo"))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    start, end = lines.index("  option"), next(n for n, line in enumerate(lines) if "in a policy's card:" in line)
    listed = lines[start + 1 : end - 1]
    column = listed[0].index("str, required")
    assert {(line[column - 2 : column], line[column] != " ") for line in listed} == {("  ", True)}
    assert "    curriculum" in {line[:column].rstrip() for line in listed} and max(map(len, lines)) <= width


BARE = ("distractor_receptacle", "both_receptacles_named", "other_target")
"""Perturbations without parameters."""


def checked(name: str) -> Any:
    jsonschema = pytest.importorskip("jsonschema", reason="needs the package jsonschema, one of the development tools")
    found = json.loads(json.dumps(schema(name)))
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    return jsonschema.Draft202012Validator(found)


@pytest.mark.parametrize("name", [*ours("perturbation"), *ours("method"), *ours("objective"), "suite", "policy"])
def test_schemas_are_schemas_and_say_what_options_are(name: str) -> None:
    properties = checked(name).schema["properties"]
    assert properties or name in BARE
    assert all(each["description"] for each in properties.values())


@pytest.mark.parametrize("path", [
    *sorted(ROOT.glob("suites/*.toml")), *sorted(ROOT.glob("policies/*.toml")),
    ROOT / "results" / "ablations" / "goal.toml"], ids=lambda path: path.stem)
def test_shipped_cards_are_as_their_schemas_say(path: Path) -> None:
    content = read(path)
    assert list(checked(str(path)).iter_errors(content)) == []


def test_a_card_that_is_refused_is_refused_by_its_schema() -> None:
    content = read(ROOT / "policies" / "robustvla.toml")
    validator = checked("robustvla")
    assert validator.is_valid(content)
    for where, wrong in (((), {"camera": []}), ((), {"replan": 0}), ((), {"title": ""}),
                         (("options",), {"decode": "x"}),
                         (("training", "options"), {"rate": 1e-5}), (("training", "options"), {"rollouts": 1}),
                         (("weights",), {"sha256": "0"})):
        worse = json.loads(json.dumps(content))
        table = worse
        for key in where:
            table = table.setdefault(key, {})
        table.update(wrong)
        assert not validator.is_valid(worse), wrong
    suite = read(ROOT / "suites" / "libero-joint.toml")
    assert checked("libero-joint").is_valid(suite) and not checked("suite").is_valid(suite | {"episodes": 0})
    assert not checked("shift").is_valid({"fraction": 1.0}) and checked("shift").is_valid({"fraction": 0.5})


def test_the_command_prints_a_schema_or_says_why_there_is_none() -> None:
    done = CliRunner().invoke(app, ["show", "rotation", "--schema"])
    assert done.exit_code == 0 and json.loads(done.stdout)["properties"]["degrees"]["maximum"] == 180
    with pytest.raises(UnknownName, match="did you mean 'rotation'"):
        schema("rotatoin")


@pytest.mark.usefixtures("toy_plugin")
def test_a_task_has_no_schema() -> None:
    with pytest.raises(OptionError, match="^'toy_points/2' is a task, which has no options\n  fix: vlabench show "):
        schema("toy_points/2")


def test_an_old_name_of_an_option_is_an_unknown_key_with_the_nearest_one(tmp_path: Path) -> None:
    text = (ROOT / "results" / "ablations" / "goal.toml").read_text(encoding="utf-8")
    (tmp_path / "old.toml").write_text(text.replace("eval_episodes", "evaluation_episodes"))
    with pytest.raises(CardError, match="unknown key 'evaluation_episodes': did you mean 'eval_episodes'"):
        method_of(cards.load_policy(str(tmp_path / "old.toml")))
