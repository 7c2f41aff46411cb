"""The cards that ship, and what is said about cards that are wrong."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories import install
from tests.places import ROOT
from vlabench import cards, registry
from vlabench.cards import load_policy, load_suite, write_policy
from vlabench.cards.conditions import Condition, Part
from vlabench.cards.suite import parts_of
from vlabench.cli.checks import check
from vlabench.cli.explain import explain
from vlabench.errors import CardError, PluginError, UnknownName
from vlabench.perturbations.base import find_perturbation
from vlabench.simulators.capabilities import KnowsGoals, MovesObjects, MovesReceptacle, ScalesObjects
from vlabench.simulators.libero.simulator import Libero

SUITE = """
title = "t"
source = "s"
simulator = "libero"
task_sets = ["libero_goal"]
episodes = 5
"""
POLICY = """
title = "t"
source = "s"
adapter = "random"
assets = ["primitive"]
"""


def swept(*names: str) -> set[str]:
    """The conditions of these perturbations at five severities."""
    return {f"{name}-s{k}" for name in names for k in range(1, 6)}


SETS = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
PLATE, PAIR = ("maniskill_put_on_plate",), ("maniskill_pair",)
LATENCY = ("observation_delay", "frame_drop", "camera_loss", "action_delay", "action_drop")
GRIPPER = {f"gripper_{mode}" for mode in ("late", "stuck", "flipped")}
OBSERVATION = {"shift", "rotation", "color_jitter", "occlusion", "erasing"}
NOISE = {f"action_noise-{level}" for level in (0.1, 0.2, 0.3)}
CORRUPTIONS = {"fog", "glass_blur", "zoom_blur", "gaussian_blur", "salt_pepper", "contrast", "exposure", "pixelation"}
PROPRIOCEPTION = {"proprio_noise", "proprio_bias", "proprio_stuck"}
CARRIED = {KnowsGoals, MovesObjects, MovesReceptacle, ScalesObjects}
CONTROLS = {"empty_instruction", "wrong_instruction", "instruction_template"}
EVERY = {f"{name}-s{k}" for name in registry.names("perturbation") for k in range(1, 6)
         if find_perturbation(name).needs <= Libero.offers - CARRIED
         and name not in {*CONTROLS, "both_receptacles_named", "augment"}}
"""Two tasks carry nothing that could be done something to; controls are no degrees of anything, a second receptacle is
ManiSkill's, and `augment` is whatever a card makes of it."""
PLATES = {f"plate_{x:.2f}_{y:.2f}" for x in (-0.1, -0.05, 0.0, 0.05) for y in (-0.05, 0.0, 0.05, 0.1)} - {
    "plate_0.00_0.00", "plate_0.05_0.10"}
VISION = {"table", "texture-weak", "texture-strong", "noise-weak", "noise-strong"}
CLUTTER = {f"clutter-{count}" for count in (2, 4, 6, 8)}
SIDES = {*(f"left-{angle}" for angle in (5, 10)), *(f"right-{angle}" for angle in range(5, 26, 5))}
CHANGED_SCENES = {f"{name}-s{k}" for name in (
    "lighting", "camera_pose", "distractors", "texture_overlay", "object_shift", "robot_pose", "sensor_noise")
    for k in range(1, 6)}


def refused(kind: type[Exception], load: object, name: str) -> list[str]:
    assert callable(load)
    with pytest.raises(kind) as caught:
        load(name)
    assert getattr(caught.value, "exit_code", None) == 2
    return str(caught.value).splitlines()


SEMANTIC = {"unseen_object", "unseen_receptacle", "instruction", "multi_object_ind", "multi_object_ood",
            "distractor_receptacle", "multi_receptacle", "both_receptacles_named"}
EXECUTION = {"position", "robot_pose", "object_reposition"}
SCENE = {"empty_instruction", "augment-s3", *(f"{name}-s3" for name in (
    "camera_pose", "field_of_view", "lighting", "lights_out", "texture", "object_color", "robot_color", "distractors",
    "object_pose", "receptacle_shift", "object_size", "robot_pose", "base_shift", "friction", "mass", "gripper_weak",
    "joint_damping", "object_moved", "object_dropped", "camera_bumped", "human_hand", "paraphrase", "typos",
    "distracting_sentence", *PROPRIOCEPTION, *CORRUPTIONS))}
