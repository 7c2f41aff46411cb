"""Plays a toy suite from a command line: toy_run.py RESULTS SUITE WORKERS [TIME_LIMIT]."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from vlabench import cards
from vlabench.errors import VlabenchError
from vlabench.evaluation import plan
from vlabench.evaluation.run import run
from vlabench.records.store import Store
from vlabench.util.progress import progress


def main(results: str, suite: str, workers: str, time_limit: str = "60") -> int:
    """The exit status."""
    policy = cards.load_policy("toy-seeker")
    card = cards.load_suite(suite)
    engine = card.engine("plain")
    planned = plan.make(card, policy, engine)
    store = Store(Path(results), policy.name, "plain")
    try:
        summary = run(planned, policy, engine, store, workers=int(workers), time_limit=float(time_limit),
                      progress=progress(Console(stderr=True)))
    except VlabenchError as error:
        print(error)
        return error.exit_code
    print(summary)
    return summary.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
