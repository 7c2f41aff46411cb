"""The movable objects of the primitive pack: every kind that the 40 tasks pick up, push or pour from."""

from __future__ import annotations

from vlabench.simulators.libero.primitive import bottles, groceries, vessels
from vlabench.simulators.libero.primitive.items import Item


def items() -> dict[str, Item]:
    """All 22 kinds by LIBERO's name."""
    return {**vessels.items(), **groceries.items(), **bottles.items()}


def documents() -> dict[str, str | bytes]:
    """All objects' files, by path inside LIBERO's assets folder."""
    return {path: content for kind, item in items().items() for path, content in item.files(kind).items()}