SHIPPED = [
    ("libero-clean", SETS, set()),
    ("libero-shift", SETS, {"shift"}),
    ("libero-rotation", SETS, {"rotation"}),
    ("libero-color", SETS, {"color_jitter"}),
    ("libero-occlusion", SETS, {"occlusion"}),
    ("libero-erasing", SETS, {"erasing"}),
    ("libero-observation", SETS, OBSERVATION),
    ("libero-observation-redrawn", SETS, {f"{name}_redrawn" for name in OBSERVATION}),
    ("libero-action-0.1", SETS, {"action_noise-0.1"}),
    ("libero-action-0.2", SETS, {"action_noise-0.2"}),
    ("libero-action-0.3", SETS, {"action_noise-0.3"}),
    ("libero-action", SETS, NOISE),
    ("libero-joint", SETS, {"joint"}),
    ("libero-transfer", ("libero_goal",), {"transfer"}),
    ("libero-severity", SETS, EVERY),
    ("libero-corruptions", SETS, {f"{name}-s{k}" for name in CORRUPTIONS for k in range(1, 6)}),
    ("libero-proprioception", SETS, {f"{name}-s{k}" for name in PROPRIOCEPTION for k in range(1, 6)}),
    ("libero-latency", SETS, GRIPPER | {f"{name}-s3" for name in LATENCY}),
    ("libero-unseen", SETS, {f"{name}-s3" for name in ("motion_blur", "sensor_noise", "observation_delay",
                                                       "gripper_fault")}),
    ("libero-joint-unseen", SETS, {"joint", *(f"{name}-s3" for name in (
        "motion_blur", "sensor_noise", "observation_delay", "gripper_fault"))}),
    ("libero-smoke", SETS, {"joint"}),
    ("libero-camera", SETS, swept("camera_pose", "field_of_view") | {
        "up", "roll", "farther", "shifted", "wrist", "both"}),
    ("libero-light", SETS, swept("lighting", "lights_out") | {"warm", "cold", "shadows", "glossy"}),
    ("libero-clutter", SETS, swept("distractors")),
    ("libero-robot", SETS, swept("robot_pose", "base_shift")),
    ("libero-physics", SETS, swept("friction", "mass", "gripper_weak", "joint_damping")),
    ("libero-events", ("libero_spatial", "libero_object", "libero_10"),
     swept("object_moved", "object_dropped", "camera_bumped", "human_hand")),
    ("libero-looks", SETS, swept("texture", "object_color", "robot_color") | {
        f"texture-{part}" for part in ("table", "floor", "walls", "objects")}),
    ("libero-scene", ("libero_object",), SCENE),
    ("libero-layout", ("libero_object",), swept("object_pose", "receptacle_shift", "object_size")),
    ("libero-plate-grid", ("libero_spatial",), PLATES),
    ("libero-probe", SETS, {"rotation", "action_noise-0.1", "joint"}),
    ("libero-reading", ("libero_goal",), {"exchanged"}),
    ("libero-language", SETS, {"paraphrase", "empty_instruction", *(
        f"{name}-s{k}" for name in ("paraphrase", "typos", "distracting_sentence") for k in range(1, 6))}),
    ("libero-seeing", SETS, {"black", "black-agentview", "black-wrist"}),
    ("maniskill-ind", PLATE, set()),
    ("maniskill-reading", ("maniskill_pair",), {"other_target"}),
    ("maniskill-seeing", PLATE, {"black"}),
    ("maniskill-observation", PLATE, OBSERVATION),
    ("maniskill-action", PLATE, NOISE),
    ("maniskill-joint", PLATE, {"joint"}),
    ("maniskill-smoke", PLATE, {"joint"}),
    ("maniskill-vision", PLATE, VISION),
    ("maniskill-severity", PLATE, CHANGED_SCENES),
    ("maniskill-physics", PLATE, swept("friction", "mass", "gripper_weak", "joint_damping")),
    ("maniskill-camera", PLATE, swept("camera_pose", "field_of_view")),
    ("maniskill-looks", PLATE, {"texture-objects", *swept("texture", "object_color", "robot_color")}),
    ("maniskill-robot", PLATE, swept("robot_pose", "base_shift")),
    ("maniskill-events", PLATE, {"object_dropped", *swept("object_moved", "lights_out", "human_hand"),
                                 *(f"camera_bumped-s{k}" for k in (1, 2, 3))}),
    ("pair-texture", PAIR, {"table"}),
    ("pair-lighting", PAIR, {"lighting"}),
    ("pair-viewpoint", PAIR, SIDES),
    ("maniskill-semantic", PLATE, SEMANTIC),
    ("maniskill-execution", PLATE, EXECUTION),
    ("maniskill-ood", PLATE, VISION | SEMANTIC | EXECUTION),
    ("maniskill-unseen", PLATE, {"unseen_object_table"}),
    ("pair-pose", PAIR, {"unseen_pose"}),
    ("pair-clutter", PAIR, CLUTTER),
    ("maniskill-pair", PAIR, {"table", "lighting", "unseen_pose", *CLUTTER}),
    ("maniskill-latency", PLATE, GRIPPER | {f"{name}-s3" for name in LATENCY}),
]


