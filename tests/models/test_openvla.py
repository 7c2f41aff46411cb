"""OpenVLA's network against the numbers that the released code gives for the same tiny checkpoint (openvla.npz)."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.models import tiny_openvla as tiny
from vlabench.adapters.openvla import Openvla
from vlabench.models import openvla_pictures
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation

Expected = Mapping[str, np.ndarray[Any, Any]]
KEY = "libero_spatial_no_noops"


@pytest.fixture(scope="module")
def expected() -> Expected:
    with np.load(Path(__file__).with_name("openvla.npz")) as file:
        return dict(file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("openvla"), oft=True)


@pytest.fixture(scope="module")
def one(folder: Path) -> Openvla:
    return acting(folder, recorded=False)


@pytest.fixture(scope="module")
def crops(expected: Expected) -> np.ndarray[Any, Any]:
    """The two pictures as the released code shows them to the network."""
    return expected["oft/cropped"].cumsum(1, dtype=np.uint8)


def acting(folder: Path, **options: Any) -> Openvla:
    policy = Openvla(folder, unnorm_key=KEY, **options)
    policy.configure(SPACE)
    return policy


def look(*chosen: int, pictures: np.ndarray[Any, Any] | None = None) -> Observation:
    made, state = tiny.looks()
    pictures = made if pictures is None else pictures
    shown = dict(zip(("agentview", "wrist"), (pictures[[each]] for each in chosen), strict=False))
    return Observation.now(shown, state[None], [tiny.INSTRUCTION], 0)


def close(found: torch.Tensor, expected: np.ndarray[Any, Any]) -> bool:
    """Within what another order of sums makes of float32."""
    return bool(np.abs(found.detach().numpy() - expected).max() <= 2e-5 * max(1.0, np.abs(expected).max()))


def test_the_made_checkpoint_has_the_published_names_and_all_are_read(folder: Path, expected: Expected,
                                                                      one: Openvla) -> None:
    made: dict[str, list[int]] = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as opened:
            made |= {name: list(opened.get_slice(name).get_shape()) for name in opened.keys()}
    published = dict(line.split(" ", 1) for line in expected["openvla/names"].tolist())
    assert made == {name: ast.literal_eval(shape) for name, shape in published.items()}
    kept = {*one.module.state_dict(), *one._checkpoint.rest}
    assert kept == set(published)
    assert all("blocks.2." in name or "attn_pool" in name or ".norm." in name for name in one._checkpoint.rest)


def test_pictures_are_resized_and_cropped_as_tensorflow_does(expected: Expected,
                                                             crops: np.ndarray[Any, Any]) -> None:
    resized = [openvla_pictures.recorded(picture, 224) for picture in tiny.looks()[0]]
    assert (resized[0][::7, ::7] == expected["openvla/resized"]).mean() > 0.999
    off = np.abs(np.stack([openvla_pictures.cropped(picture, 0.9) for picture in resized]).astype(int) - crops)
    assert off.max() <= 1 and (off > 0).sum() <= 20  # of 301,056


def test_a_lanczos_kernel_keeps_what_is_even() -> None:
    taps, weights = openvla_pictures.lanczos(256, 224)
    assert np.allclose(weights.sum(1), 1) and np.allclose((weights * taps)[10:-10].sum(1), (
        np.arange(10, 214) + 0.5) * 256 / 224 - 0.5, atol=0.02)


def test_the_prompt_has_the_published_tokens(one: Openvla, expected: Expected) -> None:
    assert one._inputs.prompt(tiny.INSTRUCTION) == [*expected["openvla/ids"].tolist(), 29871]
    assert one._inputs.prompt(tiny.INSTRUCTION)[:2] == [1, 29871]


def test_eyes_projector_states_logits_and_tokens_are_those_of_the_released_code(
        one: Openvla, expected: Expected, crops: np.ndarray[Any, Any]) -> None:
    with torch.inference_mode():
        pixels = one._inputs.pictures(look(0, pictures=crops))
        features = one.module.vision_backbone(pixels)
        assert close(features[0, ::16], expected["openvla/features"])
        assert close(one.module.projector(features)[0, ::16], expected["openvla/projected"])
        states, tokens = one._states(look(0, pictures=crops))
        assert close(states[0], expected["openvla/hidden"])
        assert close(one.module.logits(states)[0].flip(-1), expected["openvla/logits"])
    assert tokens is not None and tokens[0].tolist() == expected["openvla/tokens"].tolist()


def test_actions_are_those_of_the_released_code(expected: Expected, folder: Path) -> None:
    """From the simulator's picture on."""
    found = acting(folder, crop=0.9).act(look(0)).actions[0, 0]
    assert np.allclose(found[:6], expected["openvla/action"][:6], atol=1e-6)
    assert found[6] == -np.sign(2 * expected["openvla/action"][6] - 1)
    bridge = Openvla(folder, unnorm_key="bridge_orig", recorded=False)
    bridge.configure(SPACE)
    assert np.allclose(bridge.act(look(1)).actions[0, 0, :6], expected["openvla/plain"][:6], atol=1e-6)


def test_oft_with_two_pictures_and_proprioception_is_the_released_one(folder: Path, expected: Expected,
                                                                      crops: np.ndarray[Any, Any]) -> None:
    policy = acting(folder, head="l1", recorded=False, pictures=2)
    shown = look(0, 1, pictures=crops)
    with torch.inference_mode():
        assert close(policy._states(shown)[0][0], expected["oft/hidden"])
    found = policy.act(shown).actions[0]
    assert found.shape == (8, 7) and np.allclose(found[:, :6], expected["oft/l1"][:, :6], atol=2e-5)
    assert (found[:, 6] == -np.sign(2 * expected["oft/l1"][:, 6] - 1)).all()


def test_oft_with_tokens_is_the_released_one(folder: Path, expected: Expected) -> None:
    policy = acting(folder, head="parallel", crop=0.9)
    with torch.inference_mode():
        bins = policy.module.logits(policy._states(look(0))[0])[0].argmax(-1)
    spoken = expected["oft/tokens"]
    there = (spoken > 31743) & (spoken < 32000)  # it may choose another word, which acts as the last or the first bin
    assert there.mean() > 0.9 and (31999 - bins.numpy() == spoken)[there].all()
    found, wanted = policy.act(look(0)).actions[0].ravel(), expected["oft/discrete"].ravel()
    assert np.allclose(found[there & (np.arange(56) % 7 < 6)], wanted[there & (np.arange(56) % 7 < 6)], atol=1e-6)


def test_rows_do_not_depend_on_each_other(one: Openvla) -> None:
    """Whatever the length of their prompts."""
    pictures, state = tiny.looks()
    texts = ("open the drawer", tiny.INSTRUCTION, "push the plate to the front of the stove, then stop")
    shown = pictures[[0, 1, 0]]
    together = Observation.now({"agentview": shown}, np.stack([state] * 3), texts, 0)
    with torch.inference_mode():
        states, tokens = one._states(together)
        for row in range(3):
            alone, spoken = one._states(together.rows([row]))
            assert close(states[row], alone[0].numpy())
            assert tokens is not None and spoken is not None and torch.equal(tokens[row], spoken[0])
