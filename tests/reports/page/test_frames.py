"""What a worker keeps of an episode, and the policy that does what was recorded."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.toy.toy import Dark, Seeker, Toy
from vlabench.adapters.base import Policy
from vlabench.episode.listening import Listener
from vlabench.episode.loop import play
from vlabench.episode.played import Played
from vlabench.episode.recording import ActionRecorder, Recording
from vlabench.errors import StoreError
from vlabench.reports.page import images
from vlabench.reports.page.frames import Again, Frames, again_from, every
from vlabench.reports.page.replays import Shot
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeSpec, Task

CAMERAS = ("top", "side")
TASK = Toy("plain").tasks("toy_points")[1]
SPECS = [EpisodeSpec(TASK, name, 3) for name in ("clean", "dark")]


def playing(policy: Policy, spec: EpisodeSpec, listener: Listener, replan: int = 3) -> Played:
    policy.configure(Toy.action_space)
    chain = {"toy_dark": Dark()} if spec.condition == "dark" else {}
    (played,) = play(Toy("plain").open(spec.task, 1, CAMERAS), policy, [spec], [chain], replan=replan, cameras=CAMERAS,
                     listeners=[listener], clock=lambda: 0.0)
    return played


@pytest.mark.parametrize("replan", [1, 3, 4])
def test_a_picture_every_few_steps(replan: int) -> None:
    policy = Seeker(noise=2.0)
    frames = Frames(policy, replan)
    played = playing(policy, SPECS[1], frames, replan)
    looks = list(range(0, played.steps, replan))
    shown = [0]
    while later := [step for step in looks if step >= shown[-1] + every(Toy.action_space)]:
        shown.append(later[0])
    assert len(frames.result) == len(shown) > 1
    assert all(frame.shape == (16, 32, 3) and frame.dtype == np.uint8 for frame in frames.result)
    by = played.realised["toy_dark"]["by"]
    assert frames.result[0].max() == int(255 * by)


@pytest.mark.usefixtures("toy_plugin")
def test_recorded_episodes_are_done_again_each_by_its_own_actions(tmp_path: Path) -> None:
    kept, ends = [], []
    for number, spec in enumerate(SPECS):
        seeker = Seeker(noise=0.5 + number)
        recorder = ActionRecorder(seeker, 3)
        ends.append(playing(seeker, spec, recorder))
        assert recorder.result is not None
        kept.append(tmp_path / f"{number}.npz")
        recorder.result.save(kept[-1])
    assert ends[0].state != ends[1].state
    policy = again_from(kept)
    assert isinstance(policy, Again)
    for spec, end in [*zip(SPECS, ends, strict=True), (SPECS[0], ends[0])]:
        assert playing(policy, spec, Frames(policy, 3)).state == end.state
    policy.reset([0], [])
    policy.take(EpisodeSpec(Toy("plain").tasks("toy_points")[2], "clean", 9))  # nobody recorded it: a first look
    look = Toy("plain").open(TASK, 1, CAMERAS).observe()
    np.testing.assert_array_equal(policy.act(look).actions[0], Recording.load(kept[0]).chunks()[0])
    with pytest.raises(StoreError, match="there is no such recording"):
        again_from([tmp_path / "no.npz"])


@pytest.mark.parametrize(("simulator", "steps", "wait"), [("libero", 4, 100), ("maniskill", 1, 100)])
def test_a_film_is_twice_as_fast_as_the_robot_that_it_shows(simulator: str, steps: int, wait: int) -> None:
    """A picture every 0.2 s of its time, shown for 0.1 s."""
    assert every(find_simulator(simulator).action_space) == steps
    spec = EpisodeSpec(Task(simulator, "s", 0, "t", "do it", 80), "clean", 0)
    moving = [np.full((8, 8, 3), 60 * number, dtype=np.uint8) for number in range(4)]
    found = str(images.film(Shot(spec, moving, "success", 4 * steps, "do it", []), None))
    pictures = [base64.b64decode(each) for each in re.findall(r"base64,([^\"]+)", found)]
    waits = [Image.open(io.BytesIO(each)).info.get("duration") for each in pictures]
    with Image.open(io.BytesIO(max(pictures, key=len))) as shown:
        shown.load()
        assert shown.info["duration"] == wait, waits