@pytest.mark.parametrize(("name", "task_sets", "conditions"), SHIPPED)
def test_a_shipped_suite_has_its_task_sets_and_conditions(
    name: str, task_sets: tuple[str, ...], conditions: set[str]
) -> None:
    suite = load_suite(name)
    assert suite.task_sets == task_sets
    assert list(suite.conditions)[0] == "clean"
    assert set(suite.conditions) == conditions | {"clean"}
    assert 1 <= suite.episodes <= 50


def test_every_shipped_suite_is_listed_here() -> None:
    assert cards.suite_names() == sorted(name for name, _, _ in SHIPPED)


def test_what_both_simulators_suites_call_alike_is_the_same() -> None:
    for kind in ("observation", "action", "joint", "latency", "smoke"):
        theirs, ours = (load_suite(f"{simulator}-{kind}").conditions for simulator in ("libero", "maniskill"))
        assert {name: condition.parts for name, condition in ours.items()} == {
            name: condition.parts for name, condition in theirs.items()}


@pytest.mark.parametrize("name", sorted(OBSERVATION))
def test_an_observation_suite_plays_the_published_severity(name: str) -> None:
    kind = find_perturbation(name)
    assert kind.paper is not None
    published = Condition("p", "libero", (Part(perturbation=name, severity=kind.paper),))
    suite = load_suite(f"libero-{name.split('_')[0]}")
    assert suite.conditions[name].digest == published.digest
    assert "reconstruction" in suite.source


@pytest.mark.parametrize("name", sorted(OBSERVATION))
def test_the_redrawn_differ_from_the_held_in_the_draw_alone(name: str) -> None:
    (held,) = load_suite("libero-observation").conditions[name].perturbations
    (redrawn,) = load_suite("libero-observation-redrawn").conditions[f"{name}_redrawn"].perturbations
    assert redrawn == held.model_copy(update={"draw": "step"}) != held


@pytest.mark.parametrize(
    ("suite", "condition", "sigma"),
    [
        ("joint", "joint", 0.1),
        ("transfer", "transfer", 0.15),
        *(("action", f"action_noise-{level}", level) for level in (0.1, 0.2, 0.3)),
    ],
)
def test_action_noise_has_the_level_that_its_suite_promises(suite: str, condition: str, sigma: float) -> None:
    made = load_suite(f"libero-{suite}").conditions[condition].perturbations
    assert made[-1].model_dump() == {"sigma": sigma, "clip": True, "gripper": True}
    if suite != "action":
        assert made[0].model_dump() == find_perturbation("rotation")().model_dump()
    assert len(made) == (1 if suite == "action" else 2)


@pytest.mark.parametrize("name", cards.policy_names())
def test_a_shipped_policy_can_be_made_and_sent_to_a_worker(name: str) -> None:
    card = load_policy(name)
    assert len(card.digest) == 64
    again = pickle.loads(pickle.dumps(card))
    assert again == card and again.digest == card.digest
    if card.train is not None and card.weights is None:  # its training is yet to be run, or a download
        what = "no Python to live in yet, policies/lerobot/bin/python" if card.python else "no weights yet"
        how = (f"vlabench train --policy {name}" if card.training is not None else
               "python3 -m venv policies/lerobot " if card.python else "hf download ")
        with pytest.raises(CardError, match=f"has {what}\n  fix: {how}"):
            card.make()
    else:
        assert hasattr(card.make(), "act")


def test_cards_are_found_by_file_name_and_by_path(home: Path) -> None:
    (home / "suites" / "mine.toml").write_text(SUITE)
    (home / "elsewhere.toml").write_text(SUITE)
    assert cards.suite_names() == ["mine"]
    assert load_suite("mine").path == home / "suites" / "mine.toml"
    assert load_suite("elsewhere.toml").name == "elsewhere"
    assert load_suite(str(home / "elsewhere.toml")).name == "elsewhere"


