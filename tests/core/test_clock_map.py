"""Capture times are found again from a foreign clock and from arrivals that jitter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_skills.core.clock_map import ClockMap


@settings(max_examples=50, deadline=None)
@given(
    offset_s=st.floats(-1e6, 1e6),
    latency_s=st.floats(0.0, 0.2),
    drift=st.floats(-50e-6, 50e-6),
    seed=st.integers(0, 1000),
)
def test_capture_times_are_found_within_a_few_milliseconds(offset_s, latency_s, drift, seed):
    rng = np.random.default_rng(seed)
    clock = ClockMap(latency_s)
    errors = []
    for number in range(300):
        captured_s = number / 30.0
        received_s = captured_s + latency_s + rng.exponential(0.008)
        device_s = offset_s + captured_s * (1.0 + drift)
        errors.append(clock.stamp_s(device_s, received_s) - captured_s)
    assert np.abs(errors[60:]).max() < 5e-3


def test_without_a_clock_of_its_own_the_latency_is_taken_off():
    assert ClockMap(0.1).stamp_s(None, 5.0) == pytest.approx(4.9)


def test_a_device_that_begins_anew_is_believed_again():
    clock = ClockMap(0.02)
    for number in range(30):
        clock.stamp_s(number / 30.0, 10.0 + number / 30.0 + 0.02)
    assert clock.stamp_s(0.0, 20.02) == pytest.approx(20.0)


def test_a_clock_that_jumps_by_an_hour_moves_no_stamp():
    clock = ClockMap(0.02)
    for number in range(100):
        jump_s = 3600.0 if number >= 50 else 0.0
        stamp_s = clock.stamp_s(number / 30.0 + jump_s, number / 30.0 + 0.02)
        assert stamp_s == pytest.approx(number / 30.0, abs=1e-6)


@pytest.mark.parametrize("late_s", [0.3, 0.6, 3.0])
def test_what_was_held_back_on_its_way_is_late_and_no_new_time(late_s):
    clock = ClockMap(0.02)
    for number in range(90):
        stamp_s = clock.stamp_s(number / 30.0 + 70.0, number / 30.0 + 0.02 + late_s * (number > 50))
        assert stamp_s == pytest.approx(number / 30.0, abs=1e-6)


def test_a_clock_that_is_set_back_a_little_moves_no_stamp():
    clock = ClockMap(0.02)
    for number in range(60):
        device_s = number / 30.0 - 0.7 * (number > 30)
        assert clock.stamp_s(device_s, number / 30.0 + 0.02) == pytest.approx(number / 30.0)


def test_a_stamp_is_never_later_than_the_arrival():
    clock = ClockMap()
    clock.stamp_s(0.0, 1.0)
    assert clock.stamp_s(1.0, 1.9) <= 1.9


@pytest.mark.parametrize("bad", [{"latency_s": -0.1}, {"window_s": 0.0}])
def test_nonsense_is_refused(bad):
    with pytest.raises(ValueError, match="Needs"):
        ClockMap(**bad)
