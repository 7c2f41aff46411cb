"""FAN's and PAIR's terms do on toys what the papers say of them, beside PPO without (results/toys.md)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.toys import COMPARED, FAN, FAN_SFT, PAIR, rates


@pytest.mark.long
def test_fan_ppo_finds_sooner_what_is_near_to_what_a_policy_is_sure_of() -> None:
    """Of 20 seeds it was better in 19, by 7.1 points of success (a seed's deviation 4.3), executed inexactly in 19 by
    5.3 (3.6): the mean of eight is above 3 and 1.5 by two and a half deviations or more.
    """
    toy, _ = COMPARED["Reaching"]
    plain, fan = rates(toy, {}, 8), rates(toy, FAN, 8)
    assert np.mean(fan["exact"] - plain["exact"]) > 0.03
    assert np.mean(fan["inexact"] - plain["inexact"]) > 0.015


@pytest.mark.long
def test_fan_sft_does_better_with_few_inexact_demonstrations_and_label_smoothing_worse() -> None:
    """Of 20 seeds it was better in 18, by 3.0 points of success (a seed's deviation 2.5), and label smoothing by 1.9
    (2.4) worse: the mean of twelve is 3.5 deviations above 0.5, and 2.7 below 0. In the paper's table 12 it
    brings 2 points to −4.
    """
    toy, arms = COMPARED["Copying"]
    plain, fan, smooth = (rates(toy, terms, 12)["exact"] for terms in ({}, FAN_SFT, arms["`label_smoothing`, 0.05"]))
    assert np.mean(fan - plain) > 0.005
    assert np.mean(smooth - plain) < 0


@pytest.mark.long
def test_pair_keeps_a_policy_from_pointing_by_the_background() -> None:
    """Of 20 seeds it was better in 19, by 21.2 points of success (a seed's deviation 9.1) and before backgrounds of no
    training by 16.4 (7.5): the mean of two is above 6 and 3 by more than two deviations.
    """
    toy, _ = COMPARED["Pointing"]
    plain, pair = rates(toy, {}, 2), rates(toy, PAIR, 2)
    assert np.mean(pair["mixed"] - plain["mixed"]) > 0.06
    assert np.mean(pair["unseen"] - plain["unseen"]) > 0.03


@pytest.mark.long
def test_both_of_pair_s_terms_do_more_than_invariance_and_that_more_than_sensitivity() -> None:
    """The order of the paper's table 2. Of 20 seeds the means were 21.2, 16.1 and 0.7 points above PPO's; with the same
    seed both were above invariance by 5.2 (a seed's deviation 6.0): the mean of twelve is above 0 by three deviations.
    """
    toy, arms = COMPARED["Pointing"]
    both, invariance, sensitivity = (rates(toy, terms, 12)["mixed"] for terms in (
        PAIR, arms["`pair_invariance`"], arms["`pair_sensitivity`"]))
    assert np.mean(both - invariance) > 0 and np.mean(invariance - sensitivity) > 0.07


@pytest.mark.long
def test_invariance_does_more_than_its_views_as_augmentation() -> None:
    """Of 20 seeds it was better in 17, by 11.6 points (a seed's deviation 9.1): the mean of three is above 0 by two
    deviations.
    """
    toy, arms = COMPARED["Pointing"]
    invariance, augmented = (rates(toy, arms[name], 3)["mixed"] for name in (
        "`pair_invariance`", "`view_augmentation`"))
    assert np.mean(invariance - augmented) > 0
