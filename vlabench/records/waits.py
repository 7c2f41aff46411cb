"""How long the answers of a policy's server took: a line of each run beside the records, and a note below tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from vlabench.records.store import Writer, runs_of
from vlabench.util.text import counted

GRAIN = 1.01
"""Between the borders of a bin: so exactly are quantiles known, of however many runs together."""
SHORTEST = 1e-6


@dataclass(frozen=True)
class Waits:
    """How many answers took how long. counts: by bin k, of GRAIN**k to GRAIN**(k + 1) seconds."""

    counts: Mapping[int, int]

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Waits | None:
        """None without any."""
        bins = (math.floor(math.log(max(each, SHORTEST), GRAIN)) for each in seconds)
        return cls(dict(sorted(Counter(bins).items()))) if seconds else None

    def __add__(self, other: Waits) -> Waits:
        return Waits(dict(sorted((Counter(self.counts) + Counter(other.counts)).items())))

    @property
    def answers(self) -> int:
        """How many."""
        return sum(self.counts.values())

    @property
    def median(self) -> float:
        """In seconds."""
        return self._quantile(0.5)

    @property
    def most(self) -> float:
        """In seconds: the 95th percentile."""
        return self._quantile(0.95)

    def __str__(self) -> str:
        return (f"the server's answers took {1000 * self.median:.3g} ms at the median, {1000 * self.most:.3g} ms at "
                f"the 95th percentile ({counted(self.answers, 'answer')})")

    def _quantile(self, share: float) -> float:
        """The middle of the first bin up to which there are so many of all."""
        places = sorted(self.counts)
        seen = accumulate(self.counts[place] for place in places)
        place = next(place for place, count in zip(places, seen, strict=True) if count >= share * self.answers)
        return float(GRAIN ** (place + 0.5))


_WAITS = TypeAdapter(Waits)


def note(writer: Writer, started: str, digest: str, waits: Waits) -> None:
    """Put them on record, of the run that began then, of a policy's version. Raises StoreError."""
    writer.note_run({"started": started, "policy_digest": digest, "waits": asdict(waits)})


def of_all(folder: Path, digest: str) -> Waits | None:
    """Of all runs of a policy's version that left any in a folder of task sets. Raises StoreError."""
    found: Waits | None = None
    for line in runs_of(folder):
        if line.get("policy_digest") != digest:
            continue
        try:
            waits = _WAITS.validate_python(line["waits"])
        except (KeyError, ValidationError):
            continue
        if waits.counts:
            found = waits if found is None else found + waits
    return found