def test_plug_ins_bring_cards_and_may_take_no_name_that_exists(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = home / "site"
    files = {"extra_cards/__init__.py": "raise AssertionError", "extra_cards/suites/theirs.toml": SUITE}
    install(site, "extra", {"vlabench.cards": {"extra": "extra_cards"}}, files)
    monkeypatch.syspath_prepend(site)
    registry.refresh()
    assert cards.suite_names() == ["theirs"]
    (home / "suites" / "theirs.toml").write_text(SUITE)
    lines = refused(PluginError, load_suite, "theirs")
    assert lines[0].startswith("two cards in suites are called 'theirs': ")


def test_a_plug_in_without_its_package_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(home / "site", "extra", {"vlabench.cards": {"extra": "absent_package.cards"}}, {})
    monkeypatch.syspath_prepend(home / "site")
    registry.refresh()
    assert refused(PluginError, load_suite, "x") == [
        "cards of 'extra': 'absent_package.cards' is not an installed package"
    ]


@pytest.mark.parametrize(
    ("load", "name", "lines"),
    [
        (load_suite, "libero-servity", ["unknown suite 'libero-servity': did you mean 'libero-sev", "in .toml"]),
        (load_policy, "expret", ["unknown policy 'expret': did you mean 'expert'?", "in .toml"]),
        (load_suite, "no/such.toml", ["there is no file no/such.toml", "or the path of a card"]),
        (load_suite, "libero-joint.toml",
         ["there is no file libero-joint.toml: did you mean 'libero-joint'", "a card"]),
    ],
)
def test_an_unknown_card_says_what_was_meant(load: object, name: str, lines: list[str]) -> None:
    first, second = refused(UnknownName, load, name)
    assert first.startswith(lines[0]) and second.startswith("  fix: ") and second.endswith(lines[1])


@pytest.mark.parametrize("load", [load_suite, load_policy, check, explain])
def test_a_folder_or_a_module_is_not_the_card_in_it(load: Callable[[str], object], home: Path) -> None:
    (home / "mine").mkdir()
    (home / "mine" / "mine.toml").write_text(POLICY)
    (home / "other.toml").write_text(SUITE)
    for name, card in (("mine", "mine/mine.toml"), ("mine/", "mine/mine.toml"), ("mine/mine.py", "mine/mine.toml"),
                       ("other", "other.toml"), ("./other", "other.toml")):
        try:
            said = str(load(name))
        except UnknownName as error:
            said = str(error)
        assert f"{name!r}: did you mean {card}?\n" in said.replace("\\n", "\n")


def test_a_card_of_either_kind_that_is_not_there_is_a_file_that_is_not_there(home: Path) -> None:
    (finding,) = check("nope.toml")
    assert finding.text == "there is no file nope.toml\n  fix: vlabench list suites|policies, or the path of a card"


BAD_SUITES = {
    "misspelt key": (
        SUITE.replace("episodes", "epsiodes"),
        ["suites/bad.toml: the key 'episodes' is missing",
         "suites/bad.toml: unknown key 'epsiodes': did you mean 'episodes'? (valid keys: also, axes, conditions, "
         "episodes, include, simulator, source, success, sweep, task_sets, tasks, title)"],
    ),
    "far-off key": (
        SUITE + "zzz = 1",
        ["suites/bad.toml: unknown key 'zzz': valid keys: also, axes, conditions, episodes, include, simulator, "
         "source, success, sweep, task_sets, tasks, title"],
    ),
    "text for a number": (
        SUITE.replace("5", '"five"'),
        ['suites/bad.toml: episodes: must be an integer, not "five"'],
    ),
    "text for a list": (
        SUITE.replace('["libero_goal"]', '"libero_goal"'),
        ['suites/bad.toml: task_sets: must be a list, not "libero_goal"'],
    ),
    "one success twice": (
        SUITE + 'success = "once"\nalso = "once"',
        ["suites/bad.toml: also = 'once' goes beside the other one of 'once' and 'end'"],
    ),
    "a second success alone": (
        SUITE + 'also = "end"',
        ["suites/bad.toml: also = 'end' goes beside success, the other one of 'once' and 'end'"],
    ),
    "no episodes": (SUITE.replace("5", "0"), ["suites/bad.toml: episodes: must be greater than or equal to 1, not 0"]),
    "a date": (SUITE + "tasks = [2024-01-01T00:00:00Z]\nsweep = 2024-01-01", None),
    "severity out of range": (
        SUITE + '[conditions]\nx = [{perturbation = "shift", severity = 6}]',
        ["suites/bad.toml: conditions.x.0.severity: must be less than or equal to 5, not 6"],
    ),
    "no perturbation": (
        SUITE + "[conditions]\nx = [{severity = 1}]",
        ["suites/bad.toml: conditions.x.0: the key 'perturbation' is missing"],
    ),
    "no perturbations": (SUITE + "[conditions]\nx = []", ["suites/bad.toml: conditions.x: must not be empty"]),
    "a number for a condition": (
        SUITE + "[conditions]\nx = [3]",
        ["suites/bad.toml: conditions.x.0: must be a table, not 3"],
    ),
    "clean redefined": (
        SUITE + '[conditions]\nclean = [{perturbation = "shift"}]',
        ["suites/bad.toml: conditions.clean: the name 'clean' is the empty condition, always there"],
    ),
    "a path for a condition": (
        SUITE + '[conditions]\n"../x" = [{perturbation = "shift"}]',
        ["suites/bad.toml: conditions.../x: the name '../x' cannot be a file name: use letters, "
         "digits, '.', '_' and '-', a letter or digit first, 100 at most"],
    ),
    "swept twice otherwise": (
        SUITE + 'sweep = ["shift"]\n[conditions]\nshift-s1 = [{perturbation = "shift", severity = 2}]',
        ["suites/bad.toml: two conditions are called 'shift-s1': one in suites/bad.toml, another in suites/bad.toml"],
    ),
    "a device for a condition": (
        SUITE + '[conditions]\nNul = [{perturbation = "shift"}]',
        ["suites/bad.toml: conditions.Nul: the name 'Nul' cannot be a file name: a device on Windows has this name"],
    ),
    "conditions that differ in case": (
        SUITE + 'sweep = ["shift"]\n[conditions]\nShift-s1 = [{perturbation = "shift", severity = 1}]',
        ["suites/bad.toml: conditions: 'Shift-s1' and 'shift-s1' differ only in case: on some systems they are one "
         "file"],
    ),
    "a title of marks": (
        SUITE.replace('"t"', '"t' + "\u0301" * 9 + '"'),
        ['suites/bad.toml: title: must have combining marks on characters only, and at most 4 on each, not "t'
         + r"\u0301" * 9 + '"'],
    ),
    "a title of two lines": (
        SUITE.replace('"t"', r'"t\n"'), [r'suites/bad.toml: title: must be one line of printable text, not "t\n"']),
    "a source without end": (
        SUITE.replace('"s"', f'"{"s" * 1001}"'),
        [f'suites/bad.toml: source: must have at most 1000 visible characters, not "{"s" * 56}...'],
    ),
    "a blank task set": (
        SUITE.replace("libero_goal", r"\u3164"),
        ["suites/bad.toml: task_sets.0: must not hold characters that show as nothing, such as U+3164, not "
         + r'"\u3164"'],
    ),
    "no number": (
        SUITE + '[conditions]\nx = [{perturbation = "shift", pixels = nan}]',
        ["suites/bad.toml: conditions.x.0.pixels: must be a finite number, not nan"],
    ),
    "a number without end": (SUITE.replace("5", "9" * 5000), None),
    "brackets without end": (SUITE + "x = " + "[" * 100_000, ["suites/bad.toml: nested more than 32 deep in line 7"]),
    "a key without end": (
        SUITE + ".".join("a" * 40_000) + " = 1", ["suites/bad.toml: nested more than 32 deep in line 7"]),
    "a file without end": (
        "#" * 2**17 + "\n", ["suites/bad.toml: 131073 bytes; what belongs there takes at most 131072"]),
    "not TOML": (SUITE + "x = ", None),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_SUITES)
def test_a_bad_suite_is_refused_with_file_key_and_valid_keys(home: Path, case: str) -> None:
    text, lines = BAD_SUITES[case]
    (home / "suites" / "bad.toml").write_text(text)
    found = refused(CardError, load_suite, "bad")
    assert found == lines if lines else all(line.startswith("suites/bad.toml: ") for line in found)


def test_unknown_names_inside_a_suite_name_the_key(home: Path) -> None:
    (home / "suites" / "good.toml").write_text(SUITE)
    (home / "suites" / "bad.toml").write_text(SUITE + 'include = ["goood"]')
    assert refused(UnknownName, load_suite, "bad") == [
        "unknown suite 'goood' in suites/bad.toml: include: did you mean 'good'?"
    ]
    (home / "suites" / "bad.toml").write_text(SUITE + 'sweep = ["shfit"]')
    assert refused(UnknownName, load_suite, "bad") == [
        "unknown perturbation 'shfit' in suites/bad.toml: sweep: did you mean 'shift'?"
    ]


def test_suites_that_include_each_other_are_refused(home: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (home / "suites" / f"{name}.toml").write_text(SUITE + f'include = ["{other}"]')
    assert refused(CardError, load_suite, "a") == [
        "suites/a.toml: include: suites include each other in a ring: a → b → c → a"
    ]


def test_included_suites_must_agree(home: Path) -> None:
    for name, severity in (("a", 1), ("b", 2)):
        text = SUITE + f'[conditions]\nx = [{{perturbation = "shift", severity = {severity}}}]'
        (home / "suites" / f"{name}.toml").write_text(text)
    (home / "suites" / "both.toml").write_text(SUITE + 'include = ["a", "b"]')
    assert refused(CardError, load_suite, "both") == [
        "suites/both.toml: two conditions are called 'x': one in suites/a.toml, another in suites/b.toml"
    ]
    (home / "suites" / "b.toml").write_text(SUITE.replace("libero", "toy", 1))
    assert refused(CardError, load_suite, "both") == [
        "suites/both.toml: include: 'b' is for 'toy', this suite for 'libero'"
    ]


def test_two_ways_to_one_condition_are_no_conflict(home: Path) -> None:
    (home / "suites" / "a.toml").write_text(SUITE + '[conditions]\nx = [{perturbation = "shift"}]')
    for name, include in (("b", ["a"]), ("c", ["a"]), ("d", ["b", "c"])):
        (home / "suites" / f"{name}.toml").write_text(SUITE + f"include = {include}")
    assert list(load_suite("d").conditions) == ["clean", "x"]


@pytest.mark.parametrize(("names", "called"), [
    (("lib-a", "lib-b"), ["a", "b"]), (("lib-clean", "lib-b"), ["lib-clean", "lib-b"]),
    (("lib-a", "lib-whole"), ["lib-a", "lib-whole"]), (("x/a.toml", "y/a.toml"), ["x/a.toml", "y/a.toml"])])
def test_parts_of_a_suite_have_names_of_their_own(names: tuple[str, str], called: list[str], home: Path) -> None:
    """A condition of two parts is in both, one of none of them in the suite itself."""
    for name, other in zip(names, ("rotation", "occlusion"), strict=True):
        path = home / "suites" / f"{name.removesuffix('.toml')}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(SUITE + "[conditions]\n" + "".join(
            f'{each} = [{{perturbation = "{each}"}}]\n' for each in ("shift", other)))
    (home / "suites" / "whole.toml").write_text(
        SUITE + f'include = {list(names)}\n[conditions]\nmine = [{{perturbation = "erasing"}}]')
    suite = load_suite("whole")
    assert parts_of(suite, list(suite.conditions), ("clean",)) == {
        called[0]: ["shift", "rotation"], called[1]: ["shift", "occlusion"], "whole": ["mine"]}
    assert parts_of(suite, ["clean", "occlusion"], ("clean",)) == {called[1]: ["occlusion"]}
    assert parts_of(load_suite(f"suites/{names[0].removesuffix('.toml')}.toml"), ["clean", "shift"]) == {}


