"""A LIBERO worker stays light: no torch, whatever hf-libero's own modules would import, and one thread for OpenCV."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vlabench.episode.child import ENVIRONMENT

CODE = """
import dataclasses, sys
from vlabench import cards, registry
from vlabench.cards.conditions import named
from vlabench.types import EpisodeSpec
from vlabench.episode.player import Finished, Job, EpisodePlayer

condition = cards.load_suite("libero-rotation").conditions["rotation"]
player = EpisodePlayer(Job("libero", "primitive", cards.load_policy("still").actor(), {"rotation": named(condition)}))
task = dataclasses.replace(player.simulator.tasks("libero_goal")[0], step_limit=2)
(answer,) = player.play((EpisodeSpec(task, "rotation", 0),))
assert isinstance(answer, Finished), answer
import cv2
versions = player.simulator.versions()
assert versions["opencv"] == cv2.__version__, versions
print("torch" in sys.modules, cv2.getNumThreads())
"""


def test_no_torch_and_one_thread() -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    done = subprocess.run([sys.executable, "-c", CODE], env={**os.environ, **ENVIRONMENT}, capture_output=True,
                          text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "1"]
