"""What episodes are worth, against plain loops, the standard library's variances and closed forms."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from vlabench.stats import Tasks, TasksAs, Worth

BITS = st.sampled_from([0.0, 1.0])
INCOMPLETE = st.sampled_from([0.0, 1.0, math.nan])
LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=14)


def of_task(scores: Sequence[float], labels: Sequence[int], task: int) -> list[float]:
    """The scores of a task's episodes that have one."""
    return [score for score, label in zip(scores, labels, strict=True) if label == task and not math.isnan(score)]


def mean_of_means(scores: Sequence[float], labels: Sequence[int]) -> float:
    """The mean over tasks that have a score at all; NaN without any."""
    found = [of_task(scores, labels, task) for task in set(labels)]
    means = [sum(each) / len(each) for each in found if each]
    return sum(means) / len(means) if means else math.nan


def worth_by_hand(scores: Sequence[float], labels: Sequence[int], variance: float, tasks_as: TasksAs) -> float:
    """The definition in statistics.md, with the standard library's unbiased variances."""
    groups = [of_task(scores, labels, task) for task in sorted(set(labels))]
    count = len(groups)
    whole = count**2 / sum(1 / len(each) for each in groups)
    if tasks_as == "fixed":
        if min(len(each) for each in groups) < 2:
            return whole
        within = sum(statistics.variance(each) / len(each) for each in groups) / count**2
        return whole / min(1.0, (whole**2 * within + 2) / (whole * variance + 2))
    means = [statistics.mean(each) for each in groups]
    between = statistics.variance(means) / count
    spread = statistics.mean(statistics.mean(x * x for x in each) for each in groups) - statistics.mean(means) ** 2
    return whole * (whole * variance + 2) / (max(whole**2 * between, whole * spread) + 2)


def test_tasks_are_numbered_as_they_come_and_weigh_the_same() -> None:
    known = Tasks(["b", "a", "b", "b"])
    assert known.codes.tolist() == [0, 1, 0, 0] and known.sizes.tolist() == [3, 1] and known.count == 2
    assert known.means(np.array([1, 1, 0, 0])).tolist() == pytest.approx([1 / 3, 1])
    assert Tasks([]).count == 0


@given(LABELS)
def test_as_many_balanced_episodes_have_the_same_variance(labels: list[int]) -> None:
    """Of independent episodes with variance 1: Σ 1/n_k / T² against 1/n₀."""
    sizes = [labels.count(task) for task in set(labels)]
    assert 1 / Tasks(labels).balanced == pytest.approx(sum(1 / size for size in sizes) / len(sizes) ** 2)


def test_tasks_of_equal_size_are_balanced_as_they_are() -> None:
    assert Tasks([0, 1, 2, 2, 1, 0]).balanced == pytest.approx(6)
    assert Tasks([0, 1, 1, 1]).balanced == pytest.approx(4 / (1 + 1 / 3))


@given(LABELS, st.data())
def test_with_every_outcome_a_score_is_the_episodes_mean(labels: list[int], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(BITS, min_size=len(labels), max_size=len(labels)), min_size=1, max_size=4))
    found = Tasks(labels).combined(np.array(rows))
    assert found.tolist() == pytest.approx([sum(column) / len(rows) for column in zip(*rows, strict=True)])
    weights = data.draw(st.lists(st.floats(0, 1), min_size=len(rows), max_size=len(rows)))
    weighted = [sum(w * x for w, x in zip(weights, column, strict=True)) for column in zip(*rows, strict=True)]
    assert Tasks(labels).combined(np.array(rows), weights).tolist() == pytest.approx(weighted)


@given(LABELS, st.data())
def test_with_outcomes_missing_the_mean_is_that_over_conditions(labels: list[int], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(INCOMPLETE, min_size=len(labels), max_size=len(labels)), min_size=1, max_size=4))
    known = Tasks(labels)
    found = float(known.means(known.combined(np.array(rows))).mean())
    assert found == pytest.approx(sum(mean_of_means(row, labels) for row in rows) / len(rows), nan_ok=True)


