"""What a policy that can be trained must do, kept by one that gives its actions number by number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.toy.chain import CHUNK, EMBEDDING, SIZE, Chain, fresh
from vlabench.seeding import Draws
from vlabench.types import Observation


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    fresh(tmp_path / "weights")
    made = Chain(tmp_path / "weights", "sample", 0.8)
    made.reset([0, 1, 2], [Draws(("a", n)) for n in range(3)])
    return made


def seen() -> Observation:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    return Observation.now({"top": pictures}, np.array([[0.1], [0.2], [-0.4]], np.float32), ("push",) * 3, 0)


def test_with_actions_the_log_probability_is_the_product_of_the_conditionals(chain: Chain) -> None:
    """Each of which knows nothing of what comes after its number, here garbage."""
    rng = np.random.default_rng(1)
    actions = torch.tensor(rng.uniform(-1, 1, (3, CHUNK, SIZE)), dtype=torch.float32)
    product = torch.zeros(3)
    for number in range(CHUNK * SIZE):
        prefix = actions.clone().flatten(1)
        prefix[:, number:] = torch.tensor(rng.uniform(-1, 1, prefix[:, number:].shape), dtype=torch.float32)
        given = chain.distribution(seen(), prefix.view_as(actions))
        product += given.log_prob(actions).flatten(1)[:, number]
    whole = chain.distribution(seen(), actions).log_prob(actions).sum((1, 2))
    assert torch.allclose(whole, product, atol=1e-5)
    assert not torch.allclose(chain.distribution(seen()).log_prob(actions).sum((1, 2)), product, atol=1e-3)


def test_what_it_draws_has_the_probabilities_of_its_conditionals(chain: Chain) -> None:
    decision = chain.act(seen())
    given = chain.distribution(seen(), torch.tensor(decision.actions).float()).tempered(0.8)
    assert np.allclose(decision.extras["log_probs"], given.log_prob(torch.tensor(decision.actions)).detach(), atol=1e-5)
    assert np.allclose(decision.extras["means"], given.mean.detach(), atol=1e-6)


def test_without_actions_it_is_conditioned_on_what_it_finds_most_probable(chain: Chain) -> None:
    best = chain.distribution(seen())
    assert torch.equal(best.mode, chain.distribution(seen(), best.mode).mode)


def test_an_embedding_may_be_of_any_size_and_a_critic_is_no_must(chain: Chain) -> None:
    assert chain.embedding(seen()).shape == (3, EMBEDDING) and chain.critic is None
    with pytest.raises(TypeError, match="Chain has no critic"):
        chain.value(seen())
