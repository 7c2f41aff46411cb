"""Made-up submissions are valid, and all different."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.speed.submissions import crowd
from vlabench.leaderboard import board


def test_made_up_submissions_pass_every_check(tmp_path: Path) -> None:
    pytest.importorskip("libero", reason="needs the extra `libero`")
    crowd(tmp_path, 2)
    (suite,) = board.board(tmp_path)["suites"]
    (track,) = suite["tracks"]
    first, second = track["entries"]
    assert suite["tasks"] * suite["episodes"] == first["rates"]["clean"]["episodes"] == 2000
    assert first["policy_digest"] != second["policy_digest"]
    assert first["score"]["value"] > second["score"]["value"] and first["rank"] == {"best": 1, "worst": 1}