BAD_POLICIES = {
    "misspelt key": (POLICY + "replann = 2", "policies/bad.toml: unknown key 'replann': did you mean 'replan'?"),
    "a name of its own": (POLICY + 'name = "other"', "policies/bad.toml: unknown key 'name': a card's name"),
    "no packs": (POLICY.replace('["primitive"]', "[]"), "policies/bad.toml: assets: "),
    "a yes for a number": (POLICY + "replan = true", "policies/bad.toml: replan: must be an integer, not true"),
    "weights without checksum": (
        POLICY + 'weights = {path = "w", sha = "0"}',
        "policies/bad.toml: weights: the key 'sha256' is missing",
    ),
    "checksum too short": (
        POLICY + 'weights = {path = "w", sha256 = "0"}',
        "policies/bad.toml: weights.sha256: must be 64 hexadecimal digits, as `sha256sum FILE` gives them, not \"0\"",
    ),
}


@pytest.mark.parametrize("case", BAD_POLICIES)
def test_a_bad_policy_is_refused_with_file_and_key(home: Path, case: str) -> None:
    text, start = BAD_POLICIES[case]
    (home / "policies" / "bad.toml").write_text(text)
    assert refused(CardError, load_policy, "bad")[0].startswith(start)


def test_valid_keys_of_a_table_inside_a_card_are_its_own(home: Path) -> None:
    (home / "policies" / "bad.toml").write_text(POLICY + 'weights = {path = "w", sha256 = "' + "0" * 64 + '", sha = 1}')
    assert refused(CardError, load_policy, "bad") == [
        "policies/bad.toml: weights: unknown key 'sha': did you mean 'sha256'? (valid keys: path, sha256)"
    ]


