"""Makes a tiny random checkpoint in OpenVLA's published format, with numpy, safetensors and torch alone.

The same file serves the tests and `tests/models/released.py`, which has the released code read what it makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

WIDTH, LAYERS, HEADS, HIDDEN, VOCABULARY = 32, 2, 2, 48, 32064
DINO, SIGLIP, DEPTH, MLP_RATIO = 32, 48, 3, 3.7362
STATE, SIZE = 8, 7
SHARDS = 3
HALF = torch.bfloat16
INSTRUCTION = "put the black Bowl on the plate"
LETTERS = "▁ etaoinsrhldcumfpgwybvkxjqz" + "ETAOINSRHLDCUMFPGWYBVKXJQZ" + "0123456789.,:;?!'-"
"""Characters whose tokens come from 29871 on, as the last ones of Llama's do; the first is its blank."""
BYTES = {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
MERGES = ("▁t", "▁a", "in", "er", "on")


def vit(prefix: str, width: int, hidden: int, dino: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Parameters of one eye, the idle ones among them."""
    if dino:
        yield from ((f"{prefix}.cls_token", (1, 1, width)), (f"{prefix}.reg_token", (1, 4, width)))
    yield from ((f"{prefix}.pos_embed", (1, 256, width)), (f"{prefix}.patch_embed.proj.weight", (width, 3, 14, 14)),
                (f"{prefix}.patch_embed.proj.bias", (width,)))
    for block in range(DEPTH):
        yield from ((f"{prefix}.blocks.{block}.{name}", shape) for name, shape in _block(width, hidden, dino))
    yield from ((f"{prefix}.norm.weight", (width,)), (f"{prefix}.norm.bias", (width,)))
    if not dino:
        pool = f"{prefix}.attn_pool"
        yield from ((f"{pool}.latent", (1, 1, width)), (f"{pool}.q.weight", (width, width)),
                    (f"{pool}.q.bias", (width,)), (f"{pool}.kv.weight", (2 * width, width)),
                    (f"{pool}.kv.bias", (2 * width,)),
                    (f"{pool}.proj.weight", (width, width)), (f"{pool}.proj.bias", (width,)),
                    (f"{pool}.norm.weight", (width,)), (f"{pool}.norm.bias", (width,)))
        yield from ((f"{pool}.mlp.{name}", shape) for name, shape in _perceptron(width, hidden))


def _perceptron(width: int, hidden: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from (("fc1.weight", (hidden, width)), ("fc1.bias", (hidden,)), ("fc2.weight", (width, hidden)),
                ("fc2.bias", (width,)))


def _block(width: int, hidden: int, scaled: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    for norm in ("norm1", "norm2"):
        yield from ((f"{norm}.weight", (width,)), (f"{norm}.bias", (width,)))
    yield from (("attn.qkv.weight", (3 * width, width)), ("attn.qkv.bias", (3 * width,)),
                ("attn.proj.weight", (width, width)), ("attn.proj.bias", (width,)))
    yield from ((f"mlp.{name}", shape) for name, shape in _perceptron(width, hidden))
    if scaled:
        yield from (("ls1.scale_factor", (width,)), ("ls2.scale_factor", (width,)))


def shapes() -> dict[str, tuple[int, ...]]:
    """Name → shape, of the model's own files."""
    found = dict(vit("vision_backbone.featurizer", DINO, 4 * DINO, True))
    found |= vit("vision_backbone.fused_featurizer", SIGLIP, int(SIGLIP * MLP_RATIO), False)
    seen = DINO + SIGLIP
    for name, shape in (("fc1", (4 * seen, seen)), ("fc2", (WIDTH, 4 * seen)), ("fc3", (WIDTH, WIDTH))):
        found |= {f"projector.{name}.weight": shape, f"projector.{name}.bias": shape[:1]}
    found |= {"language_model.model.embed_tokens.weight": (VOCABULARY, WIDTH),
              "language_model.model.norm.weight": (WIDTH,), "language_model.lm_head.weight": (VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        at = f"language_model.model.layers.{layer}"
        found |= {f"{at}.self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in "qkvo"}
        found |= {f"{at}.mlp.{name}_proj.weight": (HIDDEN, WIDTH) for name in ("gate", "up")}
        found |= {f"{at}.mlp.down_proj.weight": (WIDTH, HIDDEN), f"{at}.input_layernorm.weight": (WIDTH,),
                  f"{at}.post_attention_layernorm.weight": (WIDTH,)}
    return found


def head_shapes() -> dict[str, tuple[int, ...]]:
    """Of OFT's L1 head."""
    found: dict[str, tuple[int, ...]] = {}
    for name, width in (("layer_norm1", SIZE * WIDTH), ("layer_norm2", WIDTH)):
        found |= {f"model.{name}.weight": (width,), f"model.{name}.bias": (width,)}
    for name, shape in (("fc1", (WIDTH, SIZE * WIDTH)), ("fc2", (SIZE, WIDTH))):
        found |= {f"model.{name}.weight": shape, f"model.{name}.bias": shape[:1]}
    for block in range(2):
        at = f"model.mlp_resnet_blocks.{block}.ffn"
        found |= {f"{at}.0.weight": (WIDTH,), f"{at}.0.bias": (WIDTH,), f"{at}.1.weight": (WIDTH, WIDTH),
                  f"{at}.1.bias": (WIDTH,)}
    return found


def projector_shapes() -> dict[str, tuple[int, ...]]:
    """Of OFT's projector of proprioception."""
    return {"fc1.weight": (WIDTH, STATE), "fc1.bias": (WIDTH,), "fc2.weight": (WIDTH, WIDTH), "fc2.bias": (WIDTH,)}


def tensors(named: dict[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Random ones, in bfloat16 as published, the same with any library's version."""
    rng = np.random.Generator(np.random.Philox(seed))
    found = {}
    for name, shape in sorted(named.items()):
        numbers = rng.standard_normal(shape, dtype=np.float32)
        if len(shape) == 1 and ("norm" in name or name.endswith("scale_factor") or ".ffn.0." in name):
            numbers = 0.1 * numbers + (0.0 if name.endswith("bias") else 1.0)
        elif len(shape) == 1:
            numbers *= 0.1
        elif name.endswith("lm_head.weight"):
            numbers[:31743] *= 0.02  # that it speaks of actions, as one that was trained does
            numbers[32000:] *= 0.02
        elif "embed" not in name and not name.endswith(("_token", "latent")):
            numbers *= (1.5 / float(np.prod(shape[1:])) ** 0.5)
        found[name] = torch.from_numpy(numbers).to(HALF)
    return found


def statistics() -> dict[str, Any]:
    """Of two data sets, one of which gives every number's quantiles another sign."""
    arm = np.arange(1, 7) / 10
    action = {"q01": [*(-arm).tolist(), 0.0], "q99": [*(arm + 0.05).tolist(), 1.0], "mask": [True] * 6 + [False]}
    state = {"q01": np.linspace(-0.5, 0.2, STATE).tolist(), "q99": np.linspace(0.4, 3.4, STATE).tolist()}
    rest = {"min": action["q01"], "max": action["q99"], "mean": [0.0] * 7, "std": [1.0] * 7}
    bridge = {"q01": [-0.03, -0.04, -0.03, -0.08, -0.09, -0.2, 0.0], "q99": [0.03, 0.04, 0.04, 0.08, 0.08, 0.2, 1.0],
              "mask": [True] * 6 + [False]}
    return {"libero_spatial_no_noops": {"action": {**action, **rest}, "proprio": {**state, "min": state["q01"],
                                                                                  "max": state["q99"]}},
            "bridge_orig": {"action": {**bridge, **rest}}}


def tokenizer() -> dict[str, Any]:
    """What tokenizer.json holds: characters and a few pairs, with Llama's numbers for what matters."""
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2, **BYTES}
    vocabulary |= {letter: 29871 + place for place, letter in enumerate(LETTERS.replace(" ", ""))}
    vocabulary |= {pair: 300 + place for place, pair in enumerate(MERGES)}
    special = [{"id": place, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True}
               for place, name in ((0, "<unk>"), (1, "<s>"), (2, "</s>"), (32000, "<PAD>"))]
    begin = {"id": "<s>", "ids": [1], "tokens": ["<s>"]}
    first = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    second = [{"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": first, "pair": first + second,
                           "special_tokens": {"<s>": begin}},
        "decoder": None,
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "vocab": vocabulary,
                  "merges": [f"{pair[0]} {pair[1]}" for pair in MERGES]}}


def config() -> dict[str, Any]:
    """What config.json holds."""
    llama = {"model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": WIDTH, "intermediate_size": HIDDEN,
             "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": HEADS,
             "pad_token_id": 32000, "torch_dtype": "bfloat16"}
    return {"architectures": ["OpenVLAForActionPrediction"], "model_type": "openvla",
            "vision_backbone_id": "dinosiglip-vit-so-224px", "llm_backbone_id": "llama2-7b-pure",
            "arch_specifier": "no-align+fused-gelu-mlp", "use_fused_vision_backbone": True,
            "image_resize_strategy": "resize-naive", "image_sizes": [224, 224], "llm_max_length": 2048,
            "pad_token_id": 32000, "pad_to_multiple_of": 64, "n_action_bins": 256, "text_config": llama,
            "norm_stats": {"bridge_orig": statistics()["bridge_orig"]}, "torch_dtype": "bfloat16"}


PREPROCESSOR = {
    "image_processor_type": "PrismaticImageProcessor", "use_fused_vision_backbone": True,
    "image_resize_strategy": "resize-naive", "input_sizes": [[3, 224, 224]] * 2, "interpolations": ["bicubic"] * 2,
    "means": [[0.485, 0.456, 0.406], [0.5, 0.5, 0.5]], "stds": [[0.229, 0.224, 0.225], [0.5, 0.5, 0.5]]}


def make(folder: Path, oft: bool = False) -> Path:
    """Write the checkpoint; oft: with what OpenVLA-OFT's have beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    found = tensors(shapes(), 1)
    weights: dict[str, str] = {}
    for shard in range(SHARDS):
        names, file = sorted(found)[shard::SHARDS], f"model-{shard + 1:05d}-of-{SHARDS:05d}.safetensors"
        save_file({name: found[name] for name in names}, folder / file, metadata={"format": "pt"})
        weights |= dict.fromkeys(names, file)
    total = sum(tensor.numel() * 2 for tensor in found.values())
    for name, content in {
            "model.safetensors.index.json": {"metadata": {"total_size": total}, "weight_map": weights},
            "config.json": config(), "preprocessor_config.json": PREPROCESSOR, "tokenizer.json": tokenizer(),
            "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>",
                                      "unk_token": "<unk>", "pad_token": "<PAD>", "padding_side": "right"},
            "dataset_statistics.json": statistics()}.items():
        (folder / name).write_text(json.dumps(content))
    if oft:
        for name, named, seed in (("action_head", head_shapes(), 2), ("proprio_projector", projector_shapes(), 3)):
            torch.save({f"module.{key}": value for key, value in tensors(named, seed).items()},
                       folder / f"{name}--150000_checkpoint.pt")
    return folder


def looks() -> tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.float32]]]:
    """(two pictures [2, 256, 256, 3], proprioception [8]): stripes, waves and a little noise."""
    rng = np.random.Generator(np.random.Philox(7))
    rows, columns = np.mgrid[0:256, 0:256] / 256
    waves = np.stack([np.sin(9 * rows + 5 * columns), np.cos(14 * rows * columns), np.sin(40 * columns)], -1)
    pictures = [127 + 90 * waves + rng.normal(0, 12, waves.shape), 127 - 80 * np.roll(waves, 60, 1)[::-1]]
    state = np.linspace(-0.4, 2.5, STATE).astype(np.float32)
    return np.stack(pictures).clip(0, 255).astype(np.uint8), state
