"""Views that are drawn anew: perturbed as a rollout's pictures are, one draw for each look, the same for a key."""

from __future__ import annotations

import numpy as np
import pytest

from vlabench.perturbations.rotation import Rotation
from vlabench.training.consistency import redrawn, some
from vlabench.training.curriculum import Level, Noise
from vlabench.training.rollouts import Rollout
from vlabench.training.samples import Looks
from vlabench.types import EpisodeSpec, Task

TASK = Task("switch", "switches", 0, "lamp_0", "push", 1, 2)


@pytest.fixture
def looks() -> Looks:
    rng = np.random.default_rng(0)

    def rollout(index: int, count: int) -> Rollout:
        pictures = {camera: rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8) for camera in ("top", "side")}
        blank = np.zeros((count, 1, 1), dtype=np.float32)
        return Rollout(EpisodeSpec(TASK, "x", index, sampled=True), {"top": 255 - pictures["top"]},
                       rng.random((count, 2), dtype=np.float32), f"push {index}", blank, blank, blank,
                       np.ones(count, dtype=np.int64), False, {}, None, pictures)

    return Looks([rollout(0, 5), rollout(1, 3)])


def test_without_noise_they_are_the_clean_pictures(looks: Looks) -> None:
    found, clean = redrawn(looks, [6, 1], Noise(), Level(), "a"), looks.clean([6, 1])
    assert list(found.images) == ["top", "side"] and found.instruction == ("push 1", "push 0")
    assert all(np.array_equal(found.images[name], clean.images[name]) for name in clean.images)
    assert np.array_equal(found.proprio, np.stack([looks.rollouts[1].proprio[1], looks.rollouts[0].proprio[1]]))


def test_each_look_has_its_own_draw_and_a_key_its_numbers(looks: Looks) -> None:
    noise, level = Noise(clean=0.0, most=5), Level(1.0, 0.3)
    rows = list(range(len(looks)))
    first, again, other = (redrawn(looks, rows, noise, level, "k", key) for key in (1, 1, 2))
    clean = looks.clean(rows)
    for camera in clean.images:
        assert np.array_equal(first.images[camera], again.images[camera])
        assert not np.array_equal(first.images[camera], other.images[camera])
    for row in rows:
        assert any(not np.array_equal(first.images[camera][row], clean.images[camera][row]) for camera in clean.images)


def test_a_share_stays_clean(looks: Looks) -> None:
    kept = [np.array_equal(redrawn(looks, [0], Noise(clean=0.4), Level(1.0), key).images["top"][0],
                           looks.clean([0]).images["top"][0]) for key in range(400)]
    assert abs(np.mean(kept) - 0.4) < 4 * np.sqrt(0.4 * 0.6 / 400)


def test_both_cameras_of_a_look_share_a_draw(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an episode: there, one draw is for all cameras."""
    monkeypatch.setattr("vlabench.training.consistency.draw", lambda *_: {"rotation": Rotation(degrees=90.0)})
    same = looks.rollouts[0].clean["top"]
    looks.rollouts[0].clean["side"][:] = same
    found = redrawn(looks, range(5), Noise(), Level(1.0), "key")
    assert np.array_equal(found.images["top"], found.images["side"])
    assert not np.array_equal(found.images["top"], same)


def test_some_are_different_looks(looks: Looks) -> None:
    assert sorted(some(looks, 64, "a")) == list(range(8)) and len(set(some(looks, 5, "a"))) == 5
    assert some(looks, 5, "a") == some(looks, 5, "a") != some(looks, 5, "b")
