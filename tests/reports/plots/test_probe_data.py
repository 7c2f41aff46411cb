"""Distances of probes, worked out by hand, and which episodes of several probes are compared."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.probes import blind, probe, trace
from vlabench.errors import OptionError, UnknownName, UnsupportedError
from vlabench.reports.plots import probe_data
from vlabench.reports.plots.probe_data import changed, gather, moved, spread
from vlabench.simulators.base import find_simulator
from vlabench.stats.distances import paired_energy


def test_twins_are_as_far_away_as_they_are_put() -> None:
    """Looks 3 and 5 off their twins, mean 4; tasks 8 apart: half the way to another task."""
    here, there = np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([[8.0, 0.0], [8.0, 0.0]])
    off = np.array([[3.0, 0.0], [3.0, 4.0]])
    traces = [trace("hall/0", embedding=here, twin=here), trace("hall/1", embedding=there, twin=there),
              trace("hall/0", "fog", embedding=here + off, twin=here, success=False),
              trace("hall/1", "fog", embedding=there - off, twin=there)]  # fmt: skip
    clean, fog = moved(probe(traces))
    assert (clean.condition, clean.twin, clean.ratio, clean.low) == ("clean", 0.0, 0.0, None)
    assert (fog.twin, fog.between, fog.ratio, fog.within) == (4.0, 8.0, 0.5, None)
    assert (fog.episodes, fog.successes, fog.by_task) == (2, 1, {"hall/0": 0.5, "hall/1": 0.5})


def test_an_episode_counts_once_however_many_looks_it_has() -> None:
    """One look 6 away, nine looks at their twins: 3, not 0.6."""
    long, short = np.zeros((9, 2)), np.array([[6.0, 0.0]])
    traces = [trace(index=0), trace("hall/1", embedding=np.ones((2, 2)), twin=np.ones((2, 2))),
              trace(condition="fog", embedding=short, twin=0 * short, looks=[0]),
              trace(condition="fog", index=1, embedding=long, twin=long, looks=range(0, 18, 2))]  # fmt: skip
    row = moved(probe(traces))[1]
    assert row.twin == 3.0 and row.between == pytest.approx(math.sqrt(2)) and row.ratio == pytest.approx(3 / 2**0.5)


def test_distances_within_a_task_are_between_its_episodes() -> None:
    """Task 0: episodes at (0, 0) and (2, 0); task 1 at (0, 5): within 2; between 5 and √29, pairs of tasks alike."""
    at = [(0, 0, (0.0, 0.0)), (0, 1, (2.0, 0.0)), (1, 0, (0.0, 5.0))]
    traces = [trace(f"hall/{task}", index=index, embedding=[place] * 2, twin=[place] * 2) for task, index, place in at]
    (row,) = moved(probe(traces))
    assert row.within == 2.0 and row.between == pytest.approx((5 + math.sqrt(29)) / 2)


def test_the_interval_is_students_over_tasks() -> None:
    """Three tasks 1, 2 and 3 off: Student's interval of three numbers, mean 2, deviation 1, ends at nought below."""
    traces = []
    for task in range(3):
        place = np.full((2, 2), 10.0 * task)
        traces += [trace(f"hall/{task}", embedding=place, twin=place),
                   trace(f"hall/{task}", "fog", embedding=place + [1.0 + task, 0.0], twin=place)]
    row = moved(probe(traces))[1]
    assert row.between and row.low is not None and row.high is not None and row.ratio is not None
    assert row.ratio == pytest.approx(2 / row.between)
    half = stats.t.ppf(0.975, 2) / math.sqrt(3)
    assert row.low == 0.0 and row.high * row.between == pytest.approx(2 + half)


def test_a_single_task_has_nothing_to_be_compared_with() -> None:
    row = moved(probe([trace(), trace(condition="fog", embedding=np.ones((2, 2)))]))[1]
    assert row.between is None and row.ratio is None and row.by_task == {}
    assert row.twin == pytest.approx(math.sqrt(2))


def test_actions_are_as_far_apart_as_their_distributions() -> None:
    rng = np.random.default_rng(0)
    clean, asked, executed = (rng.normal(size=(2, 50, 2)) + shift for shift in (0.0, 0.5, 1.0))
    traces = [trace(index=i, asked=clean[i], executed=clean[i], looks=[0, 2]) for i in (0, 1)]
    traces += [trace(condition="fog", index=i, asked=asked[i], executed=executed[i], looks=[0, 2]) for i in (1, 0)]
    # three actions of each look are carried out, so that the last look's chunk is as long as it says
    cut = [blind(task=t.task, condition=t.condition, index=t.index, asked=t.asked, executed=t.executed) for t in traces]
    (row,) = changed(probe(cut))
    assert row.pairs == 2 and row.answer is None
    assert row.asked == pytest.approx(paired_energy([clean.reshape(-1, 2)], [asked.reshape(-1, 2)], 1).distance)
    assert row.executed == pytest.approx(paired_energy([clean.reshape(-1, 2)], [executed.reshape(-1, 2)], 1).distance)
    for d, name in enumerate(("1", "2")):  # of equally many points: the mean distance of the sorted ones
        by_hand = np.abs(np.sort(clean[:, :, d].ravel()) - np.sort(asked[:, :, d].ravel())).mean()
        assert row.dimensions[name] == pytest.approx(by_hand)


