"""LeRobot's policies: what does not fit is told from their config alone. Against LeRobot itself: tests/peers."""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from vlabench.adapters import lerobot
from vlabench.adapters.lerobot import Lerobot
from vlabench.errors import DataError, OptionError
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation

KEYS = ("observation.images.image", "observation.images.image2")
PICTURES = {"agentview": KEYS[0], "wrist": KEYS[1]}
STATE = ["position", "axis_angle", "fingers"]


def config(keys: tuple[str, ...] = KEYS, shape: tuple[int, ...] = (3, 256, 256), state: int = 8, **more: Any) -> Any:
    """What is read of one of LeRobot's."""
    return SimpleNamespace(
        image_features={key: SimpleNamespace(shape=shape) for key in keys},
        robot_state_feature=SimpleNamespace(shape=(state,)) if state else None, **more)


def looks(of: Any, pictures: dict[str, str] | None = None, state: list[str] | None = None,
          cameras: tuple[str, ...] = ("agentview", "wrist"), size: int = 256) -> Any:
    return lerobot._looks(of, PICTURES if pictures is None else pictures, {"agentview": "both"},
                          STATE if state is None else state, cameras, size)


def test_a_look_has_the_pictures_and_the_state_by_the_policys_own_keys() -> None:
    rng = np.random.default_rng(0)
    obs = Observation.now({camera: rng.integers(0, 256, (1, 256, 256, 3), dtype=np.uint8) for camera in PICTURES},
                          rng.standard_normal((1, 8)).astype(np.float32), ["go"], 0)
    look = looks(config(keys=(*KEYS, "observation.images.empty_camera_0"))).look(obs, 0)
    np.testing.assert_array_equal(look.pictures[KEYS[0]], obs.images["agentview"][0, ::-1, ::-1])
    np.testing.assert_array_equal(look.pictures[KEYS[1]], obs.images["wrist"][0])
    np.testing.assert_array_equal(look.state["observation.state"], obs.proprio[0])


@pytest.mark.parametrize(("given", "told"), [
    ({"pictures": {}}, r'names no picture; .*image2\n  fix: pictures = \{ agentview = "observation.images.image", wr'),
    ({"pictures": {"agentview": KEYS[0]}, "cameras": ("agentview",)}, r"fix: as many `cameras` .* as pictures, 2"),
    ({"cameras": ("agentview", "side")}, r"options.pictures has a key for agentview, wrist, the card's `cameras` are"),
    ({"size": 128}, r"is \[3, 256, 256\], the card's image_size is 128\n  fix: image_size = 256"),
    ({"of": config(shape=(3, 480, 640))}, r"\[3, 480, 640\].*\n  fix: a policy that looks at square pictures"),
    ({"state": []}, r"the policy's state has 8 numbers, options.state gives 0\n  fix: state = \[PART, …\] of proprio"),
    ({"state": ["position", "quaternion"]}, "has 8 numbers, options.state gives 7"),
    ({"of": config(state=0)}, r"has 0 numbers, options.state gives 8\n  fix: state = \[\]$"),
    ({"state": ["positon"]}, "unknown part 'positon': did you mean 'position'"),
])
def test_what_does_not_fit_the_policys_features_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError, match=f"(?s){told}"):
        looks(given.pop("of", config()), **given)


@pytest.mark.parametrize(("stepwise", "told"), [
    (False, r"replan = 9 on the card: the policy gives 8 actions at a look\n  fix: replan = 8"),
    (True, r"replan = 9 on the card: the policy is asked at every step\n  fix: replan = 1"),
])
def test_no_more_actions_are_executed_than_the_policy_gives(stepwise: bool, told: str) -> None:
    of = config(action_delta_indices=list(range(8)))
    lerobot._check_replan(of, stepwise, 1)
    with pytest.raises(OptionError, match=told):
        lerobot._check_replan(of, stepwise, 9)


