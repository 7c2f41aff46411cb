"""The cards of trained policies say what their methods understand."""

from __future__ import annotations

import json

import pytest

from vlabench import cards, registry
from vlabench.training.curriculum import ACTION, NEUTRAL
from vlabench.training.online import OnlineOptions

TRAINED = [name for name in cards.policy_names() if cards.load_policy(name).training]
ONLINE = [name for name in TRAINED if name != "nano-sft"]


def options(name: str) -> OnlineOptions:
    training = cards.load_policy(name).training
    assert training is not None
    made = registry.method(training.method).Options.model_validate_json(json.dumps(training.options))
    assert isinstance(made, OnlineOptions)
    return made


def test_there_are_the_paper_s_four_and_a_critic_s() -> None:
    assert {"nano-sft", "ript", "ript-noise", "robustvla", "robustvla-c", "ppo"} <= set(TRAINED)


@pytest.mark.parametrize("name", ONLINE)
def test_a_card_names_all_that_was_seen_in_training(name: str) -> None:
    card, made = cards.load_policy(name), options(name)
    noise = made.noise
    seen = set(NEUTRAL) | {ACTION} if noise and (noise.curriculum or noise.observation) else set()
    assert set(card.trained_on) == {*made.task_sets, *seen}
    assert card.train == f"vlabench train --policy {name}" and card.adapter == cards.load_policy(made.init).adapter


def test_the_four_differ_in_what_their_names_say() -> None:
    """So that a difference between two of them has one cause; with consistency there are more updates, longer steps in
    all, and so a longer average and less than all of the way.
    """
    plain, noisy, robust, curriculum = map(options, ("ript", "ript-noise", "robustvla", "robustvla-c"))
    assert plain.noise is None and plain.jacobian is None and not plain.smoothness and plain.consistency is None
    assert robust.jacobian is not None and robust.smoothness and robust.consistency is not None
    assert noisy == plain.model_copy(update={"noise": noisy.noise})
    terms = {name: getattr(robust, name) for name in ("jacobian", "smoothness", "consistency", "average", "share")}
    assert robust == noisy.model_copy(update=terms)
    assert curriculum == robust.model_copy(update={"noise": curriculum.noise})
    assert noisy.noise is not None and noisy.noise.curriculum is None
    assert curriculum.noise is not None and curriculum.noise.curriculum is not None
