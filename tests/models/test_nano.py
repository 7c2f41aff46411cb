"""The network: what depends on what, and on what it must not depend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tests.nano_sizes import sizes
from vlabench.errors import DataError
from vlabench.models import checkpoint
from vlabench.models.nano import Eye, Inputs, NanoConfig, NanoVLA

TEXTS = ["put the bowl on the stove", "turn on the stove", "open the drawer"]
CONFIG = sizes(image_size=64, words=("bowl", "drawer", "on", "open", "put", "stove", "the", "turn"),
               proprio_mean=tuple(0.1 * i for i in range(8)), proprio_std=(0.5,) * 8, embedding=64, head=32,
               points=4, features=4, text_width=32)


def network(seed: int = 0) -> NanoVLA:
    """With weights that are not at their start, where some are zero."""
    torch.manual_seed(seed)
    made = NanoVLA(CONFIG)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made.eval()


def inputs(made: NanoVLA, count: int = 3, seed: int = 1) -> Inputs:
    rng = np.random.default_rng(seed)
    images = {camera: rng.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8) for camera in CONFIG.cameras}
    return made.inputs(images, rng.standard_normal((count, 8)).astype(np.float32), TEXTS[:count])


def test_shapes_and_sizes() -> None:
    made = network()
    trunk = made.trunk(inputs(made))
    assert trunk.embedding.shape == (3, 64) and trunk.embedding.abs().max().item() <= 1.0
    assert trunk.points.shape == (3, 3, 3) and trunk.seen["wrist"].shape == (3, 3, 64)
    assert made.act(trunk.embedding).logits.shape == (3, 8, 7, 256)
    assert made.value(trunk.embedding).shape == (3,)


def test_it_names_as_many_points_as_its_data() -> None:
    """A file says so where they are not three."""
    four = NanoVLA(CONFIG.model_copy(update={"named": 4, "points": 5}))
    trunk = four.trunk(inputs(four))
    assert trunk.points.shape == (3, 4, 3) and trunk.seen["wrist"].shape == (3, 4, 64)
    assert '"named":4' in four.config.as_file() and "named" not in CONFIG.as_file()
    with pytest.raises(ValidationError, match="points = 4: the 5 named ones are among them"):
        NanoConfig(**{**CONFIG.model_dump(), "named": 5})


def test_the_shipped_size_has_at_most_12_million_parameters_and_an_embedding_of_512() -> None:
    full = NanoVLA(sizes())
    assert sum(parameter.numel() for parameter in full.parameters()) <= 12e6
    assert full.config.embedding <= 512


def test_one_alone_equals_a_row_of_a_batch() -> None:
    """Within 1e-4 of the logits' scale: kernels add in another order for another batch size."""
    made = network()
    every = inputs(made)
    together = made.act(made.trunk(every).embedding).logits
    for row in range(3):
        alone = Inputs({camera: p[row : row + 1] for camera, p in every.pictures.items()},
                       every.proprio[row : row + 1], every.tokens[row : row + 1])
        logits = made.act(made.trunk(alone).embedding).logits[0]
        assert (logits - together[row]).abs().max().item() < 1e-4 * together.abs().max().item()


@pytest.mark.parametrize("part", ["agentview", "wrist", "proprio", "tokens"])
def test_every_input_matters(part: str) -> None:
    made = network()
    one, other = inputs(made), inputs(made, seed=2)
    mixed = Inputs({camera: (other if part == camera else one).pictures[camera] for camera in CONFIG.cameras},
                   (other if part == "proprio" else one).proprio,
                   one.tokens.flip(0) if part == "tokens" else one.tokens)
    before, after = (made.act(made.trunk(i).embedding).logits for i in (one, mixed))
    assert (before - after)[0].abs().max().item() > 1e-3


def test_without_proprioception_nothing_else_changes(tmp_path: Path) -> None:
    """What was felt does not matter, the layer that reads it is narrower, and the file says so."""
    torch.manual_seed(0)
    blind, feeling = NanoVLA(CONFIG.model_copy(update={"proprio": False})), NanoVLA(CONFIG)
    narrower = [name for name, tensor in feeling.state_dict().items() if tensor.shape != blind.state_dict()[name].shape]
    assert narrower == ["join.weight"] and feeling.join.in_features - blind.join.in_features == 8
    one, other = inputs(blind), inputs(blind, seed=2)
    felt = Inputs(one.pictures, other.proprio, one.tokens)
    assert torch.equal(blind.trunk(one).embedding, blind.trunk(felt).embedding)
    path = tmp_path / "w.safetensors"
    path.write_bytes(checkpoint.to_bytes(blind))
    assert not checkpoint.load(path).config.proprio and "proprio\":" not in CONFIG.as_file()


def test_the_action_head_reads_the_embedding_alone() -> None:
    made = network()
    embedding = made.trunk(inputs(made)).embedding.detach().requires_grad_()
    made.act(embedding).logits.sum().backward()  # type: ignore[no-untyped-call]
    assert embedding.grad is not None and (embedding.grad.abs().sum(1) > 0).all()
    assert all(p.grad is None for name, p in made.named_parameters() if not name.startswith(("steps", "bins")))


def test_filling_tokens_do_not_matter() -> None:
    """The instruction's code is that of its own tokens: the same with any number of others in the batch."""
    made = network()
    tokens = inputs(made).tokens
    assert torch.allclose(made.read(tokens)[1], made.read(tokens[1:2])[0], atol=1e-6)
    assert torch.isfinite(made.read(torch.zeros_like(tokens))).all()


def test_a_point_is_where_its_map_is_bright() -> None:
    """A map that looks for one colour finds a square of it, from left to right and from top to bottom."""
    eye = Eye(64, 8, widths=(8, 8), blocks=(0, 0), points=1, features=1)
    with torch.no_grad():
        for parameter in eye.parameters():
            parameter.zero_()
        eye.stem.weight[0, 0] = 1.0  # red
        eye.down.weight[0, 0, 1:, 1:] = 1.0
        eye.maps.weight[0, 0] = 5.0
    picture = np.zeros((1, 64, 64, 3), dtype=np.uint8)
    picture[0, 8:16, 48:56, 0] = 255
    points, _, log_maps = eye(torch.tensor(picture), torch.zeros(1, 8))
    middle = np.array([52, 12]) / 32 - 1
    assert np.abs(points[0, 0].detach().numpy() - middle).max() < 0.02
    assert log_maps.exp().sum().item() == pytest.approx(1.0)


def test_weights_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Exact for values that half precision holds, and so for whatever was loaded once."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(checkpoint.to_bytes(network()))
    loaded = checkpoint.load(path)
    assert loaded.config == CONFIG
    again = checkpoint.to_bytes(loaded)
    assert again == path.read_bytes()
    halved = {name: tensor.half().float() for name, tensor in network().state_dict().items()}
    assert all(torch.equal(tensor, halved[name]) for name, tensor in loaded.state_dict().items())


def test_other_files_are_refused(tmp_path: Path) -> None:
    content = checkpoint.to_bytes(network())
    path = tmp_path / "w.safetensors"
    for damaged, message in ((content[:-100], "w.safetensors: not the weights of a NanoVLA"),
                             (b"\x00" * 50, "not the weights"), (b"", "not the weights"),
                             (content.replace(b'points\\":4', b'points\\":5'), "size mismatch|not the weights"),
                             (content.replace(b'points\\":4', b'pointy\\":4'), "unknown key 'pointy'")):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=message):
            checkpoint.load(path)
    with pytest.raises(DataError, match="not the weights"):
        checkpoint.load(tmp_path / "absent")
