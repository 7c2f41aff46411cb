from __future__ import annotations

from pathlib import Path

from vlabench.records.store import Store
from vlabench.records.waits import Waits, latest, note


def test_the_last_run_that_left_any_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path, "hero", "primitive")
    assert latest(store.folder) is None and Waits.of([]) is None
    waits = Waits.of([0.001 * k for k in range(101)])
    assert waits is not None and str(waits) == (
        "the server's answers took 50 ms at the median, 95 ms at the 95th percentile (101 answers)")
    with store.writer() as writer:
        note(writer, "earlier", Waits(1, 9.0, 9.0))
        note(writer, "now", waits)
        writer.note_run({"command": "a run without any"})
        writer.note_run({"waits": {"answers": "many"}})
    assert latest(store.folder) == waits
