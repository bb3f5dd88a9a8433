"""Lateness of single messages is found in what a model of the motion leaves unexplained."""

import numpy as np
import pytest

from calibration.latency_jitter import find_jitter

_PERIOD_S, _DELAY_S, _NOISE = 0.01, 0.1, 1e-4


def _motion(stamp_s):
    """Velocities in three directions, (n, 3)."""
    hz = np.array([0.7, 1.1, 1.7])
    return 0.1 * np.cos(2.0 * np.pi * hz * stamp_s[:, None] + hz)


@pytest.fixture
def late():
    """Stamps, velocities, noise, and how late states and commands were."""
    rng = np.random.default_rng(0)
    stamp_s = np.arange(0.0, 20.0, _PERIOD_S)
    states_s = rng.exponential(0.005, len(stamp_s)) - 0.005
    held_up_s = rng.exponential(0.005, 200) - 0.005
    commands_s = held_up_s[np.minimum((stamp_s / 0.1).astype(int), 199)]
    noise = _NOISE * rng.standard_normal((len(stamp_s), 3))
    return stamp_s, _motion(stamp_s), noise, states_s, commands_s


def test_most_of_what_messages_are_late_by_is_taken_out(late):
    stamp_s, velocity, noise, states_s, commands_s = late
    true_s = states_s + commands_s
    jitter = find_jitter(stamp_s, noise - velocity * true_s[:, None], velocity, _DELAY_S)
    left_s = jitter.without(stamp_s, _DELAY_S) - (stamp_s - true_s)
    assert left_s.std() < 0.4 * true_s.std()
    assert 0.0 < jitter.sigma_s < 0.001


def test_another_part_follows_the_same_commands_at_another_time(late):
    stamp_s, velocity, noise, states_s, commands_s = late
    off = noise - velocity * (states_s + commands_s)[:, None]
    jitter = find_jitter(stamp_s, off, velocity, _DELAY_S)
    later_s = 0.15
    true_s = states_s + np.interp(stamp_s - later_s, stamp_s, commands_s)
    aligned, same = (
        (jitter.without(stamp_s, _DELAY_S + by_s) - (stamp_s - true_s))[20:].std()
        for by_s in (later_s, 0.0)
    )
    assert aligned < 0.7 * true_s.std()
    assert aligned < 0.8 * same


def test_noise_is_not_taken_for_lateness(late):
    stamp_s, velocity, noise, _, _ = late
    jitter = find_jitter(stamp_s, noise, velocity, _DELAY_S)
    assert np.abs(jitter.without(stamp_s, _DELAY_S) - stamp_s).std() < 5e-4