def test_options_are_checked_against_the_adapter(home: Path) -> None:
    (home / "policies" / "bad.toml").write_text(POLICY + "[options]\nchnk = 4\ndimensions = 'x'")
    with pytest.raises(CardError) as caught:
        _ = load_policy("bad").digest
    assert str(caught.value).splitlines() == [
        'policies/bad.toml: options: dimensions: must be an integer, not "x"',
        "policies/bad.toml: options: unknown key 'chnk': did you mean 'chunk'? (valid keys: chunk, dimensions)",
    ]
    (home / "policies" / "bad.toml").write_text(POLICY.replace('"random"', '"radnom"'))
    with pytest.raises(UnknownName, match="unknown adapter 'radnom' in policies/bad.toml: adapter: did you mean 'rand"):
        _ = load_policy("bad").digest


def test_the_policy_digest_knows_behaviour_from_words(home: Path) -> None:
    def digest(text: str) -> str:
        (home / "policies" / "p.toml").write_text(text)
        return load_policy("p").digest

    sighted = POLICY + 'cameras = ["wrist"]\n'
    base = digest(sighted)
    assert digest(sighted.replace('"t"', '"u"') + 'train = "make"\ntrained_on = ["shift"]') == base
    assert digest(sighted + "image_size = 256\nreplan = 1\n[options]\nchunk = 8") == base
    weights = 'weights = {path = "w", sha256 = "' + "0" * 64 + '"}'
    changes = ("image_size = 128", "replan = 2", "privileged = true", "[options]\nchunk = 4", weights)
    assert len({base, digest(POLICY), *(digest(sighted + change) for change in changes)}) == 7
    assert digest(POLICY + "image_size = 128") == digest(POLICY)


