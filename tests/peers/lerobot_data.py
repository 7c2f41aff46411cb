"""Data sets by LeRobot's own code, run by its Python.

`python lerobot_data.py read FOLDER OUT.npz`: what its loader gives of every frame. `python lerobot_data.py write FOLDER
IN.npz`: two episodes with the arrays `image`, `image2` uint8 [T, S, S, 3], `state`, `action` [T, …], cut at frame
`cut`, with videos.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

os.environ["HF_HUB_OFFLINE"] = "1"


def read(folder: str, out: str) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    data = LeRobotDataset("local/set", root=folder)
    items = [data[index] for index in range(len(data))]
    found: dict[str, Any] = {key: np.stack([np.asarray(item[key]) for item in items]) for key in items[0]
                             if not isinstance(items[0][key], str)}
    stats = {f"stats/{key}/{name}": value for key, each in data.meta.stats.items() for name, value in each.items()}
    np.savez(out, task=np.array([item["task"] for item in items]), episodes=data.num_episodes, **found, **stats)


def write(folder: str, given: str) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    arrays = np.load(given)
    features = {f"observation.images.{key}": {"dtype": "video", "shape": arrays[key].shape[1:],
                                              "names": ["height", "width", "channels"]} for key in ("image", "image2")}
    features |= {"observation.state": {"dtype": "float32", "shape": arrays["state"].shape[1:], "names": None},
                 "action": {"dtype": "float32", "shape": arrays["action"].shape[1:], "names": None}}
    data = LeRobotDataset.create("local/set", fps=20, features=features, root=folder, use_videos=True)
    for episode in np.split(np.arange(len(arrays["state"])), [int(arrays["cut"])]):
        for t in episode:
            data.add_frame({**{f"observation.images.{key}": arrays[key][t] for key in ("image", "image2")},
                            "observation.state": arrays["state"][t], "action": arrays["action"][t],
                            "task": "turn on the stove"})
        data.save_episode()
    data.finalize()


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](*sys.argv[2:])