def test_the_answer_is_compared_over_actions_that_were_carried_out() -> None:
    """Two looks with chunks of two and three steps: 5 and 0 off at the first, 1 at the second, its last never done."""
    mean = np.array([[[3.0, 4.0], [0.0, 0.0]], [[1.0, 0.0], [100.0, 0.0]]])
    traces = [trace(), trace(condition="fog", mean=mean, twin_mean=0 * mean)]
    assert changed(probe(traces))[0].answer == pytest.approx((5 + 0 + 1) / 3)
    assert changed(probe([trace(), trace(condition="fog")]))[0].answer == 0.0


def test_episodes_without_a_clean_one_of_the_same_start_are_no_pairs() -> None:
    traces = [trace(), trace(condition="fog", index=1), trace(condition="fog", asked=np.ones((3, 2)))]
    assert changed(probe(traces))[0].pairs == 1
    with pytest.raises(OptionError, match="hero on plain: no condition but 'clean' has episodes"):
        changed(probe(traces[:2]))
    with pytest.raises(OptionError, match="no clean episode came to its end"):
        changed(probe(traces[1:]))


def test_libero_s_dimensions_have_names() -> None:
    wide = trace(asked=np.zeros((3, 7)))
    assert probe_data.dimensions(probe([wide], simulator="libero")) == (
        "x", "y", "z", "turn x", "turn y", "turn z", "gripper")
    assert probe_data.dimensions(probe([wide])) == tuple("1234567")
    assert probe_data.dimensions(probe([trace()], simulator="libero")) == ("1", "2")


def test_rows_are_evenly_spread() -> None:
    rows = np.arange(11.0)[:, None]
    assert spread(rows, 3).ravel().tolist() == [0, 5, 10] and spread(rows, 1).ravel().tolist() == [0]
    assert spread(rows, 11) is rows


def test_policies_are_compared_on_what_all_of_them_played(tmp_path: Path) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    probe([trace(), trace(condition="fog"), trace(condition="dusk"), trace(index=1)]).save(one)
    probe([trace(condition="fog"), trace(), trace(condition="dusk")], policy="other").save(two)
    (hero, other), notes = gather([one, two], ["f*"])
    assert [t.identity[1:3] for t in hero.traces] == [t.identity[1:3] for t in other.traces] == [
        ("clean", 0), ("fog", 0)]
    assert any("hero on plain: 1 episode that other policies lack is left out" in note for note in notes)
    assert sum("is here to compare its digest" in note for note in notes) == 2
    with pytest.raises(UnknownName, match="unknown condition 'fogg' in .*one.npz"):
        gather([one, two], ["fogg"])
    with pytest.raises(OptionError, match="another file is of hero on plain, too"):
        gather([one, one])
    with pytest.raises(OptionError, match="no probe is named\n  fix: vlabench probe"):
        gather([])
    probe([trace(index=7)], policy="other").save(two)
    with pytest.raises(OptionError, match="the probes have no episode in common"):
        gather([one, two])


def test_a_policy_without_embedding_has_no_twins() -> None:
    with pytest.raises(UnsupportedError, match="policy 'hero' has no embedding .*\n  fix: vlabench plot actions"):
        moved(probe([blind()]))


def test_actions_are_compared_in_units_of_the_robots_space() -> None:
    """Metres and radians of half a unit each are as large as a gripper that is half closed."""
    unit = np.array(find_simulator("maniskill").action_space.unit)
    half = trace(asked=[0.5 * unit] * 3, executed=[-0.5 * unit] * 3, mean=[[unit] * 2] * 2, twin_mean=None)
    (found,) = probe_data.in_units(probe([half], simulator="maniskill")).traces
    assert np.allclose(found.asked, 0.5) and np.allclose(found.executed, -0.5) and found.twin_mean is None
    assert found.mean is not None and np.allclose(found.mean, 1.0)
    libero = probe([trace(asked=[[0.3] * 7] * 3)], simulator="libero")
    assert probe_data.in_units(libero) is libero
