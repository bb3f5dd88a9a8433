"""Latencies that were put into recordings are found in them, and bad recordings are refused."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import CalibrationRefused, Cause
from calibration.latency import Anchor, calibrate_latency, clock_delay
from calibration.latency_clock import clock_series, draw_clock, read_clock
from calibration.latency_motion import excitation
from calibration.latency_series import ClockSeries, ToolSeries
from tests.calibration.late_recording import (
    ACTION_S,
    CAMERA_S,
    GRIPPER_S,
    SECONDS,
    START,
    STATE_S,
    late_recording,
)

_BAR_S = 0.002


@pytest.fixture(scope="module")
def recording():
    return late_recording()


def test_every_latency_is_found_apart_from_the_lag_of_servos(recording):
    found = calibrate_latency(recording, "arm")
    assert found.anchor is Anchor.CLOCK
    assert found.gripper is not None
    assert found.state.latency_s == pytest.approx(STATE_S, abs=_BAR_S)
    assert found.action.latency_s == pytest.approx(ACTION_S, abs=_BAR_S)
    assert found.gripper.latency_s == pytest.approx(GRIPPER_S, abs=_BAR_S)
    assert found.cameras["wrist"].latency_s == pytest.approx(CAMERA_S, abs=_BAR_S)
    assert found.arm_after_told.lag_s == pytest.approx(0.03, abs=0.005)
    assert found.worst_sigma_s < _BAR_S


def test_messages_that_are_late_at_random_are_not_taken_for_a_soft_servo():
    jitter_s = 0.005
    found = calibrate_latency(late_recording(jitter_s), "arm")
    assert found.gripper is not None
    assert found.state.latency_s == pytest.approx(STATE_S + jitter_s, abs=_BAR_S)
    assert found.action.latency_s == pytest.approx(ACTION_S + jitter_s, abs=_BAR_S)
    assert found.gripper.latency_s == pytest.approx(GRIPPER_S + jitter_s, abs=2.0 * _BAR_S)
    assert found.arm_after_told.lag_s == pytest.approx(0.03, abs=0.005)


def test_without_a_clock_only_the_sums_are_known(recording):
    blind = replace(recording, clocks={})
    assumed, told = calibrate_latency(blind, "arm"), calibrate_latency(blind, "arm", STATE_S)
    assert assumed.anchor is told.anchor is Anchor.TOLD
    assert assumed.action.latency_s == pytest.approx(ACTION_S + STATE_S, abs=_BAR_S)
    assert assumed.cameras["wrist"].latency_s == pytest.approx(CAMERA_S - STATE_S, abs=_BAR_S)
    assert told.action.latency_s == pytest.approx(ACTION_S, abs=_BAR_S)
    assert told.cameras["wrist"].latency_s == pytest.approx(CAMERA_S, abs=_BAR_S)


def test_states_cannot_be_older_than_they_follow(recording):
    with pytest.raises(CalibrationRefused, match="age of the states is wrong") as refused:
        calibrate_latency(replace(recording, clocks={}), "arm", 0.3)
    assert refused.value.cause is Cause.INCONSISTENT


def _cause(recording):
    with pytest.raises(CalibrationRefused) as refused:
        calibrate_latency(recording, "arm")
    return refused.value.cause


def _measured(recording, **changes):
    return replace(recording, measured=replace(recording.measured, **changes))


def test_an_arm_that_did_not_move_is_refused(recording):
    T = recording.measured.T_base_tool
    still = np.tile(T[0], (len(T), 1, 1))
    assert _cause(_measured(recording, T_base_tool=still)) is Cause.NOT_MOVED


def test_commands_that_hardly_move_are_refused(recording):
    T = np.tile(START.matrix(), (len(recording.told.stamp_s), 1, 1))
    still = replace(recording, told=replace(recording.told, T_base_tool=T))
    assert _cause(still) is Cause.NOT_MOVED


def test_a_short_recording_is_refused(recording):
    few = slice(0, 300)
    measured = recording.measured
    short = ToolSeries(
        stamp_s=measured.stamp_s[few],
        T_base_tool=measured.T_base_tool[few],
        opening=measured.opening[few],
    )
    assert _cause(replace(recording, measured=short)) is Cause.TOO_SHORT


def test_series_of_different_times_are_refused(recording):
    later = recording.measured.stamp_s + 1000.0
    assert _cause(_measured(recording, stamp_s=later)) is Cause.NO_OVERLAP


@pytest.mark.parametrize("jump_s", [2.0, -0.5])
def test_a_clock_that_jumps_is_refused(recording, jump_s):
    stamp_s = recording.measured.stamp_s.copy()
    stamp_s[600:] += jump_s
    assert _cause(_measured(recording, stamp_s=stamp_s)) is Cause.CLOCK_JUMP


def test_a_clock_that_runs_otherwise_is_refused(recording):
    drifting = recording.measured.stamp_s * 1.01
    assert _cause(_measured(recording, stamp_s=drifting)) is Cause.INCONSISTENT


def test_motion_of_something_else_is_refused(recording):
    measured = recording.measured
    other, _ = excitation(0.15, SECONDS, np.random.default_rng(99)).waypoints(
        START, 1.0, measured.stamp_s
    )
    assert _cause(_measured(recording, T_base_tool=other)) is Cause.NOT_ALIKE


def test_a_motion_that_repeats_itself_is_refused(recording):
    def waves(stamp_s):
        T = np.tile(START.matrix(), (len(stamp_s), 1, 1))
        T[:, 1, 3] += 0.02 * np.sin(2.0 * np.pi * 2.0 * stamp_s)
        return T

    told = replace(recording.told, T_base_tool=waves(recording.told.stamp_s))
    seen = replace(recording.measured, T_base_tool=waves(recording.measured.stamp_s - 0.1))
    assert _cause(replace(recording, told=told, measured=seen)) is Cause.AMBIGUOUS


def test_a_camera_that_sees_something_else_is_named(recording):
    rng = np.random.default_rng(1)
    grey = recording.cameras["wrist"].grey
    other = rng.permutation(grey)
    wrong = replace(
        recording, cameras={"front": replace(recording.cameras["wrist"], grey=other)}, clocks={}
    )
    with pytest.raises(CalibrationRefused, match="front"):
        calibrate_latency(wrong, "arm")


def test_a_gripper_that_does_not_tell_is_left_out(recording):
    silent = np.ones(len(recording.measured.stamp_s))
    found = calibrate_latency(_measured(recording, opening=silent), "arm")
    assert found.gripper is None
    assert "gripper" in found.rejected


@pytest.mark.parametrize("shown_s", [0.0, 7.123, 999.999, 1003.5])
def test_a_clock_is_read_as_it_was_drawn(shown_s):
    face = draw_clock(shown_s, 96)
    picture = np.full((240, 320), 120, np.uint8)
    picture[20:116, 40:232] = face
    read_s = read_clock(picture)
    assert read_s is not None
    assert read_s == pytest.approx(shown_s % 1000.0, abs=1e-3)
    series = clock_series(np.array([shown_s + 0.1]), np.array([read_s]), 0.0)
    assert series.shown_s[0] == pytest.approx(shown_s, abs=1e-3)


def test_a_picture_without_a_clock_tells_no_time():
    assert read_clock(np.full((240, 320), 120, np.uint8)) is None


def test_a_clock_says_more_than_the_mean_of_what_is_read_from_it():
    period_s, stamps = 1.0 / 60.0, np.arange(0.0, 3.0, 0.053)
    shown_s = np.floor((stamps - CAMERA_S) / period_s) * period_s
    shown_s[7] -= 0.4
    found = clock_delay(ClockSeries(stamp_s=stamps, shown_s=shown_s, period_s=period_s), "wrist")
    assert found.delay_s == pytest.approx(CAMERA_S, abs=5e-4)
    assert found.sigma_s < 5e-4


def test_a_clock_that_was_hardly_seen_is_refused():
    stamps = np.arange(5.0)
    with pytest.raises(CalibrationRefused, match="5 pictures"):
        clock_delay(ClockSeries(stamp_s=stamps, shown_s=stamps, period_s=0.0), "wrist")