@pytest.mark.parametrize(("kind", "shape"), [("smolvla", (50, 32)), ("pi0", (50, 32)), ("xvla", ()), ("act", ())])
def test_noise_is_given_to_those_alone_that_draw_by_it(kind: str, shape: tuple[int, ...]) -> None:
    """X-VLA has sizes and a parameter of that name, too, and draws by itself."""
    assert lerobot._noise(SimpleNamespace(type=kind, chunk_size=50, max_action_dim=32)) == shape


class Remembering:
    """As LeRobot's policies that keep observations: the action is how many it has seen, their sum, and a draw."""

    config = SimpleNamespace(device="cpu")

    def reset(self) -> None:
        self._queues: dict[str, deque[Any]] = {"observation.state": deque(maxlen=3), "action": deque(maxlen=1)}

    def select_action(self, seen: dict[str, Any]) -> Any:
        queue = self._queues["observation.state"]
        queue.append(float(seen["observation.state"].sum()))
        return torch.tensor([[len(queue), sum(queue), float(torch.rand(1))]])


def test_what_is_remembered_and_drawn_is_of_a_slots_episode_alone() -> None:
    def asked(plays: list[tuple[int, float]]) -> list[list[float]]:
        """Of slots 0 and 1, whichever is asked when."""
        policy = Lerobot.__new__(Lerobot)
        policy._policy, policy._draws, policy._kept, policy._noise = Remembering(), {}, {}, ()
        policy._before = policy._after = lambda seen: seen
        policy._stepwise = lerobot._remembers(policy._policy)
        assert policy._stepwise
        policy.reset([0], [Draws(("a",))])
        policy.reset([1], [Draws(("b",))])
        before = torch.random.get_rng_state()
        found = [policy._asked([{"observation.state": torch.full((1, 2), value), "task": ["go"]}], [slot], [step])
                 for step, (slot, value) in enumerate(plays)]
        assert torch.equal(before, torch.random.get_rng_state())
        return [row[0, 0].tolist() for row in found]

    mixed = asked([(0, 1.0), (1, 10.0), (0, 2.0), (1, 20.0)])
    assert [row[:2] for row in mixed] == [[1, 2], [1, 20], [2, 6], [2, 60]]
    assert len({row[2] for row in mixed}) == 4
    assert asked([(0, 1.0), (0, 5.0), (0, 2.0)])[2][2] == mixed[2][2]  # whatever others drew


def test_a_folder_without_config_or_processors_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no policy of LeRobot's: it has no config.json\n  fix: .*pretrained_model"):
        Lerobot(tmp_path)
    with pytest.raises(DataError, match="no policy of LeRobot's: no folder"):
        Lerobot(tmp_path / "nothing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match="lacks policy_preprocessor.json, .*, model.safetensors\n  fix: download it"):
        Lerobot(tmp_path)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(DataError, match=r"lacks policy_pre.*before 0.4\)\n  fix: python -m lerobot.processor.migrate"):
        Lerobot(tmp_path)


def test_without_lerobot_the_environment_that_it_needs_is_told(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config.json", "model.safetensors", *lerobot.PROCESSORS):
        (tmp_path / name).write_text("{}")
    monkeypatch.setitem(sys.modules, "lerobot", None)
    with pytest.raises(OptionError, match=r"(?s)package 'lerobot', which is not .*fix: python3 -m venv .*python ="):
        Lerobot(tmp_path)


def test_without_weights_there_is_a_commit_of_a_repository() -> None:
    with pytest.raises(OptionError, match="either beside its card or on the hub"):
        Lerobot()
    with pytest.raises(OptionError, match=r"(?s)options.revision = 'main': .*fix: the 40 .*/a/b/commits/main"):
        Lerobot(repo="a/b", revision="main")


def test_a_robot_whose_actions_have_another_size_is_refused() -> None:
    policy = Lerobot.__new__(Lerobot)
    policy._size = lerobot._size(SimpleNamespace(shape=(6,)), "action")
    with pytest.raises(OptionError, match="actions have 6 numbers, the robot's here 7: x, y, .*gripper\n  fix: a po"):
        policy.configure(SPACE)
    policy._size = 7
    policy.configure(SPACE)
    assert policy.space is SPACE
