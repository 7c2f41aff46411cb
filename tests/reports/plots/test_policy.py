"""The figure of a policy's distribution at one state, and the size of its neighbourhood, against closed forms."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.probes import blind, probe, trace
from vlabench.errors import OptionError, UnknownName, UnsupportedError
from vlabench.records.probes import Probe, Trace
from vlabench.reports.plots.policy import State, policy, within

SIGMAS = {"peaked": 0.5, "broad": 6.0}
"""In bins."""


def normal(sigma: float, middle: int = 140) -> Any:
    """A normal distribution of so many bins about the middle of one: its shares [256]."""
    return np.diff(stats.norm.cdf(np.arange(257) - 0.5, middle, sigma))


def look(sigma: float, looks: int = 2, **changes: Any) -> Trace:
    """Looks at which two numbers are distributed so."""
    return trace(shares=np.broadcast_to(normal(sigma), (looks, 2, 256)), **changes)


@pytest.fixture
def both() -> list[Probe]:
    """A peaked and a broad policy in two episodes each, clean and in fog."""
    return [probe([look(sigma * (1 + (condition == "fog")), condition=condition, index=index)
                   for condition in ("clean", "fog") for index in (0, 1)], policy=name)
            for name, sigma in SIGMAS.items()]


@pytest.mark.parametrize("sigma", [0.5, 2.0, 6.0])
@pytest.mark.parametrize("bins", [1, 2, 4])
def test_within_so_many_bins_is_a_normal_distribution_s_error_function(sigma: float, bins: int) -> None:
    found = within(np.stack([normal(sigma), normal(sigma, 60)]), bins)
    assert found == pytest.approx([math.erf((bins + 0.5) / sigma / math.sqrt(2))] * 2, abs=1e-9)


def test_within_at_the_edge_has_one_side_alone() -> None:
    assert within(np.array([0.5, 0.3, 0.2]), 1) == pytest.approx(0.8)
    assert within(np.array([0.2, 0.3, 0.5]), 1) == pytest.approx(0.8) and within(np.full(256, 1 / 256), 4) < 0.04


def test_rows_are_the_sizes_over_all_looks(both: list[Probe], tmp_path: Path) -> None:
    drawn = policy(both, State())
    assert [(row.policy, row.condition) for row in drawn.rows] == [
        (name, condition) for name in SIGMAS for condition in ("clean", "fog")]
    for row in drawn.rows:
        sigma = SIGMAS[row.policy] * (1 + (row.condition == "fog"))
        wanted = [math.erf((bins + 0.5) / sigma / math.sqrt(2)) for bins in (1, 2, 4)]
        # half precision
        assert [row.within_1, row.within_2, row.within_4] == pytest.approx(wanted, abs=1e-3)
        assert (row.episodes, row.looks) == (2, 4)
        assert row.by_dimension["1"] == pytest.approx(wanted, abs=1e-3)
    content = json.loads(drawn.write(tmp_path / "policy", both).read_text())
    assert content["method"]["step"] == 0 and content["rows"][0]["within_1"] == drawn.rows[0].within_1


def test_the_surface_is_the_product_of_two_numbers_and_holds_all_of_it(both: list[Probe]) -> None:
    figure: Any = policy(both, State(look=1)).figure
    surfaces = [axes for axes in figure.findobj(match=lambda artist: hasattr(artist, "get_zlim"))]
    assert [axes.get_title().split("\n")[0] for axes in surfaces] == ["peaked on plain", "broad on plain"]
    assert surfaces[1].get_title().endswith(f"within 1, 2, 4: {math.erf(1.5 / 6 / math.sqrt(2)):.2f}, "
                                            f"{math.erf(2.5 / 6 / math.sqrt(2)):.2f}, "
                                            f"{math.erf(4.5 / 6 / math.sqrt(2)):.2f}")
    for axes, sigma in zip(surfaces, SIGMAS.values(), strict=True):
        x, y, z = axes.collections[0]._faces.reshape(-1, 3).T  # corners of its polygons
        assert z.max() == pytest.approx(100 * normal(sigma).max() ** 2, rel=2e-3)
        assert (x[z.argmax()], y[z.argmax()]) == pytest.approx([140.5 / 128 - 1] * 2, abs=1e-6)
    assert figure.subfigs[0].get_suptitle() == "hall/0, clean, episode 0, step 2"


def test_policies_of_other_numbers_of_bins_share_their_units() -> None:
    """OpenVLA has 255: its middle one is at 0, of 256 none is."""
    shares = np.zeros((2, 2, 255))
    shares[..., 127] = 1.0
    drawn = policy([probe([look(0.5, condition="clean", index=0)], policy="ours"),
                    probe([trace(shares=shares, condition="clean", index=0)], policy="openvla")], State())
    figure: Any = drawn.figure
    lines = [line for axes in figure.findobj(match=lambda artist: hasattr(artist, "get_lines"))
             if not hasattr(axes, "get_zlim") for line in axes.get_lines()]
    ours, theirs = (next(line for line in lines if str(line.get_label()).startswith(name))
                    for name in ("ours", "openvla"))
    peaks = [float(np.asarray(line.get_xdata())[np.argmax(line.get_ydata())]) for line in (ours, theirs)]
    assert peaks == pytest.approx([(140 + 0.5) / 128 - 1, 0.0])
    assert drawn.method["bins"] == "255 or 256"


def test_the_state_is_chosen(both: list[Probe]) -> None:
    titles = {state: policy(both, state).figure.subfigs[0].get_suptitle() for state in (
        State(index=1), State(tasks=("hall",)), State(dimensions=("2", "1")))}
    assert list(titles.values()) == ["hall/0, clean, episode 1, step 0", *["hall/0, clean, episode 0, step 0"] * 2]


@pytest.mark.parametrize(("state", "said"), [
    (State(index=7), "no episode of the probes fits --tasks .* --index 7\n  fix: there are hall/0 0, hall/0 1"),
    (State(look=2), "--look 2: the episode has 2 looks, counted from 0"),
    (State(dimensions=("1",)), "--dimensions 1: a surface is over two"),
    (State(dimensions=("1", "x")), "unknown dimension 'x' in --dimensions")])
def test_what_there_is_not_is_refused(state: State, said: str, both: list[Probe]) -> None:
    with pytest.raises((OptionError, UnknownName), match=said):
        policy(both, state)


def test_a_policy_without_a_distribution_and_an_older_probe_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="has no distribution that a probe could keep"):
        policy([probe([blind()])], State())
    with pytest.raises(OptionError, match="made before distributions were kept\n  fix: vlabench probe"):
        policy([probe([trace()])], State())
