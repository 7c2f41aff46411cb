"""Writes tests/models/openvla.npz: what the released code of OpenVLA and OpenVLA-OFT makes of the tiny checkpoint.

For an environment of its own, with transformers 4.40.1 (for OFT with the Llama of
github.com/moojink/transformers-openvla-oft, bc339d9a), tokenizers 0.19.1, timm 0.9.16, tensorflow 2.15, torch, and the
two released repositories, of which nothing is copied here:

    python tests/models/released.py openvla PATH/openvla one.npz          # github.com/openvla/openvla, c8f03f48
    python tests/models/released.py oft PATH/openvla-oft two.npz          # github.com/moojink/openvla-oft, 213c5ff8
    python tests/models/released.py join one.npz two.npz tests/models/openvla.npz

Everything is computed in float32 on a CPU; their code says bfloat16, which is made to mean float32 here.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import json
import sys
import tempfile
import types
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
import tiny_openvla as tiny  # type: ignore[import-not-found]  # noqa: E402

register_fake = torch.library.register_fake
torch.library.register_fake = lambda op, *a, **k: (  # a torchvision without its operators
    (lambda f: f) if isinstance(op, str) and op.startswith("torchvision::") else register_fake(op, *a, **k))


def packages(root: Path) -> None:
    """Their packages without what their `__init__` import (training, data sets), and diffusers, which nobody uses."""
    for name in ("prismatic", "prismatic.vla", "prismatic.models", "prismatic.training", "prismatic.extern",
                 "prismatic.extern.hf", "prismatic.vla.datasets", "prismatic.vla.datasets.rlds", "experiments",
                 "experiments.robot", "diffusers", "diffusers.schedulers"):
        module = types.ModuleType(name)
        module.__path__ = [str(root / name.replace(".", "/"))]
        module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        sys.modules[name] = module
    scheduler: Any = types.ModuleType("diffusers.schedulers.scheduling_ddim")
    scheduler.DDIMScheduler = object
    sys.modules[scheduler.__name__] = scheduler
    utils: Any = types.ModuleType("prismatic.vla.datasets.rlds.utils.data_utils")
    if (root / "prismatic/vla/constants.py").exists():
        utils.NormalizationType = importlib.import_module("prismatic.vla.constants").NormalizationType
    sys.modules["prismatic.vla.datasets.rlds.utils"] = types.ModuleType("prismatic.vla.datasets.rlds.utils")
    sys.modules[utils.__name__] = utils


def model(folder: Path) -> tuple[Any, Any]:
    """(the network, its processor), as they read a checkpoint."""
    import timm
    create = timm.create_model

    def small(name: str, **options: Any) -> Any:
        width = tiny.DINO if "dino" in name else tiny.SIGLIP
        return create(name, **options, embed_dim=width, depth=tiny.DEPTH)

    timm.create_model = small
    from prismatic.extern.hf.configuration_prismatic import OpenVLAConfig
    from prismatic.extern.hf.modeling_prismatic import OpenVLAForActionPrediction
    from prismatic.extern.hf.processing_prismatic import PrismaticImageProcessor, PrismaticProcessor
    from transformers import LlamaTokenizerFast

    found, told = OpenVLAForActionPrediction.from_pretrained(
        folder, config=OpenVLAConfig.from_pretrained(folder), torch_dtype=torch.float32, attn_implementation="sdpa",
        output_loading_info=True)
    assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), told
    found.norm_stats = json.loads((folder / "dataset_statistics.json").read_text())
    words = LlamaTokenizerFast.from_pretrained(folder)
    return found.eval(), PrismaticProcessor(PrismaticImageProcessor.from_pretrained(folder), words)


class InFloat32:
    """torch for their evaluation's code, in which it computes in float32."""

    bfloat16 = torch.float32

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def utilities() -> Any:
    """Their evaluation's module."""
    from experiments.robot import openvla_utils

    openvla_utils.torch = InFloat32()
    return openvla_utils


def watched(network: Any) -> dict[str, Any]:
    """What passes through the network's parts from now on."""
    seen: dict[str, Any] = {}

    def keep(name: str) -> Any:
        return lambda module, given, out: seen.setdefault(name, []).append(
            (out[0] if isinstance(out, tuple) else out if isinstance(out, torch.Tensor) else out["logits"]).detach())

    network.vision_backbone.register_forward_hook(keep("features"))
    network.projector.register_forward_hook(keep("projected"))
    network.language_model.model.norm.register_forward_hook(keep("hidden"))
    network.language_model.register_forward_hook(keep("logits"))
    return seen