def test_weights_are_checked_before_they_are_used(home: Path) -> None:
    card = POLICY + 'train = "vlabench train x"\nweights = {path = "weights/w.bin", sha256 = "%s"}'
    (home / "policies" / "p.toml").write_text(card % hashlib.sha256(b"right").hexdigest())
    with pytest.raises(CardError) as caught:
        load_policy("p").make()
    assert str(caught.value).splitlines() == [
        f"policies/p.toml: weights.path: {home}/policies/weights/w.bin: No such file or directory",
        "  fix: vlabench train x",
    ]
    (home / "policies" / "weights").mkdir()
    (home / "policies" / "weights" / "w.bin").write_bytes(b"wrong")
    with pytest.raises(CardError, match="weights.sha256: .* has the checksum " + hashlib.sha256(b"wrong").hexdigest()):
        load_policy("p").make()


def test_weights_that_a_policy_builds_on_are_checked_with_its_own(home: Path) -> None:
    card = POLICY.replace('"random"', '"nano"') + 'weights = {path = "%s", sha256 = "%s"}'
    sound = hashlib.sha256(b"sound").hexdigest()
    for name, wanted in (("base", "0" * 64), ("lora", sound)):
        (home / "policies" / name).write_bytes(b"sound")
        (home / "policies" / f"{name}.toml").write_text(card % (name, wanted))
    (home / "policies" / "lora.toml").write_text(card % ("lora", sound) + '\n[options]\nbase = "base"')
    with pytest.raises(CardError, match="policies/base.toml: weights.sha256: "):
        load_policy("lora").check()
    (home / "policies" / "base.toml").write_text(card % ("base", sound))
    assert load_policy("lora").check() == home / "policies" / "lora"


def test_a_policy_that_needs_weights_and_names_none_says_how_to_make_them(home: Path) -> None:
    needing = POLICY.replace('"random"', '"nano"')
    (home / "policies" / "p.toml").write_text('train = "vlabench train x"\n' + needing)
    (home / "policies" / "q.toml").write_text(POLICY)
    with pytest.raises(CardError, match="policy 'p' has no weights yet\n  fix: vlabench train x"):
        load_policy("p").make()
    assert load_policy("q").check() is None


