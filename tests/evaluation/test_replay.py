"""A replay is the recorded episode, frame by frame, or an error."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import PLUGIN
from vlabench import cards
from vlabench.episode.recording import Recording
from vlabench.errors import MissingExtra, OptionError, StoreError, UnknownName, UnsupportedError
from vlabench.evaluation import plan
from vlabench.evaluation import replay as film
from vlabench.evaluation.plan import RunOptions
from vlabench.evaluation.run import run
from vlabench.records.store import Store
from vlabench.simulators.base import find_simulator

pytestmark = pytest.mark.usefixtures("toy_plugin")
WHAT = ("toy-seeker", "toy_points/1", "dark", 3)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with the recordings of one task; not to be changed."""
    results = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGIN))
        policy = cards.load_policy("toy-seeker")
        engine = find_simulator("toy")("plain")
        todo = plan.make(cards.load_suite("toy"), policy, engine, RunOptions(tasks=("toy_points/1",), seed=2))
        run(todo, policy, engine, Store(results, "toy-seeker", "plain"), workers=1, record=True)
    return results


@pytest.fixture
def recorded(once: Path, tmp_path: Path) -> Path:
    """The same results, for one test."""
    return shutil.copytree(once, tmp_path / "r")


def replay(results: Path, out: str, what: tuple[str, str, str, int] = WHAT, **options: Any) -> film.Film:
    return film.replay(*what, results=results, out=results.parent / out, **{"seed": 2, "size": 64, **options})


def test_a_gif_shows_the_recorded_episode_clean_and_as_seen(recorded: Path) -> None:
    found = replay(recorded, "x.gif")
    recording = Recording.load(recorded / "toy-seeker/plain/toy_points/dark/1-3-2.npz")
    assert found.played.state == recording.state and found.frames == len(recording.actions) + 1
    with Image.open(found.path) as gif:
        assert gif.n_frames == found.frames  # type: ignore[attr-defined]
        gif.seek(gif.n_frames - 1)  # type: ignore[attr-defined]
        frame = np.asarray(gif.convert("RGB"), dtype=float)
    clean, seen = frame[:64, :64], frame[:64, 68:132]
    assert abs(seen.mean() / clean.mean() - found.played.realised["toy_dark"]["by"]) < 0.1
    assert frame[64:].min() < 100 and frame[64:].max() > 240  # black text on white


def test_an_mp4_has_a_frame_for_every_step(recorded: Path) -> None:
    imageio = pytest.importorskip("imageio.v2", reason="needs the extra `libero`")
    pytest.importorskip("imageio_ffmpeg", reason="needs the extra `libero`")
    found = replay(recorded, "x.mp4", cameras=["top", "side"])
    with imageio.get_reader(found.path) as reader:
        meta = reader.get_meta_data()
        assert reader.count_frames() == found.frames == found.played.steps + 1
        assert meta["fps"] == 10  # the toy's control steps a second
        assert meta["size"][0] == 2 * 64 + 4 and meta["size"][1] > 2 * 64


def change(results: Path, **fields: Any) -> None:
    path = results / "toy-seeker/plain/toy_points/dark/1-3-2.npz"
    dataclasses.replace(Recording.load(path), **fields).save(path)


def test_another_end_than_the_recorded_one_is_an_error(recorded: Path) -> None:
    change(recorded, state="0" * 16)
    with pytest.raises(StoreError, match="ends in another state .*\n  fix: record it again") as caught:
        replay(recorded, "x.gif")
    assert caught.value.exit_code == 4 and not (recorded.parent / "x.gif").exists()


def test_a_policy_of_another_simulator_is_refused(recorded: Path) -> None:
    """Before the recording is looked for."""
    with pytest.raises(UnsupportedError, match="policy 'nano-sft' is for simulator 'libero', not for 'toy'\n  fix: "):
        replay(recorded, "x.gif", ("nano-sft", *WHAT[1:]))


def test_actions_that_end_early_are_an_error(recorded: Path) -> None:
    change(recorded, actions=np.zeros((3, 3)), looks=np.array([0]))
    with pytest.raises(StoreError, match="cannot be played again: the recording ends after 1 look,"):
        replay(recorded, "x.gif")


@pytest.mark.parametrize(("what", "options", "kind", "message"), [
    (("toy-seker", *WHAT[1:]), {}, UnknownName, "did you mean 'toy-seeker'"),
    (("toy-seeker", "toy_points/7", "dark", 3), {}, UnknownName, "unknown task 'toy_points/7'"),
    (("toy-seeker", "toy_points/1", "drak", 3), {}, UnknownName, "in any suite: did you mean 'dark'"),
    (WHAT, {"suite": "toy-idle"}, UnknownName, "unknown condition 'dark' in suite 'toy-idle'"),
    (WHAT, {"cameras": ["tip"]}, UnknownName, "did you mean 'top'"),
    (WHAT, {"size": 32}, OptionError, "--size 32: must be in 64 … 1024"),
    (WHAT, {"seed": 3}, StoreError, "there is no such recording\n  fix: .*--record"),
])
def test_what_is_not_there(what: Any, options: Any, kind: type[Exception], message: str, recorded: Path) -> None:
    with pytest.raises(kind, match=message):
        replay(recorded, "x.gif", what, **options)


def test_other_kinds_of_film_and_absent_libraries(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="x.avi: a film is an .mp4 or a .gif"):
        replay(recorded, "x.avi")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingExtra, match="fix: pip install 'vlabench\\[video\\]'"):
        replay(recorded, "x.mp4")
    (recorded.parent / "x.gif").mkdir()
    with pytest.raises(StoreError, match="x.gif: the film cannot be written"):
        replay(recorded, "x.gif")


@pytest.mark.parametrize(("rate", "shown", "wait"), [(20.0, 6, 100), (5.0, 11, 200)])
def test_a_gif_shows_no_more_frames_a_second_than_it_needs_and_all_of_a_slow_robot(
        rate: float, shown: int, wait: int, tmp_path: Path) -> None:
    frames = [np.full((8, 8, 3), 255 * np.eye(3)[step % 3], dtype=np.uint8) for step in range(11)]
    film._write_gif(frames, tmp_path / "x.gif", rate)
    with Image.open(tmp_path / "x.gif") as gif:
        assert (gif.n_frames, gif.info["duration"]) == (shown, wait)  # type: ignore[attr-defined]
