"""The sequential test against integrals, inversion and simulation."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy import stats as scipy_stats

from tests.stats.vectors import PAIRS
from vlabench import stats

COUNTS = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
MARGINS = st.floats(0, 0.5)


def streams(
    better: npt.NDArray[np.float64], worse: npt.NDArray[np.float64], count: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Counts so far [count, pairs]; better, worse [pairs]: the chances that the second is better or worse at a pair."""
    draw = np.random.default_rng(seed).random((count, len(better)))
    second, first = draw < better, (draw >= better) & (draw < better + worse)
    return first.cumsum(axis=1), second.cumsum(axis=1), (~first & ~second).cumsum(axis=1)


@given(COUNTS, st.floats(-0.5, 0.5))
def test_the_evalue_is_the_mean_capital_over_the_stakes(counts: tuple[int, int, int], mean: float) -> None:
    """Beta(½, ½) by θ = sin² φ with φ uniform, integrated by SciPy."""
    first, second, ties = counts

    def capital(angle: float) -> float:
        stake = math.sin(angle) ** 2 / (1 + mean)
        return ((1 + stake * (1 - mean)) ** second * (1 - stake * mean) ** ties
                * max(1 - stake * (1 + mean), 0) ** first)  # fmt: skip

    expected = integrate.quad(capital, 0, math.pi / 2, limit=400)[0] / (math.pi / 2)
    assert float(stats.log_evalue(first, second, ties, mean)) == pytest.approx(math.log(expected), abs=1e-5)


def test_without_a_margin_it_is_the_mixture_test_of_one_half() -> None:
    # by hand: with one discordant pair for the second, E = ∫ 1 + θ = 1.5; against it ∫ 1 − θ = 0.5; with both
    # ∫ 1 − θ² = 1 − 3/8. Ties say nothing.
    for ties in (0, 7):
        assert stats.sequential_paired(0, 1, ties).no_regression == pytest.approx(1.5)
        assert stats.sequential_paired(0, 1, ties).regression == pytest.approx(0.5)
        assert stats.sequential_paired(0, 1, ties).unequal == pytest.approx(1)
        assert stats.sequential_paired(1, 1, ties).unequal == pytest.approx(0.625)


@given(COUNTS, MARGINS)
def test_sides_are_exchangeable_and_verdicts_never_contradict(counts: tuple[int, int, int], margin: float) -> None:
    first, second, ties = counts
    found, turned = (stats.sequential_paired(*each, margin) for each in ((first, second, ties), (second, first, ties)))
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))
    assert found.unequal == pytest.approx(turned.unequal)
    assert min(found.regression, found.no_regression) <= 1 + 1e-9
    if found.n:
        assert -1 <= found.low < found.value + 1e-9 and found.value - 1e-9 < found.high <= 1


@given(COUNTS)
def test_limits_are_the_means_that_are_just_not_rejected(counts: tuple[int, int, int]) -> None:
    first, second, ties = counts
    found = stats.sequential_paired(first, second, ties, level=0.9)
    if found.low > -1:
        assert math.exp(float(stats.log_evalue(first, second, ties, found.low))) == pytest.approx(20, rel=1e-3)
    if found.high < 1:
        assert math.exp(float(stats.log_evalue(second, first, ties, -found.high))) == pytest.approx(20, rel=1e-3)


@pytest.mark.parametrize("discordant", [0.06, 0.2, 0.6])
@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_false_alarms_stay_below_alpha_whenever_one_looks(margin: float, discordant: float) -> None:
    """2,000 comparisons of 400 pairs, a look after every 5, at the border: each verdict would be wrong."""
    better, worse = np.full(400, (discordant - margin) / 2), np.full(400, (discordant + margin) / 2)
    first, second, ties = (each[:, 4::5] for each in streams(better, worse, 2000, seed=1))
    bar = math.log(1 / 0.05)
    regression = (stats.log_evalue(second, first, ties, margin) >= bar).any(axis=1).mean()
    no_regression = (stats.log_evalue(first, second, ties, -margin) >= bar).any(axis=1).mean()
    assert 0 < regression <= 0.05 and 0 < no_regression <= 0.05


@pytest.mark.long
def test_rounds_over_tasks_that_differ_are_as_good_as_random_order() -> None:
    """4,000 comparisons: in rounds over 5 tasks with differences that average to −0.05, looks at the ends of rounds."""
    differences = np.array([-0.4, -0.2, 0.0, 0.1, 0.25])
    better, worse = (np.tile((0.5 + sign * differences) / 2, 80) for sign in (1, -1))
    first, second, ties = (each[:, 4::5] for each in streams(better, worse, 4000, seed=2))
    found = stats.log_evalue(first, second, ties, -0.05)
    assert 0 < (found >= math.log(20)).any(axis=1).mean() <= 0.05


def test_the_confidence_sequence_holds_at_all_looks_at_once() -> None:
    """2,000 sequences of 400 pairs with a difference of −0.1, a look after every 5."""
    counts = streams(np.full(400, 0.1), np.full(400, 0.2), 2000, seed=3)
    first, second, ties = (each[:, 4::5] for each in counts)
    bar = math.log(2 / 0.05)
    missed = (stats.log_evalue(first, second, ties, -0.1) > bar) | (stats.log_evalue(second, first, ties, 0.1) > bar)
    assert missed.any(axis=1).mean() <= 0.05


