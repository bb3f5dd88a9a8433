"""Whatever the limiter is asked to follow, it stays inside its limits and can always stop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.gate.braking import Braking
from hardware.gate.limiter import JointLimiter
from robot_skills.core.errors import RobotFault
from robot_skills.core.limits import JointLimits

PERIOD_S = 0.01
LIMITS = JointLimits(
    lower_rad=np.array([-1.0, -0.1, -2.0, 1.0]),
    upper_rad=np.array([1.0, 0.1, 0.5, 2.0]),
    velocity_rad_s=np.array([2.0, 1.0, 0.5, 2.175]),
    acceleration_rad_s2=np.array([10.0, 5.0, 20.0, 15.0]),
    jerk_rad_s3=np.array([500.0, 100.0, 5000.0, 7500.0]),
)


def excess(q: np.ndarray) -> dict[str, float]:
    """How many times beyond its limits a row of setpoints went, by differences alone."""
    dq, ddq, dddq = (np.diff(q, n, axis=0) / PERIOD_S**n for n in (1, 2, 3))
    return {
        "position": float(np.maximum(LIMITS.lower_rad - q, q - LIMITS.upper_rad).max()),
        "velocity": float((np.abs(dq) / LIMITS.velocity_rad_s).max()),
        "acceleration": float((np.abs(ddq) / LIMITS.acceleration_rad_s2).max()),
        "jerk": float((np.abs(dddq) / LIMITS.jerk_rad_s3).max()),
    }


def assert_inside(q: np.ndarray) -> None:
    found = excess(q)
    assert found.pop("position") <= 1e-9
    assert max(found.values()) <= 1.0, found


def never(q_rad: np.ndarray, dq_rad_s: np.ndarray) -> float:
    """What the joints carry may go as fast as they do."""
    return 0.0


def limiter(q=(0.0, 0.0, 0.0, 1.5)) -> JointLimiter:
    made = JointLimiter(LIMITS, PERIOD_S, never)
    made.begin(np.array(q))
    return made


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.01, 0.3, 3.0, 1e3]))
@settings(max_examples=60, deadline=None)
def test_no_wish_leads_outside_the_limits(seed, scale):
    rng = np.random.default_rng(seed)
    moving = limiter()
    q = [moving.now.q_rad] * 4
    for _ in range(100):
        target = scale * rng.normal(size=4)
        dq = None if rng.random() < 0.3 else scale * rng.normal(size=4)
        ddq = None if rng.random() < 0.5 else scale * rng.normal(size=4)
        for _ in range(rng.integers(1, 8)):
            state = moving.brake() if rng.random() < 0.1 else moving.follow(target, dq, ddq)
            q.append(state.q_rad)
    while not moving.now.at_rest:
        q.append(moving.brake().q_rad)
    assert_inside(np.array(q + [q[-1]] * 4))


def test_what_the_limits_allow_is_followed_exactly():
    moving = limiter()
    times = np.arange(1, 400) * PERIOD_S
    # Gently off from rest, and then a wave.
    ramp = np.minimum(times, 1.0) ** 3 * (
        10 - 15 * np.minimum(times, 1.0) + 6 * times.clip(max=1) ** 2
    )
    wave = 0.08 * np.sin(2.0 * times)[:, None] * ramp[:, None] + np.array([0.0, 0.0, 0.0, 1.5])
    dq = np.gradient(wave, PERIOD_S, axis=0)
    ddq = np.gradient(dq, PERIOD_S, axis=0)
    off = [
        np.abs(moving.follow(*wish).q_rad - wish[0]).max()
        for wish in zip(wave, dq, ddq, strict=True)
    ]
    assert max(off) < 1e-4


def test_a_far_wish_is_reached_and_kept():
    moving = limiter()
    for _ in range(400):
        moving.follow(np.array([0.7, -0.05, -1.5, 1.9]))
    np.testing.assert_allclose(moving.now.q_rad, [0.7, -0.05, -1.5, 1.9], atol=1e-9)
    assert moving.now.at_rest


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_braked_not_followed(bad):
    moving = limiter()
    for _ in range(20):
        moving.follow(np.array([0.9, 0.05, 0.4, 1.1]))
    assert not moving.now.at_rest
    q = []
    while not moving.now.at_rest:
        q.append(moving.follow(np.array([bad, 0.0, 0.0, 1.5])).q_rad)
        assert np.isfinite(q[-1]).all()
    assert len(q) < 60


def test_it_brakes_as_soon_as_the_limits_allow():
    moving = limiter()
    for _ in range(60):
        moving.follow(np.array([1.0, 0.0, 0.0, 1.5]))
    speed, steps = moving.now.dq_rad_s[0], 0
    while not moving.now.at_rest:
        moving.brake()
        steps += 1
    best_s = speed / 10.0 + 2 * 10.0 / 500.0
    assert steps * PERIOD_S <= best_s + 2 * PERIOD_S


@pytest.mark.parametrize("q", [(1.01, 0, 0, 1.5), (np.nan, 0, 0, 1.5), (0, 0, 0, 0), (0, 0)])
def test_it_begins_only_where_an_arm_can_be(q):
    with pytest.raises(RobotFault):
        JointLimiter(LIMITS, PERIOD_S, never).begin(np.array(q, dtype=float))
    with pytest.raises(RobotFault, match="where the arm is"):
        JointLimiter(LIMITS, PERIOD_S, never).brake()


@given(
    v=st.floats(-2.0, 2.0),
    a=st.floats(-10.0, 10.0),
    top=st.floats(10.0, 20.0),
    jerk=st.floats(20.0, 5000.0),
)
@settings(max_examples=200, deadline=None)
def test_braking_is_continuous_ends_at_rest_and_stays_in_what_it_says(v, a, top, jerk):
    one = [np.array([x]) for x in (1.5, v, a, top, jerk)]
    stop = Braking(*one)
    times = np.linspace(0.0, stop.duration_s, 2001)
    # One joint: all times can be asked for at once.
    q, dq, ddq = stop.at(times)
    dt = times[1]
    assert q[0] == pytest.approx(1.5, abs=1e-12)
    assert (np.abs(np.diff(q)) <= (1.01 * np.abs(dq).max() + 1e-6) * dt + 1e-12).all()
    assert (np.abs(np.diff(dq)) <= max(abs(a), top) * dt + 1e-9).all()
    assert (np.abs(np.diff(ddq))[:-1] <= jerk * dt + 1e-6).all()
    assert np.abs(ddq).max() <= max(abs(a), top) + 1e-9
    assert dq[-1] == pytest.approx(0.0, abs=1e-7)
    assert stop.at(stop.duration_s + 1.0)[0] == pytest.approx(q[-1], abs=1e-9)
    assert stop.lowest_rad[0] == pytest.approx(q.min(), abs=1e-5)
    assert stop.highest_rad[0] == pytest.approx(q.max(), abs=1e-5)
