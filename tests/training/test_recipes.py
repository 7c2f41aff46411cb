"""The recipes that results/ compares: each says how it is made, and differs from its rival in what its name says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.places import ROOT
from vlabench import cards
from vlabench.cards.lineage import recipe, seen
from vlabench.cards.noise import ACTION
from vlabench.training.methods._cloner import schedule
from vlabench.training.methods._online_options import OnlineOptions
from vlabench.training.methods._sft_options import SftOptions
from vlabench.training.methods.base import find_method

RESULTS = ROOT / "results"
FOLDERS = ("ablations", "controls", "methods")
CARDS = [path for folder in FOLDERS for path in sorted((RESULTS / folder).glob("*.toml"))]
KEPT = [path for path in CARDS if re.search(r"^(made =|\[made\])", path.read_text(encoding="utf-8"), re.M)]
"""Those of trained policies, which runs left beside their records; the others are recipes."""
RECIPES = [path for path in CARDS if path not in KEPT]
NO_REWARDS = {"learning_rate", "jacobian", "smoothness"}


def options(card: str) -> BaseModel:
    """`controls/x` is a file of results/, `x` a shipped policy."""
    training = cards.load_policy(str(RESULTS / f"{card}.toml") if "/" in card else card).training
    assert training is not None
    return find_method(training.method).Options.model_validate_json(json.dumps(training.options))


def differing(one: BaseModel, other: BaseModel) -> set[str]:
    """The options that are not the same, a name that one of them lacks among them."""
    nothing: Any = object()
    names = {*type(one).model_fields, *type(other).model_fields}
    return {name for name in names if getattr(one, name, nothing) != getattr(other, name, nothing)}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recipe_s_card_says_how_it_is_made(path: Path) -> None:
    card = cards.load_policy(str(path))
    assert card.training is not None and card.weights is None and card.train is not None
    assert re.split(" --(?:data|seed)", card.train)[0] == f"vlabench train --policy {path.relative_to(ROOT)}"
    find_method(card.training.method).Options.model_validate_json(json.dumps(card.training.options))
    assert not card.trained_on and ACTION in seen(card).perturbations and not seen(card).unknown


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_trained_policy_s_card_is_of_the_recipe_beside_it(path: Path) -> None:
    card, beside = (cards.load_policy(str(each)) for each in (
        path, path.with_name(re.sub(r"-seed-\d+$", "", path.stem) + ".toml")))
    mine, its = recipe(card), recipe(beside)
    assert mine is not None and its is not None and mine[0] == its[0]
    assert card.made is not None and card.made.seed == mine[1]


@pytest.mark.parametrize(("name", "rival", "by"), [
    ("controls/consistency-alone", "robustvla", NO_REWARDS),
    ("controls/anchor-only", "robustvla", {"consistency"}),
    ("controls/no-rotation", "robustvla", {"noise"}),
    ("controls/goal-ript-noise", "controls/goal-ript-clean", {"noise"}),
    ("controls/ript-noise-long", "ript-noise", {"iterations", "eval_every"}),
    ("controls/robustvla-literal-long", "controls/robustvla-literal", {"iterations", "eval_every"}),
    ("methods/fan-sft", "methods/sft-bridge", {"objectives"}),
    ("methods/fan-sft-0.01", "methods/fan-sft", {"objectives"}),
    ("methods/fan-sft-0.2", "methods/fan-sft", {"objectives"}),
    ("methods/sft-smoothing", "methods/sft-bridge", {"objectives"}),
    ("methods/sft-soft", "methods/sft-bridge", {"sigma"}),
    ("methods/sft-no-proprio", "methods/sft-bridge", {"network"}),
    ("methods/nano-fan-sft", "methods/nano-onehot", {"objectives"}),
    *((f"methods/{method}-{size}", f"methods/{rival}", {"rounds"})
      for method, rival in (("sft", "sft-bridge"), ("fan-sft", "fan-sft")) for size in (25, 50)),
    *((f"methods/{name}", "methods/ppo-bridge", {"objectives"})
      for name in ("fan-ppo", "fan-ppo-published", "ppo-entropy")),
    # the weight between is the rival's own, after half of its iterations: a training keeps that policy
    *((f"methods/sweep-{of}-{weight}", f"methods/{rival}", {"iterations", "objectives"})
      for of, rival, weights in (("fan-ppo", "fan-ppo", (0.01, 0.1)), ("invariance", "pair-invariance", (0.3, 3)))
      for weight in weights),
    ("methods/ppo-orz", "methods/ppo-bridge", {"gamma", "lam"}),
    ("methods/fan-ppo-sigma", "methods/fan-ppo", {"objectives"}), ("methods/pair-viewpoint", "methods/pair", {"views"}),
    *((f"methods/ppo-{name}", "methods/ppo-bridge", {by}) for name, by in (
        ("critic", "critic"), ("cold", "warmup"), ("temperature", "temperature"), ("lora", "lora"), ("weak", "init"))),
    ("methods/ppo-epochs", "methods/ppo-bridge", {"epochs"}),
    ("methods/ppo-pair", "methods/ppo-bridge", {"task_sets"}),
    *((f"methods/{name}", "methods/ppo-pair", {"objectives"})
      for name in ("pair", "pair-invariance", "pair-sensitivity", "pair-augment")),
    ("methods/grpo-s", "methods/grpo", {"contexts", "rollouts", "per_task", "group"})])
def test_a_recipe_differs_from_its_rival_in_what_its_name_says(name: str, rival: str, by: set[str]) -> None:
    assert differing(options(name), options(rival)) == by


@pytest.mark.parametrize("name", ["goal-ript-clean", "goal-ript-noise"])
def test_on_one_task_set_noise_changes_neither_rollouts_nor_starts(name: str) -> None:
    """Contexts that are tried in place of others would be more under noise, and the next iteration's others."""
    made = options(f"controls/{name}")
    assert isinstance(made, OnlineOptions) and made.attempts == 1


