"""Where a training happens, by options, card and starting policy; and who is refused there, before the first step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.factories import install
from tests.toy import rail
from tests.toy.alone import Alone
from tests.toy.gauss import Gauss
from tests.training.methods.test_online import RLOO
from vlabench.adapters.nano import Nano
from vlabench.cards import load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError, OptionError, UnsupportedError
from vlabench.training import train as training
from vlabench.training.demos import collect as collecting
from vlabench.training.demos.collect import Recipe, collect
from vlabench.training.demos.data import batches
from vlabench.training.methods import sft
from vlabench.training.rl.trial import trial
from vlabench.training.where import where
from vlabench.types import ActionSpace, EpisodeSpec

Card = Callable[..., str]
REFUSED = "policy '{}' is for simulator 'switch', not for 'rail'\n  fix: simulator = 'switch' in training.options"
CLONED = f"""
title = "Slides"
source = "a test"
adapter = "nano"
assets = ["bare"]
cameras = ["front"]
image_size = {rail.SIZE}
replan = 8

[training]
method = "sft"

[training.options]
task_sets = ["rails"]
rounds = [{{ per_task = 2, steps = 4 }}]
batch = 4
eval_episodes = 0
network = {{ points = 4, features = 4, embedding = 32, head = 16, text_width = 16, widths = [8, 8] }}
"""


@pytest.fixture
def rails(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulator with an expert and one without."""
    site = tmp_path_factory.mktemp("site")
    install(site, "rails", {"vlabench.simulators": {
        "rail": "tests.toy.rail:Rail", "track": "tests.toy.rail:Track"}}, {})
    monkeypatch.syspath_prepend(site)


def said(path: str | Path, simulator: str) -> PolicyCard:
    """The card, which names a simulator now."""
    path = Path(path)
    path.write_text(f'simulator = "{simulator}"\n{path.read_text()}')
    return load_policy(str(path))


def options(simulator: str | None = None, assets: str | None = None) -> Any:
    return SimpleNamespace(simulator=simulator, assets=assets)


@pytest.mark.usefixtures("rails")
def test_the_simulator_is_the_policy_s_own(start: PolicyCard, card: Card, tmp_path: Path) -> None:
    here = where(options(), load_policy(card("rloo")), said(start.path, "switch"))
    assert (here.name, here.assets) == ("switch", "plain")
    (tmp_path / "slides.toml").write_text(CLONED)
    slides = load_policy(str(tmp_path / "slides.toml"))
    with pytest.raises(CardError, match=r"policy 'slides' is trained; it fits rail, track\n  fix: simulator = 'rail'"):
        where(options(), slides, None)
    assert where(options("track"), slides, None).name == "track"


@pytest.mark.usefixtures("rails", "alone")
@pytest.mark.parametrize("whose", ["pushes", "start"])
@pytest.mark.parametrize("method", ["rloo", "sft"])
def test_options_that_contradict_a_card_are_refused_before_anything_is_loaded(
        method: str, whose: str, card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = RLOO if method == "rloo" else {"rounds": [{"per_task": 1, "steps": 1}]}
    path = card(method, simulator="rail", assets="bare", **more)
    said(path if whose == "pushes" else tmp_path / "start.toml", "switch")
    monkeypatch.setattr(Gauss, "__init__", None)
    with pytest.raises(UnsupportedError, match=REFUSED.format(whose)):
        training.train(path, tmp_path / "out", device="cpu", workers=1)


@pytest.mark.usefixtures("rails", "alone")
def test_a_trial_and_a_learner_of_another_simulator_are_refused(start: PolicyCard, tmp_path: Path) -> None:
    policy = said(start.path, "switch")
    tasks = rail.Rail("bare").tasks("rails")
    with pytest.raises(UnsupportedError, match="policy 'start' is for simulator 'switch', not for 'rail'"):
        trial(policy, "rail", "bare", tasks, 1, workers=1)
    recipe = Recipe(image_size=rail.SIZE, learner=str(start.path), mix=0.5)
    with pytest.raises(UnsupportedError, match="policy 'start' is for simulator 'switch', not for 'rail'"):
        collect(tasks, 1, tmp_path / "demos", recipe, workers=1)
    assert not (tmp_path / "demos").exists()


@pytest.mark.usefixtures("rails", "alone")
def test_where_there_is_an_expert_demonstrations_are_collected_and_cloned(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds, in the second of which the learner acts, too; it knows the space, and what it became acts."""
    monkeypatch.setattr(collecting, "WorkerPool", Alone)
    monkeypatch.setattr(sft, "batches", partial(batches, workers=0))
    told: list[ActionSpace] = []

    def configured(self: Nano, space: ActionSpace) -> None:
        told.append(space)
        self.space = space

    monkeypatch.setattr(Nano, "configure", configured)
    path = tmp_path / "slides.toml"
    rounds = "rounds = [{ per_task = 2, steps = 4 }, { per_task = 1, steps = 2, mix = 0.5 }]"
    path.write_text(CLONED.replace("rounds = [{ per_task = 2, steps = 4 }]", rounds))
    said(path, "rail")
    done = training.train(str(path), tmp_path / "out", device="cpu", workers=1)
    made = load_policy(str(done.card))
    assert made.made and made.made.data.startswith("3 demonstrations of 1 task, ") and made.simulator == "rail"
    policy = made.make()
    assert isinstance(policy, Nano) and policy.module.config.cameras == ("front",)
    assert policy.module.config.action_size == 3 and len(policy.module.config.proprio_mean) == 2
    assert len(told) == 3 and set(told) == {rail.Rail.action_space}  # as it learns, twice; as it acts in between
    assert hashlib.sha256(done.weights.read_bytes()).hexdigest() == done.sha256
    policy.configure(rail.Rail.action_space)
    scene = rail.Rail("bare").open(rail.Rail("bare").tasks("rails")[0], cameras=["front"])
    scene.reset([EpisodeSpec(scene.task, "clean", 0)])
    hand = policy.act(scene.observe()).actions[..., 0]
    assert set(np.unique(hand)) <= {0.0, 1.0}  # the first number, all closed or all open


@pytest.mark.usefixtures("rails", "alone")
def test_without_an_expert_a_second_round_is_refused_before_the_first(tmp_path: Path) -> None:
    path = tmp_path / "slides.toml"
    path.write_text(CLONED.replace("steps = 4 }]", "steps = 4 }, { per_task = 1, steps = 4 }]"))
    said(path, "track")
    with pytest.raises(OptionError, match="no expert of 'track' to collect demonstrations from\n  fix: one round"):
        training.train(str(path), tmp_path / "out", data=[tmp_path], device="cpu", workers=1)
