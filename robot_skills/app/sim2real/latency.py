"""How late an arm and its gripper are, from a lively motion that they are told."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize_scalar

from calibration.latency_motion import excitation
from calibration.latency_response import clear_peak, correlation
from calibration.latency_series import Series, ToolSeries, checked
from robot_skills.app.calibrate.collect import move_to
from robot_skills.app.sim2real.calibrated import Latencies
from robot_skills.core.robot import Robot
from robot_skills.core.types import DEFAULT_ARM, ArmState, single_arm_chunk

_SPEED_M_S = 0.25
_LASTS_S = 14.0
_PARTS = 3
"""Of the motion, that say by themselves how late it is."""
_AROUND_S, _LEAST_SIGMA_S = 0.06, 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Late:
    """How late something is.

    Attributes:
        lead_s: By which it has to be told early, to be there in time: its delay, and what its servo
            trails by. Both together are known better than either, since at the rate of waypoints
            one looks much like the other.
        sigma_s: Standard deviation.
    """

    lead_s: float
    sigma_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyFound:
    """What was found of how late a robot is.

    The states' own latency cannot be told apart from the arm's by states alone: their sum is here.
    """

    arm: Late
    gripper: Late

    @property
    def latencies(self) -> Latencies:
        """For `Calibrated`."""
        return Latencies(
            action_s=max(self.arm.lead_s, 0.0), gripper_s=max(self.gripper.lead_s, 0.0)
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Followed:
    """A lively motion that an arm was told, and what it did.

    Attributes:
        told: Where it was told to be.
        states: What it said at the times of the waypoints.
    """

    told: ToolSeries
    states: tuple[ArmState, ...]


def follow_lively(robot: Robot, rng: np.random.Generator) -> Followed:
    """Tell an arm a lively motion around its home.

    Args:
        robot: Connected.
        rng: Draws the motion.

    Raises:
        RobotFault: It does not go home.
    """
    home = robot.home(DEFAULT_ARM)
    move_to(robot, home, _SPEED_M_S)
    start_s, period_s = robot.clock.now_s(), robot.control_period_s
    times = np.arange(period_s, _LASTS_S, period_s, dtype=np.float64)
    at_rest = robot.observe().arms[DEFAULT_ARM].opening
    poses, opening = excitation(_SPEED_M_S, _LASTS_S, rng).waypoints(home, at_rest, times)
    told = ToolSeries(stamp_s=start_s + times, T_base_tool=poses, opening=opening)
    robot.command(single_arm_chunk(told.stamp_s, poses, opening))
    states = []
    for stamp_s in told.stamp_s:
        robot.clock.sleep_until(float(stamp_s))
        states.append(robot.observe().arms[DEFAULT_ARM])
    robot.stop()
    return Followed(told=told, states=tuple(states))


def measure_latency(robot: Robot, rng: np.random.Generator) -> LatencyFound:
    """How late an arm follows a lively motion around its home.

    Args:
        robot: Connected.
        rng: Draws the motion.

    Raises:
        CalibrationRefused: It does not follow, or several delays suit equally well.
        RobotFault: It does not go home.
    """
    followed = follow_lively(robot, rng)
    told, states = followed.told, followed.states
    measured = ToolSeries(
        stamp_s=np.array([state.stamp_s for state in states]),
        T_base_tool=np.stack([state.T_base_tool.matrix() for state in states]),
        opening=np.array([state.opening for state in states]),
    )
    middle = robot.home(DEFAULT_ARM).matrix()
    return LatencyFound(
        arm=_late(told.motion("the arm's waypoints", middle), measured.motion("the arm", middle)),
        gripper=_late(told.gripper("the gripper's waypoints"), measured.gripper("the gripper")),
    )


def _late(told: Series, seen: Series) -> Late:
    """From the peak of the cross-correlation, as UMI takes it (Chi et al., 2024), to the delay with
    which what was told suits best."""
    told, seen = checked(told), checked(seen)
    near_s, _ = clear_peak(*correlation(told, seen), f"{seen.name} after {told.name}")
    ends_s = np.linspace(seen.stamp_s[0], seen.stamp_s[-1], _PARTS + 1)
    parts_s = [
        _best(told, seen.between(start_s, end_s), near_s) for start_s, end_s in pairwise(ends_s)
    ]
    return Late(
        lead_s=_best(told, seen, near_s),
        sigma_s=max(float(np.std(parts_s, ddof=1)), _LEAST_SIGMA_S),
    )


def _best(told: Series, seen: Series, near_s: float) -> float:
    """The delay near another one with which what was told is most like what was seen."""
    spline = told.spline()

    def unlike(delay_s: float) -> float:
        at_s = np.clip(seen.stamp_s - delay_s, told.stamp_s[0], told.stamp_s[-1])
        model = spline(at_s)
        model, values = model - model.mean(axis=0), seen.values - seen.values.mean(axis=0)
        gain = (model * values).sum(axis=0) / np.maximum((model**2).sum(axis=0), 1e-12)
        return float(((values - gain * model) ** 2).sum())

    ends_s = (near_s - _AROUND_S, near_s + _AROUND_S)
    found = minimize_scalar(unlike, bounds=ends_s, method="bounded", options={"xatol": 1e-5})
    return float(found.x)