def test_outcomes_missing_worked_by_hand() -> None:
    nan = math.nan
    rows = np.array([[1, 0, 0, nan, nan], [1, 1, nan, 1, 0]])
    # first condition: tasks 1/2 and 0, none of the third; second: 1, 1, 0
    found = Tasks([0, 0, 1, 1, 2])
    assert float(found.means(found.combined(rows)).mean()) == pytest.approx((1 / 4 + 2 / 3) / 2)
    assert np.isnan(found.combined(np.array([[nan] * 5, [1] * 5]))).all()


@given(LABELS, st.data(), st.sampled_from(["fixed", "sample"]))
def test_worth_is_what_the_definition_says(labels: list[int], data: st.DataObject, tasks_as: TasksAs) -> None:
    scores = data.draw(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=len(labels), max_size=len(labels)))
    variance = data.draw(st.floats(0, 1))
    found = Tasks(labels).worth(np.array(scores), variance, tasks_as)
    if tasks_as == "sample" and len(set(labels)) == 1:
        assert math.isnan(found.episodes) and math.isnan(found.freedom)
        return
    assert found.episodes == pytest.approx(worth_by_hand(scores, labels, variance, tasks_as))
    assert found.freedom == (math.inf if tasks_as == "fixed" else len(set(labels)) - 1)


def test_tasks_that_are_alike_are_worth_their_episodes_and_never_fewer() -> None:
    """Half of each task's two episodes succeed: the variance within tasks comes out at twice that of all together."""
    scores, labels = np.array([1.0, 0.0] * 8), [i // 2 for i in range(16)]
    assert Tasks(labels).worth(scores, 0.25, "fixed").episodes == pytest.approx(16)
    # nor do tasks whose means agree by chance make an answer about tasks like these more exact than their episodes
    assert Tasks(labels).worth(scores, 0.25, "sample").episodes == pytest.approx(16)


def test_tasks_that_differ_tell_more_of_these_and_less_of_tasks_like_these() -> None:
    """By hand, four tasks that always or never succeed, n₀ = 40, P = S = 1/4: W = 0; V = (1/3) / 4."""
    scores, labels = np.repeat([1.0, 0.0, 1.0, 0.0], 10), [i // 10 for i in range(40)]
    assert Tasks(labels).worth(scores, 0.25, "fixed").episodes == pytest.approx(40 / (2 / (10 + 2)))
    assert Tasks(labels).worth(scores, 0.25, "sample").episodes == pytest.approx(40 * 12 / (1600 / 12 + 2))


def test_one_episode_a_task_says_nothing_of_what_varies_within() -> None:
    assert Tasks([0, 1, 2]).worth(np.array([1.0, 0.0, 1.0]), 2 / 9, "fixed") == Worth(3, math.inf)
    assert Tasks([0, 0, 0, 1]).worth(np.array([1.0, 0.0, 1.0, 1.0]), 0.1, "fixed").episodes == pytest.approx(3)


@pytest.mark.parametrize("error", [0.1, 0.025, 0.0001])
def test_quantiles_are_normal_or_students(error: float) -> None:
    assert Worth(20, math.inf).quantile(error) == pytest.approx(statistics.NormalDist().inv_cdf(1 - error))
    assert Worth(20, 9).quantile(error) == pytest.approx(scipy_stats.t(9).ppf(1 - error))
    for worth in (Worth(20, math.inf), Worth(20, 9)):
        assert worth.exceeds(worth.quantile(error)) == pytest.approx(error)
    assert Worth(20, math.inf).exceeds(1.3) == pytest.approx(1 - statistics.NormalDist().cdf(1.3))
    # the published table of Student's t: 2.262 at nine degrees of freedom
    assert Worth(20, 9).quantile(0.025) == pytest.approx(2.262, abs=5e-4)
