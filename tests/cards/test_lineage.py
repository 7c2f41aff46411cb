"""What a policy was trained on: read off its card and those of the policies it goes on from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cards.test_files import POLICY, SUITE
from vlabench import cards
from vlabench.cards import lineage
from vlabench.cards.lineage import Seen, familiar, held, keep_beside, recipe, recorded, seen
from vlabench.cards.policy import PolicyCard
from vlabench.cli.explain import explain
from vlabench.errors import CardError, UnknownName

FIVE = ("shift", "rotation", "color_jitter", "occlusion", "erasing")


def policy(home: Path, name: str, options: str = "", method: str = "rloo", more: str = "") -> PolicyCard:
    """A card; options: of its training, if it is to have any."""
    training = f'\n[training]\nmethod = "{method}"\n[training.options]\n{options}' if options else ""
    (home / "policies" / f"{name}.toml").write_text(POLICY + more + training)
    return cards.load_policy(name)


def test_what_a_card_names_has_a_name_here(home: Path) -> None:
    (home / "suites" / "two.toml").write_text(SUITE + '[conditions]\nx = [{perturbation = "rotation"}, {perturbation = '
                                              '"shift"}]\ny = [{perturbation = "jpeg"}]')

    def trained(*names: str) -> frozenset[str]:
        return seen(policy(home, "p", more=f"trained_on = {list(names)}")).perturbations

    assert trained() == trained("libero_goal") == frozenset()
    assert trained("rotation", "libero_goal") == {"rotation"}
    assert trained("two") == {"rotation", "shift", "jpeg"}
    with pytest.raises(UnknownName) as caught:
        trained("rotation", "rotatoin")
    assert str(caught.value) == ("unknown perturbation, suite or task set 'rotatoin' in policies/p.toml: trained_on: "
                                 "did you mean 'rotation'?")


@pytest.mark.parametrize(("method", "options", "names"), [
    ("sft", 'task_sets = ["libero_goal"]\nnoise = 0.2', ("libero_goal", "action_noise")),
    ("sft", 'task_sets = ["libero_goal"]', ("libero_goal", "action_noise")),
    ("sft", 'task_sets = ["libero_goal", "libero_10"]\nnoise = 0.0', ("libero_goal", "libero_10")),
    ("rloo", 'task_sets = ["libero_goal"]', ("libero_goal",)),
    ("sft", 'augment = { observation = 1.0, kinds = ["erasing"] }', ("erasing", "action_noise")),
    ("rloo", "noise = { observation = 1.0 }", FIVE),
    ("ppo", "noise = { action = 0.1 }", ("action_noise",)),
    ("rloo", 'noise = { observation = 0.5, action = 0.1, kinds = ["rotation", "shift"] }',
     ("shift", "rotation", "action_noise")),
    ("rloo", "noise = { observation = 1.0, action = 0.1, clean = 1.0 }", ()),
    ("rloo", "noise = { curriculum = {} }", (*FIVE, "action_noise")),
    ("ppo", "views = { preserving = { background = 1.0, viewpoint = 0.5 } }", ("camera_pose",)),
    ("ppo", "views = { preserving = { background = 1.0 } }", ()),
    ("rloo", "noise = { curriculum = { observation_step = 0.0, action_range = [0.0, 0.0] } }", ()),
    ("mine", "noise = { loud = true }", ()),
])  # fmt: skip
def test_a_training_s_options_say_what_was_seen(method: str, options: str, names: tuple[str, ...], home: Path) -> None:
    found = seen(policy(home, "p", options, method))
    assert found.names == names and not found.unknown
    assert found.perturbations == set(names) - {"libero_goal", "libero_10"}


def test_what_others_learned_is_inherited_after_one_s_own(home: Path) -> None:
    policy(home, "first", 'task_sets = ["libero_10"]', "sft")
    policy(home, "second", 'init = "first"\nnoise = { observation = 1.0, kinds = ["rotation"] }', more=(
        'trained_on = ["jpeg"]'))
    third = policy(home, "third", 'init = "second"\ntask_sets = ["libero_goal"]')
    assert seen(third).names == ("libero_goal", "jpeg", "rotation", "libero_10", "action_noise")
    assert seen(third).perturbations == {"jpeg", "rotation", "action_noise"}
    (home / "elsewhere.toml").write_text(POLICY + 'options = {base = "third"}')
    assert seen(cards.load_policy("elsewhere.toml")).names == seen(third).names


def test_a_ring_of_policies_ends(home: Path) -> None:
    policy(home, "a", 'init = "b"\nnoise = { action = 0.1 }')
    assert seen(policy(home, "b", 'init = "a"\ntask_sets = ["libero_goal"]')).names == ("libero_goal", "action_noise")
    assert seen(policy(home, "c", 'init = "c"\ntask_sets = ["libero_goal"]')).names == ("libero_goal",)


def test_a_parent_that_is_not_here_is_said_to_be_unknown(home: Path) -> None:
    orphan = policy(home, "p", 'init = "gone"\ntask_sets = ["libero_goal"]')
    assert seen(orphan) == Seen(("libero_goal",), frozenset(), ("gone",))
    assert str(seen(orphan)) == "libero_goal, and whatever gone was trained on, whose card is not here"
    (home / "policies" / "gone.toml").write_text("not = 'a card'")
    assert seen(orphan).unknown == ("gone",)


def test_a_stranger_s_card_opens_no_path(home: Path) -> None:
    (home / "near.toml").write_text(POLICY + 'trained_on = ["jpeg"]')
    card = policy(home, "p", 'init = "near.toml"\nnoise = { action = 0.1 }')
    assert seen(card).perturbations == {"jpeg", "action_noise"}
    assert seen(card, paths=False) == Seen(("action_noise",), frozenset({"action_noise"}), ("near.toml",))


def test_noise_that_is_none_is_an_error_of_the_methods_here(home: Path) -> None:
    with pytest.raises(CardError, match=r"policies/p\.toml: training\.options\.noise: unknown key 'loud'"):
        seen(policy(home, "p", "noise = { loud = true }"))


def test_records_are_told_apart_by_the_policy_s_version(home: Path) -> None:
    card = policy(home, "p", 'task_sets = ["libero_goal"]', "sft")
    assert recorded("p", card.digest, home) == card
    assert recorded("p", "0" * 64, home) is None and recorded("q", card.digest, home) is None


def test_a_card_beside_the_records_speaks_for_weights_that_were_not_kept(home: Path) -> None:
    card = policy(home, "p", 'task_sets = ["libero_goal"]', "sft")
    (home / "results").mkdir()
    card.path.rename(home / "results" / "p.toml")
    found = recorded("p", "0" * 64, home / "results")
    assert found is not None and seen(found) == seen(card)
    (home / "results" / "p.toml").write_text(POLICY + 'trained_on = ["jpeg"]')  # could be of any version
    assert recorded("p", "0" * 64, home / "results") is None


def test_a_card_is_kept_beside_records_that_no_other_speaks_for(home: Path) -> None:
    results = home / "results"
    results.mkdir()
    installed = policy(home, "p", 'task_sets = ["libero_goal"]', "sft")
    (home / "q.toml").write_text(POLICY)
    for card in (installed, cards.load_policy(str(home / "q.toml"))):  # the latter tells of no training
        keep_beside(card, results)
    assert not [*results.iterdir()]
    elsewhere = home / "p.toml"
    installed.path.rename(elsewhere)
    card = cards.load_policy(str(elsewhere))
    keep_beside(card, results)
    found = recorded("p", card.digest, results)
    assert found is not None and found.path == results / "p.toml" and recipe(found) == recipe(card)
    assert seen(found) == seen(card) and "libero_goal" in seen(found).names
    before = found.path.read_text()
    elsewhere.write_text(elsewhere.read_text().replace("assets", "replan = 7\nassets"))
    keep_beside(cards.load_policy(str(elsewhere)), results)
    assert found.path.read_text() == before  # whatever is there stays


def test_a_card_kept_beside_records_names_its_weights_where_they_are(tmp_path: Path) -> None:
    folder, results = tmp_path / "trained", tmp_path / "results"
    folder.mkdir()
    results.mkdir()
    shipped = cards.load_policy("nano-sft")
    (folder / "mine.toml").write_text(shipped.path.read_text())
    card = cards.load_policy(str(folder / "mine.toml"))
    keep_beside(card, results)
    found = recorded("mine", shipped.digest, results)
    assert found is not None and found.weights is not None and card.weights is not None
    assert (results / found.weights.path).resolve() == (folder / card.weights.path).resolve()


@pytest.mark.parametrize(("train", "seed"), [
    ("vlabench train --policy p", 0), ("vlabench train --policy p --seed 3", 3), ("python their.py --seed=4", 4),
    ("python their.py", None), ("", None)])
def test_a_recipe_s_seed_is_its_command_s(train: str, seed: int | None, home: Path) -> None:
    more = f'train = "{train}"\n' if train else ""
    found = recipe(policy(home, "p", 'task_sets = ["libero_goal"]', "sft", more))
    assert (found and found[1]) == seed


def test_conditions_that_hold_what_was_seen() -> None:
    holds = {"clean": (), "joint": ("rotation", "action_noise"), "turned": {"rotation"}, "far": {"jpeg"}}
    assert familiar(holds, {"rotation"}) == ("joint", "turned") and familiar(holds, ()) == ()
    assert held({"rotation": {}, "rotation#2": {}, "jpeg": {"quality": 7}}) == {"rotation", "jpeg"}


def test_scenes_such_as_a_task_set_s_own_are_known_by_their_digest() -> None:
    """Training on pairs shows what multi_object_ind makes, by whatever name; nothing held out, and no third object."""
    conditions = cards.load_suite("maniskill-semantic").conditions
    digests = {name: [condition.digest] for name, condition in conditions.items()}
    assert lineage.as_trained(digests, ["maniskill_pair", "libero_goal"]) == ("multi_object_ind",)
    assert lineage.as_trained({"two": digests["multi_object_ind"]}, ["maniskill_pair"]) == ("two",)
    assert lineage.as_trained(digests, ["maniskill_put_on_plate"]) == lineage.as_trained(digests, []) == ()
    clutter = cards.load_suite("pair-clutter").conditions
    assert not lineage.as_trained({name: [each.digest] for name, each in clutter.items()}, ["maniskill_pair"])


def test_show_tells_it(home: Path) -> None:
    from rich.console import Console

    policy(home, "p", 'init = "gone"\nnoise = { action = 0.1 }')
    console = Console(width=200)
    with console.capture() as captured:
        console.print(explain("p"))
    assert "action_noise, and whatever gone was trained on" in captured.get()


def test_no_training_library_is_loaded() -> None:
    script = ("import sys\nfrom vlabench import cards; from vlabench.cards import lineage\n"
              "assert all(lineage.seen(cards.load_policy(name)).names for name in ('nano-sft', 'robustvla-c'))\n"
              "print(sorted({'torch', 'h5py', 'mujoco', 'pandas'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
