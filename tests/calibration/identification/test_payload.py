import numpy as np
import pytest

from calibration.errors import CalibrationRefused, Cause
from calibration.identification.payload import (
    StaticPose,
    identify_payload,
    payload_poses,
    payload_torques,
)
from sim.arms import PANDA
from sim.kinematics import ArmKinematics

KINEMATICS, HOME = ArmKinematics(PANDA), np.array(PANDA.home_q_rad)
MASS_KG, COM_M = 0.75, np.array([0.01, -0.03, 0.04])
SIGMA_NM = 0.2


def poses_at(joints, rng, mass_kg: float = MASS_KG):
    truth = np.array([mass_kg, *(mass_kg * COM_M)])
    return [
        StaticPose(
            q_rad=q,
            tau_nm=payload_torques(KINEMATICS, q) @ truth + SIGMA_NM * rng.standard_normal(len(q)),
        )
        for q in joints
    ]


def chosen(rng, count: int = 12):
    return payload_poses(KINEMATICS, PANDA.limits, HOME, count, rng)


def test_a_payload_is_found_as_exactly_as_it_says():
    off, sigmas = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        found = identify_payload(KINEMATICS, poses_at(chosen(rng), rng), SIGMA_NM)
        sigmas.append((found.mass_kg - MASS_KG) / found.sigma_kg)
        off.append(np.linalg.norm(found.known_com_m() - COM_M))
    assert np.abs(sigmas).max() < 4.0
    assert 0.4 < np.std(sigmas) < 1.8
    assert np.median(off) < 0.015


def test_chosen_poses_say_more_than_drawn_ones():
    rng = np.random.default_rng(5)
    drawn = HOME + rng.uniform(-0.3, 0.3, (12, len(HOME)))
    random = identify_payload(KINEMATICS, poses_at(drawn, rng), SIGMA_NM)
    best = identify_payload(KINEMATICS, poses_at(chosen(rng), rng), SIGMA_NM)
    assert best.sigma_com_m < 0.6 * random.sigma_com_m
    assert best.condition < random.condition


def test_chosen_poses_are_allowed():
    for q in chosen(np.random.default_rng(1)):
        assert (q >= PANDA.limits.joint.lower_rad).all()
        assert (q <= PANDA.limits.joint.upper_rad).all()
        assert KINEMATICS.forward(q).p[2] >= 0.15


def test_a_tool_that_was_never_turned_is_refused():
    rng = np.random.default_rng(0)
    turned = np.zeros(len(HOME))
    turned[0] = 1.0
    with pytest.raises(CalibrationRefused) as refused:
        identify_payload(
            KINEMATICS, poses_at([HOME + share * turned for share in (0, 0.3, 0.6, 1)], rng), 0.2
        )
    assert refused.value.cause is Cause.ONE_AXIS


def test_too_few_poses_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(CalibrationRefused, match="3 static poses, at least 4"):
        identify_payload(KINEMATICS, poses_at(chosen(rng, 3), rng), SIGMA_NM)


def test_torques_of_no_payload_are_refused():
    rng = np.random.default_rng(0)
    poses = poses_at(chosen(rng), rng)
    pushed = [StaticPose(q_rad=one.q_rad, tau_nm=one.tau_nm + 4.0) for one in poses]
    with pytest.raises(CalibrationRefused, match="from those of any payload"):
        identify_payload(KINEMATICS, pushed, SIGMA_NM)


def test_the_centre_of_next_to_nothing_is_refused():
    rng = np.random.default_rng(0)
    found = identify_payload(KINEMATICS, poses_at(chosen(rng), rng, mass_kg=0.01), SIGMA_NM)
    assert abs(found.mass_kg) < 0.06
    with pytest.raises(CalibrationRefused) as refused:
        found.known_com_m()
    assert refused.value.cause is Cause.NOT_DETERMINED
