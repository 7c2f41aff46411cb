"""The lines below a look; the pictures themselves are looked at, and tested through `preview`."""

from __future__ import annotations

from vlabench.evaluation.pictures import described


def test_parameters_in_words() -> None:
    realised = {"rotation": {"degrees": 12.34567}, "still": {}, "boxes": {"blocks": [{"x": 1}, {"x": 22}], "on": True}}
    assert described(realised, 24) == [
        "rotation: degrees 12.35", "still", "boxes: blocks [x 1; x", "  22], on True"]
