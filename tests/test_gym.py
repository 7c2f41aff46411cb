"""Episodes as gymnasium environments: gymnasium's own check, and the same records as the loop for the same actions."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_checker import check_env

import vlabench.gym
from tests.toy.toy import Dark, Toy
from vlabench.cards.conditions import named
from vlabench.cards.find import find_condition, find_task
from vlabench.episode.loop import play
from vlabench.episode.recording import Recording, Replayed
from vlabench.errors import OptionError, UnknownName, UnsupportedError, VlabenchError
from vlabench.evaluation.preview import preview
from vlabench.gym import EpisodeEnv, condition_arguments
from vlabench.simulators.base import find_simulator
from vlabench.simulators.libero.simulator import STEP_LIMITS
from vlabench.types import EpisodeRecord, EpisodeSpec

Floats = npt.NDArray[np.float32]
TIMING: dict[str, Any] = {"seconds": 0.0, "finished": ""}


def actions(count: int, size: int, seed: int = 0) -> Floats:
    return np.random.Generator(np.random.Philox(seed)).uniform(-1, 1, (count, size)).astype(np.float32)


def drive(env: gymnasium.Env[Any, Any], todo: Floats, **options: Any) -> tuple[list[Any], dict[str, Any]]:
    """Reset, then step until it ends: what was observed, and the last info."""
    obs, info = env.reset(**options)
    seen = [obs]
    for action in todo:
        obs, reward, terminated, truncated, info = env.step(action)
        seen.append(obs)
        assert reward == float(terminated) and not (terminated and truncated)
        if terminated or truncated:
            return seen, info
    raise AssertionError("the episode goes on beyond its limit")


def record_of_the_loop(record: EpisodeRecord, todo: Floats, replan: int, cameras: tuple[str, ...],
                       size: int) -> EpisodeRecord:
    """The record of the same episode, played by the loop with the same actions."""
    task = find_task(record.task)
    simulator = find_simulator(task.simulator)(record.assets)
    condition = find_condition(record.condition, task.simulator)
    recording = Recording(record.task, record.condition, record.index, record.seed, replan,
                          np.asarray(todo[: record.steps], dtype=np.float64), np.arange(0, record.steps, replan), "")
    scene = simulator.open(task, 1, cameras, size)
    (played,) = play(scene, Replayed(recording), [EpisodeSpec(task, record.condition, record.index, record.seed)],
                     [named(condition)], replan=replan, cameras=cameras)
    scene.close()
    return played.record(policy=record.policy, assets=record.assets, policy_digest="", versions=record.versions,
                         condition_digest=condition.digest)


def same(a: EpisodeRecord, b: EpisodeRecord) -> None:
    assert dataclasses.replace(a, **TIMING) == dataclasses.replace(b, **TIMING)


# on the toy simulator


@pytest.mark.usefixtures("toy_plugin")
@pytest.mark.parametrize("replan", [1, 4, 30])
@pytest.mark.parametrize("condition", ["clean", "dark", "jolt"])
def test_same_actions_lead_to_the_loops_record(replan: int, condition: str) -> None:
    todo = 0.3 * actions(40, 3)
    env = EpisodeEnv("toy_points/1", condition, index=5, seed=3, suite="toy", image_size=16, replan=replan)
    seen, info = drive(env, todo)
    record = info["record"]
    assert (record.task, record.condition, record.index, record.seed) == ("toy_points/1", condition, 5, 3)
    same(record, record_of_the_loop(record, todo, replan, ("top", "side"), 16))
    looks = [seen[0], *seen[replan : record.steps : replan]]
    for step, obs in enumerate(seen[:-1]):  # in between, the last look again
        np.testing.assert_array_equal(obs["images"]["top"], looks[step // replan]["images"]["top"])


@pytest.mark.usefixtures("toy_plugin")
def test_success_terminates_and_the_limit_truncates() -> None:
    env = EpisodeEnv("toy_points/0", suite="toy", image_size=16)
    _, info = env.reset()
    assert info == {"step": 0, "looked": True}
    towards = np.zeros(3)
    for _ in range(20):
        scene: Any = env._scene
        towards[:2] = np.clip((scene.goals[0] - scene.points[0]) / 0.1, -1, 1)
        _, reward, terminated, truncated, info = env.step(towards)
        if terminated:
            break
    assert reward == 1.0 and terminated and not truncated and info["record"].status == "success"
    with pytest.raises(ResetNeeded):
        env.step(towards)
    env.reset()
    for step in range(1, 21):
        _, reward, terminated, truncated, info = env.step(np.zeros(3))
        assert info["step"] == step and ("record" in info) == truncated == (step == 20) and not terminated
    assert info["record"].status == "failure" and reward == 0.0


@pytest.mark.usefixtures("toy_plugin")
def test_reset_picks_episode_and_seed_and_keeps_them() -> None:
    env = EpisodeEnv("toy_points/0", "jolt", suite="toy", index=1, image_size=16)

    def episode(**how: Any) -> tuple[int, int]:
        record = drive(env, np.zeros((20, 3), dtype=np.float32), **how)[1]["record"]
        return record.index, record.seed

    assert [episode(), episode(options={"index": 4}), episode(), episode(seed=9), episode(seed=0)] == [
        (1, 0), (4, 0), (4, 0), (4, 9), (4, 0)]
    for options in ({"index": 50}, {"index": -1}, {"index": "x"}, {"indx": 3}):
        with pytest.raises(OptionError, match="index"):
            env.reset(options=options)


@pytest.mark.usefixtures("toy_plugin")
def test_one_buffer_for_all_actions_leaves_the_record_that_new_ones_do() -> None:
    records = []
    for new in (True, False):
        env, buffer, over, info = EpisodeEnv("toy_points/0", image_size=16), np.zeros(3), False, dict[str, Any]()
        env.reset()
        for step in range(20):
            if not over:
                buffer[:] = (-1) ** step * 0.1
                _, _, won_it, cut, info = env.step(buffer.copy() if new else buffer)
                over = won_it or cut
        records.append(dataclasses.replace(info["record"], seconds=0.0, finished=""))
    assert records[0] == records[1] and records[0].changed["action/asked"] > 0.9


@pytest.mark.usefixtures("toy_plugin")
def test_the_scene_is_built_as_the_condition_needs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[Any] = []
    real = Toy.open

    def open_(self: Toy, *args: Any, variant: Any = (), **kwargs: Any) -> Any:
        opened.append(variant)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Toy, "open", open_)
    monkeypatch.setattr(Dark, "scene_variant", lambda self: {"size": 2})
    EpisodeEnv("toy_points/0", "dark", suite="toy", image_size=16).close()
    assert opened == [(("size", 2),)]
    preview("toy", tmp_path / "p.png", assets="plain", tasks=["toy_points/0"])
    assert opened[1:] == [(), (("size", 2),), ()]  # clean, dark, jolt


@pytest.mark.usefixtures("toy_plugin")
@pytest.mark.parametrize("action", [np.zeros(2), np.full(3, np.nan), np.zeros((1, 3))])
def test_an_unusable_action_is_refused(action: Any) -> None:
    env = EpisodeEnv("toy_points/0", image_size=16)
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(3))
    env.reset()
    with pytest.raises(InvalidAction):
        env.step(action)


@pytest.mark.usefixtures("toy_plugin")
@pytest.mark.parametrize(("wrong", "message"), [
    ({"task": "toy_points/7"}, "unknown task"),
    ({"condition": "drak", "suite": "toy"}, "did you mean 'dark'"),
    ({"cameras": ["tip"]}, "did you mean 'top'"),
    ({"assets": "plane"}, "did you mean 'plain'"),
    ({"index": 50}, "0 … 49"),
    ({"replan": 0}, "at least 1"),
    ({"render_mode": "human"}, "rgb_array"),
])
def test_wrong_arguments(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(VlabenchError, match=message):
        EpisodeEnv(**{"task": "toy_points/0", **wrong})


@pytest.mark.usefixtures("toy_plugin")
def test_a_condition_that_needs_another_camera_or_other_tasks_is_refused_before_an_episode(tmp_path: Path) -> None:
    suite = tmp_path / "lost.toml"
    suite.write_text('title = "t"\nsource = "s"\nsimulator = "toy"\ntask_sets = ["toy_points"]\nepisodes = 5\n'
                     '[conditions]\nlost = [{ perturbation = "camera_loss", cameras = ["side"] }]\n')
    with pytest.raises(UnknownName, match="unknown camera 'side'"):
        EpisodeEnv("toy_points/0", "lost", suite=str(suite), cameras=["top"])
    suite.write_text(suite.read_text().replace('"camera_loss", cameras = ["side"]', '"paraphrase"'))
    with pytest.raises(UnsupportedError, match=r"condition 'lost': the package has no paraphrase for toy_points/0 \("):
        EpisodeEnv("toy_points/0", "lost", suite=str(suite))
    with pytest.raises(UnsupportedError, match=r"condition 'lost': the package has no paraphrase for toy_points/0 \("):
        preview(str(suite), tmp_path / "p.png", assets="plain", tasks=["toy_points/0"], size=16)


def test_an_episode_that_never_ends_early_is_truncated_at_its_limit() -> None:
    """ManiSkill without pictures: physics alone, 80 steps whatever happens."""
    pytest.importorskip("sapien", reason="needs the extra `maniskill`")
    env = EpisodeEnv("maniskill_put_on_plate/3", "action_noise-0.1", index=7, cameras=[])
    env.reset()
    still = np.array([0, 0, 0, 0, 0, 0, 1], dtype=np.float32)
    ends = [env.step(still)[2:4] for _ in range(80)]
    assert ends == [(False, False)] * 79 + [(False, True)] and env.metadata["render_fps"] == 5
    env.close()


def test_a_condition_of_observations_or_actions_is_none_for_many_copies() -> None:
    assert condition_arguments()["variant"] == ()
    found = condition_arguments("multi_object_ood", "maniskill-semantic")
    assert dict(found["variant"]) == {"objects": "test", "others": 1}
    with pytest.raises(UnsupportedError) as caught:
        condition_arguments("action_noise-0.1", "maniskill-action")
    told, _, choices = str(caught.value).partition("these act on scene and instruction: ")
    assert "'action_noise'" in told
    assert {"background", "lighting", "object_reposition", "instruction_template"} < set(choices.split(", "))
    assert not {"jpeg", "action_delay", "toy_glow"} & set(choices.split(", "))


# on LIBERO


def test_every_task_is_registered_and_a_module_prefix_suffices() -> None:
    ids = {name for name in gymnasium.registry if name.startswith("vlabench/")}
    assert sum("libero" in name for name in ids) == 40 and {"vlabench/libero_spatial-3", "vlabench/libero_10-9"} <= ids
    assert sum("maniskill" in name for name in ids) == 32 and "vlabench/maniskill_put_on_plate-15" in ids
    assert vlabench.gym.__name__ in gymnasium.spec("vlabench/libero_goal-0").entry_point  # type: ignore[operator]
    code = "import gymnasium; gymnasium.make('vlabench.gym:vlabench/libero_10-2', condition='joynt')"
    environment = {**os.environ, "PYTHONPATH": str(Path(vlabench.gym.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "unknown condition 'joynt'" in done.stderr


@pytest.mark.usefixtures("toy_plugin")
@pytest.mark.parametrize(("task", "condition", "size"), [
    ("toy_points/1", "jolt", 16), pytest.param("libero_spatial/3", "joint", 64, marks=pytest.mark.long)])
def test_gymnasiums_own_check_passes(task: str, condition: str, size: int) -> None:
    vlabench.gym.register()
    env = gymnasium.make(f"vlabench/{task.replace('/', '-')}", condition=condition, index=7, image_size=size,
                         render_mode="rgb_array")
    check_env(env.unwrapped)
    obs, _ = env.reset()
    assert {picture.shape for picture in obs["images"].values()} == {(size, size, 3)}
    assert obs["instruction"] == find_task(task).instruction
    picture: Any = env.render()
    np.testing.assert_array_equal(picture, np.hstack(list(obs["images"].values())))
    env.close()


@pytest.mark.slow
@pytest.mark.parametrize("replan", [pytest.param(1, marks=pytest.mark.long), 8])
def test_libero_under_joint_gives_the_loops_record(replan: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEP_LIMITS, "libero_spatial", 44)
    env = gymnasium.make("vlabench/libero_spatial-3", condition="joint", index=7, image_size=64, replan=replan)
    todo = 0.5 * actions(44, 7, seed=replan)
    _, info = drive(env, todo)
    record = info["record"]
    assert record.steps == 44 and record.changed["images/wrist"] == record.changed["action"] == 1.0
    same(record, record_of_the_loop(record, todo, replan, ("agentview", "wrist"), 64))
    env.close()


def test_an_unknown_suite_is_named() -> None:
    with pytest.raises(UnknownName, match="suite"):
        EpisodeEnv("libero_spatial/0", "joint", suite="libero-joynt")
