from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import CalibrationRefused, Cause
from calibration.identification.exploration import Criterion, informative_motions
from calibration.identification.fitting import identify
from calibration.identification.parameters import Parameter, Prior
from calibration.identification.sensitivity import residuals
from robot_skills.core.excitation import Motion, Streams
from tests.calibration.identification.sled import (
    NOISE,
    PRIOR,
    TRUTH,
    creep,
    recorded,
    simulate,
    swing,
)


def found(*motions: Motion, seed: int = 0):
    rng = np.random.default_rng(seed)
    return identify(simulate, [recorded(one, rng) for one in motions], PRIOR, NOISE, rng)


def test_parameters_are_as_far_off_as_their_sigmas_say():
    off = []
    for seed in range(12):
        result = found(swing(0.2, 0.8), seed=seed)
        assert result.undetermined == ()
        off += [
            np.log(one.value / TRUTH[name]) / one.sigma for name, one in result.estimates.items()
        ]
    assert 0.6 < np.std(off) < 1.5
    assert np.abs(off).max() < 4.0


def test_what_a_motion_does_not_show_is_refused_and_the_rest_is_not():
    result = found(creep(1.0))
    assert result.undetermined == ("mass",)
    assert result.value_of("damping") == pytest.approx(TRUTH["damping"], rel=0.1)
    with pytest.raises(CalibrationRefused, match="do not say what 'mass' is") as refused:
        result.value_of("mass")
    assert refused.value.cause is Cause.NOT_DETERMINED
    assert max(result.weakest, key=lambda name: abs(result.weakest[name])) == "mass"


def test_what_nobody_looked_for_is_refused():
    with pytest.raises(CalibrationRefused, match="'friction' was not looked for"):
        found(swing(0.2, 0.8)).value_of("friction")


def test_more_rollouts_say_more():
    one, three = found(swing(0.2, 0.8)), found(*[swing(0.2, 0.8)] * 3)
    assert three.estimates["mass"].sigma < 0.7 * one.estimates["mass"].sigma
    assert found(creep(1.0)).condition > 2.0 * one.condition


def test_without_torques_nothing_is_known_of_masses():
    rng = np.random.default_rng(0)
    rollout = recorded(swing(0.2, 0.8), rng)
    blind = replace(rollout, streams=Streams(q_rad=rollout.streams.q_rad))
    result = identify(simulate, [blind], PRIOR, NOISE, rng)
    assert result.undetermined == ("mass", "damping")


def test_a_truth_that_no_values_explain_is_refused():
    rng = np.random.default_rng(0)
    rollout = recorded(swing(0.2, 0.8), rng)
    assert rollout.streams.tau_nm is not None
    stuck = replace(rollout.streams, tau_nm=rollout.streams.tau_nm + 5.0)
    with pytest.raises(CalibrationRefused, match="No values explain") as refused:
        identify(simulate, [replace(rollout, streams=stuck)], PRIOR, NOISE, rng)
    assert refused.value.cause is Cause.INCONSISTENT


def test_two_answers_that_are_equally_good_are_refused():
    prior = Prior(parameters=(Parameter(name="ratio", low=0.25, high=4.0),))

    def mirrored(values, motion, things, /):
        size = abs(np.log(values["ratio"] / 1.2))
        return replace(simulate(TRUTH, motion, things), tau_nm=size * motion.q_rad * 40.0)

    rng = np.random.default_rng(3)
    motion = swing(0.2, 0.8)
    rollout = replace(recorded(motion, rng), streams=mirrored({"ratio": 2.0}, motion, {}))
    with pytest.raises(CalibrationRefused, match="Two answers are equally good"):
        from_several_starts(mirrored, rollout, prior)


def from_several_starts(simulator, rollout, prior):
    for seed in range(6):
        identify(simulator, [rollout], prior, NOISE, np.random.default_rng(seed))


