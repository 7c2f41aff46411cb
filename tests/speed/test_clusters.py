"""The benchmark of workers on a cluster: neighbours are compared, and nothing is measured where Ray is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.speed import clusters
from vlabench.errors import MissingExtra


def measured(monkeypatch: pytest.MonkeyPatch, rates: dict[str | None, Iterator[float]]) -> list[str | None]:
    order = []

    def campaign(*given: Any) -> tuple[float, float]:
        order.append(given[-1])
        return next(rates[given[-1]]), 0.1

    monkeypatch.setattr(clusters, "campaign", campaign)
    return order


def test_neighbours_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    order = measured(monkeypatch, {"ray": iter([0.95, 0.1, 9.0]), None: iter([1.0, 0.1, 10.0])})
    (figure,) = clusters.clusters(4, 3)
    assert order == ["ray", None, None, "ray", "ray", None]
    assert figure.value == pytest.approx(0.95) and figure.verdict == "met"
    assert "(0.900, 0.950, 1.000); 0.95 against 1.00/s" in figure.note and "8 episodes" in figure.note


def test_without_ray_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def campaign(*given: Any) -> tuple[float, float]:
        raise MissingExtra("ray", "ray", "--on ray")

    monkeypatch.setattr(clusters, "campaign", campaign)
    (figure,) = clusters.clusters()
    assert figure.verdict == "skipped" and figure.note.startswith("Ray is not installed")
