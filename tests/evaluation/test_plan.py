"""Which episodes are played, in which order, and what is refused before the first one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import RUST, Toy, install
from vlabench.cards import load_policy
from vlabench.cards.conditions import CLEAN, Condition, Part
from vlabench.cards.policy import PolicyCard
from vlabench.cards.suite import SuiteCard
from vlabench.errors import OptionError, UnknownName, UnsupportedError, VlabenchError
from vlabench.evaluation import plan
from vlabench.evaluation.plan import RunOptions

TURN = Part(perturbation="rotation")
NOISE = Part(perturbation="action_noise")


def suite(conditions: dict[str, tuple[Part, ...]] | None = None, **changes: Any) -> SuiteCard:
    parts = {"turn": (TURN,), "joint": (TURN, NOISE)} if conditions is None else conditions
    fields: dict[str, Any] = {
        "name": "toys", "path": Path("toys.toml"), "title": "t", "source": "s", "simulator": "toy",
        "task_sets": ("kitchen",), "episodes": 2, "tasks": (), "include": (), "sweep": (),
        "success": None, "also": None,
        "conditions": {name: Condition(name, "toy", part) for name, part in {CLEAN: (), **parts}.items()},
    }  # fmt: skip
    return SuiteCard(**(fields | changes))


def policy(**changes: Any) -> PolicyCard:
    return load_policy("random").model_copy(update={"simulator": None, **changes})


def refused(kind: type[VlabenchError], make: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        make()
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_success_that_a_suite_counts_has_to_be_one_that_its_simulator_can_show(
        monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan.make(suite(), policy(), Toy("primitive")).success is None
    assert plan.make(suite(success="once"), policy(), Toy("primitive")).success == "once"
    message = refused(UnsupportedError, lambda: plan.make(suite(success="end"), policy(), Toy("primitive")))
    assert message == ("toys.toml: success = 'end': simulator Toy ends an episode when its goal first holds\n"
                       "  fix: success = 'once', or leave it out")
    both = suite(success="once", also="end")
    assert refused(UnsupportedError, lambda: plan.make(both, policy(), Toy("primitive"))).startswith(
        "toys.toml: also = 'end': simulator Toy ends an episode")
    monkeypatch.setattr(Toy, "success", "end")
    assert plan.make(both, policy(), Toy("primitive")).success == "once"
    assert plan.make(suite(success="end"), policy(), Toy("primitive")).success == "end"


def test_episodes_are_ordered_by_task_then_condition_then_index() -> None:
    made = plan.make(suite(), policy(), Toy("primitive"), RunOptions(seed=4))
    assert [spec.identity for spec in made.specs[:7]] == [
        ("kitchen/0", "clean", 0, 4), ("kitchen/0", "clean", 1, 4),
        ("kitchen/0", "turn", 0, 4), ("kitchen/0", "turn", 1, 4),
        ("kitchen/0", "joint", 0, 4), ("kitchen/0", "joint", 1, 4),
        ("kitchen/1", "clean", 0, 4),
    ]  # fmt: skip
    assert len(made.specs) == 3 * 3 * 2
    assert (list(made.conditions), made.episodes, made.warnings) == (["clean", "turn", "joint"], 2, ())


@given(st.integers(1, 7), st.sets(st.integers(0, 62)))
def test_what_is_held_is_not_played_and_all_else_is_in_order(episodes: int, numbers: set[int]) -> None:
    made = plan.make(suite(), policy(), Toy("primitive"), RunOptions(episodes=episodes))
    held = {spec.identity for number, spec in enumerate(made.specs) if number in numbers}
    todo = made.todo(held)
    assert {spec.identity for spec in todo} | held == {spec.identity for spec in made.specs}
    assert len(todo) == len(made.specs) - len(held)
    positions = [made.specs.index(spec) for spec in todo]
    assert positions == sorted(positions)


def test_another_seed_is_another_episode() -> None:
    held = {spec.identity for spec in plan.make(suite(), policy(), Toy("primitive")).specs}
    assert len(plan.make(suite(), policy(), Toy("primitive"), RunOptions(seed=1)).todo(held)) == 18
    assert plan.make(suite(), policy(), Toy("primitive")).todo(held) == ()


@pytest.mark.parametrize(
    ("patterns", "keys"),
    [
        ((), ["kitchen/0", "kitchen/1", "kitchen/2", "garage/0"]),
        (("kitchen/2",), ["kitchen/2"]),
        (("garage", "kitchen/1"), ["kitchen/1", "garage/0"]),
        (("*/0",), ["kitchen/0", "garage/0"]),
        (("kitchen/[12]", "kitchen/2"), ["kitchen/1", "kitchen/2"]),
    ],
)
def test_tasks_are_chosen_by_key_set_or_pattern(patterns: tuple[str, ...], keys: list[str]) -> None:
    both = suite(task_sets=("kitchen", "garage"))
    assert [task.key for task in plan.choose_tasks(both, Toy("primitive"), patterns)] == keys
    narrowed = suite(task_sets=("kitchen", "garage"), tasks=patterns)
    assert [task.key for task in plan.choose_tasks(narrowed, Toy("primitive"))] == keys


def test_unknown_tasks_and_conditions_say_what_was_meant() -> None:
    toy = Toy("primitive")
    assert refused(UnknownName, lambda: plan.make(suite(), policy(), toy, RunOptions(tasks=("kitchn/1",)))) == (
        "unknown task 'kitchn/1' in --tasks: did you mean 'kitchen/1' or 'kitchen/2' or 'kitchen/0'?\n"
        "  fix: vlabench list tasks"
    )
    garage = RunOptions(tasks=("garage",))
    assert "in --tasks" in refused(UnknownName, lambda: plan.make(suite(), policy(), toy, garage))
    assert "in suite 'toys'" in refused(UnknownName, lambda: plan.make(suite(tasks=("kitchen/9",)), policy(), toy))
    assert refused(UnknownName, lambda: plan.make(suite(), policy(), toy, RunOptions(conditions=("jiont",)))) == (
        "unknown condition 'jiont' in suite 'toys': did you mean 'joint'?"
    )


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (RunOptions(), ["clean", "turn", "joint"]),
        (RunOptions(control=False), ["turn", "joint"]),
        (RunOptions(conditions=("joint",)), ["clean", "joint"]),
        (RunOptions(conditions=("joint",), control=False), ["joint"]),
        (RunOptions(conditions=("clean",), control=False), ["clean"]),
        (RunOptions(conditions=("joint", "t*"), control=False), ["turn", "joint"]),
    ],
)
def test_the_control_is_always_played_unless_declined(options: RunOptions, names: list[str]) -> None:
    assert list(plan.make(suite(), policy(), Toy("primitive"), options).conditions) == names


def test_nothing_to_play_is_refused() -> None:
    empty = suite(conditions={})
    assert "leaves nothing to play" in refused(
        OptionError, lambda: plan.make(empty, policy(), Toy("primitive"), RunOptions(control=False))
    )
    assert list(plan.make(empty, policy(), Toy("primitive")).conditions) == ["clean"]


def test_more_episodes_than_init_states_are_refused() -> None:
    toy = Toy("primitive")
    assert plan.make(suite(), policy(), toy, RunOptions(episodes=50)).episodes == 50
    assert refused(OptionError, lambda: plan.make(suite(), policy(), toy, RunOptions(episodes=51))) == (
        "--episodes: 51 episodes: 50 init states are published for kitchen/0, and an episode needs one of its own\n"
        "  fix: --episodes 50 or less"
    )
    endless = Toy("primitive")
    endless.tasks = lambda task_set: [replace(t, init_states=None) for t in toy.tasks(task_set)]  # type: ignore
    assert plan.make(suite(), policy(), endless, RunOptions(episodes=51)).episodes == 51
    both = suite(task_sets=("kitchen", "garage"), episodes=8)
    assert refused(OptionError, lambda: plan.make(both, policy(), toy)).startswith("suite 'toys': 8 episodes: 7 init")
    for number in (0, -3):
        options = RunOptions(episodes=number)
        assert refused(OptionError, partial(plan.make, suite(), policy(), toy, options)) == (
            f"--episodes: {number} episodes: at least 1 is needed"
        )


def test_what_the_simulator_does_not_offer_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "worn", {"vlabench.perturbations": {"rust": "worn:Rust"}}, {"worn.py": RUST})
    monkeypatch.syspath_prepend(tmp_path)
    rusty = suite({"worn": (NOISE, Part(perturbation="rust"))})
    message = refused(UnsupportedError, lambda: plan.make(rusty, policy(), Toy("primitive")))
    monkeypatch.undo()
    assert message == (
        "condition 'worn': perturbation 'rust' needs JointFriction, which simulator Toy does not offer\n"
        "  it offers: Lighting"
    )


def test_tasks_that_there_are_no_other_words_for_are_named_before_anything_is_played() -> None:
    other = suite({"words": (NOISE, Part(perturbation="paraphrase", severity=4)), "turn": (TURN,)})
    message = refused(UnsupportedError, lambda: plan.make(other, policy(), Toy("primitive"),
                                                          RunOptions(tasks=("kitchen/[02]",))))
    assert message.splitlines()[0] == ("condition 'words': the package has no paraphrase of kind 'order' for "
                                       "kitchen/0 ('do it'), kitchen/2 ('do it')")
    plan.make(other, policy(), Toy("primitive"), RunOptions(conditions=("turn",)))
    template = suite({"words": (Part(perturbation="instruction_template"),)})
    assert refused(UnsupportedError, lambda: plan.make(template, policy(), Toy("primitive"))).startswith(
        "condition 'words': instruction 'do it' has no other phrasing")


def test_cameras_and_packs_must_exist() -> None:
    side = policy(cameras=("agentview", "wirst"))
    assert refused(UnsupportedError, lambda: plan.make(suite(), side, Toy("primitive"))) == (
        "policy 'random' looks at camera 'wirst', which simulator Toy has not: did you mean 'wrist'?"
    )
    assert refused(UnknownName, lambda: plan.make(suite(), policy(), Toy("oficial"))) == (
        "unknown asset pack 'oficial' in simulator Toy: did you mean 'official'?"
    )


@pytest.mark.usefixtures("toy_plugin")
def test_a_policy_for_another_simulator_is_refused_with_what_would_fit() -> None:
    message = refused(UnsupportedError, lambda: plan.make(suite(), policy(simulator="libero"), Toy("primitive")))
    assert message.startswith("policy 'random' is for simulator 'libero', not for 'toy'\n"
                              "  fix: --suite libero-action | ")
    assert message.endswith(", or --policy toy-seeker")
    assert plan.make(suite(), policy(simulator="toy"), Toy("primitive")).episodes == 2
    assert refused(UnknownName, lambda: plan.make(suite(), policy(simulator="libreo"), Toy("primitive"))).endswith(
        "policies/random.toml: simulator: did you mean 'libero'?")


def test_a_policy_that_names_no_simulator_needs_one_of_its_packs_there() -> None:
    assert refused(UnsupportedError, lambda: plan.make(suite(), policy(assets=("plain",)), Toy("primitive"))) == (
        "policy 'random' runs on the assets plain, of which simulator Toy has none: valid: official, primitive")


def test_a_pack_that_the_policy_was_not_made_for_is_warned_of() -> None:
    made = plan.make(suite(), policy(assets=("primitive",)), Toy("official"))
    assert len(made.warnings) == 1
    assert made.warnings[0].startswith("policy 'random' was made for the assets primitive; on 'official' it sees")


def test_a_policy_that_cannot_feel_a_condition_is_refused_with_those_it_can() -> None:
    blind = policy(cameras=(), privileged=True)
    assert refused(UnsupportedError, lambda: plan.make(suite(), blind, Toy("primitive"))) == (
        "policy 'random' reads no pictures, so nothing of these conditions can reach it: turn\n"
        "  fix: --conditions joint, or a policy that they reach (vlabench list policies)"
    )
    made = plan.make(suite(), blind, Toy("primitive"), RunOptions(conditions=("joint",)))
    assert list(made.conditions) == ["clean", "joint"]
    assert made.warnings == (
        "policy 'random' reads no pictures: of condition 'joint', rotation cannot reach it, only the rest does",)
    only = suite({"turn": (TURN,)})
    assert refused(UnsupportedError, lambda: plan.make(only, blind, Toy("primitive"))).endswith(
        "  fix: choose a policy that they reach (vlabench list policies), or another suite"
    )


def test_a_condition_on_a_camera_that_the_policy_does_not_look_at_is_refused() -> None:
    lost = suite({"lost": (Part.model_validate({"perturbation": "camera_loss", "cameras": ["agentview"]}),)})
    toy = Toy("primitive")
    assert "lost" in plan.make(lost, policy(cameras=("agentview",)), toy).conditions
    assert "unknown camera 'agentview'" in refused(
        UnknownName, lambda: plan.make(lost, policy(cameras=("wrist",)), toy)
    )


@pytest.mark.parametrize("key", ["tasks", "conditions"])
def test_a_text_in_place_of_several_is_refused_with_what_to_write(key: str) -> None:
    wrong: Any = {key: "kitchen/0"}
    said = refused(OptionError, lambda: RunOptions(**wrong))
    assert said == f"RunOptions: {key} = 'kitchen/0' is a text, not a tuple of texts\n  fix: {key}=('kitchen/0',)"
