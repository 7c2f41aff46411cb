"""Cards that name a class: whose may, where its module is looked for, and what is said of mistakes."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vlabench import cards
from vlabench.cards import lineage
from vlabench.errors import CardError, PluginError
from vlabench.evaluation.plan import RunOptions
from vlabench.evaluation.run import evaluate
from vlabench.util import modules, weights

CARD = """
title = "t"
source = "s"
adapter = "{adapter}"
assets = ["plain"]
cameras = ["top", "side"]
image_size = 16
replan = 3
"""
MODULE = """
from tests.toy.toy import Seeker
from {helper} import NOISE

class Mine(Seeker):
    def __init__(self, weights=None):
        super().__init__(NOISE)
        if weights is not None:
            assert sorted(path.name for path in weights.iterdir()) == ["model.json", "part-1", "part-2"]
"""


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules of these tests go again."""
    before = dict(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(modules, "_homes", [])
    yield
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]


def write(folder: Path, name: str = "own_policy", text: str = MODULE, adapter: str = "", helper: str = "") -> Path:
    """A card and its modules in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    helper = helper or f"{name}_helper"
    (folder / f"{helper}.py").write_text("NOISE = 0.2\n")
    (folder / f"{name}.py").write_text(text.replace("{helper}", helper))
    (folder / "card.toml").write_text(CARD.format(adapter=adapter or f"{name}:Mine"))
    return folder / "card.toml"


@pytest.mark.usefixtures("toy_plugin")
def test_workers_do_not_read_weights_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not the one of the checksum, of which this process believes that it is: a worker would say so."""
    path = write(tmp_path, text=MODULE.partition("        if weights")[0])
    (tmp_path / "w").write_bytes(b"other")
    path.write_text(path.read_text() + f'weights = {{path = "w", sha256 = "{"0" * 64}"}}\n')
    weights.digest(tmp_path / "w")
    place = str((tmp_path / "w").resolve())
    monkeypatch.setitem(weights._seen, place, (weights._seen[place][0], "0" * 64))
    done = evaluate(str(path), "toy", tmp_path / "results", options=RunOptions(1, ("toy_points/0",), ("clean",)),
                    workers=1)
    assert (done.summary.played, done.summary.errors) == (1, 0)
    (tmp_path / "w").write_bytes(b"another")
    with pytest.raises(CardError, match="has the checksum"):
        evaluate(str(path), "toy", tmp_path / "again", workers=1)


@pytest.mark.usefixtures("toy_plugin")
def test_a_run_with_a_class_of_a_module_beside_the_card(tmp_path: Path) -> None:
    """Workers find it, too, and its sharded weights; editing it makes it another policy, as of a plug-in."""
    path = write(tmp_path / "my")
    (tmp_path / "w").mkdir()
    for name in ("model.json", "part-1", "part-2"):
        (tmp_path / "w" / name).write_text(name)
    line = f'weights = {{path = "../w", sha256 = "{"0" * 64}"}}\n'
    path.write_text(path.read_text() + line)
    with pytest.raises(CardError, match="has the checksum [0-9a-f]{64}, not 000") as caught:
        cards.load_policy(str(path)).check()
    path.write_text(path.read_text().replace("0" * 64, str(caught.value).partition("the checksum ")[2][:64]))
    policy = cards.load_policy(str(path))
    done = evaluate(str(path), "toy", tmp_path / "results", options=RunOptions(episodes=1, conditions=("dark",)),
                    workers=1)
    assert (done.summary.played, done.summary.errors) == (6, 0)
    assert {record.versions["adapter"] for record in done.records} == {policy.code} and len(policy.code) == 16
    assert {record.policy_digest for record in done.records} == {policy.digest}
    module = tmp_path / "my" / "own_policy.py"
    module.write_text(module.read_text() + "# edited\n")
    assert cards.load_policy(str(path)).digest != policy.digest


def test_a_card_goes_to_workers_without_its_class(tmp_path: Path) -> None:
    card = cards.load_policy(str(write(tmp_path)))
    digest = card.digest
    content = pickle.dumps(card)
    assert b"Mine'" not in content and pickle.loads(content).digest == digest
    assert b"own_policy:Mine" in content and content.count(b"own_policy") == 1