def openvla(root: Path, folder: Path) -> dict[str, Any]:
    """Of its LIBERO evaluation: a picture, the network, an action; and of its plain use on RL4VLA's picture."""
    theirs = utilities()
    source = (root / "experiments/robot/libero/libero_utils.py").read_text()
    begin, end = source.index("def resize_image"), source.index("def get_libero_image")
    scope: dict[str, Any] = {"tf": theirs.tf}
    exec(source[begin:end], scope)  # the module imports a simulator
    network, processor = model(folder)
    pictures, _ = tiny.looks()
    resized = scope["resize_image"](pictures[0], (224, 224))
    seen = watched(network)
    action = theirs.get_vla_action(network, processor, "openvla", {"full_image": resized}, tiny.INSTRUCTION,
                                   "libero_spatial_no_noops", center_crop=True)
    ids = processor.tokenizer(f"In: What action should the robot take to {tiny.INSTRUCTION.lower()}?\nOut:").input_ids
    states = torch.cat([part[0, -1:] for part in seen["hidden"]])
    logits = torch.cat([part[0, -1:, 31744:32000] for part in seen["logits"]])
    plain = theirs.get_vla_action(network, processor, "openvla", {"full_image": pictures[1]}, tiny.INSTRUCTION,
                                  "bridge_orig", center_crop=False)
    return {"openvla/resized": resized[::7, ::7], "openvla/action": action, "openvla/plain": plain,
            "openvla/ids": np.array(ids), "openvla/features": seen["features"][0][0, ::16],
            "openvla/projected": seen["projected"][0][0, ::16], "openvla/hidden": states, "openvla/logits": logits,
            "openvla/tokens": np.array([int(part[0, -1].argmax()) for part in seen["logits"][:7]]),
            "openvla/names": np.array([f"{name} {list(value.shape)}" for name, value in network.state_dict().items()])}


def oft(root: Path, folder: Path) -> dict[str, Any]:
    """Of its LIBERO evaluation: two pictures and proprioception with the L1 head, one picture with tokens."""
    theirs = utilities()
    network, processor = model(folder)
    theirs.model_is_on_hf_hub = lambda path: False
    ours = SimpleNamespace(pretrained_checkpoint=str(folder), use_l1_regression=True, use_diffusion=False,
                           center_crop=True, num_images_in_input=2, use_proprio=True,
                           unnorm_key="libero_spatial_no_noops")
    head = theirs.get_action_head(ours, network.llm_dim)
    projector = theirs.get_proprio_projector(ours, network.llm_dim, tiny.STATE)
    head, projector = head.float(), projector.float()
    pictures, state = tiny.looks()
    crops = np.stack([np.asarray(picture) for picture in theirs.prepare_images_for_vla(list(pictures), ours)])
    network.vision_backbone.set_num_images_in_input(2)
    seen = watched(network)
    look = {"full_image": pictures[0], "wrist_image": pictures[1], "state": state}
    l1 = theirs.get_vla_action(ours, network, processor, dict(look), tiny.INSTRUCTION, head, projector)
    begin = seen["hidden"][0].shape[1] - 56 - 2
    # By the row before, which makes a smaller file.
    found = {"oft/cropped": np.diff(crops, axis=1, prepend=np.zeros_like(crops[:, :1])), "oft/l1": np.stack(l1),
             "oft/hidden": seen["hidden"][0][0, begin:begin + 56]}
    network.vision_backbone.set_num_images_in_input(1)
    ours.num_images_in_input, ours.use_proprio = 1, False
    discrete = theirs.get_vla_action(ours, network, processor, dict(look), tiny.INSTRUCTION)
    logits = seen["logits"][1][0]
    begin = logits.shape[0] - 56 - 2
    return {**found, "oft/discrete": np.stack(discrete), "oft/tokens": logits[begin:begin + 56].argmax(-1)}


def main() -> None:
    """One of the three commands."""
    kind, *paths = sys.argv[1:]
    if kind == "join":
        found = {**np.load(paths[0]), **np.load(paths[1])}
        np.savez_compressed(paths[2], **found)
        return
    root = Path(paths[0]).resolve()
    with tempfile.TemporaryDirectory() as made:
        folder = tiny.make(Path(made), oft=kind == "oft")
        packages(root)
        with torch.inference_mode():
            found = {"openvla": openvla, "oft": oft}[kind](root, folder)
    arrays = {name: value.numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
              for name, value in found.items()}
    save: Any = np.savez_compressed
    save(paths[1], **arrays)


if __name__ == "__main__":
    main()
