"""Recordings come back as they were, and play the same episode again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toy.toy import Dark, Jolt, Points, Seeker, Toy
from vlabench.adapters.base import Policy
from vlabench.episode.listening import Listener
from vlabench.episode.loop import EpisodeError, play
from vlabench.episode.played import Played
from vlabench.episode.recording import ActionRecorder, FrameRecorder, Recording, Replayed
from vlabench.errors import StoreError
from vlabench.records.store import Store
from vlabench.types import EpisodeSpec
from vlabench.util.arrays import reading_arrays

CAMERAS = ("top", "side")
TASK = Toy("plain").tasks("toy_points")[1]
CHAIN = {"dark": Dark(), "jolt": Jolt(sigma=0.4)}


def stage() -> Points:
    return Toy("plain").open(TASK, 1, CAMERAS)


def playing(policy: Policy, listeners: Sequence[Listener] = (), index: int = 5, scene: Points | None = None) -> Played:
    (played,) = play(scene or stage(), policy, [EpisodeSpec(TASK, "dim", index, 9)], [CHAIN], replan=3,
                     cameras=CAMERAS, listeners=listeners, clock=lambda: 0.0)
    return played


def recorded(index: int = 5) -> tuple[Played, Recording]:
    policy = Seeker(noise=0.5)
    recorder = ActionRecorder(policy, replan=3)
    played = playing(policy, [recorder], index)
    assert recorder.result is not None
    return played, recorder.result


def test_a_recording_comes_back_from_disk_and_plays_the_same_episode(tmp_path: Path) -> None:
    played, recording = recorded()
    path = Store(tmp_path, "seeker", "plain").recording(played.spec.identity)
    assert path == tmp_path / "seeker/plain/toy_points/dim/1-5-9.npz"
    recording.save(path)
    loaded = Recording.load(path)
    assert (loaded.task, loaded.condition, loaded.index, loaded.seed, loaded.replan, loaded.state) == (
        "toy_points/1", "dim", 5, 9, 3, played.state)
    assert loaded.actions.shape == (played.steps, 3) and loaded.actions.dtype == np.float64
    assert loaded.looks.tolist() == list(range(0, played.steps, 3))
    assert playing(Replayed(loaded)) == played
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_frames_of_every_step_are_those_of_an_episode_that_renders_less() -> None:
    played, recording = recorded()
    film, scene = FrameRecorder(), stage()
    assert playing(Replayed(recording), [film], scene=scene) == played
    assert scene.renders == played.steps + 1 == len(film.clean) == len(film.seen)
    by = played.realised["dark"]["by"]
    for step in range(played.steps + 1):
        look = step - step % 3 if step < played.steps else (played.steps - 1) // 3 * 3
        for camera in CAMERAS:  # what it saw last: the clean picture of its last look, darker
            assert film.clean[step][camera].shape == (16, 16, 3)
            assert (film.seen[step][camera] == (film.clean[look][camera] * by).astype(np.uint8)).all()


def test_another_episode_than_the_recorded_one_is_noticed() -> None:
    _, short = min((recorded(index) for index in range(9)), key=lambda pair: pair[0].steps)
    longest = max(range(9), key=lambda index: recorded(index)[0].steps)
    with pytest.raises(EpisodeError, match="the recording ends after"):
        playing(Replayed(short), index=longest)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"text"])
def test_a_damaged_recording_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(StoreError, match="x.npz: not a recording that can be read"):
        Recording.load(tmp_path / "x.npz")


def test_another_npz_and_an_absent_file_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", actions=np.zeros(3))
    with pytest.raises(StoreError, match="not a recording that can be read"):
        Recording.load(tmp_path / "x.npz")
    with pytest.raises(StoreError, match="no such recording\n  fix: .*--record"):
        Recording.load(tmp_path / "y.npz")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, recording = recorded()
    _, other = recorded(6)
    path = tmp_path / "x.npz"
    recording.save(path)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="x.npz: the recording cannot be written: No space left on device"):
        other.save(path)
    assert (Recording.load(path).actions == recording.actions).all()
    assert list(tmp_path.iterdir()) == [path]


def test_a_recording_holds_one_episode() -> None:
    specs = [EpisodeSpec(TASK, "dim", index) for index in (0, 1)]
    for policy, listeners in ((Seeker(), [ActionRecorder(Seeker(), 1)]), (Replayed(recorded()[1]), [])):
        with pytest.raises((ValueError, EpisodeError), match="one episode, not 2"):
            play(Toy("plain").open(TASK, 2, CAMERAS), policy, specs, [{}, {}], replan=1, cameras=CAMERAS,
                 listeners=listeners)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_and_a_folder_are_no_recording(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "a.npz")
    with pytest.raises(StoreError, match="a.npz: not a thing that can be read: a folder, a pipe or a device"), \
            reading_arrays(tmp_path / "a.npz", "thing", "make it"):
        pass
