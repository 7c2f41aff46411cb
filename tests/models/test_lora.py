"""Adapters: which layers have them, that they do what they say, and their file."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from peft.tuners.lora import LoraModel

if find_spec("peft") is None:
    pytest.skip("trains adapters with peft, which the extra `train` installs", allow_module_level=True)

from tests.nano_sizes import sizes  # noqa: E402
from vlabench.errors import DataError  # noqa: E402
from vlabench.models import lora  # noqa: E402
from vlabench.models.nano import Inputs, NanoVLA  # noqa: E402

RANK, ALPHA = 3, 6


def network() -> NanoVLA:
    """With weights that are not at their start, where some are zero."""
    torch.manual_seed(0)
    made = NanoVLA(sizes(image_size=16, words=("bowl",), embedding=16, head=8, points=4, features=4, text_width=8,
                         widths=(8, 8), chunk=2)).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made


def logits(made: NanoVLA) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    pictures = {camera: torch.randint(0, 256, (2, 16, 16, 3), dtype=torch.uint8, generator=generator)
                for camera in made.config.cameras}
    inputs = Inputs(pictures, torch.ones(2, 8), torch.ones(2, 48, dtype=torch.int64))
    with torch.no_grad():
        return made.act(made.trunk(inputs).embedding).logits


def changed(made: NanoVLA) -> LoraModel:
    """With adapters that do something: peft's start at zero."""
    adapted = lora.attach(made, RANK, ALPHA, made.worth)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(len(name)))
    return adapted


def test_linear_layers_have_adapters_but_those_that_are_not_called() -> None:
    made = network()
    found = lora.targets(made, made.worth)
    assert {"join", "mix.1", "locate", "embed", "steps", "bins", "eyes.wrist.coarse.0.film"} <= set(found)
    assert not [name for name in found if name.startswith(("reader", "worth")) or "conv" in name]
    lora.attach(made, RANK, ALPHA, made.worth)
    trained = {name for name, parameter in made.named_parameters() if parameter.requires_grad}
    assert len(trained) == 2 * len(found) and all("lora_" in name for name in trained)


def test_every_adapter_has_an_effect_and_a_new_one_none() -> None:
    """Each layer's adapter alone changes what the network says of the actions."""
    made, plain = network(), logits(network())
    lora.attach(made, RANK, ALPHA, made.worth)
    assert torch.equal(logits(made), plain)
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            with torch.no_grad():
                parameter.fill_(0.5)
                assert not torch.allclose(logits(made), plain, atol=1e-6), name
                parameter.zero_()


def test_merged_weights_do_what_the_adapters_did_and_leave_them_in_place() -> None:
    made = network()
    adapted = changed(made)
    before = logits(made)
    assert not torch.allclose(before, logits(network()), atol=1e-2)
    alone = lora.merged(adapted)
    assert isinstance(alone, NanoVLA) and alone.state_dict().keys() == network().state_dict().keys()
    assert torch.allclose(logits(alone), before, atol=1e-4) and torch.equal(logits(made), before)


def test_the_file_changes_its_base_and_no_other(tmp_path: Path) -> None:
    made = network()
    adapted = changed(made)
    path = tmp_path / "adapter.safetensors"
    path.write_bytes(lora.to_bytes(adapted, "a" * 64))
    base = network()
    lora.apply(path, base, "a" * 64)
    expected = logits(made)
    assert (logits(base) - expected).abs().max() < 0.01 * expected.abs().max()  # kept in half precision
    with pytest.raises(DataError, match="LoRA weights for a network with the checksum aaaa.*, not bbbb"):
        lora.apply(path, network(), "b" * 64)
    for damaged in (path.read_bytes()[:-10], b""):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="no LoRA weights for this network"):
            lora.apply(path, network(), "a" * 64)


@pytest.mark.long
def test_a_torchvision_that_does_not_load_does_not_take_peft_along(tmp_path: Path) -> None:
    """One for CUDA beside a torch without it: its import fails in the middle, with a RuntimeError."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text('raise RuntimeError("operator torchvision::nms")\n')
    done = subprocess.run([sys.executable, "-c", "from vlabench.models import lora; print(lora.library().__name__)"],
                          env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(lora.__file__).parents[2]}"},
                          capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["peft"], done.stderr
