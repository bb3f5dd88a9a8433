"""The commanded tool pose: integrated from twists, bounded by everything that bounds an arm.

Notation:

=======  =====================================================================
``V``    twist ``(v, w)`` of the tool: velocity of its origin [m/s] and angular
         velocity [rad/s], both in base axes, (6,)
``T``    `T_base_tool` as commanded, not as measured: so it neither sags nor drifts
=======  =====================================================================
"""

from dataclasses import dataclass

import numpy as np

from hardware.teleop.config import OperatorConfig, settling_s
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array, interpolate, matrix_to_wxyz, so3_exp, so3_log
from robot_skills.core.types import ArmState

_SHARES = (1.0, 0.5, 0.25, 0.0)
"""By which a motion is slowed down until the arm can follow it."""
_JOINT_MARGIN_RAD = 5e-4
_LAG_S = 0.15
"""By which a measured arm may trail: the first waypoint has this much more time."""
_OUTSIDE_M = 0.02
_STILL_M_S = 0.01
_STILL_RAD_S = 0.05
_PROBE_S = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Waypoints:
    """Where the tool shall be: times (H,) and poses (H, 4, 4)."""

    stamp_s: Array
    T_base_tool: Array


class CommandedPath:
    """Where the tool was told to be, and the next few waypoints from there on.

    Args:
        limits: Of the arm.
        kinematics: Of the arm; tells which waypoints it can follow.
        control_period_s: Spacing of waypoints.
        config: Limits of teleoperation.
    """

    def __init__(
        self,
        limits: ArmLimits,
        kinematics: Kinematics,
        control_period_s: float,
        config: OperatorConfig,
    ) -> None:
        cartesian = limits.cartesian
        self._joint = limits.joint
        self._kinematics = kinematics
        self._period_s = control_period_s
        self._config = config
        self._times_s: Array = np.array(
            [control_period_s * step for step in range(1, config.waypoints + 1)]
        )
        self._lower, self._upper = cartesian.workspace_lower_m, cartesian.workspace_upper_m
        self.speed_m_s = config.speed_fraction * cartesian.speed_m_s
        self.turn_rate_rad_s = config.turn_fraction * cartesian.turn_rate_rad_s
        # What remains of the gate's jump must be enough for one step at top speed.
        step_m, step_rad = (
            control_period_s * self.speed_m_s,
            control_period_s * self.turn_rate_rad_s,
        )
        self._lead_m = min(config.lead_m, 0.9 * cartesian.jump_m - step_m)
        self._lead_rad = min(config.lead_rad, 0.9 * cartesian.jump_rad - step_rad)
        if min(self._lead_m, self._lead_rad) <= 0.0:
            raise ValueError("At this speed one step is as long as the jump that the arm allows.")
        self._path: Waypoints | None = None
        self._V = np.zeros(6)

    def start(self, state: ArmState, now_s: float) -> None:
        """Begin at the measured tool, at the speed at which it is moving."""
        T = state.T_base_tool.matrix()
        self._path = Waypoints(stamp_s=np.array([now_s]), T_base_tool=T[None])
        self._V = self._within_speed(self._measured_twist(state))

    def pose(self, now_s: float) -> SE3:
        """`T_base_tool` as commanded for this moment."""
        assert self._path is not None, "start() comes first"
        return SE3.from_matrix(_sample(self._path, now_s))

    def twist(self) -> Array:
        """The commanded `V`, (6,)."""
        return self._V.copy()

    def advance(
        self, V_wanted: Array, state: ArmState, now_s: float, elapsed_s: float
    ) -> Waypoints:
        """Go on from the commanded pose with a twist as near to the wanted one as may be.

        Args:
            V_wanted: Twist in base axes, (6,).
            state: Measured state of the arm.
            now_s: Present time.
            elapsed_s: Time over which the twist may have changed.
        """
        assert self._path is not None, "start() comes first"
        if now_s > self._path.stamp_s[-1] + 1e-9 and len(self._path.stamp_s) > 1:
            # The robot has come to the end of the last chunk and stands.
            self._V = np.zeros(6)
        T = self._near(self.pose(now_s), state.T_base_tool)
        V = self._slewed(self._braked(self._within_speed(V_wanted), T.p), elapsed_s)
        return self._followable(V, T, state, now_s)

    def _followable(self, V: Array, T: SE3, state: ArmState, now_s: float) -> Waypoints:
        """Waypoints at the largest share of a twist with which the arm can keep up."""
        stamps = now_s + self._times_s
        for share in _SHARES:
            poses = self._poses(share * V, T)
            if self._can_follow(poses, state):
                break
        else:
            # Not even holding is possible: the arm itself is where it is.
            T = state.T_base_tool
            poses = self._poses(np.zeros(6), T)
        self._V = _twist_between(T, poses[0], self._period_s)
        self._path = Waypoints(
            stamp_s=np.concatenate([[now_s], stamps]),
            T_base_tool=np.concatenate([T.matrix()[None], poses]),
        )
        return Waypoints(stamp_s=stamps, T_base_tool=poses)

    def _poses(self, V: Array, T: SE3) -> Array:
        """Poses (H, 4, 4) one period apart, inside the workspace; a start outside may come in."""
        times_s = self._times_s
        lower, upper = np.minimum(self._lower, T.p), np.maximum(self._upper, T.p)
        poses = np.tile(np.eye(4), (len(times_s), 1, 1))
        poses[:, :3, :3] = so3_exp(times_s[:, None] * V[3:]) @ T.R
        poses[:, :3, 3] = np.clip(T.p + times_s[:, None] * V[:3], lower, upper)
        return poses

    def _can_follow(self, poses: Array, state: ArmState) -> bool:
        limits, config = self._joint, self._config
        q_rad, errors_m = self._kinematics.follow(state.q_rad, poses)
        if not float(errors_m.max()) <= config.ik_error_m:
            return False
        past = np.maximum(limits.lower_rad - q_rad, q_rad - limits.upper_rad)
        if float(past.max()) > _JOINT_MARGIN_RAD:
            return False
        steps_s = np.full(len(poses), self._period_s)
        steps_s[0] += _LAG_S
        speeds = np.abs(np.diff(q_rad, axis=0, prepend=state.q_rad[None])) / steps_s[:, None]
        return bool(np.all(speeds <= config.joint_speed_fraction * limits.velocity_rad_s))

    def _near(self, T: SE3, T_measured: SE3) -> SE3:
        """A pose no farther from the measured one than the lead that is allowed.

        An arm that trails or is pushed a little out of the workspace does not take it along.
        """
        p = T_measured.p + _shortened(T.p - T_measured.p, self._lead_m)
        back = np.clip(p, self._lower, self._upper) - p
        if float(np.linalg.norm(back)) <= _OUTSIDE_M:
            p = p + _shortened(back, self.speed_m_s * self._period_s)
        w = _shortened(so3_log(T.R @ T_measured.R.T), self._lead_rad)
        return _orthonormal(so3_exp(w) @ T_measured.R, p)

    def _within_speed(self, V: Array) -> Array:
        v, w = _shortened(V[:3], self.speed_m_s), _shortened(V[3:], self.turn_rate_rad_s)
        return np.concatenate([v, w])

    def _braked(self, V: Array, p: Array) -> Array:
        """No faster towards a wall of the workspace than the ramp can still brake."""
        settle_s = settling_s(self._config, self._period_s)
        v = np.minimum(V[:3], np.maximum(self._upper - p, 0.0) / settle_s)
        v = np.maximum(v, np.minimum(self._lower - p, 0.0) / settle_s)
        return np.concatenate([v, V[3:]])

    def _slewed(self, V: Array, elapsed_s: float) -> Array:
        """From the present twist towards `V`, as far as the acceleration allows."""
        steps = min(elapsed_s, 2.0 * self._period_s) / self._config.ramp_s
        change = V - self._V
        v = self._V[:3] + _shortened(change[:3], steps * self.speed_m_s)
        w = self._V[3:] + _shortened(change[3:], steps * self.turn_rate_rad_s)
        return np.concatenate([v, w])

    def _measured_twist(self, state: ArmState) -> Array:
        """Twist of the tool by the measured joint speeds; zero for an arm that only trembles."""
        q = state.q_rad
        T_now = self._kinematics.forward(q)
        T_then = self._kinematics.forward(q + _PROBE_S * state.dq_rad_s)
        V = _twist_between(T_now, T_then.matrix(), _PROBE_S)
        still = np.linalg.norm(V[:3]) < _STILL_M_S and np.linalg.norm(V[3:]) < _STILL_RAD_S
        return np.zeros(6) if still else V


def _sample(path: Waypoints, now_s: float) -> Array:
    """Pose (4, 4) of a path at one time, held at both ends."""
    at = float(np.clip(now_s, path.stamp_s[0], path.stamp_s[-1]))
    later = int(np.searchsorted(path.stamp_s, at, side="left"))
    if later == 0:
        return path.T_base_tool[0]
    before = later - 1
    fraction = (at - path.stamp_s[before]) / (path.stamp_s[later] - path.stamp_s[before])
    return interpolate(path.T_base_tool[before], path.T_base_tool[later], fraction)


def _twist_between(T_a: SE3, T_b: Array, duration_s: float) -> Array:
    """Twist (6,) in base axes that takes one pose to another (4, 4)."""
    v = T_b[:3, 3] - T_a.p
    w = so3_log(T_b[:3, :3] @ T_a.R.T)
    return np.concatenate([v, w]) / duration_s


def _shortened(vector: Array, longest: float) -> Array:
    length = float(np.linalg.norm(vector))
    return vector if length <= longest else vector * (longest / length)


def _orthonormal(R: Array, p: Array) -> SE3:
    """A pose whose rotation is one in spite of thousands of products."""
    return SE3.from_wxyz(matrix_to_wxyz(R), p)