def test_a_written_card_reads_as_the_same_card(home: Path) -> None:
    card = load_policy(str(ROOT / "policies/nano-sft.toml"))
    copy = card.model_copy(update={"path": home / "policies" / "copy.toml", "name": "copy"})
    write_policy(copy)
    assert load_policy("copy") == copy
    assert copy.digest == card.digest
    with pytest.raises(CardError, match="cannot be written"):
        write_policy(card.model_copy(update={"path": copy.path / "x.toml"}))  # below a file


def test_unreadable_files_are_card_errors(home: Path) -> None:
    (home / "suites" / "bytes.toml").write_bytes(b"title = '\xff'")
    assert refused(CardError, load_suite, "bytes") == [
        "suites/bytes.toml: not UTF-8 text: invalid start byte at byte 9"
    ]
    os.mkfifo(home / "suites" / "pipe.toml")
    assert refused(CardError, load_suite, "pipe") == ["suites/pipe.toml: is a pipe or a device, not a plain file"]
    os.mkdir(home / "suites" / "folder.toml")
    assert refused(CardError, load_suite, "folder") == ["suites/folder.toml: Is a directory"]
    (home / "suites" / "sp ace.toml").write_text(SUITE)
    assert refused(CardError, load_suite, "sp ace")[0].startswith("suites/sp ace.toml: 'sp ace' is no name for a card")
    (home / "suites" / "aux.toml").write_text(SUITE)
    assert refused(CardError, load_suite, "aux") == [
        "suites/aux.toml: 'aux' is no name for a card: a device on Windows has this name"]


def test_a_card_with_problems_without_end_tells_the_first_of_them(home: Path) -> None:
    (home / "policies" / "bad.toml").write_text(POLICY + "".join(f"k{number} = []\n" for number in range(3000)))
    lines = refused(CardError, load_policy, "bad")
    assert len(lines) == 21 and lines[-1].startswith("policies/bad.toml: and more: 3000 problems in all")


def test_a_key_of_any_characters_is_written_so_that_it_can_be_read(home: Path) -> None:
    options = {"\U00010000\x7f\"\n": {"x": "\x7f\U00010000"}}
    card = load_policy(str(ROOT / "policies/expert.toml"))
    write_policy(card.model_copy(update={"path": home / "policies" / "p.toml", "name": "p", "options": options}))
    assert load_policy("p").options == options


def test_records_of_a_policy_name_what_it_computes_with() -> None:
    """The build of a package is left out; the scripted expert needs none."""
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    assert cards.load_policy("nano-sft").versions() == {"torch": torch.__version__.partition("+")[0]}
    assert cards.load_policy("expert").versions() == {}


def test_the_simulator_is_no_part_of_what_a_policy_is(home: Path) -> None:
    """Cards of before say none, and records go by the digest."""
    for name, line in {"a": "", "b": 'simulator = "libero"\n', "c": 'simulator = "x"\n'}.items():
        (home / "policies" / f"{name}.toml").write_text(POLICY + line)
    loaded = [load_policy(name) for name in "abc"]
    assert [card.simulator for card in loaded] == [None, "libero", "x"] and len({card.digest for card in loaded}) == 1
    refused(UnknownName, lambda name: load_policy(name).engine, "c")


def test_every_shipped_policy_says_its_simulator_but_for_the_expert_who_is_everywhere() -> None:
    said = {name: load_policy(name).simulator for name in cards.policy_names()}
    assert {name for name, simulator in said.items() if simulator is None} == {"expert"}
    assert {simulator for name, simulator in said.items() if name.startswith("maniskill-")} == {"maniskill"}
    assert set(said.values()) == {None, "libero", "maniskill"}


def test_weights_that_the_constructor_does_not_take_are_told_with_the_parameter_to_add(home: Path) -> None:
    (home / "policies" / "w.bin").write_bytes(b"w")
    checksum = hashlib.sha256(b"w").hexdigest()
    (home / "policies" / "mine.toml").write_text(POLICY + f'weights = {{path = "w.bin", sha256 = "{checksum}"}}')
    assert refused(CardError, lambda name: load_policy(name).make(), "mine") == [
        "policies/mine.toml: weights: random takes none", "  fix: add a parameter `weights: Path` to Random.__init__"]
