"""What a probe keeps, against scenes that are played again by hand and records of a run; and what it refuses."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from tests.nano_sizes import sizes
from tests.places import TESTS
from tests.probes import blind, probe, trace
from tests.toy.alone import Alone
from tests.toy.toy import Dark, Seeker
from tests.toy.toy import Toy as ToySimulator
from tests.training.conftest import HEAD
from tests.training.conftest import PLUGIN as LEARNING
from vlabench import cards
from vlabench.adapters.base import TrainablePolicy
from vlabench.cards.policy import PolicyCard
from vlabench.cli.app import app
from vlabench.episode.loop import play
from vlabench.episode.player import EpisodePlayer, Finished, Job
from vlabench.errors import CardError, OptionError, StoreError, WorkerError
from vlabench.evaluation.plan import RunOptions
from vlabench.evaluation.probe import ProbeCollector, Probed
from vlabench.evaluation.probe import probe as play_probe
from vlabench.evaluation.run import evaluate
from vlabench.perturbations.action_noise import ActionNoise
from vlabench.perturbations.rotation import Rotation
from vlabench.records.probes import Probe, Trace, load_current
from vlabench.simulators.base import Scene, find_simulator
from vlabench.types import EpisodeSpec

SUITE = """
title = "A lamp, seen askew by a robot that trembles"
source = "a test"
simulator = "switch"
task_sets = ["switches"]
episodes = 2

[conditions]
askew = [{ perturbation = "rotation", degrees = 40.0 }]
trembling = [{ perturbation = "action_noise", sigma = 0.5 }]
both = [{ perturbation = "rotation", degrees = 40.0 }, { perturbation = "action_noise", sigma = 0.5 }]
"""


@pytest.fixture
def here(toy_plugin: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the suite `lamp.toml` and the policy `pushes.toml` for it; episodes are played in this process."""
    from tests.toy.gauss import fresh

    monkeypatch.syspath_prepend(str(LEARNING))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("vlabench.evaluation.probe.WorkerPool", Alone)
    (tmp_path / "lamp.toml").write_text(SUITE)
    write_policy(tmp_path, fresh())
    return tmp_path


def write_policy(folder: Path, weights: bytes) -> None:
    (folder / "w.safetensors").write_bytes(weights)
    sha = hashlib.sha256(weights).hexdigest()
    (folder / "pushes.toml").write_text(f'{HEAD}weights = {{ path = "w.safetensors", sha256 = "{sha}" }}\n')


def probed(here: Path, policy: str = "pushes.toml", suite: str = "lamp.toml", **options: object) -> Probe:
    return play_probe(policy, suite, here / "p.npz", options=RunOptions(**options)).probe  # type: ignore[arg-type]


def played_again(found: Trace, scene: Scene, policy: TrainablePolicy, spec: EpisodeSpec) -> None:
    """What was executed leads another scene, without any perturbation, through the twins, and to the same end."""
    scene.reset([spec])
    assert found.embedding is not None and found.twin is not None and found.twin_mean is not None
    for step, action in enumerate(found.executed):
        if step in found.looks:
            look = found.looks.tolist().index(step)
            obs = scene.observe()
            with torch.inference_mode():
                assert np.array_equal(policy.embedding(obs).numpy()[0], found.twin[look])
                mean = policy.distribution(obs).mean.numpy()[0]
            assert np.array_equal(mean[: found.twin_mean.shape[1]], found.twin_mean[look])
        scene.step(action[None])
    assert scene.state_digest() == (found.state,)


def test_twins_are_what_the_policy_makes_of_the_same_moments_unperturbed(here: Path) -> None:
    found = probed(here)
    policy, simulator = cards.load_policy("pushes.toml").make(), find_simulator("switch")("plain")
    assert isinstance(policy, TrainablePolicy)
    assert [trace.identity[:3] for trace in found.traces] == [
        (f"switches/{task}", condition, index) for task in (0, 1)
        for condition in ("clean", "askew", "trembling", "both") for index in (0, 1)]
    for each in found.traces:
        task = simulator.tasks("switches")[int(each.task[-1])]
        played_again(each, simulator.open(task, 1, ["top"], 16), policy, EpisodeSpec(task, "clean", each.index))
        assert each.embedding is not None and each.twin is not None
        assert np.array_equal(each.embedding, each.twin) == (each.condition in ("clean", "trembling"))
        assert np.array_equal(each.asked, each.executed) == (each.condition in ("clean", "askew"))


