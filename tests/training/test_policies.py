"""The cards of trained policies say what their methods understand."""

from __future__ import annotations

import json

import pytest

from tests.places import ROOT
from vlabench import cards, registry
from vlabench.cards.lineage import DEFAULTS, PARENTS, Seen, seen
from vlabench.cards.noise import ACTION, NEUTRAL
from vlabench.training.methods._online_options import OnlineOptions
from vlabench.training.methods._sft_options import SftOptions
from vlabench.training.methods.base import find_method
from vlabench.training.methods.ppo import PpoOptions
from vlabench.training.rl.adapting import Lora

TRAINED = [name for name in cards.policy_names() if cards.load_policy(name).training]
LARGE = [name for name in TRAINED if name.startswith("openvla-")]
ONLINE = [name for name in TRAINED if not name.startswith("nano-") and name not in LARGE]
ABLATIONS = ROOT / "results" / "ablations"
EXPLORING = ABLATIONS.with_name("exploring")
SETS = {"libero_spatial", "libero_object", "libero_goal", "libero_10"}


def options(name: str) -> OnlineOptions:
    training = cards.load_policy(name).training
    assert training is not None
    made = find_method(training.method).Options.model_validate_json(json.dumps(training.options))
    assert isinstance(made, OnlineOptions)
    return made


def test_there_are_the_paper_s_four_and_a_critic_s() -> None:
    assert {"nano-sft", "ript", "ript-noise", "robustvla", "robustvla-c", "ppo"} <= set(TRAINED)
    assert LARGE == ["openvla-fan-ppo", "openvla-fan-sft", "openvla-pair", "openvla-robustvla"]


@pytest.mark.parametrize("name", ONLINE)
def test_what_was_seen_in_training_follows_from_the_card(name: str) -> None:
    """All four task sets, and noise on actions, by way of nano-sft; the five where the rollouts are perturbed."""
    card, made = cards.load_policy(name), options(name)
    noise = made.noise
    five = set(NEUTRAL) if noise and (noise.curriculum or noise.observation) else set()
    assert not card.trained_on and made.init == "nano-sft" and set(made.task_sets) <= SETS
    assert seen(card) == Seen(seen(card).names, frozenset(five | {ACTION})) and set(seen(card).names) == SETS | five | {
        ACTION}
    assert card.train == f"vlabench train --policy {name}" and card.adapter == cards.load_policy(made.init).adapter


LOOKS = 80
"""Of an episode on ManiSkill: one at each step."""


@pytest.mark.parametrize(("name", "init", "sets", "looks", "minibatch"), [
    ("openvla-fan-ppo", "openvla-rl4vla", {"maniskill_put_on_plate"}, 64 * LOOKS, 8 * 20),
    ("openvla-pair", "openvla-rl4vla", {"maniskill_pair"}, 128 * LOOKS, 640),
    ("openvla-robustvla", "openvla-oft", {"libero_spatial", *NEUTRAL, ACTION}, None, None)])
def test_a_large_policy_s_card_has_its_paper_s_numbers(name: str, init: str, sets: set[str], looks: int | None,
                                                       minibatch: int | None) -> None:
    """FAN's table 13, PAIR's table 3, RobustVLA's table 6; where it acts is said as where it begins."""
    card, made, start = cards.load_policy(name), options(name), cards.load_policy(init)
    assert made.init == init and set(seen(card).names) == sets and card.weights is None
    assert {key: value for key, value in card.options.items() if key != "decode"} == {
        key: value for key, value in start.options.items() if key != "decode"}
    assert card.host and not card.exact and card.options["device"] == "cuda"
    assert made.lora == Lora(rank=32, alpha=16) and made.epochs == 1 and made.learning_rate == 1e-4
    if isinstance(made, PpoOptions):
        assert made.contexts * made.rollouts * LOOKS == looks and looks == made.updates * (minibatch or 0)
        assert (made.critic, made.critic_learning_rate, made.gamma, made.lam) == ("h0", 3e-3, 0.99, 0.95)
    else:
        assert (made.iterations, made.updates, made.batch, made.head_learning_rate) == (12, 10, 2, 5e-5)
        assert made.jacobian is not None and (made.jacobian.weight, made.smoothness) == (0.005, 0.0005)