@pytest.mark.long
def test_it_decides_with_about_as_many_pairs_as_a_fixed_plan() -> None:
    """Equal policies, 10 % discordant, margin 5 points: a fixed plan with 90 % power needs 343 pairs (normal law)."""
    first, second, ties = streams(np.full(1500, 0.05), np.full(1500, 0.05), 200, seed=4)
    passed = stats.log_evalue(first, second, ties, -0.05) >= math.log(20)
    assert passed.any(axis=1).mean() > 0.99
    assert np.median(passed.argmax(axis=1)) < 400
    first, second, ties = streams(np.full(1500, 0.05), np.full(1500, 0.20), 200, seed=5)
    failed = stats.log_evalue(second, first, ties, 0.05) >= math.log(20)
    assert failed.any(axis=1).mean() > 0.99 and np.median(failed.argmax(axis=1)) < 250


def test_one_pair_at_a_time_is_the_same_and_a_verdict_stands() -> None:
    rng = np.random.default_rng(6)
    sequence, verdicts, p = stats.PairedSequence(margin=0.05, alpha=0.1), [], 1.0
    for k in range(400):
        sequence.add(True, bool(rng.random() > (0.3 if k < 150 else 0.0)))
        verdicts.append(sequence.look())
        assert sequence.p_regression <= p
        p = sequence.p_regression
    assert sequence.state == stats.sequential_paired(sequence.first_better, 0, sequence.ties, 0.05, 0.9)
    assert sequence.first_better + sequence.ties == 400
    assert set(verdicts) == {"undecided", "regression"} and verdicts == sorted(verdicts, reverse=True)
    assert sequence.p_regression <= 0.1 < sequence.p_no_regression


def test_certain_twins_pass_after_a_fixed_number_of_pairs() -> None:
    sequence = stats.PairedSequence(margin=0.05)
    assert sequence.look() == "undecided" and sequence.state.n == 0
    while sequence.look() == "undecided":
        sequence.add(bool(sequence.ties % 2), bool(sequence.ties % 2))
    assert (sequence.verdict, sequence.ties) == ("no regression", 82)


@pytest.mark.parametrize("wrong", [(-1, 0, 0, 0.0), (0, 0, 0, 1.0), (0, 0, 0, -0.1), (0, 0, 0, math.nan)])
def test_impossible_counts_and_margins_are_refused(wrong: tuple[int, int, int, float]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        stats.sequential_paired(*wrong)


TASK_PAIRS = st.tuples(st.integers(0, 40), st.integers(0, 40))


@given(TASK_PAIRS)
def test_a_tasks_evalue_is_the_mean_capital_over_the_stakes(counts: tuple[int, int]) -> None:
    """Beta(½, ½) by θ = sin² φ, integrated by SciPy."""
    lost, gained = counts
    expected = integrate.quad(lambda angle: (1 + math.sin(angle) ** 2) ** lost * math.cos(angle) ** (2 * gained),
                              0, math.pi / 2, limit=400)[0] / (math.pi / 2)
    assert float(stats.task_evalues(lost, gained)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "expected"), [
    ("V1", [0.5, 1, 74.110443, 0.625, 1, 1.5, 1, 0.5, 1.5, 1]), ("V3", [1, 2.375, 0.625, 6.773438]),
])  # fmt: skip
def test_evalues_of_the_worked_examples(name: str, expected: list[float]) -> None:
    lost, gained = ([pairs[kind] for pairs in PAIRS[name]] for kind in (1, 2))
    assert stats.task_evalues(lost, gained).tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("chance", [0.5, 0.4, 0.1])
@pytest.mark.parametrize("pairs", [1, 5, 40])
def test_a_tasks_evalue_is_one_on_average_where_nothing_is_lost(pairs: int, chance: float) -> None:
    """All outcomes of so many discordant pairs, each lost with a chance of ½ at the most."""
    lost = np.arange(pairs + 1)
    mean = float(stats.task_evalues(lost, pairs - lost) @ scipy_stats.binom.pmf(lost, pairs, chance))
    assert mean == pytest.approx(1) if chance == 0.5 else 0 < mean < 1


def test_tasks_are_accused_wrongly_no_more_often_than_alpha_whenever_one_looks() -> None:
    """4,000 suites of 10 tasks, a look after each of 200 discordant pairs: any e-value of 10 / α is one too many."""
    lost = (np.random.default_rng(8).random((4000, 10, 200)) < 0.5).cumsum(axis=-1, dtype=np.int16)
    seen, totals = np.unique(np.arange(1, 201) * 1000 + lost, return_inverse=True)
    evalues = stats.task_evalues(seen % 1000, seen // 1000 - seen % 1000)[totals].reshape(lost.shape)
    assert 0 < (evalues >= 10 / 0.05).any(axis=(1, 2)).mean() <= 0.05
