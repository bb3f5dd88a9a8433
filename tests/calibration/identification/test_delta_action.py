from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import CalibrationRefused
from calibration.identification.delta_action import exact_corrections, fit_delta_action
from robot_skills.core.excitation import Motion, Rollout, Streams

JOINTS, PLAY_RAD = 2, 0.02


def wander(rng: np.random.Generator) -> Motion:
    times = 0.05 * np.arange(1, 41)[:, None, None]
    hz, rad = rng.uniform(0.2, 1.0, (3, JOINTS)), rng.uniform(-0.2, 0.2, (3, JOINTS))
    start = rng.uniform(-1.0, 1.0, JOINTS)
    q = start + (rad * (1.0 - np.cos(2 * np.pi * hz * times))).sum(axis=1)
    return Motion(
        name="wander",
        period_s=0.05,
        start_q_rad=start,
        start_opening=1.0,
        q_rad=q,
        opening=np.ones(len(q)),
    )


def play(motion: Motion) -> np.ndarray:
    """A simulator that follows with a lag."""
    out, last = np.empty_like(motion.q_rad), motion.start_q_rad
    for i, q in enumerate(motion.q_rad):
        last = last + 0.8 * (q - last)
        out[i] = last
    return out


def with_backlash(motion: Motion) -> Motion:
    told, last = np.empty_like(motion.q_rad), motion.start_q_rad
    for i, q in enumerate(motion.q_rad):
        last = np.clip(last, q - 0.5 * PLAY_RAD, q + 0.5 * PLAY_RAD)
        told[i] = last
    return replace(motion, q_rad=told)


def recorded(rng: np.random.Generator) -> Rollout:
    motion = wander(rng)
    q = play(with_backlash(motion))
    return Rollout(
        motion=motion,
        things={},
        streams=Streams(q_rad=q + 1e-4 * rng.standard_normal(q.shape)),
    )


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def test_corrections_of_a_rollout_make_the_simulator_do_it():
    rollout = recorded(np.random.default_rng(0))
    delta, before = exact_corrections(play, rollout)
    corrected = replace(rollout.motion, q_rad=rollout.motion.q_rad + delta)
    assert rms(play(corrected) - rollout.streams.q_rad) < 0.1 * before


def test_learned_corrections_hold_for_other_rollouts():
    rng = np.random.default_rng(1)
    rollouts = [recorded(rng) for _ in range(25)]
    found = fit_delta_action(play, rollouts[:20])
    plain, corrected = [], []
    for one in rollouts[20:]:
        plain.append(play(one.motion) - one.streams.q_rad)
        corrected.append(play(found.corrected(one.motion)) - one.streams.q_rad)
    assert rms(np.array(corrected)) < 0.6 * rms(np.array(plain))
    assert found.tracking_rad == pytest.approx(rms(np.array(plain)), rel=0.3)


def test_a_simulator_that_is_right_is_hardly_corrected():
    rng = np.random.default_rng(2)
    rollouts = []
    for _ in range(6):
        motion = wander(rng)
        rollouts.append(Rollout(motion=motion, things={}, streams=Streams(q_rad=play(motion))))
    found = fit_delta_action(play, rollouts)
    motion = wander(rng)
    assert np.abs(found.corrected(motion).q_rad - motion.q_rad).max() < 1e-6


def test_too_few_rollouts_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(CalibrationRefused, match="2 rollouts are too few"):
        fit_delta_action(play, [recorded(rng) for _ in range(2)])


def test_corrections_of_another_arm_are_refused():
    rng = np.random.default_rng(0)
    found = fit_delta_action(play, [recorded(rng) for _ in range(5)])
    motion = wander(rng)
    other = replace(motion, start_q_rad=np.zeros(3), q_rad=np.zeros((40, 3)))
    with pytest.raises(CalibrationRefused, match="those of 2 joints, the motion has 3"):
        found.corrected(other)
