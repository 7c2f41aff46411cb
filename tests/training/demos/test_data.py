"""Batches from files of demonstrations."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.demos.demo_files import OTHER, TASK, demo, shelf, spoil, turn
from tests.training.methods.test_sft import lamps
from vlabench.errors import DataError
from vlabench.training.demos.data import DemoData, batches, reliable, samples


def brute_force(actors: list[int], chunk: int) -> list[int]:
    """By the definition: count labels t, t+1, … until one whose state a foreign action led to, or the end."""
    counts = []
    for t in range(len(actors)):
        k = 1
        while k < chunk and t + k < len(actors) and actors[t + k - 1] == 0:
            k += 1
        counts.append(k)
    return counts


@given(st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=1, max_size=40), st.integers(1, 9))
def test_labels_count_as_long_as_the_expert_acted(actors: list[int], chunk: int) -> None:
    assert reliable(np.array(actors, dtype=np.uint8), chunk).tolist() == brute_force(actors, chunk)


@pytest.fixture
def data(tmp_path: Path) -> DemoData:
    shelf(tmp_path, TASK, [demo(0, 30, who=(4, 5)), demo(1, 10)])
    shelf(tmp_path, OTHER, [demo(2, 20)])
    return DemoData([tmp_path], 16, "libero", 8)


@pytest.mark.parametrize("place", [".training/p/round-0/demos", ".cache/x", "plain"])
def test_folders_above_may_be_hidden_those_below_are_not_looked_into(tmp_path: Path, place: str,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    shelf(tmp_path / place, TASK, [demo(0, 30)])
    shelf(tmp_path / place / ".parts", OTHER, [demo(2, 20)])
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / place, Path(place), Path("..") / tmp_path.name / place):
        assert DemoData([folder], 16, "libero", 8).instructions == ["put the bowl on the stove"]


def test_samples_are_what_the_files_hold(data: DemoData) -> None:
    assert data.instructions == ["put the bowl on the stove", "turn on the stove"] and data.frames == 60
    drawn = data.batch(200, 7)
    moved = samples(data, drawn, "cpu")
    originals = {(0, i): demo(i, length, who=who) for i, length, who in ((0, 30, (4, 5)), (1, 10, ()))}
    originals[1, 2] = demo(2, 20)
    seen = set()
    for n in range(200):
        task = int(drawn.tasks[n])
        assert moved.obs.instruction[n] == data.instructions[task]
        found = [(key, t) for key, each in originals.items() if key[0] == task
                 for t in range(len(each)) if np.array_equal(each.proprio[t], moved.obs.proprio[n])]
        (((_, index), t),) = found
        original = originals[task, index]
        assert np.array_equal(moved.obs.images["wrist"][n], original.frames["wrist"][t])
        kept = int(moved.counted[n].sum())
        assert np.array_equal(moved.actions[n, :kept].numpy(), original.labels[t : t + kept])
        assert np.array_equal(moved["points"][n].numpy().ravel(), original.points[t])
        seen.add((task, index, t))
    assert len(seen) > 50
    assert moved.count == 200 and float(moved.weight) == float(moved.weights.sum()) == float(moved.counted.sum())
    even = samples(data, drawn, "cpu", even=True)
    assert np.allclose(even.weights.sum(1), 1) and float(even.weight) == pytest.approx(200)
    counts = even.counted.sum(1)
    assert {1, 8} <= {*counts.tolist()}  # after a kick the first label alone counts
    assert np.allclose((even.weights > 0).sum(1), counts)
    shares = np.bincount(drawn.tasks) / 200
    expected = np.sqrt(40) / (np.sqrt(40) + np.sqrt(20))  # by the square root of their frames
    assert abs(shares[0] - expected) < 0.11


def test_a_batch_is_its_key_s_whoever_reads_it(data: DemoData) -> None:
    alone = [data.batch(4, 3, step) for step in range(2, 6)]
    for workers in (0, 1):
        read = list(batches(data, 4, 3, range(2, 6), workers))
        for expected, found in zip(alone, read, strict=True):
            assert np.array_equal(expected.proprio, found.proprio)
            assert np.array_equal(expected.pictures["agentview"], found.pictures["agentview"])
    assert not np.array_equal(alone[0].proprio, alone[1].proprio)


def test_libero_s_own_files_lack_ours_and_still_train(tmp_path: Path) -> None:
    path = shelf(tmp_path, TASK, [demo(0, 10)])
    with h5py.File(path, "a") as file:
        del file["data/demo_0/vlabench"], file["data"].attrs["vlabench"]
    found = DemoData([tmp_path], 16, "libero", 8).batch(5, 0)
    assert np.isnan(found.points).all() and np.isnan(found.pixels).all()
    assert found.mask.any(axis=1).all()


def test_where_things_are_in_pictures_is_of_the_simulator_s_own_cameras(switch: None, tmp_path: Path) -> None:
    """One camera, and so one place for each of the three points."""
    pixels = np.random.default_rng(0).uniform(-1, 1, (8, 1, 3, 2))
    with h5py.File(lamps(tmp_path / "lamps") / "lamp_demo.hdf5", "a") as file:
        for name in file["data"]:
            file[f"data/{name}/vlabench/pixels"] = pixels
    data = DemoData([tmp_path / "lamps"], 16, "switch")
    drawn = data.batch(5, 0)
    assert drawn.pixels.shape == (5, 1, 3, 2) and list(drawn.pictures) == ["top"] == list(data.facts().cameras)
    assert all((pixels.astype(np.float32) == row).all((1, 2, 3)).any() for row in drawn.pixels)


def test_what_was_shot_off_a_table_is_nowhere(tmp_path: Path) -> None:
    """It falls for ever: of its frames the other points are known still."""
    path = shelf(tmp_path, TASK, [demo(0, 10)])
    points = np.full((10, 3, 3), 0.1)
    points[4:, 0] = [0.0, 0.3, -2.1]
    points[:, 1] = [0.0, 0.3, -1.9]
    with h5py.File(path, "a") as file:
        file["data/demo_0/vlabench/points"][...] = points.reshape(10, 9)
    found = DemoData([tmp_path], 16, "libero", 8).batch(60, 0).points
    assert 0 < np.isnan(found[:, 0]).all(1).sum() < 60 and np.isfinite(found[:, 1:]).all()
    assert np.isnan(found[:, 0]).any(1).tolist() == np.isnan(found[:, 0]).all(1).tolist()


def test_demonstrations_of_before_a_simulator_told_as_many_points_still_train(tmp_path: Path) -> None:
    """What they lack is not known; more than there are is refused."""
    path = shelf(tmp_path, TASK, [demo(0, 10)])
    told = demo(0, 10)

    def rewritten(count: int) -> None:
        with h5py.File(path, "a") as file:
            group = file["data/demo_0/vlabench"]
            del group["points"], group["pixels"]
            group["points"] = np.ones((10, 3 * count)) * told.points[:, :1]
            group["pixels"] = np.zeros((10, 2, count, 2))

    rewritten(2)
    found = DemoData([tmp_path], 16, "libero", 8).batch(5, 0)
    assert np.isfinite(found.points[:, :2]).all() and np.isnan(found.points[:, 2]).all()
    assert not found.pixels[:, :, :2].any() and np.isnan(found.pixels[:, :, 2]).all()
    rewritten(4)
    with pytest.raises(DataError, match=r"vlabench/points is float64 \[10, 12\], needed are numbers \[10, 9\]"):
        DemoData([tmp_path], 16, "libero", 8)


def test_proprioception_s_range_is_numpy_s(data: DemoData) -> None:
    rows = np.concatenate([demo(0, 30).proprio, demo(1, 10).proprio, demo(2, 20).proprio])
    mean, std = data.proprio_range()
    assert np.allclose(mean, rows.mean(0), atol=1e-6) and np.allclose(std, rows.std(0) + 1e-3, atol=1e-6)


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    """`tests.training.demos.test_reading` has the many ways; here, that it is asked."""
    with pytest.raises(DataError, match="no such folder"):
        DemoData([tmp_path / "empty"], 16, "libero", 8)
    path = shelf(tmp_path / "a", TASK, [demo(0, 10)])
    with pytest.raises(DataError, match=r"agentview_rgb is uint8 \[10, 16, 16, 3\], needed is uint8 \[10, 128"):
        DemoData([tmp_path / "a"], 128, "libero", 8)
    for name, what in (("actions", "actions holds nan in frame 3"), ("obs/ee_ori", "ee_ori holds nan in frame 3")):
        with h5py.File(path, "a") as file:
            before = file[f"data/demo_0/{name}"][3]
            file[f"data/demo_0/{name}"][3] = np.nan
        with pytest.raises(DataError, match=f"{path.name}: data/demo_0: .*{what}"):
            DemoData([tmp_path / "a"], 16, "libero", 8)
        with h5py.File(path, "a") as file:
            file[f"data/demo_0/{name}"][3] = before
    with h5py.File(path, "a") as file:
        del file["data/demo_0/vlabench/actors"]
        file["data/demo_0/vlabench/actors"] = np.zeros(9, np.uint8)
    with pytest.raises(DataError, match=r"vlabench/actors is uint8 \[9\], needed are numbers \[10\]"):
        DemoData([tmp_path / "a"], 16, "libero", 8)


def test_pictures_from_the_top_down_are_turned_as_the_file_says(tmp_path: Path) -> None:
    shelf(tmp_path / "opengl", TASK, [demo(0, 10)])
    path = shelf(tmp_path / "opencv", TASK, [demo(0, 10)])
    turn(path)
    wanted, found = (DemoData([tmp_path / name], 16, "libero", 8).batch(20, 0) for name in ("opengl", "opencv"))
    for camera, pictures in wanted.pictures.items():
        assert np.array_equal(found.pictures[camera], pictures)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_picture_is_named_when_its_turn_comes(tmp_path: Path, workers: int) -> None:
    path = shelf(tmp_path, TASK, [demo(0, 10), demo(1, 10)])
    spoil(path, "data/demo_1/obs/eye_in_hand_rgb", 4)
    data = DemoData([tmp_path], 16, "libero", 8)
    with pytest.raises(DataError) as caught:
        list(batches(data, 8, 0, range(20), workers))
    told = str(caught.value)
    assert f"{path.name}: data/demo_1/obs/eye_in_hand_rgb, frame 4: damaged" in told and "fix:" in told
    assert "Traceback" not in told


def test_the_demonstrations_of_a_batch_have_names(data: DemoData) -> None:
    names, batch = data.names(30, 7), data.batch(30, 7)
    for name, task in zip(names, batch.tasks, strict=True):
        assert name.startswith("put_the_bowl" if task == 0 else "turn_on_the_stove_demo.hdf5 demo_0")
    assert {name.split()[1] for name in names} == {"demo_0", "demo_1"}
