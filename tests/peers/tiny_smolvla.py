"""Makes a SmolVLA of 0.35 million random parameters, saved as LeRobot does: `python tiny_smolvla.py FOLDER [SEED]`.

Run by LeRobot's Python. Everything that would come from the hub (the language model's config, tokenizer and picture
processor) is made here, into FOLDER/vlm.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
SPECIAL = {"image_token": "<image>", "fake_image_token": "<fake_token_around_image>",
           "global_image_token": "<global-img>", "end_of_utterance_token": "<end_of_utterance>"}
PICTURES, STATE, ACTIONS, CHUNK = ("observation.images.image", "observation.images.image2"), 8, 7, 8


def vlm(folder: Path) -> None:
    """Config, byte-level tokenizer and picture processor of a tiny SmolVLM."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    theirs: Any = importlib.import_module("transformers")

    words = ["<pad>", "<s>", "</s>", *SPECIAL.values(),
             *(f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5))]
    vocabulary = {word: number for number, word in enumerate(
        [*words, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    bytewise = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    theirs.PreTrainedTokenizerFast(tokenizer_object=bytewise, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
                                   additional_special_tokens=words[3:],
                                   extra_special_tokens=SPECIAL).save_pretrained(folder)
    theirs.SmolVLMConfig(
        text_config={"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4,
                     "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
                     "vocab_size": len(vocabulary) + 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
        vision_config={"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
                       "image_size": 64, "patch_size": 16},
        scale_factor=2, image_token_id=3, pad_token_id=0).save_pretrained(folder)
    theirs.SmolVLMImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 64}).save_pretrained(folder)
    added: dict[str, dict[str, Any]] = {
        "tokenizer_config.json": {**SPECIAL, "processor_class": "SmolVLMProcessor"},
        "preprocessor_config.json": {"processor_class": "SmolVLMProcessor"},
        "processor_config.json": {"processor_class": "SmolVLMProcessor", "image_seq_len": 4}}
    for name, keys in added.items():
        path = folder / name
        path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), **keys}))


def make(folder: Path, seed: int = 0) -> None:
    """The policy and its processors, whose statistics change every number a little."""
    import torch
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.factory import make_pre_post_processors
    from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

    vlm(folder / "vlm")
    torch.manual_seed(seed)
    config = SmolVLAConfig(
        input_features={**{key: PolicyFeature(FeatureType.VISUAL, (3, 256, 256)) for key in PICTURES},
                        "observation.state": PolicyFeature(FeatureType.STATE, (STATE,))},
        output_features={"action": PolicyFeature(FeatureType.ACTION, (ACTIONS,))},
        device="cpu", push_to_hub=False, vlm_model_name=str(folder / "vlm"), load_vlm_weights=False, num_vlm_layers=2,
        chunk_size=CHUNK, n_action_steps=CHUNK, num_steps=2, resize_imgs_with_padding=(64, 64), tokenizer_max_length=32)
    policy = SmolVLAPolicy(config).eval()
    before, after = make_pre_post_processors(config, dataset_stats={
        "observation.state": {"mean": torch.linspace(-0.1, 0.1, STATE), "std": torch.linspace(0.5, 1.5, STATE)},
        "action": {"mean": torch.linspace(-0.05, 0.05, ACTIONS), "std": torch.linspace(0.1, 0.3, ACTIONS)}})
    for part in (policy, before, after):
        part.save_pretrained(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]).absolute(), *(int(seed) for seed in sys.argv[2:3]))
