"""A sled on a rail: a simulator in closed form, with one joint."""

from collections.abc import Mapping

import numpy as np

from calibration.identification.parameters import Parameter, Prior
from robot_skills.core.excitation import Motion, Rollout, SensorNoise, Streams
from robot_skills.core.se3 import SE3

PERIOD_S = 0.05
NOISE = SensorNoise(q_rad=1e-3, dq_rad_s=1e-2, tau_nm=0.2)
PRIOR = Prior(
    parameters=(
        Parameter(name="mass", low=0.5, high=8.0),
        Parameter(name="damping", low=0.5, high=8.0),
    )
)
TRUTH = {"mass": 3.0, "damping": 1.2}


def swing(rad: float, hz: float, name: str = "swing") -> Motion:
    times = PERIOD_S * np.arange(1, 41)
    return moved(rad * (1.0 - np.cos(2 * np.pi * hz * times)), name)


def creep(rad_s: float) -> Motion:
    """At a constant speed: what the mass is does not show."""
    return moved(rad_s * PERIOD_S * np.arange(1, 41), "creep")


def moved(q_rad: np.ndarray, name: str) -> Motion:
    return Motion(
        name=name,
        period_s=PERIOD_S,
        start_q_rad=np.array([2.0 * q_rad[0] - q_rad[1]]),
        start_opening=1.0,
        q_rad=q_rad[:, None],
        opening=np.ones(len(q_rad)),
    )


def simulate(values: Mapping[str, float], motion: Motion, things: Mapping[str, SE3], /) -> Streams:
    q = np.concatenate([motion.start_q_rad[None], motion.q_rad])
    rate = np.diff(q, axis=0) / PERIOD_S
    gain = np.gradient(rate, PERIOD_S, axis=0)
    tau = values["mass"] * gain + values["damping"] * rate
    return Streams(q_rad=motion.q_rad, dq_rad_s=rate, tau_nm=tau)


def recorded(motion: Motion, rng: np.random.Generator, truth=TRUTH) -> Rollout:
    clean = simulate(truth, motion, {})
    assert clean.dq_rad_s is not None
    assert clean.tau_nm is not None
    shape = clean.q_rad.shape
    return Rollout(
        motion=motion,
        things={},
        streams=Streams(
            q_rad=clean.q_rad + NOISE.q_rad * rng.standard_normal(shape),
            dq_rad_s=clean.dq_rad_s + NOISE.dq_rad_s * rng.standard_normal(shape),
            tau_nm=clean.tau_nm + NOISE.tau_nm * rng.standard_normal(shape),
        ),
    )
