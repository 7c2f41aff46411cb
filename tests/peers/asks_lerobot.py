"""Asks a policy for chunks by LeRobot's own code: `python asks_lerobot.py FOLDER IN.npz OUT.npy`.

IN: `images.KEY` uint8 [B, H, W, 3], `state` float32 [B, S], `task` str [B], `noise` float32 [B, T, D]. OUT: [B, T, D],
each row asked by itself. Run by LeRobot's Python, without vlabench.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

os.environ["HF_HUB_OFFLINE"] = "1"


def main(folder: str, given: str, out: str) -> None:
    import torch
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    torch.set_num_threads(1)
    config = PreTrainedConfig.from_pretrained(folder)
    config.device = "cpu"
    policy = get_policy_class(config.type).from_pretrained(folder, config=config)
    before, after = make_pre_post_processors(config, pretrained_path=folder)
    data = np.load(given)
    chunks = []
    for row in range(len(data["state"])):
        seen: dict[str, Any] = {
            key.removeprefix("images."): torch.from_numpy(data[key][row]).permute(2, 0, 1).contiguous()[None] / 255.0
            for key in data.files if key.startswith("images.")}
        seen |= {"observation.state": torch.from_numpy(data["state"][row])[None], "task": [str(data["task"][row])]}
        noise = torch.from_numpy(data["noise"][row])[None]
        with torch.inference_mode():
            chunks.append(after(policy.predict_action_chunk(before(seen), noise=noise)).numpy())
    np.save(out, np.concatenate(chunks))


if __name__ == "__main__":
    main(*sys.argv[1:])
