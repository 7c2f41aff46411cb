"""What `show` says about each kind of thing."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from vlabench import cards
from vlabench.cards.find import find_condition, find_task
from vlabench.cli.explain import explain, run_of
from vlabench.errors import OptionError, UnknownName
from vlabench.evaluation.plan import RunOptions, choose_conditions
from vlabench.simulators.libero import hf_libero

pytestmark = pytest.mark.usefixtures("toy_plugin")


def words(name: str) -> str:
    """The page, with single blanks."""
    out = io.StringIO()
    Console(file=out, width=300).print(explain(name))
    return " ".join(out.getvalue().split())


def test_a_suite_says_how_much_it_is_and_what_its_conditions_do() -> None:
    page = words("toy")
    assert "4 per task and condition; 3 tasks × 3 conditions × 4 = 36 in all" in page
    assert "jolt toy_jolt(sigma = 0.3)" in page and "clean none: the control" in page
    assert "vlabench run --policy toy-seeker --suite toy" in page


@pytest.mark.parametrize(("suite", "policy"), [
    ("libero-joint", "expert"), ("libero-action", "expert"),
    ("libero-rotation", "nano-sft"), ("libero-latency", "nano-sft"),  # of which some or all cannot reach the expert
])
def test_the_command_on_a_suites_page_names_a_policy_that_all_its_conditions_reach(suite: str, policy: str) -> None:
    assert f"vlabench run --policy {policy} --suite {suite}" in words(suite)
    assert "vlabench run --policy expert --suite libero-action" in words("expert")
    assert "vlabench run --policy toy-seeker --suite toy" in words("toy-seeker")


def test_what_has_no_page_says_which_suites_hold_it() -> None:
    with pytest.raises(OptionError, match="^'jolt' is a condition of toy\n  fix: vlabench show toy$"):
        explain("jolt")
    with pytest.raises(OptionError, match="^'toy_points' is a task set of toy, toy-idle, toy-leak, toy-shy\n  fix: "):
        explain("toy_points")
    with pytest.raises(OptionError, match="^'rotation-s3' is a condition of libero-severity\n"):
        explain("rotation-s3")
    with pytest.raises(OptionError, match="^'clean' is a condition of .* and [0-9]+ more suites\n"):
        explain("clean")


def test_an_unknown_condition_says_which_suite_has_it() -> None:
    with pytest.raises(UnknownName, match="in suite 'libero-clean': valid: clean\n  fix: --suite libero-joint"):
        choose_conditions(cards.load_suite("libero-clean"), RunOptions(conditions=("joint",)))
    with pytest.raises(UnknownName, match="'jolt' in suite 'toy-shy': .*\n  fix: --suite toy, which has it"):
        find_condition("jolt", "toy", "toy-shy")


def test_the_command_on_a_policys_page_plays_a_suite_that_fits(tmp_path: Path) -> None:
    card = tmp_path / "mine.toml"
    text = cards.card_files("policies")["toy-seeker"].read_text()
    card.write_text(text)
    assert f"run it vlabench run --policy {card} --suite toy" in words(str(card))
    card.write_text(text.replace('["plain"]', '["primitive"]'))
    assert "run it no suite that is here fits it" in words(str(card))
    card.write_text(text + f'train = "make it"\nweights = {{ path = "w", sha256 = "{"0" * 64}" }}')
    assert "run it it has no weights yet: make it" in words(str(card))


def test_numbers_are_shown_without_noise(tmp_path: Path) -> None:
    card = tmp_path / "mine.toml"
    card.write_text(cards.card_files("policies")["toy-seeker"].read_text().replace("0.2", "0.44999999999999996"))
    assert "noise = 0.45, chunk = 4" in words(str(card))


def test_a_policy_says_what_it_sees_and_where_it_may_run() -> None:
    page = words("toy-seeker")
    assert "top, side at 16 × 16 pixels" in page and "looks again after 3 actions" in page
    assert "noise = 0.2, chunk = 4" in page  # the default written out
    assert "no pictures, and the simulator's state" in words("expert")


def test_a_trained_policy_says_how_it_was_made() -> None:
    made = cards.load_policy("nano-sft").made
    assert made is not None
    assert f"(seed {made.seed}, {made.minutes:g} min, revision {made.revision[:8]}, {made.data})" in words("nano-sft")


def test_a_perturbation_says_its_ranges_severities_and_the_published_one() -> None:
    page = words("rotation")
    assert "degrees float ≥ 0, ≤ 180, default 30.0 Largest angle in degrees" in page
    assert "3 (published) degrees = 30.0" in page
    assert 'rotation = [{ perturbation = "rotation", severity = 3 }]' in page
    assert 'draw "episode" | "step", default "episode" `episode` draws once and holds' in page
    assert "cameras list, default []" in page and "none named means all that the policy sees" in page
    assert "none named means the last" in words("camera_loss") and "means all" not in words("camera_loss")
    assert "RobustVLA, appendix A.4" in page and "published" not in words("jpeg").replace("published benchmark", "")


def test_a_perturbation_without_severities_shows_none() -> None:
    page = words("held_out")
    assert "severity" not in page and 'held_out = [{ perturbation = "held_out" }]' in page


def test_a_task_says_what_to_do_and_where_it_is_played() -> None:
    page = words("toy_points/2")
    assert "instruction seek goal 2" in page and "20 control steps" in page
    assert "suites toy, toy-idle, toy-leak, toy-shy" in page


def test_a_path_is_a_card(tmp_path: Path) -> None:
    card = tmp_path / "mine.toml"
    for kind, source in (("suite", cards.card_files("suites")["toy"]),
                         ("policy", cards.card_files("policies")["toy-seeker"])):
        card.write_text(source.read_text())
        page = words(str(card))
        assert page.startswith(f"{kind} mine")
        assert f"--{kind} {card}" in page  # the name alone would find nothing


def test_without_libero_other_names_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for cached in (hf_libero.root, hf_libero.task_names):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "libero", None)
    assert find_task("toy_points/1").instruction == "seek goal 1"
    assert "50 per task and condition" in words("libero-joint") and "in all" not in words("libero-joint")
    assert find_condition("jolt", "toy").parts[0].parameters == {"sigma": 0.3}


def test_a_run_is_suggested_on_the_first_suite_that_fits() -> None:
    suites = ["libero-smoke", "maniskill-ind"]
    assert run_of(["random"], suites) == "vlabench run --policy random --suite libero-smoke"
    assert run_of(["maniskill-random"], suites) == "vlabench run --policy maniskill-random --suite maniskill-ind"
