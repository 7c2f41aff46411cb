"""A simulator that is one file of somebody else's: everything that asks simulators finds what it needs there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.factories import install
from tests.toy.alone import Alone
from tests.toy.rail import SIZE, Rail, Track
from vlabench.adapters.base import Actor
from vlabench.adapters.expert import Expert
from vlabench.adapters.random import Random
from vlabench.adapters.still import Still
from vlabench.cards.find import find_task, find_tasks
from vlabench.cli import assets
from vlabench.cli.doctor import diagnose
from vlabench.episode.listening import Bools, EpisodeCollector
from vlabench.episode.player import EpisodePlayer, Finished, Job
from vlabench.errors import AssetsError, OptionError, UnknownName, UnsupportedError
from vlabench.perturbations.action_noise import ActionNoise
from vlabench.perturbations.base import Perturbation
from vlabench.training.demos import collect as collecting
from vlabench.training.demos.collect import Recipe, collect
from vlabench.types import EpisodeSpec, Floats, Outcome

TASK = Rail("bare").tasks("rails")[0]


@pytest.fixture(autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path_factory.mktemp("site")
    install(site, "rails", {"vlabench.simulators": {
        "rail": "tests.toy.rail:Rail", "track": "tests.toy.rail:Track"}}, {})
    monkeypatch.syspath_prepend(site)


class Executed(EpisodeCollector):
    """What reached the robot, [S, D]."""

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self.result = np.concatenate([self.result, executed]) if step else executed.copy()

    result: Any = None


def played(simulator: str, adapter: Any, *perturbations: Perturbation, replan: int = 1,
           privileged: bool = False) -> Finished:
    """An episode as a worker plays it; the draws are those of `TASK` in either simulator."""
    chain = {f"p{number}": each for number, each in enumerate(perturbations)}
    actor = Actor(adapter, ("front",), SIZE, replan, privileged)
    player = EpisodePlayer(Job(simulator, "bare", actor, {"x": chain}, Executed))
    (done,) = player.play((EpisodeSpec(TASK, "x", 3),))
    assert isinstance(done, Finished)
    return done


@pytest.mark.parametrize("sigma", [0.1, 2.0])
def test_noise_moves_the_hand_by_the_same_share_of_a_unit_on_a_large_and_on_a_small_robot(sigma: float) -> None:
    large, small = (played(name, Still, ActionNoise(sigma=sigma)).result for name in ("rail", "track"))
    assert len(large) > 10 and not np.array_equal(large, small)
    assert np.array_equal(large / Rail.action_space.unit, small / Track.action_space.unit)
    assert (large >= Rail.action_space.low).all() and (large <= Rail.action_space.high).all()
    assert sigma > 1 or abs(large[:, 1:].std() / sigma - 1) < 0.4


def test_the_policies_of_every_table_act_in_its_space() -> None:
    assert (played("track", Still, replan=8).result == Track.action_space.null).all()
    drawn = np.concatenate([played("track", Random, replan=8).result, played("rail", Random).result / (1, 8, 8)])
    assert (drawn >= Track.action_space.low).all() and (drawn <= Track.action_space.high).all()
    assert (np.ptp(drawn, axis=0) > 0.8 * np.subtract(Track.action_space.high, Track.action_space.low)).all()
    assert played("rail", Expert, privileged=True).played.status == "success"
    assert played("rail", Still, replan=8).played.status == "failure"


def test_its_tasks_are_environments_with_its_bounds_and_rate() -> None:
    import gymnasium

    import vlabench.gym

    vlabench.gym.register()
    try:
        env = gymnasium.make("vlabench/tracks-0")
        assert env.metadata["render_fps"] == 5
        box: Any = env.action_space
        assert box.low.tolist() == [0, -0.125, -0.0625] and box.high.tolist() == [1, 0.125, 0.0625]
        env.reset()
        assert env.step(np.array([1, 0.125, 0], dtype=np.float32))[0]["proprio"].tolist() == [0.125, 0]
    finally:
        for name in ("vlabench/rails-0", "vlabench/tracks-0"):
            del gymnasium.registry[name]


def test_demonstrations_are_collected_of_its_expert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py", reason="needs the extra `train`")
    monkeypatch.setattr(collecting, "WorkerPool", Alone)
    tasks = find_tasks(collecting.experts(), ["rails"])
    assert tasks == [TASK]
    done = collect(tasks, 2, tmp_path, Recipe(image_size=SIZE, noise=0.1), workers=1)
    assert (done.demos, done.short) == (2, {})
    with h5py.File(tmp_path / "rails/rail_0_demo.hdf5") as file:
        group = file["data/demo_1"]
        steps = len(group["actions"])
        assert group["obs/front_rgb"].shape == (steps, SIZE, SIZE, 3) and group["obs/proprio"].shape == (steps, 2)
        noise = group["vlabench/executed"][()] - group["actions"][()]
        assert not noise[:, 0].any() and 0.02 < noise[:, 1:].std() < 0.3
        assert np.allclose(group["vlabench/away"][:, 0], 3 - group["obs/proprio"][:, 0])
        assert "bddl_file_name" not in file["data"].attrs
    hasty = collect(tasks, 1, tmp_path / "hasty", Recipe(image_size=SIZE, horizon=2 / TASK.step_limit), workers=1)
    assert (hasty.demos, hasty.frames) == (0, 2 * hasty.tries)  # two steps are not enough
    with pytest.raises(OptionError, match="horizon 0: must be above 0, at most 10 times"):
        collect(tasks, 1, tmp_path / "none", Recipe(horizon=0.0))


@pytest.mark.parametrize(("keys", "error", "said"), [
    (["tracks/0"], UnsupportedError, "simulator 'track' has no expert to collect demonstrations of; valid: .*rail"),
    (["tracks/0", "rails/0"], OptionError,
     "of one simulator, not of rail, track\n  fix: --task-set rails, or --task-set tracks$"),
])
def test_of_others_there_are_none(keys: Sequence[str], error: type[Exception], said: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=said):
        collect([find_task(key) for key in keys], 1, tmp_path / "out", Recipe())
    assert list(tmp_path.iterdir()) == []


def test_packs_and_what_it_needs_are_asked_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def here() -> dict[tuple[str, str], tuple[str, str]]:
        return {(simulator, pack): (state, where) for simulator, pack, state, where in assets.listed()}

    assert here()["rail", "bare"] == ("here", "needs no files")
    verbs: list[Callable[[], Path]] = [lambda: assets.fetch("rail", print), lambda: assets.build("rail", None)]
    for verb in verbs:
        with pytest.raises(UnknownName, match="'rail': valid: libero"):
            verb()

    def locate(cls: type[Rail], pack: str) -> Path:
        raise AssetsError("not here\n  fix: vlabench assets fetch rail")

    monkeypatch.setattr(Rail, "locate", classmethod(locate))
    monkeypatch.setattr(Rail, "fetch", classmethod(lambda cls, say: say("slow") or tmp_path))
    said: list[str] = []
    assert assets.fetch("rail", said.append) == tmp_path and said == ["slow"]
    assert here()["rail", "bare"] == ("absent", "not here\n  fix: vlabench assets fetch rail")
    monkeypatch.setattr("vlabench.simulators.libero.diagnosis.checks", list)
    checks = {check.name: check for check in diagnose(tmp_path).checks}
    assert checks["Rail bare"].fix == "vlabench assets fetch rail" and not checks["Rail bare"].works
