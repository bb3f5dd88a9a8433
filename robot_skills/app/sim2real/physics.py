"""What an arm's joints and its payload are like, from how it follows a lively motion."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibration.errors import CalibrationRefused
from calibration.identification.fitting import Identification, identify
from calibration.identification.parameters import Parameter, Prior
from calibration.latency_motion import excitation
from calibration.randomisation import Scale, Spread
from robot_skills.app.calibrate.collect import move_to
from robot_skills.app.sim2real.randomised import dynamics_of, unknown_cell
from robot_skills.core.excitation import Motion, Rollout, SensorNoise, Streams
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from sim.identification import IdentificationCell
from sim.placements import Layout

NOISE = SensorNoise(q_rad=1e-3, dq_rad_s=2e-2, tau_nm=0.4)
"""What the latency is unsure by makes moving joints look less exact than they are at rest."""
_JOINTS = ("payload_kg", "kp.", "kv.", "damping_nms_rad.", "dry_friction_nm.")
_LEAST_SHARE = 0.02
"""Of the highest value, where the lowest is nothing."""
_LEAST_SIGMA = 0.03
_SPEED_M_S = 0.25
_LASTS_S = 5.0
_AHEAD_S = 0.5
"""Before the first waypoint, so that the arm can be told of it early enough."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PhysicsFound:
    """What was found of an arm's physics.

    Attributes:
        found: The parameters; None where nothing can be said.
        refused: Why that is.
    """

    found: Identification | None
    refused: str = ""

    def spreads(self, arm: str) -> dict[str, Spread]:
        """Around what was identified; what the motion does not tell is left out."""
        return {} if self.found is None else _identified(arm, self.found)


def identify_physics(robot: Robot, arm: str, rng: np.random.Generator) -> PhysicsFound:
    """Find the joints' gains and friction, and the payload.

    Args:
        robot: In time: with its latencies taken off.
        arm: Key in `sim.arms.ARMS`.
        rng: Draws the motion and where the search starts.

    Raises:
        RobotFault: The arm does not go where it is told.
    """
    rollout = _lively(robot, rng)
    cell = IdentificationCell(arm, Layout())

    def simulate(
        values: Mapping[str, float], motion: Motion, things: Mapping[str, SE3], /
    ) -> Streams:
        return cell.run(dynamics_of(values, arm), motion, things)

    try:
        return PhysicsFound(found=identify(simulate, [rollout], _prior(arm), NOISE, rng))
    except CalibrationRefused as refused:
        # Learning goes on in the widest ranges, which is what is known then.
        return PhysicsFound(found=None, refused=str(refused))


def _lively(robot: Robot, rng: np.random.Generator) -> Rollout:
    """A lively motion around the arm's home, and what was sensed in it, as joints."""
    home = robot.home(DEFAULT_ARM)
    move_to(robot, home, _SPEED_M_S)
    at_rest, period_s = robot.observe().arms[DEFAULT_ARM], robot.control_period_s
    times = np.arange(period_s, _LASTS_S, period_s, dtype=np.float64)
    motion = excitation(_SPEED_M_S, _LASTS_S, rng)
    poses, opening = motion.waypoints(home, at_rest.opening, times)
    stamps = robot.clock.now_s() + _AHEAD_S + times
    robot.command(single_arm_chunk(stamps, poses, opening))
    states = []
    for stamp_s in stamps:
        robot.clock.sleep_until(float(stamp_s))
        states.append(robot.observe().arms[DEFAULT_ARM])
    robot.stop()
    q_rad, _ = robot.kinematics(DEFAULT_ARM).follow(at_rest.q_rad, poses)
    return Rollout(
        motion=Motion(
            name="lively",
            period_s=period_s,
            start_q_rad=at_rest.q_rad,
            start_opening=at_rest.opening,
            q_rad=q_rad,
            opening=opening,
        ),
        things={},
        streams=Streams(
            q_rad=np.stack([state.q_rad for state in states]),
            dq_rad_s=np.stack([state.dq_rad_s for state in states]),
            tau_nm=np.stack([state.tau_nm for state in states]),
        ),
    )


def _prior(arm: str) -> Prior:
    return Prior(
        parameters=tuple(
            Parameter(name=name, low=max(one.low, _LEAST_SHARE * one.high), high=one.high)
            for name, one in unknown_cell(arm).items()
            if name.partition(".")[2].startswith(_JOINTS)
        )
    )


def _identified(arm: str, found: Identification) -> dict[str, Spread]:
    spreads = {}
    for name, one in found.estimates.items():
        if not one.determined:
            continue
        unknown = unknown_cell(arm)[name]
        low = max(unknown.low, 0.5 * _LEAST_SHARE * unknown.high)
        spreads[name] = Spread(
            mean=float(np.clip(one.value, low, unknown.high)),
            sigma=max(one.sigma, _LEAST_SIGMA),
            low=low,
            high=unknown.high,
            scale=Scale.LOG,
            source=f"identified to {100 * one.sigma:.0f} %",
        )
    return spreads
