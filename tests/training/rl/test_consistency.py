"""Views that are drawn anew, perturbed as a rollout's pictures are; and the memory of looks that they are drawn of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.toy.switch import SPACE
from vlabench.cards.noise import Noise
from vlabench.errors import DataError
from vlabench.perturbations.rotation import Rotation
from vlabench.training.rl.consistency import Looks, Memory, clean, redrawn
from vlabench.training.rl.curriculum import Level
from vlabench.training.rl.rollouts import Rollout
from vlabench.types import EpisodeSpec, Observation, Task

TASK = Task("switch", "switches", 0, "lamp_0", "push", 1, 2)
ROWS = 8


def looks(first: int = 0, rows: int = ROWS) -> Observation:
    """Looks numbered from `first` on: the number is told by proprioception and by the instruction."""
    rng = np.random.default_rng(first)
    images = {camera: rng.integers(0, 256, (rows, 32, 32, 3), dtype=np.uint8) for camera in ("top", "side")}
    return Observation.now(images, np.arange(first, first + rows, dtype=np.float32)[:, None],
                           [f"push {number}" for number in range(first, first + rows)], 0)


def kept(first: int = 0, rows: int = ROWS) -> Looks:
    """Whose actions and aims tell the number, too."""
    obs = looks(first, rows)
    return Looks(obs, 5 * obs.proprio[:, :, None], 10 * obs.proprio[:, :, None])


def test_clean_looks_of_rollouts_are_joined_in_their_order() -> None:
    def rollout(text: str, count: int) -> Rollout:
        blank, seen = np.zeros((count, 1, 1), dtype=np.float32), np.full((count, 4, 4, 3), count, dtype=np.uint8)
        proprio = np.full((count, 2), count, dtype=np.float32)
        return Rollout(EpisodeSpec(TASK, "x", 0), {"top": 255 - seen}, proprio, text, blank, blank, blank,
                       np.ones(count, dtype=np.int64), False, {}, {}, {"top": seen})

    joined = clean([rollout("a", 2), rollout("b", 3)])
    assert joined.instruction == ("a", "a", "b", "b", "b")
    assert joined.images["top"][:, 0, 0, 0].tolist() == joined.proprio[:, 1].tolist() == [2, 2, 3, 3, 3]


def test_without_noise_nothing_changes() -> None:
    obs = looks()
    found = redrawn(obs, Noise(), Level(), SPACE, "a")
    assert list(found.images) == ["top", "side"] and found.instruction == obs.instruction
    assert all(np.array_equal(found.images[name], obs.images[name]) for name in obs.images)
    assert np.array_equal(found.proprio, obs.proprio)


def test_each_look_has_its_own_draw_and_a_key_its_numbers() -> None:
    obs, noise, level = looks(), Noise(clean=0.0, most=5), Level(1.0, 0.3)
    first, again, other = (redrawn(obs, noise, level, SPACE, "k", key) for key in (1, 1, 2))
    for camera in obs.images:
        assert np.array_equal(first.images[camera], again.images[camera])
        assert not np.array_equal(first.images[camera], other.images[camera])
    assert np.array_equal(first.proprio, obs.proprio) and first.instruction == obs.instruction
    for row in range(ROWS):
        assert any(not np.array_equal(first.images[camera][row], obs.images[camera][row]) for camera in obs.images)
    alike = obs.replace(images={camera: pictures[[0] * ROWS] for camera, pictures in obs.images.items()})
    drawn = redrawn(alike, noise, level, SPACE, "k").images["top"]
    assert len({picture.tobytes() for picture in drawn}) == ROWS


def test_a_share_stays_clean() -> None:
    obs = looks(rows=1)
    kept = [np.array_equal(redrawn(obs, Noise(clean=0.4), Level(1.0), SPACE, key).images["top"], obs.images["top"])
            for key in range(400)]
    assert abs(np.mean(kept) - 0.4) < 4 * np.sqrt(0.4 * 0.6 / 400)


def test_both_cameras_of_a_look_share_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an episode: there, one draw is for all cameras."""
    monkeypatch.setattr("vlabench.training.rl.consistency.draw", lambda *_: {"rotation": Rotation(degrees=90.0)})
    obs = looks()
    alike = obs.replace(images={"top": obs.images["top"], "side": obs.images["top"]})
    found = redrawn(alike, Noise(), Level(1.0), SPACE, "key")
    assert np.array_equal(found.images["top"], found.images["side"])
    assert not np.array_equal(found.images["top"], obs.images["top"])


def test_the_memory_gives_different_looks_of_all_iterations_with_their_means(tmp_path: Path) -> None:
    memory = Memory(tmp_path, 100)
    for iteration, first in ((1, 0), (2, 100)):
        memory.add(iteration, kept(first))
    found = memory.some(64, "a")
    obs = found.obs
    numbers = obs.proprio[:, 0].astype(int).tolist()
    assert sorted(numbers) == [*range(ROWS), *range(100, 100 + ROWS)]
    for row, number in enumerate(numbers):
        assert obs.instruction[row] == f"push {number}" and found.wanted[row].item() == 10 * number
        assert found.actions[row].item() == 5 * number
        assert np.array_equal(obs.images["side"][row], looks(number - number % 100).images["side"][number % 100])
    few = [memory.some(5, key).obs.instruction for key in ("a", "a", "b")]
    assert few[0] == few[1] != few[2] and len(set(few[0])) == 5


def test_the_oldest_iterations_are_forgotten_first(tmp_path: Path) -> None:
    memory = Memory(tmp_path, 2 * ROWS)
    for iteration in range(1, 5):
        memory.add(iteration, kept(100 * iteration))
    assert len(memory) == 2 * ROWS and memory.some(64, "a").obs.proprio.min() == 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["looks-3.npz", "looks-4.npz"]
    memory.add(5, kept(500, 5 * ROWS))  # more than may be kept: the newest stay
    assert memory.some(64, "a").obs.proprio.min() == 500


def test_another_process_finds_what_was_kept_and_an_end_leaves_nothing(tmp_path: Path) -> None:
    first = Memory(tmp_path, 100)
    for iteration in (1, 2, 3):
        first.add(iteration, kept(100 * iteration))
    second = Memory(tmp_path, 100)  # was killed in the third, which it plays again
    second.restore(2)
    second.add(3, kept(700))
    found = second.some(64, "a")
    expected, values = Memory(tmp_path, 100), (looks(100), looks(200), looks(700))
    expected.restore(3)
    expected.add(4, kept(900, 1))
    assert sorted(found.obs.instruction) == sorted(text for each in values for text in each.instruction)
    assert np.array_equal(found.wanted[:, 0, 0], 10 * found.obs.proprio[:, 0]) and len(expected) == 3 * ROWS + 1
    second.clear()
    assert list(tmp_path.iterdir()) == [] and len(second) == 0


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    Memory(tmp_path, 100).add(1, kept())
    path = tmp_path / "looks-1.npz"
    for content in (path.read_bytes()[:-400], b"", b"no archive"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"looks-1.npz: looks of this training that cannot be read: .*\n  fix: "):
            Memory(tmp_path, 100).restore(1)


def test_of_several_processes_one_writes(tmp_path: Path) -> None:
    reads, writes = Memory(tmp_path, 100, writes=False), Memory(tmp_path, 100)
    reads.add(1, kept())
    assert not list(tmp_path.iterdir())
    writes.add(1, kept())
    reads.add(2, kept(100))
    assert [path.name for path in tmp_path.iterdir()] == ["looks-1.npz"] and len(reads) == 2 * ROWS
