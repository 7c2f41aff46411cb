"""What a worker keeps of an episode, and the policy that does what was recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.toy.toy import Dark, Seeker, Toy
from vlabench.adapters.base import Policy
from vlabench.episode.listening import Listener
from vlabench.episode.loop import play
from vlabench.episode.played import Played
from vlabench.episode.recording import ActionRecorder, Recording
from vlabench.errors import StoreError
from vlabench.reports.page.frames import EVERY, Again, Frames, again_from
from vlabench.types import EpisodeSpec

CAMERAS = ("top", "side")
TASK = Toy("plain").tasks("toy_points")[1]
SPECS = [EpisodeSpec(TASK, name, 3) for name in ("clean", "dark")]


def playing(policy: Policy, spec: EpisodeSpec, listener: Listener, replan: int = 3) -> Played:
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
    while later := [step for step in looks if step >= shown[-1] + EVERY]:
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
