"""The bootstrap: known cases, and what a second training seed adds."""

import numpy as np
import pytest

from robot_skills.app.intervals import bootstrap_interval, paired_difference


def outcomes(good: int, n: int) -> list[float]:
    return [1.0] * good + [0.0] * (n - good)


def test_of_one_training_seed_it_is_that_of_the_binomial_distribution():
    low, high = bootstrap_interval([outcomes(40, 50)])
    # 5 % and 95 % quantiles of Binomial(50, 0.8) / 50.
    assert low == pytest.approx(0.70, abs=0.021)
    assert high == pytest.approx(0.88, abs=0.021)


def test_what_never_failed_has_no_width():
    assert bootstrap_interval([outcomes(50, 50)]) == (1.0, 1.0)


def test_a_wider_level_gives_a_wider_interval():
    values = [outcomes(30, 50)]
    narrow, wide = (bootstrap_interval(values, level) for level in (0.5, 0.95))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_training_seeds_that_disagree_widen_it_more_than_their_episodes_do():
    apart = bootstrap_interval([outcomes(50, 50), outcomes(25, 50), outcomes(0, 50)])
    pooled = bootstrap_interval([outcomes(75, 150)])
    assert apart[0] < pooled[0] - 0.2
    assert apart[1] > pooled[1] + 0.2


def test_of_three_training_seeds_the_ends_are_those_of_drawing_them_again():
    # Nothing varies within a seed, so the mean is that of three draws from {0, 1/2, 1}: all zero
    # in 1 of 27 cases, and at most 1/6 in 4 of 27.
    groups = [[0.0] * 50, [0.5] * 50, [1.0] * 50]
    low, high = bootstrap_interval(groups)
    assert (low, high) == pytest.approx((1 / 6, 5 / 6))
    assert bootstrap_interval(groups, level=0.95) == pytest.approx((0.0, 1.0))


def test_differences_may_be_negative():
    low, high = bootstrap_interval([[-1.0] * 5 + [0.0] * 45])
    assert low < -0.1 < high <= 0.0


def test_pairs_that_agree_have_no_difference_however_often_both_fail():
    same = [[True, False] * 25]
    found = paired_difference(same, same)
    assert (found.n, found.mean, found.ci90) == (50, 0.0, (0.0, 0.0))


def test_a_difference_is_of_the_trials_in_their_order():
    ones, others = [[True] * 8 + [False] * 2], [[False] * 4 + [True] * 6]
    found = paired_difference(ones, others)
    assert found.mean == pytest.approx(0.2)
    assert found.ci90[0] < 0.0 < found.ci90[1]
    with pytest.raises(ValueError, match="shorter"):
        paired_difference(ones, [[True] * 9])


def test_training_seeds_may_have_been_measured_unequally_often():
    low, high = bootstrap_interval([outcomes(9, 10), outcomes(80, 100)])
    assert low < 89 / 110 < high


def test_the_same_values_give_the_same_interval():
    values = [outcomes(33, 50), outcomes(41, 50)]
    assert bootstrap_interval(values) == bootstrap_interval(values)


def test_ninety_of_a_hundred_intervals_hold_the_truth():
    rng = np.random.default_rng(5)
    ends = [bootstrap_interval([(rng.random(50) < 0.7).astype(float)]) for _ in range(100)]
    assert 80 <= sum(low <= 0.7 <= high for low, high in ends) <= 98


@pytest.mark.parametrize("groups", [[], [[1.0], []]])
def test_a_training_seed_without_values_is_refused(groups):
    with pytest.raises(ValueError, match="needs values"):
        bootstrap_interval(groups)
