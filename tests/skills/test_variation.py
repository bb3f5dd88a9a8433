"""What differs in another attempt, and that nothing else does."""

import numpy as np
import pytest

from robot_skills.core.free_spots import DEFAULT_FREE_SPOT
from robot_skills.core.se3 import SE3
from robot_skills.skills.variation import USUAL, Variation


def test_usually_nothing_differs():
    T = SE3.from_yaw(0.3, (0.4, 0.0, 0.4))
    assert USUAL.seen_from(T) is T
    assert str(USUAL) == ""
    np.testing.assert_array_equal(USUAL.free_spot.lower_m, DEFAULT_FREE_SPOT.lower_m)
    np.testing.assert_array_equal(USUAL.free_spot.upper_m, DEFAULT_FREE_SPOT.upper_m)


def test_a_turned_hand_is_a_quarter_turn_further_about_its_own_axis():
    T = SE3(np.diag([1.0, -1.0, -1.0]), np.array([0.4, 0.0, 0.4]))
    turned = Variation(turned=True).seen_from(T)
    np.testing.assert_allclose(turned.p, T.p)
    np.testing.assert_allclose(turned.R[:, 2], T.R[:, 2], atol=1e-12)
    assert float(turned.R[:, 0] @ T.R[:, 0]) == pytest.approx(0.0, abs=1e-12)


def test_the_two_halves_of_the_table_meet_in_the_middle():
    near, far = Variation(half=-1).free_spot, Variation(half=1).free_spot
    assert near.upper_m[1] == far.lower_m[1]
    assert near.lower_m[1] == DEFAULT_FREE_SPOT.lower_m[1]
    assert far.upper_m[1] == DEFAULT_FREE_SPOT.upper_m[1]


def test_how_an_attempt_differs_is_said_in_words():
    assert str(Variation(turned=True, speed=0.5)) == "with the hand turned, slower"
    assert str(Variation(half=1, lower_m=0.05)) == "to another spot, from lower down"


@pytest.mark.parametrize("wrong", [{"half": 2}, {"speed": 0.0}, {"speed": 2.0}, {"lower_m": 0.5}])
def test_what_nobody_has_tried_is_refused(wrong):
    with pytest.raises(ValueError, match=r"half|speed"):
        Variation(**wrong)