@pytest.mark.parametrize(("text", "adapter", "message"), [
    ("x = 1\ndef f(:\n", "broken:Mine", "adapter (broken:Mine) cannot be imported: SyntaxError: "),
    ("x = 1\ny = undefined\n", "broken:Mine", "NameError: name 'undefined' is not defined ["),
    ("import json\njson.loads('{')\n", "broken:Mine", "JSONDecodeError: Expecting"),
    ("x = 1\n", "broken:Mine", "adapter (broken:Mine): the module 'broken' has no class 'Mine'"),
    ("x = 1\n", "absent_one:Mine", "No module named 'absent_one', neither in "),
    ("x = 1\n", "json:JSONDecoder", "json:JSONDecoder is not a subclass"),
    ("x = 1\n", "os.system:Mine", "'os.system'; 'os' is not a package"),
    ("x = 1\nimport no_such_library\n", "broken:Mine", "No module named 'no_such_library'")])
def test_mistakes_in_the_module_are_told(tmp_path: Path, text: str, adapter: str, message: str) -> None:
    path = write(tmp_path, "broken", text, adapter)
    with pytest.raises(PluginError) as caught:
        _ = cards.load_policy(str(path)).digest
    said = str(caught.value)
    assert said.startswith(f"{path}: adapter") and message in said
    assert said.endswith("broken.py:2]") == ("Error: " in said)
    assert ("neither in" in said) == (adapter.partition(".")[0] in ("absent_one:Mine", "os"))


def test_a_module_where_python_looks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "card", adapter="far_policy:Mine")
    write(tmp_path / "far", "far_policy")
    monkeypatch.syspath_prepend(tmp_path / "far")
    assert Path(cards.load_policy(str(path))._adapter.__module__).name == "far_policy"


def test_nothing_beside_a_card_hides_another_module(tmp_path: Path) -> None:
    (tmp_path / "statistics.py").write_text("raise AssertionError('hidden')")
    _ = cards.load_policy(str(write(tmp_path))).digest
    import statistics

    assert statistics.mean([1, 3]) == 2
    with pytest.raises(PluginError, match="two modules are called 'json': .*\n  fix: rename the one beside the card"):
        _ = cards.load_policy(str(write(tmp_path / "other", "json", "class Mine: pass"))).digest


@pytest.mark.parametrize(("name", "helper", "twice"), [
    ("own_policy", "", "own_policy"), ("second_policy", "own_policy_helper", "own_policy_helper")])
def test_two_cards_must_not_mean_two_modules_by_one_name(tmp_path: Path, name: str, helper: str, twice: str) -> None:
    _ = cards.load_policy(str(write(tmp_path / "a"))).digest
    other = cards.load_policy(str(write(tmp_path / "b", name, helper=helper)))
    with pytest.raises(PluginError, match=f"two modules are called '{twice}': "):
        _ = other.digest


def refused(load: str, why: str, foreign: bool = False) -> None:
    with pytest.raises(CardError) as caught:
        cards.load_policy(load, foreign=foreign)
    assert "names a class, which this card may not: " in str(caught.value) and why in str(caught.value)
    assert "own_policy" not in sys.modules and caught.value.exit_code == 2


def test_only_a_card_given_by_its_path_may_name_a_class(home: Path) -> None:
    write(home / "policies")
    refused("card", "it is not the card that was given by its path")
    refused("policies/card.toml", "it is not the card that was given by its path", foreign=True)
    assert cards.load_policy("policies/card.toml").adapter == "own_policy:Mine"
    (home / "policies" / "card.toml").write_text(CARD.format(adapter="own policy:"))
    with pytest.raises(CardError, match="is no class\n  fix: \"module:Class\""):
        cards.load_policy("policies/card.toml")


def test_nothing_in_a_submission_is_run(home: Path) -> None:
    write(home / "sub" / "cards" / "policies")
    (home / "sub" / "submission.json").write_text("{}")
    refused("sub/cards/policies/card.toml", "it lies in a submission, of which nothing is run")
    (home / "mine.toml").symlink_to(home / "sub" / "cards" / "policies" / "card.toml")
    refused("mine.toml", "it lies in a submission")
    assert "own_policy" not in sys.modules


def test_a_card_among_records_is_not_run_either(home: Path) -> None:
    path = write(home / "results")
    path.rename(path.with_name("mine.toml"))
    assert lineage.recorded("mine", "0" * 64, home / "results") is None
    assert "own_policy" not in sys.modules
