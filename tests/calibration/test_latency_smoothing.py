"""Smoothing takes noise out of a motion, and nothing else."""

import numpy as np
import pytest

from calibration.latency_series import Series
from calibration.latency_smoothing import smoothed


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_noise_is_taken_out_of_a_motion_and_nothing_else(noise):
    rng = np.random.default_rng(0)
    stamp_s = np.delete(np.arange(0.0, 10.0, 0.01), np.arange(500, 520))
    values = np.sin(2.0 * np.pi * np.array([0.5, 2.0]) * stamp_s[:, None])
    noisy = values + noise * rng.standard_normal(values.shape)
    found = smoothed(Series(name="motion", stamp_s=stamp_s, values=noisy))
    assert np.abs(found.values - values).std() < max(0.6 * noise, 2e-4)


def test_a_busy_machine_reads_many_samples_late_and_loses_some():
    rng = np.random.default_rng(0)
    ticks = np.arange(0.0, 10.0, 0.01)
    # Runs of ten in time, then half of as many lost: far fewer samples than periods.
    stamp_s = ticks[(np.arange(len(ticks)) // 10 % 2 == 0) | (rng.random(len(ticks)) < 0.1)]
    values = np.sin(2.0 * np.pi * 0.5 * stamp_s[:, None])
    noisy = values + 1e-3 * rng.standard_normal(values.shape)
    found = smoothed(Series(name="motion", stamp_s=stamp_s, values=noisy))
    assert np.abs(found.values - values).std() < 1e-3
