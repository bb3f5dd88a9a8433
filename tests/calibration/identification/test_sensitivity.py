"""What is not known of where things were, and what contacts do by chance, is no information."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from calibration.identification.fitting import identify
from calibration.identification.sensitivity import Sensitivity
from robot_skills.core.excitation import Motion, Rollout, Streams
from robot_skills.core.se3 import SE3
from tests.calibration.identification.sled import NOISE, PRIOR, TRUTH, recorded, simulate, swing

CUBE = "cube"
T_BASE_CUBE = SE3(np.eye(3), np.array([0.5, 0.0, 0.02]))
SHARE_PER_M = 40.0
"""The sled carries the cube, whose place decides how heavy it feels."""


def carrying(values: Mapping[str, float], motion: Motion, things: Mapping[str, SE3], /) -> Streams:
    place_m = things[CUBE].p[0] - T_BASE_CUBE.p[0]
    felt = {**values, "mass": values["mass"] * (1.0 + SHARE_PER_M * place_m)}
    return replace(simulate(felt, motion, {}), T_base_things={CUBE: carried(motion)})


def blown_about(
    values: Mapping[str, float], motion: Motion, things: Mapping[str, SE3], /
) -> Streams:
    """Torques that change by chance with everything, as after a blow."""
    seed = int(1e6 * (values["mass"] + values["damping"] + 1e3 * things[CUBE].p[0]))
    chance = np.random.default_rng(seed).standard_normal(motion.q_rad.shape)
    tau_nm = 3.0 * NOISE.tau_nm * chance
    return Streams(q_rad=motion.q_rad, tau_nm=tau_nm, T_base_things={CUBE: carried(motion)})


def carried(motion: Motion) -> np.ndarray:
    poses = np.tile(T_BASE_CUBE.matrix(), (len(motion.q_rad), 1, 1))
    poses[:, 0, 3] += np.linspace(0.0, 0.1, len(poses))
    return poses


def rollout_with(streams: Streams, motion: Motion, rng: np.random.Generator) -> Rollout:
    rollout = recorded(motion, rng)
    return replace(rollout, things={CUBE: T_BASE_CUBE}, streams=streams)


def test_sigmas_tell_also_of_not_knowing_where_a_thing_was():
    motion, off = swing(0.4, 0.8), []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        ahead_m = np.array([NOISE.place_m * rng.standard_normal(), 0.0, 0.0])
        truly = SE3(T_BASE_CUBE.R, T_BASE_CUBE.p + ahead_m)
        clean = carrying(TRUTH, motion, {CUBE: truly})
        assert clean.tau_nm is not None
        noisy = clean.tau_nm + NOISE.tau_nm * rng.standard_normal(clean.tau_nm.shape)
        rollout = rollout_with(replace(clean, tau_nm=noisy), motion, rng)
        mass = identify(carrying, [rollout], PRIOR, NOISE, rng).estimates["mass"]
        assert mass.sigma > 0.5 * SHARE_PER_M * NOISE.place_m
        off.append(np.log(mass.value / TRUTH["mass"]) / mass.sigma)
    assert 0.4 < np.std(off) < 1.5


def test_what_comes_by_chance_says_nothing():
    rng = np.random.default_rng(0)
    motion = swing(0.2, 0.8)
    streams = blown_about(TRUTH, motion, {CUBE: T_BASE_CUBE})
    of = Sensitivity(blown_about, [rollout_with(streams, motion, rng)], PRIOR, NOISE, rng)
    probe = of.probe(np.zeros(2))
    seeming = probe.first.T @ probe.first
    plain = probe.information(np.ones(len(probe.spread)))
    assert np.trace(plain) < 0.2 * np.trace(seeming)
    of.weigh(probe)
    assert np.trace(probe.information(of.scale)) < 0.02 * np.trace(seeming)


def test_where_nothing_is_touched_it_does_not_matter_where_things_were():
    rng = np.random.default_rng(0)
    motion = swing(0.2, 0.8)

    def apart(values, motion, things, /):
        rest = np.tile(things[CUBE].matrix(), (len(motion.q_rad), 1, 1))
        return replace(simulate(values, motion, {}), T_base_things={CUBE: rest})

    rollout = rollout_with(apart(TRUTH, motion, {CUBE: T_BASE_CUBE}), motion, rng)
    of = Sensitivity(apart, [rollout], PRIOR, NOISE, rng)
    probe = of.probe(np.zeros(2))
    assert not probe.spread.any()
    # One look at whether anything moves, and two ends of each of two derivatives.
    assert of.simulations == 5