def test_means_are_those_that_the_policy_acted_by(here: Path) -> None:
    """This policy does what its mean says, two actions of three."""
    for each in probed(here, conditions=("both",)).traces:
        assert each.mean is not None and each.mean.shape == (len(each.looks), 2, 2)
        assert each.looks.tolist() == list(range(0, len(each.asked), 2))
        np.testing.assert_array_equal(each.mean.reshape(-1, 2)[: len(each.asked)], each.asked)
        assert each.shares is not None and each.shares.shape == (len(each.looks), 2, 256)
        middles = (np.arange(256) + 0.5) / 128 - 1  # the mean is that of the bins
        np.testing.assert_allclose(each.shares.astype(float) @ middles, each.mean[:, 0], atol=1e-3)


@pytest.mark.parametrize(("policy", "suite", "good"), [
    ("pushes.toml", "lamp.toml", False), ("toy-seeker", "toy", True)])
def test_episodes_end_as_those_of_a_run(here: Path, policy: str, suite: str, good: bool,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlabench.evaluation.run.WorkerPool", Alone)
    options = RunOptions(2, seed=3)
    records = evaluate(policy, suite, here / "results", options=options).records
    found = probed(here, policy, suite, episodes=2, seed=3)
    assert [(t.identity, t.success, t.state, len(t.asked)) for t in found.traces] == [
        (r.identity, r.success_once, r.state, r.steps) for r in records]
    assert good in {t.success for t in found.traces}


def test_a_policy_without_embedding_has_its_actions_kept(here: Path) -> None:
    found = probed(here, "toy-seeker", "toy", tasks=("toy_points/1",), episodes=1)
    assert not found.looks_inside and found.traces[0].mean is None
    for each in found.traces:
        assert np.array_equal(each.asked, each.executed) == (each.condition != "jolt")
    assert Probe.load(here / "p.npz").traces[0].twin is None


def test_nothing_is_drawn_for_it_and_nothing_else_is_changed(toy_plugin: None) -> None:
    task = ToySimulator("plain").tasks("toy_points")[1]
    ends = []
    for probing in (False, True):
        policy, scene = Seeker(noise=0.3), ToySimulator("plain").open(task, 1, ("top", "side"))
        listeners = [ProbeCollector(policy, 3)] if probing else []
        played = play(scene, policy, [EpisodeSpec(task, "dim", 2)], [{"dark": Dark()}], replan=3,
                      cameras=("top", "side"), listeners=listeners, clock=lambda: 0.0)
        ends.append((played, scene.renders))
    assert ends[0] == ends[1]


def test_a_probe_comes_back_from_disk(here: Path) -> None:
    found = probed(here, episodes=1)
    loaded = Probe.load(here / "p.npz")
    assert loaded.facts == found.facts
    assert loaded.facts.policy == "pushes" and loaded.facts.assets == "plain" and loaded.facts.card == "pushes.toml"
    assert list(loaded.facts.conditions) == ["clean", "askew", "trembling", "both"]
    assert loaded.facts.made["versions"]["switch"] == "0.1"
    for one, other in zip(found.traces, loaded.traces, strict=True):
        for name, value in vars(one).items():
            assert np.array_equal(value, getattr(other, name)), name
            assert type(value) is type(getattr(other, name)), name
            assert not isinstance(value, np.ndarray) or value.dtype == getattr(other, name).dtype
    assert load_current(here / "p.npz")[1] == []


@pytest.mark.parametrize(("traces", "failed", "status"), [(19, 1, 0), (18, 1, 1), (95, 5, 0), (94, 6, 1), (20, 0, 0)])
def test_more_than_one_failed_episode_in_twenty_is_too_many(traces: int, failed: int, status: int) -> None:
    made = cast("Probe", SimpleNamespace(traces=[None] * traces))
    assert Probed(made, ("x",) * failed, 1.0).exit_code == status


def test_episodes_that_fail_are_left_out_and_counted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_MISCHIEF", '{"1/0": "act"}')
    done = play_probe("toy-seeker", "toy", here / "p.npz", options=RunOptions(2, ("toy_points/[01]",)))
    assert [text.split(":")[0] for text in sorted(done.failed)] == [
        "toy_points/1 clean 0", "toy_points/1 dark 0", "toy_points/1 jolt 0"]
    assert len(done.probe.traces) == 9 and done.probe.facts.errors == 3 and done.exit_code == 1
    monkeypatch.setenv("TOY_MISCHIEF", '{"1/0": "act"}')
    with pytest.raises(WorkerError, match="no episode came to its end; the first: .*mischief at act"):
        play_probe("toy-seeker", "toy", here / "q.npz", options=RunOptions(1, ("toy_points/1",)))
    assert not (here / "q.npz").exists()


def test_another_card_than_the_probe_s_is_noticed(here: Path) -> None:
    from tests.toy.gauss import fresh

    probed(here, episodes=1)
    before = cards.load_policy("pushes.toml").digest[:8]
    (here / "lamp.toml").write_text(SUITE.replace("0.5", "0.6"))
    with pytest.raises(StoreError, match=r"p\.npz: made with condition 'trembling' of digest \w{8}, but lamp\.toml now "
                                         r"has the digest \w{8}\n  fix: make it again"):
        load_current(here / "p.npz")
    (here / "lamp.toml").write_text(SUITE.replace("trembling", "shaking"))
    with pytest.raises(StoreError, match="lamp.toml now has none of that name"):
        load_current(here / "p.npz")
    (here / "lamp.toml").unlink()
    assert load_current(here / "p.npz")[1] == ["p.npz: no suite 'lamp.toml' is here to compare its conditions with"]
    write_policy(here, fresh(1))
    with pytest.raises(StoreError, match=f"made with policy 'pushes' of digest {before}, but pushes.toml now has"):
        load_current(here / "p.npz")
    (here / "pushes.toml").unlink()
    assert "no policy 'pushes.toml' is here to compare its digest with" in load_current(here / "p.npz")[1][0]


def test_files_that_are_no_probe_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    with pytest.raises(StoreError, match="there is no such probe\n  fix: vlabench probe"):
        Probe.load(path)
    probe([trace(), trace(index=1)]).save(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:200], whole[: len(whole) // 2] + b"\0" * 40 + whole[len(whole) // 2 + 40 :]):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="p.npz: not a probe that can be read"):
            Probe.load(path)
    np.savez(path, facts="{}")
    with pytest.raises(StoreError, match="not a probe that can be read"):
        Probe.load(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(StoreError, match="not a probe that can be read"):
        Probe.load(path)


def test_a_wrong_target_is_refused_before_anything_is_played(here: Path) -> None:
    with pytest.raises(OptionError, match=r"a probe is written as \.npz\n  fix: --out .*p\.npz"):
        play_probe("pushes.toml", "lamp.toml", here / "p.csv")
    with pytest.raises(OptionError, match="there is no folder"):
        play_probe("pushes.toml", "lamp.toml", here / "no" / "p.npz")
    with pytest.raises(StoreError, match="nothing can be written there: .*\n  fix: set the permissions"):
        play_probe("pushes.toml", "lamp.toml", Path("/proc/p.npz"))  # where not even root may
    with pytest.raises(OptionError, match="--workers 0: at least 1"):
        play_probe("pushes.toml", "lamp.toml", here / "p.npz", workers=0)


def test_a_policy_without_weights_is_refused(here: Path) -> None:
    (here / "pushes.toml").write_text(f'{HEAD}train = "vlabench train --policy pushes.toml"\n')
    with pytest.raises(CardError, match="pushes.toml: policy 'pushes' has no weights yet\n  fix: vlabench train"):
        probed(here)


def vlabench(*args: str) -> Result:
    return CliRunner().invoke(app, args)


def test_the_verbs_from_playing_to_pictures(here: Path) -> None:
    args = ("--suite", "lamp.toml", "--conditions", "askew,both", "--episodes", "2")
    made = vlabench("probe", "--policy", "pushes.toml", *args, "--out", "p.npz")
    assert made.exit_code == 0 and "p.npz: 12 episodes in" in made.stdout and "with embeddings" in made.stdout
    drawn = vlabench("plot", "tsne", "p.npz", "--out", "t")
    assert drawn.exit_code == 0, drawn.output
    assert "askew" in drawn.stdout and drawn.stdout.endswith("t.svg\nt.png\nt.json\n")
    assert {path.name for path in here.glob("t.*")} == {"t.svg", "t.png", "t.json"}
    assert vlabench("plot", "actions", "p.npz", "--conditions", "both", "--out", "a.svg").exit_code == 0
    assert [row["condition"] for row in json.loads((here / "a.json").read_text())["rows"]] == ["both"]
    state = ("--tasks", "switches/1", "--index", "1", "--look", "1", "--out", "s.png")
    near = vlabench("plot", "policy", "p.npz", *state)
    assert near.exit_code == 0 and "within 1" in near.stdout, near.output
    method = json.loads((here / "s.json").read_text())["method"]
    assert (method["task"], method["condition"], method["index"], method["step"]) == ("switches/1", "clean", 1, 2)


def test_mistakes_are_explained(here: Path) -> None:
    probe([blind(), blind(condition="dim")], policy="plain").save(here / "b.npz")
    for args, *parts in (
        (("tsne", "b.npz"), "policy 'plain' has no embedding", "fix: vlabench plot actions"),
        (("tsne",), "no probe is named", "fix: vlabench probe"),
        (("tsne", "results"), "results: not a probe" if (here / "results").exists() else "there is no such probe"),
        (("tsne", "b.npz", "--suite", "lamp"), "--suite: tsne is drawn of probes"),
        (("policy", "b.npz"), "has no distribution that a probe could keep"),
        (("actions", "b.npz", "--look", "1"), "--look: actions is drawn of probes"),
        (("actions", "b.npz", "--conditions", "fog"), "unknown condition 'fog' in b.npz"),
        (("action", "b.npz"), "unknown kind of plot 'action': did you mean 'actions'"),
    ):
        result = vlabench("plot", *args)
        assert result.exit_code in (2, 4) and all(part in result.stderr for part in parts), result.output
        assert "Traceback" not in result.output
    assert vlabench("probe", "--policy", "pushes.toml", "--suite", "lamp.toml", "--out", "x.txt").exit_code == 2


def test_ctrl_c_loses_nothing_and_the_same_command_goes_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args = ("probe", "--policy", "pushes.toml", "--suite", "lamp.toml", "--episodes", "1", "--out")
    assert vlabench(*args, "whole.npz").exit_code == 0
    played = Alone.results

    def stopped(after: int, error: type[BaseException]) -> None:
        def few(self: Alone) -> Iterator[Any]:
            yield from itertools.islice(played(self), after)
            raise error("stopped")
        monkeypatch.setattr(Alone, "results", few)

    stopped(0, KeyboardInterrupt)
    first = vlabench(*args, "p.npz")
    assert first.exit_code == 130 and "interrupted" in first.stderr and not (here / "p.npz").exists()
    stopped(3, KeyboardInterrupt)
    second = vlabench(*args, "p.npz")
    assert second.exit_code == 130 and "p.npz holds 3 episodes of 8, 5 left; the same command plays on" in second.stderr
    assert len(Probe.load(here / "p.npz").traces) == 3
    stopped(2, WorkerError)
    third = vlabench(*args, "p.npz")
    assert third.exit_code == 3 and "p.npz holds 5 episodes of 8" in third.stderr
    monkeypatch.setattr(Alone, "results", played)
    last = vlabench(*args, "p.npz")
    assert last.exit_code == 0 and "8 episodes (5 there before)" in last.stdout
    for one, other in zip(Probe.load(here / "whole.npz").traces, Probe.load(here / "p.npz").traces, strict=True):
        assert all(np.array_equal(value, getattr(other, name)) for name, value in vars(one).items())
    before = (here / "p.npz").read_bytes()
    monkeypatch.setattr(Alone, "results", None)  # nothing is left to play
    assert vlabench(*args, "p.npz").exit_code == 0 and (here / "p.npz").read_bytes() == before


def test_a_disk_that_fills_up_keeps_what_was_saved_before(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args = ("probe", "--policy", "pushes.toml", "--suite", "lamp.toml", "--episodes", "1", "--out", "p.npz")
    save, left = np.savez_compressed, iter(range(3))

    def fills(file: BinaryIO, **arrays: Any) -> None:
        file.write(b"half of it")
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        file.seek(0)
        save(file, **arrays)

    monkeypatch.setattr("vlabench.evaluation.probe.SAVED_EVERY", -1.0)
    monkeypatch.setattr(np, "savez_compressed", fills)
    full = vlabench(*args)
    assert full.exit_code == 4 and "p.npz: the probe cannot be written: No space left on device" in full.stderr
    assert len(Probe.load(here / "p.npz").traces) == 3 and len(list(here.glob("*p.npz*"))) == 1
    monkeypatch.setattr(np, "savez_compressed", save)
    again = vlabench(*args)
    assert again.exit_code == 0 and "8 episodes (3 there before)" in again.stdout


def test_a_file_of_other_episodes_is_not_written_over(here: Path) -> None:
    from tests.toy.gauss import fresh

    probed(here, episodes=2)
    before = (here / "p.npz").read_bytes()
    with pytest.raises(OptionError, match="holds a probe of other episodes, too\n  fix: another --out, or remove it"):
        probed(here, episodes=1)
    (here / "lamp.toml").write_text(SUITE.replace("0.5", "0.6"))
    with pytest.raises(OptionError, match="conditions that meant something else\n"):
        probed(here, episodes=2)
    (here / "lamp.toml").write_text(SUITE)
    write_policy(here, fresh(1))
    with pytest.raises(OptionError, match="another policy\n"):
        probed(here, episodes=2)
    assert (here / "p.npz").read_bytes() == before
    (here / "p.npz").write_bytes(b"")
    with pytest.raises(StoreError, match=r"p\.npz: not a probe that can be read"):
        probed(here, episodes=2)


@pytest.mark.slow
def test_workers_bring_home_what_this_process_would(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = probed(here, "toy-seeker", "toy", episodes=1)
    monkeypatch.undo()
    monkeypatch.syspath_prepend(str(TESTS / "toy" / "plugin"))
    found = play_probe("toy-seeker", "toy", here / "q.npz", options=RunOptions(1), workers=2).probe
    for one, other in zip(alone.traces, found.traces, strict=True):
        assert one.identity == other.identity and np.array_equal(one.executed, other.executed)


@pytest.mark.slow
def test_twins_on_real_physics(tmp_path: Path) -> None:
    """A network that knows nothing looks at LIBERO through rotated pictures and trembling hands."""
    from vlabench.cards.find import find_tasks
    from vlabench.models import checkpoint
    from vlabench.models.nano import NanoVLA

    torch.manual_seed(0)
    network = NanoVLA(sizes(image_size=32, embedding=32, head=16, points=4, features=4, text_width=16,
                            widths=(8, 8), words=("stove",)))
    (tmp_path / "w.safetensors").write_bytes(checkpoint.to_bytes(network))
    sha = hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest()
    (tmp_path / "tiny.toml").write_text(
        'title = "Tiny"\nsource = "a test"\nadapter = "nano"\nassets = ["primitive"]\n'
        'cameras = ["agentview", "wrist"]\n'
        f'image_size = 32\nreplan = 8\nweights = {{ path = "w.safetensors", sha256 = "{sha}" }}\n')
    card: PolicyCard = cards.load_policy(str(tmp_path / "tiny.toml"))
    task = replace(find_tasks("libero", patterns=["libero_goal/7"])[0], step_limit=20)
    chain = {"rotation": Rotation(), "action_noise": ActionNoise(sigma=0.1)}
    stage = EpisodePlayer(Job("libero", "primitive", card.actor(), {"joint": chain, "clean": {}}, ProbeCollector))
    joint, clean = (stage.play((EpisodeSpec(task, condition, 4),))[0] for condition in ("joint", "clean"))
    assert isinstance(joint, Finished) and isinstance(clean, Finished)
    policy, scene = card.make(), stage.simulator.open(task, 1, card.cameras, 32)
    assert isinstance(policy, TrainablePolicy)
    for done in (joint, clean):
        played_again(done.result, scene, policy, EpisodeSpec(task, "clean", 4))
    assert np.array_equal(clean.result.embedding, clean.result.twin)
    assert (joint.result.embedding != joint.result.twin).any(axis=1).all() and len(joint.result.looks) == 3
