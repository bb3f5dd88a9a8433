"""Whatever the limiter is asked to follow, it stays inside its limits and can always stop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.gate.limiter import JointLimiter
from robot_skills.core.errors import RobotFault
from robot_skills.core.limits import JointLimits

PERIOD_S = 0.01
LIMITS = JointLimits(
    lower_rad=np.array([-1.0, -0.1, -2.0]),
    upper_rad=np.array([1.0, 0.1, 0.5]),
    velocity_rad_s=np.array([2.0, 1.0, 0.5]),
    acceleration_rad_s2=np.array([10.0, 5.0, 20.0]),
    jerk_rad_s3=np.array([500.0, 100.0, 5000.0]),
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


def limiter(q=(0.0, 0.0, 0.0)) -> JointLimiter:
    made = JointLimiter(LIMITS, PERIOD_S)
    made.begin(np.array(q))
    return made


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.01, 0.3, 3.0, 1e3]))
@settings(max_examples=60, deadline=None)
def test_no_wish_leads_outside_the_limits(seed, scale):
    rng = np.random.default_rng(seed)
    moving = limiter()
    q = [moving.now.q_rad] * 4
    for _ in range(100):
        target = scale * rng.normal(size=3)
        dq = None if rng.random() < 0.3 else scale * rng.normal(size=3)
        ddq = None if rng.random() < 0.5 else scale * rng.normal(size=3)
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
    wave = 0.08 * np.sin(2.0 * times)[:, None] * ramp[:, None] * np.ones(3)
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
        moving.follow(np.array([0.7, -0.05, -1.5]))
    np.testing.assert_allclose(moving.now.q_rad, [0.7, -0.05, -1.5], atol=1e-9)
    assert moving.now.at_rest


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_braked_not_followed(bad):
    moving = limiter()
    for _ in range(20):
        moving.follow(np.array([0.9, 0.05, 0.4]))
    assert not moving.now.at_rest
    q = []
    while not moving.now.at_rest:
        q.append(moving.follow(np.array([bad, 0.0, 0.0])).q_rad)
        assert np.isfinite(q[-1]).all()
    assert len(q) < 60


def test_it_brakes_as_soon_as_the_limits_allow():
    moving = limiter()
    for _ in range(60):
        moving.follow(np.array([1.0, 0.0, 0.0]))
    speed, steps = moving.now.dq_rad_s[0], 0
    while not moving.now.at_rest:
        moving.brake()
        steps += 1
    best_s = speed / 10.0 + 2 * 10.0 / 500.0
    assert steps * PERIOD_S <= best_s + 2 * PERIOD_S


@pytest.mark.parametrize("q", [(1.01, 0, 0), (np.nan, 0, 0), (0, 0)])
def test_it_begins_only_where_an_arm_can_be(q):
    with pytest.raises(RobotFault):
        JointLimiter(LIMITS, PERIOD_S).begin(np.array(q, dtype=float))
    with pytest.raises(RobotFault, match="where the arm is"):
        JointLimiter(LIMITS, PERIOD_S).brake()