def test_a_search_that_does_not_end_is_refused():
    """Two parameters in a narrow, winding valley: it takes many small steps along it."""

    def winding(values, motion, things, /):
        x, y = (np.log(values[one.name] / one.median) / one.sigma for one in PRIOR.parameters)
        tau = np.zeros_like(motion.q_rad)
        tau[::2], tau[1::2] = 1000.0 * (y - np.sin(x)), x
        return replace(simulate(TRUTH, motion, things), tau_nm=tau)

    rng = np.random.default_rng(0)
    motion = swing(0.2, 0.8)
    truth = PRIOR.values(np.array([1.5, np.sin(1.5)]))
    rollout = replace(recorded(motion, rng), streams=winding(truth, motion, {}))
    with pytest.raises(CalibrationRefused, match="did not end within 25 steps") as refused:
        identify(winding, [rollout], PRIOR, NOISE, rng)
    assert refused.value.cause is Cause.NOT_CONVERGED


def test_a_value_at_an_end_of_what_was_considered_is_not_determined():
    low = Prior(
        parameters=(
            Parameter(name="mass", low=0.5, high=0.5 * TRUTH["mass"]),
            Parameter(name="damping", low=0.5, high=8.0),
        )
    )
    rng = np.random.default_rng(0)
    weak = replace(NOISE, tau_nm=2.0)
    result = identify(simulate, [recorded(swing(0.2, 0.8), rng)], low, weak, rng)
    assert result.estimates["mass"].is_at_end
    with pytest.raises(CalibrationRefused, match=r"'mass' is found at 1\.5, an end") as refused:
        result.value_of("mass")
    assert refused.value.cause is Cause.NOT_DETERMINED


def test_an_arm_that_did_not_move_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(CalibrationRefused, match="The arm did not move") as refused:
        identify(simulate, [recorded(creep(1e-4), rng)], PRIOR, NOISE, rng)
    assert refused.value.cause is Cause.NOT_MOVED


def test_rollouts_of_several_arms_are_refused():
    rng = np.random.default_rng(0)
    one = recorded(swing(0.2, 0.8), rng)
    q = np.tile(one.motion.q_rad, (1, 2))
    two = replace(
        one,
        motion=replace(one.motion, q_rad=q, start_q_rad=q[0]),
        streams=Streams(q_rad=q),
    )
    with pytest.raises(CalibrationRefused, match="with 1 and with 2 joints") as refused:
        identify(simulate, [one, two], PRIOR, NOISE, rng)
    assert refused.value.cause is Cause.OTHER_KIND


def test_no_rollouts_are_refused():
    with pytest.raises(CalibrationRefused, match="no rollout"):
        identify(simulate, [], PRIOR, NOISE, np.random.default_rng(0))


def test_residuals_are_in_units_of_the_noise():
    motion = swing(0.2, 0.8)
    clean = simulate(TRUTH, motion, {})
    assert clean.tau_nm is not None
    off = residuals(clean, replace(clean, tau_nm=clean.tau_nm + NOISE.tau_nm), NOISE)
    assert sorted(set(np.round(off, 9))) == [-1.0, 0.0]


@pytest.mark.parametrize("criterion", list(Criterion))
def test_motions_that_show_everything_are_chosen(criterion: Criterion):
    lively = swing(0.4, 1.0, name="lively")
    dull = [swing(0.01, 0.3, name="dull"), creep(0.1), creep(0.05)]
    rng = np.random.default_rng(0)
    chosen = informative_motions(
        simulate, [*dull, lively], {}, PRIOR, NOISE, rng, count=1, criterion=criterion
    )
    assert chosen.motions == (lively,)
    told = found(lively).estimates
    for name, sigma in chosen.expected_sigma.items():
        assert sigma == pytest.approx(told[name].sigma, rel=0.6)


def test_more_motions_than_there_are_cannot_be_chosen():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="3 of 1 motions"):
        informative_motions(simulate, [creep(0.1)], {}, PRIOR, NOISE, rng, count=3)
