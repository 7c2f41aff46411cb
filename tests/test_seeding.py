"""Keys and their numbers: the same everywhere and for ever, and nothing in a policy's hands that says which episode."""

from __future__ import annotations

import pytest

from vlabench.seeding import Draws, choices, generator, stream
from vlabench.types import EpisodeSpec, Task

TASK = Task("libero", "libero_goal", 3, "t", "do it", 300, 50)


def test_numbers_of_a_key_never_change() -> None:
    """Philox of blake2b over the parts: golden values, computed once by NumPy 2.4."""
    assert generator(0, "libero_goal/3", 7, "perturbation/rotation", "episode").random(2).tolist() == [
        0.27771298322287863, 0.07020691695883774]
    assert generator().random() == 0.9339697174798451


@pytest.mark.parametrize(("one", "other"), [
    (("ab", "c"), ("a", "bc")), (("1",), (1,)), ((1, 2), (12,)), (("a", "b"), ("b", "a")), (("a",), ("a", "")),
])
def test_keys_that_look_alike_are_different(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
    assert generator(*one).random() != generator(*other).random()
    assert generator(*one).random() == generator(*one).random()


def test_a_stream_is_of_seed_task_index_and_name_alone() -> None:
    spec = EpisodeSpec(TASK, "joint", 7, seed=2)
    assert stream(spec, "x") == Draws((2, "libero_goal/3", 7, "x")) == stream(EpisodeSpec(TASK, "clean", 7, 2), "x")
    assert stream(EpisodeSpec(TASK, "clean", 7, 2, sampled=True), "x").key[-1] == "sampled/x"
    assert stream(spec, "x").episode().random() == generator(2, "libero_goal/3", 7, "x", "episode").random()
    late = generator(2, "libero_goal/3", 7, "x", "step", 5, "wrist")
    assert stream(spec, "x").at(5, "wrist").random() == late.random()


def test_a_policys_draws_are_behind_a_key() -> None:
    """Conditions share them, repeats and indices do not, and the key says nothing of either."""
    one, two = (choices(EpisodeSpec(TASK, condition, 7)) for condition in ("clean", "joint"))
    assert one == two
    assert len({one, choices(EpisodeSpec(TASK, "clean", 8)), choices(EpisodeSpec(TASK, "clean", 7, repeat=1))}) == 3
    (key,) = one.key
    assert isinstance(key, str) and len(key) == 32 and not set(key) - set("0123456789abcdef")