def test_so_has_the_cloned_one_s() -> None:
    """FAN's table 4: 10 samples on each of four GPUs."""
    training = cards.load_policy("openvla-fan-sft").training
    assert training is not None
    made = SftOptions.model_validate_json(json.dumps(training.options))
    assert (made.batch, made.batch // made.accumulation, made.sigma, made.average) == (40, 10, 0.0, 0.0)
    assert made.lora == Lora(rank=32, alpha=16) and made.objectives == {"fan_sft": {"weight": 0.05}}
    assert [(plan.steps, plan.learning_rate, 16 * plan.per_task) for plan in made.rounds] == [(60_000, 5e-4, 16_000)]


@pytest.mark.parametrize("method", registry.names("method"))
def test_a_method_s_defaults_are_those_that_cards_are_read_by(method: str) -> None:
    """Who trained on what is told without loading methods, so a default that says something has to be known there."""
    for key, field in find_method(method).Options.model_fields.items():
        if key in (*PARENTS, "task_sets", "noise") and not field.is_required():
            assert field.default == DEFAULTS.get(method, {}).get(key), key


TUNED = {"contexts", "rollouts", "per_task", "updates", "epochs", "kl_target", "max_head_grad_norm", "normalise",
         "permuted", "exploration_std", "exploration_gripper", "noise"}
"""What of Algorithm 1 the policies whose rewards alone teach have otherwise than `robustvla`."""


def test_the_five_differ_in_what_their_names_say() -> None:
    """At equal rollouts and one rate: ript and ript-noise in one thing, that and the literal one, robustvla and
    robustvla-c; between the former and the latter in what the page lists. With consistency there are more updates,
    longer steps in all, and so an average and less than all of the way.
    """
    plain, noisy, robust, curriculum = map(options, ("ript", "ript-noise", "robustvla", "robustvla-c"))
    literal = options(str(ABLATIONS.with_name("controls") / "robustvla-literal.toml"))
    assert plain.noise is None and plain.jacobian is None and not plain.smoothness and plain.consistency is None
    assert robust.jacobian is not None and robust.smoothness and robust.consistency is not None
    assert noisy == plain.model_copy(update={"noise": noisy.noise})
    assert literal == noisy.model_copy(update={name: getattr(robust, name) for name in ("jacobian", "smoothness")})
    own = {"consistency", "average", "weight_interpolation"}
    keys = type(literal).model_fields
    assert {key for key in keys if getattr(literal, key) != getattr(robust, key)} == TUNED | own
    assert {(each.iterations, each.contexts * each.rollouts * each.attempts, each.horizon, each.learning_rate)
            for each in (plain, noisy, literal, robust, curriculum)} == {(5, 96, 0.8, 1e-5)}
    assert curriculum == robust.model_copy(update={"noise": curriculum.noise})
    assert noisy.noise is not None and robust.noise is not None and noisy.noise.curriculum is None
    assert noisy.noise == robust.noise.model_copy(update={"draw": "context"})
    assert curriculum.noise is not None and curriculum.noise.curriculum is not None


TERMS = {"": (), "-consistency-alone": ("jacobian", "smoothness", "learning_rate"),
         "-literal": ("consistency", "average", "weight_interpolation")}


@pytest.mark.parametrize("name", sorted(TERMS))
def test_an_ablation_differs_in_what_its_name_says(name: str) -> None:
    made, shipped = options(str(ABLATIONS / f"goal{name}.toml")), options("robustvla-c")
    assert made.task_sets == ("libero_goal",) and made.init == "nano-sft"
    whole = options(str(ABLATIONS / "goal.toml"))
    differing = {key for key in OnlineOptions.model_fields if getattr(made, key) != getattr(whole, key)}
    assert differing == set(TERMS[name])
    assert whole.consistency is not None and shipped.consistency is not None
    smaller = {"task_sets": whole.task_sets, "contexts": whole.contexts, "eval_episodes": 0,
               "eval_every": whole.eval_every, "consistency": shipped.consistency.model_copy(
                   update={"updates": whole.consistency.updates})}
    assert whole == shipped.model_copy(update=smaller)


@pytest.mark.parametrize("name", ["nano-sft", "ppo"])
def test_the_exploring_act_as_in_ppo_s_training(name: str) -> None:
    explores, acts = cards.load_policy(str(EXPLORING / f"{name}-exploring.toml")), cards.load_policy(name)
    assert explores.weights is not None and acts.weights is not None
    assert explores.weights.sha256 == acts.weights.sha256 and explores.trained_on == seen(acts).names
    assert (explores.options["decode"], explores.options["temperature"]) == options("ppo").exploration


def test_every_ablation_is_told_of() -> None:
    assert {path.stem for path in ABLATIONS.glob("goal*.toml")} == {f"goal{name}" for name in TERMS}
