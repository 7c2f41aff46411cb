"""Whether a policy's server is the one that it was in earlier runs, where its digest cannot tell.

Answers that differ in their last bits from time to time, as a GPU's do, are no part of the digest. They are kept beside
the records and compared within the tolerance instead.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vlabench.adapters.wire.base import alike
from vlabench.cards.policy import PolicyCard
from vlabench.errors import ServerError
from vlabench.records.store import Writer, runs_of


def recognise(policy: PolicyCard, writer: Writer, folder: Path) -> None:
    """Compare a served policy's answer to the probe with that of the first run of this version in a folder of task
    sets, or put it on record. Raises ServerError for another one; StoreError.
    """
    met = policy.introduction
    if met is None or met.to_the_bit:
        return
    before = next((line["probe"] for line in runs_of(folder)
                   if line.get("policy_digest") == policy.digest and isinstance(line.get("probe"), list)), None)
    if before is None:
        if met.answer is not None:
            writer.note_run({"policy_digest": policy.digest, "probe": met.answer.tolist()})
    elif met.answer is None or not alike(met.answer, np.asarray(before, dtype=np.float64)):
        raise ServerError(f"another policy is at {policy.options.get('url')} than the one whose records {policy.name} "
                          f"has: it answers the probe otherwise\n"
                          f"  fix: start the former one again, or --as NEW for records of this one")
