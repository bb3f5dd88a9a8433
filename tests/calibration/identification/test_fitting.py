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