def test_updates_from_demonstrations_are_as_many_as_from_rollouts() -> None:
    made, shipped, training = options("controls/augment-only"), options("robustvla"), cards.load_policy("nano-sft")
    assert isinstance(made, SftOptions) and made.augment is not None and training.training is not None
    plan = made.rounds[0]
    every = {name: getattr(shipped, name) for name in ("iterations", "contexts", "rollouts", "consistency", "noise")}
    assert plan.per_task * 40 == every["iterations"] * every["contexts"] * every["rollouts"]
    assert plan.steps == every["iterations"] * every["consistency"].updates
    rates = sum(schedule(step, plan.steps) for step in range(plan.steps)) * plan.learning_rate
    assert rates == pytest.approx(plan.steps * every["consistency"].learning_rate, rel=0.002)
    assert made.augment.drawn == tuple(name for name in every["noise"].drawn if name != ACTION)
    assert made.cloning == 0 and set(made.objectives) == {"consistency"} and set(made.own()) == set()


def test_methods_act_by_their_most_probable_bins() -> None:
    """As FAN and RL4VLA compare them; of one simulator all look as often."""
    found = [cards.load_policy(str(path)) for path in RECIPES if path.parent.name == "methods"]
    assert {(card.simulator, card.replan, *card.options.items()) for card in found} == {
        ("maniskill", 4, ("decode", "mode")), ("libero", 8, ("decode", "mode"))}


def test_methods_have_equal_rollouts() -> None:
    """64 an iteration, as that many starts or as 8 of 8, these of 8 tasks; sweeps half as many in all, which is when
    the others' policies were kept."""
    sizes = set()
    for path in [each for each in RECIPES if each.parent.name == "methods"]:
        made = options(f"methods/{path.stem}")
        if isinstance(made, OnlineOptions) and path.stem != "ppo-epochs":
            whole = made.iterations * (2 if path.stem.startswith("sweep-") else 1)
            sizes.add((whole, made.horizon, made.updates, made.epochs, made.contexts * made.rollouts * made.attempts))
            assert made.contexts == 64 or made.per_task == 1
            assert whole // 2 % made.eval_every == 0
    assert sizes == {(20, 0.75, 8, 1, 64)}
