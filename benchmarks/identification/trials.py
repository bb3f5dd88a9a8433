"""One trial of each kind, from a seed: numbers to be summed up."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from benchmarks.identification.scenes import (
    DAMPING,
    FRICTION,
    MASS,
    NOISE,
    PRIOR,
    THING,
    Scene,
    held,
    scene,
    with_play,
)
from benchmarks.seeded import Numbers, Trial
from calibration.errors import CalibrationRefused
from calibration.identification.delta_action import fit_delta_action
from calibration.identification.exploration import informative_motions
from calibration.identification.fitting import identify
from calibration.identification.motions import Kind
from calibration.identification.payload import StaticPose, identify_payload, payload_poses
from robot_skills.core.excitation import Motion, Rollout
from robot_skills.core.se3 import Array
from sim.dynamics import Dynamics, draw_dynamics
from sim.identification import dynamics_of, record_rollout, sensed, simulator_of

_ROLLOUTS, _CANDIDATES = 3, 25
_WANTED_PERCENT = 10.0
_POSES = 12
_PAYLOAD_KG, _COM_M = (0.5, 1.5), 0.05
_TRAINED, _HELD_OUT = 20, 5
_PLAY_RAD = np.deg2rad(0.4)
_BARRED = (MASS, FRICTION, DAMPING)


def exploration(seed: int) -> Numbers:
    """How far parameters are off: after motions that were chosen, after motions of the same
    library at random, and after the arm has roamed around the thing by chance."""
    rng = np.random.default_rng(seed)
    of = scene()
    truth = PRIOR.values(0.8 * PRIOR.draw(rng, 1)[0])
    candidates = of.library.draw_each(_CANDIDATES, rng)
    chosen = informative_motions(
        simulator_of(of.cell), candidates, {THING: of.T_base_thing}, PRIOR, NOISE, rng, _ROLLOUTS
    )
    ways = {
        "informative": chosen.motions,
        "random": [of.library.draw(rng) for _ in range(_ROLLOUTS)],
        "roaming": [of.library.draw_kind(Kind.ROAM, rng) for _ in range(_ROLLOUTS)],
    }
    numbers: dict[str, float] = {}
    for way, motions in ways.items():
        off = _off_percent(of, truth, motions, rng)
        for name, short in zip(_BARRED, ("mass", "friction", "damping"), strict=True):
            numbers[f"{way}_{short}_percent"] = off[name]
        worst = max(off[name] for name in _BARRED)
        numbers[f"{way}_worst_percent"] = worst
        numbers[f"{way}_is_within"] = float(worst <= _WANTED_PERCENT)
        numbers[f"{way}_undetermined"] = off["undetermined"]
        numbers[f"{way}_in_2_sigma"] = off["in_2_sigma"]
    return numbers


def _off_percent(
    of: Scene, truth: Mapping[str, float], motions: Sequence[Motion], rng: np.random.Generator
) -> Mapping[str, float]:
    """How far each parameter is off, how many are not determined, and the share of the others that
    is off by less than two standard deviations; where nothing is found, the prior's median counts.
    """
    dynamics = dynamics_of(truth, of.cell.arm)
    rollouts = [record_rollout(of.cell, dynamics, one, NOISE, rng) for one in motions]
    values, estimates = PRIOR.values(np.zeros(len(truth))), {}
    with suppress(CalibrationRefused):
        estimates = identify(simulator_of(of.cell), rollouts, PRIOR, NOISE, rng).estimates
        values = {name: one.value for name, one in estimates.items()}
    off = {name: 100.0 * abs(values[name] / truth[name] - 1.0) for name in truth}
    known = {name: one for name, one in estimates.items() if one.determined}
    in_2_sigma = [
        abs(np.log(one.value / truth[name])) < 2.0 * one.sigma for name, one in known.items()
    ]
    return {
        **off,
        "undetermined": float(len(truth) - len(known)),
        "in_2_sigma": float(np.mean(in_2_sigma)) if known else 1.0,
    }


def payload(seed: int) -> Numbers:
    """How far mass and centre of mass of a payload are off."""
    rng = np.random.default_rng(seed)
    of = scene()
    arm = of.cell.arm
    mass_kg, com_m = rng.uniform(*_PAYLOAD_KG), rng.uniform(-_COM_M, _COM_M, 3)
    truth = Dynamics(payload_kg=mass_kg, payload_com_m=(com_m[0], com_m[1], com_m[2]))
    kinematics, home = of.library.kinematics, np.array(arm.home_q_rad)
    poses = []
    for q_rad in payload_poses(kinematics, arm.limits, home, _POSES, rng):
        seen = sensed(of.cell.run(truth, held(q_rad)), NOISE, rng)
        assert seen.tau_nm is not None
        poses.append(StaticPose(q_rad=seen.q_rad[-1], tau_nm=seen.tau_nm[-1]))
    found = identify_payload(kinematics, poses, NOISE.tau_nm)
    return {
        "mass_g": 1e3 * abs(found.mass_kg - mass_kg),
        "com_mm": 1e3 * float(np.linalg.norm(found.com_m - com_m)),
        "sigma_g": 1e3 * found.sigma_kg,
        "sigma_com_mm": 1e3 * found.sigma_com_m,
    }


def delta_action(seed: int) -> Numbers:
    """How much better a simulator follows rollouts of an arm with play, once it was corrected."""
    rng = np.random.default_rng(seed)
    of = scene()
    known = replace(draw_dynamics(rng, of.cell.arm), payload_kg=0.0)

    def play(motion: Motion) -> Array:
        return of.cell.run(known, motion).q_rad

    def recorded(motion: Motion) -> Rollout:
        streams = sensed(of.cell.run(known, with_play(motion, _PLAY_RAD)), NOISE, rng)
        return Rollout(motion=motion, things={}, streams=streams)

    rollouts = [
        recorded(of.library.draw_kind(Kind.WANDER, rng)) for _ in range(_TRAINED + _HELD_OUT)
    ]
    found = fit_delta_action(play, rollouts[:_TRAINED])
    off = {"plain": 0.0, "corrected": 0.0}
    for one in rollouts[_TRAINED:]:
        for name, motion in (("plain", one.motion), ("corrected", found.corrected(one.motion))):
            off[name] += float(np.mean((play(motion) - one.streams.q_rad) ** 2)) / _HELD_OUT
    plain, corrected = (1e3 * float(np.sqrt(square)) for square in off.values())
    return {
        "kept_percent": 100.0 * corrected / plain,
        "plain_mrad": plain,
        "corrected_mrad": corrected,
    }


TRIALS: Mapping[str, Trial] = {
    "exploration": exploration,
    "payload": payload,
    "delta_action": delta_action,
}
