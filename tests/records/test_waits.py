from __future__ import annotations

from pathlib import Path

import numpy as np

from vlabench.records.store import Store
from vlabench.records.waits import GRAIN, Waits, note, of_all


def waits(seconds: list[float]) -> Waits:
    found = Waits.of(seconds)
    assert found is not None
    return found


def test_quantiles_of_all_runs_of_a_version_are_those_of_all_their_answers(tmp_path: Path) -> None:
    store = Store(tmp_path, "hero", "primitive")
    assert of_all(store.folder, "a") is None and Waits.of([]) is None
    rng = np.random.default_rng(0)
    runs = [rng.gamma(2.0, scale, size).tolist() for scale, size in ((0.01, 4000), (0.5, 60), (0.02, 1))]
    with store.writer() as writer:
        for run in runs:
            note(writer, "now", "a", waits(run))
        note(writer, "now", "b", waits([9.0] * 9000))
        writer.note_run({"command": "a run without any"})
        writer.note_run({"policy_digest": "a", "waits": {"counts": "many"}})
    found = of_all(store.folder, "a")
    assert found is not None and found.answers == 4061
    together = np.percentile(np.concatenate(runs), (50, 95))
    np.testing.assert_allclose([found.median, found.most], together, rtol=GRAIN - 1)


def test_they_are_told_in_milliseconds() -> None:
    assert str(waits([0.2])).startswith("the server's answers took 200 ms at the median, 200 ms at the 95th perc")
    assert str(waits([0.0])).endswith("(1 answer)")
