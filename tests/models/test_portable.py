"""Layers that play: PyTorch's own within rounding, and the same bits whoever made the processor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from torch import nn  # noqa: E402

from tests.nano_sizes import sizes  # noqa: E402
from vlabench.models import portable  # noqa: E402
from vlabench.models.nano import NanoVLA  # noqa: E402
from vlabench.util import kernels  # noqa: E402

SHIM = """
int mkl_serv_intel_cpu_true(void) { return INTEL; }
int mkl_serv_intel_cpu(void) { return INTEL; }
int mkl_serv_cpuiszen(void) { return !INTEL; }
"""
ACT = """
import hashlib
import numpy as np, torch
from tests.nano_sizes import sizes
from vlabench.models.nano import NanoVLA
torch.manual_seed(0)
network = NanoVLA(sizes(words=("open", "the", "drawer")))
for parameter in network.parameters():
    torch.nn.init.normal_(parameter, std=0.05)
draws = np.random.default_rng(0)
images = {camera: draws.integers(0, 256, (1, 128, 128, 3), dtype=np.uint8) for camera in network.config.cameras}
proprio = draws.random((1, 8)).astype(np.float32)
for context in (torch.no_grad, torch.inference_mode):
    with context():
        embedding = network.trunk(network.inputs(images, proprio, ["open the drawer"])).embedding
        found = torch.cat([embedding, network.act(embedding).mean.flatten(1)], 1)
        print(hashlib.md5(found.numpy().tobytes()).hexdigest())
"""


def acted(folder: Path, intel: int) -> list[str]:
    """Digests of what a network does where MKL takes the processor for Intel's or AMD's: by PyTorch, and portable."""
    source, shim = folder / "shim.c", folder / f"shim{intel}.so"
    source.write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", f"-DINTEL={intel}", "-o", str(shim), str(source)], check=True)
    environment = {**os.environ, **kernels.environment(), "LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", ACT], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="a build of torch without MKL")
@pytest.mark.skipif(kernels.chosen() != kernels.NAME, reason="another processor, or kernels of one's own")
def test_actions_do_not_depend_on_the_maker_of_the_processor(tmp_path: Path) -> None:
    """MKL is told that this is another maker's; that PyTorch's own actions change shows that it believes it."""
    (amd_torch, amd), (intel_torch, intel) = acted(tmp_path, 0), acted(tmp_path, 1)
    assert amd == intel
    assert amd_torch != intel_torch


@pytest.mark.parametrize("layer, shape", [
    (portable.Linear(20, 7), (5, 20)),
    (portable.Linear(20, 7, bias=False), (2, 3, 20)),
    (portable.Conv2d(3, 8, 4, stride=4), (2, 3, 32, 32)),
    (portable.Conv2d(4, 6, 3, stride=2, padding=1), (1, 4, 9, 12)),
])
def test_layers_are_torch_s(layer: nn.Module, shape: tuple[int, ...]) -> None:
    """With gradients they are PyTorch's own; in the end both say the same."""
    x = torch.randn(shape)
    with torch.inference_mode():
        played = layer(x)
    torch.testing.assert_close(played, layer(x).detach(), rtol=1e-5, atol=1e-5)


def test_the_transformer_is_torch_s() -> None:
    """Beside torch's own layer with the same parameters, padded tokens included."""
    ours, theirs = (kind(16, 4, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
                    for kind in (portable.EncoderLayer, nn.TransformerEncoderLayer))
    theirs.load_state_dict(ours.state_dict())
    x, empty = torch.randn(3, 5, 16), torch.tensor([[False] * 5, [False] * 3 + [True] * 2, [False] + [True] * 4])
    expected = theirs(x, src_key_padding_mask=empty).detach()
    with torch.inference_mode():
        found = ours(x, src_key_padding_mask=empty)
    torch.testing.assert_close(found[~empty], expected[~empty], rtol=1e-5, atol=1e-5)


def test_functions_are_torch_s() -> None:
    a, b = torch.randn(2, 4, 6), torch.randn(2, 6, 3)
    with torch.inference_mode():
        torch.testing.assert_close(portable.matmul(a, b), a @ b)
        torch.testing.assert_close(portable.exp(a), torch.exp(a))


def test_training_has_its_gradients() -> None:
    """Nothing of this takes part outside of inference."""
    network = NanoVLA(sizes(words=("open",), image_size=32))
    config = network.config
    inputs = network.inputs({c: torch.zeros(1, 32, 32, 3, dtype=torch.uint8).numpy() for c in config.cameras},
                            torch.zeros(1, 8).numpy(), ["open"])
    torch.autograd.backward(network.act(network.trunk(inputs).embedding).mean.sum())
    missing = {name for name, p in network.named_parameters() if p.grad is None}
    assert all(name.startswith("worth") for name in missing)
