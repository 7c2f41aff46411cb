"""ACT, and Diffusion that keeps observations, by LeRobot's own calls and by the adapter, both here: every answer equal.

`python lerobot_others.py FOLDER`: prints how many answers were equal to the last bit, of how many. Run by LeRobot's
Python, with this package on its path.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from vlabench.adapters.lerobot import Lerobot
from vlabench.adapters.wire.shaping import probe
from vlabench.seeding import Draws
from vlabench.types import ActionSpace

os.environ["HF_HUB_OFFLINE"] = "1"
KEY, SIDE = "observation.images.image", 64
SPACE = ActionSpace(tuple("abcdefg"), (-1.0,) * 7, (1.0,) * 7, (1.0,) * 7, (0.0,) * 7, 20.0)
OBS = probe(("agentview",), SIDE)


def made(config: Any, folder: Path) -> tuple[Any, Any, Any]:
    import torch
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    torch.manual_seed(0)
    sizes = {KEY: (3, 1, 1), "observation.state": (8,), "action": (7,)}
    stats = {key: {"mean": torch.zeros(size), "std": torch.ones(size), "min": -torch.ones(size),
                   "max": torch.ones(size)} for key, size in sizes.items()}
    parts = get_policy_class(config.type)(config).eval(), *make_pre_post_processors(config, dataset_stats=stats)
    for part in parts:
        part.save_pretrained(folder)
    return parts


def seen() -> dict[str, Any]:
    import torch

    picture = torch.from_numpy(OBS.images["agentview"]).permute(0, 3, 1, 2).contiguous().float() / 255
    return {KEY: picture, "observation.state": torch.from_numpy(OBS.proprio), "task": list(OBS.instruction)}


def ours(folder: Path, replan: int) -> Lerobot:
    policy = Lerobot(folder, pictures={"agentview": KEY}, state=["proprio"], cameras=("agentview",), image_size=SIDE,
                     replan=replan)
    policy.configure(SPACE)
    policy.reset([0], [Draws(("a",))])
    policy.reset([1], [Draws(("b",))])
    return policy


def main(folder: Path) -> None:
    import torch
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig

    torch.set_num_threads(1)
    shared: dict[str, Any] = {
        "input_features": {KEY: PolicyFeature(FeatureType.VISUAL, (3, SIDE, SIDE)),
                           "observation.state": PolicyFeature(FeatureType.STATE, (8,))},
        "output_features": {"action": PolicyFeature(FeatureType.ACTION, (7,))},
        "device": "cpu", "push_to_hub": False, "pretrained_backbone_weights": None}
    equal = []
    with torch.inference_mode():
        policy, before, after = made(ACTConfig(
            chunk_size=8, n_action_steps=8, dim_model=64, n_heads=4, dim_feedforward=64, n_encoder_layers=1,
            n_vae_encoder_layers=1, **shared), folder / "act")
        chunk = after(policy.predict_action_chunk(before(seen()))).double().numpy()
        equal.append(np.array_equal(ours(folder / "act", 8).act(OBS).actions, chunk))
        policy, before, after = made(DiffusionConfig(
            horizon=8, n_obs_steps=2, n_action_steps=4, use_group_norm=True, down_dims=(32, 64), crop_shape=None,
            num_train_timesteps=4, **shared), folder / "diffusion")
        policy.reset()
        adapter = ours(folder / "diffusion", 1)
        for step in range(6):
            torch.manual_seed(int(Draws(("a",)).at(step, "seed").integers(2**63)))
            action = after(policy.select_action(before(seen()))).double().numpy()
            look = OBS.replace(steps=np.array([step]))
            equal.append(np.array_equal(adapter.act(look).actions[:, 0], action))
            adapter.act(look.replace(slots=np.array([1])))  # of whom the other remembers nothing
    print(sum(equal), len(equal))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
