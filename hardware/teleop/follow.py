"""From what a hand does to the twist that it asks of the tool."""

from dataclasses import dataclass

import numpy as np

from hardware.teleop.config import OperatorConfig, settling_s
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array, so3_exp, so3_log
from robot_skills.core.teleop import Frame, HandPose, LeaderJoints, Motion, Nudge, Rate
from robot_skills.core.types import ArmState

_REACHED_M = 5e-4
_REACHED_RAD = 3e-3


class LetGo(Exception):
    """The hand cannot be followed: counts as a dead-man switch let go. Never leaves the folder."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Clutch:
    """Where the hand and the tool were when the clutch was closed, and the hand last."""

    T_device_hand: SE3
    T_base_tool: SE3
    T_device_last: SE3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Leader:
    """Where the arm has come on its way to the leader, and the leader last, both (n,)."""

    q_rad: Array
    q_last_rad: Array
    agrees: bool


class MotionFollower:
    """One hold of the dead-man switch after another.

    Args:
        kinematics: Of the arm, for leaders.
        top: Top speed [m/s] and turn rate [rad/s] of the tool.
        control_period_s: The step of the leader's ramp.
        config: Limits of teleoperation.
    """

    def __init__(
        self,
        kinematics: Kinematics,
        top: tuple[float, float],
        control_period_s: float,
        config: OperatorConfig,
    ) -> None:
        self._kinematics = kinematics
        self._top = np.repeat(top, 3)
        self._period_s = control_period_s
        self._config = config
        self._last_nudge: int | None = None
        self.reset()

    def reset(self) -> None:
        """The dead-man switch was let go. A nudge that was under way is over."""
        self._kind: type[Motion] | None = None
        self._clutch: _Clutch | None = None
        self._leader: _Leader | None = None
        self._T_base_goal: SE3 | None = None

    @property
    def nudging(self) -> bool:
        """Whether a nudge is under way."""
        return self._T_base_goal is not None

    def twist(
        self, motion: Motion | None, T_base_tool: SE3, state: ArmState, elapsed_s: float
    ) -> Array:
        """The twist (6,) in base axes that a motion asks for; speeds may be above the limits.

        Args:
            motion: What the hand does.
            T_base_tool: Commanded pose of the tool now.
            state: Measured state of the arm.
            elapsed_s: Since the last call.

        Raises:
            LetGo: The motion cannot be followed; says why.
        """
        if motion is None:
            return np.zeros(6)
        if type(motion) is not self._kind:
            self.reset()
            self._kind = type(motion)
        match motion:
            case Rate():
                return self._push(motion, T_base_tool)
            case HandPose():
                return self._follow_hand(motion.T_device_hand, T_base_tool)
            case LeaderJoints():
                return self._follow_leader(motion.q_rad, T_base_tool, state, elapsed_s)
            case Nudge():
                return self._nudge(motion, T_base_tool)

    def _push(self, rate: Rate, T_base_tool: SE3) -> Array:
        axes = T_base_tool.R if rate.frame is Frame.TOOL else np.eye(3)
        return np.concatenate([axes @ rate.linear, axes @ rate.angular]) * self._top

    def _follow_hand(self, T_device_hand: SE3, T_base_tool: SE3) -> Array:
        """Turn and displacement of the hand since the clutch was closed, on the tool's pose then.

        The axes of the device are taken for those of the base: +x away from the operator, +z up.
        """
        config = self._config
        if not (np.isfinite(T_device_hand.R).all() and np.isfinite(T_device_hand.p).all()):
            raise LetGo("The hand's pose is not finite; release and hold again to go on.")
        if self._clutch is None:
            clutch = _Clutch(
                T_device_hand=T_device_hand, T_base_tool=T_base_tool, T_device_last=T_device_hand
            )
        else:
            clutch = self._clutch
            jump_m, jump_rad = clutch.T_device_last.distance_to(T_device_hand)
            if jump_m > config.hand_jump_m or jump_rad > config.hand_jump_rad:
                raise LetGo(
                    f"The hand jumped by {jump_m:.2f} m and {jump_rad:.2f} rad between two "
                    "samples; release and hold again to go on."
                )
        self._clutch = _Clutch(
            T_device_hand=clutch.T_device_hand,
            T_base_tool=clutch.T_base_tool,
            T_device_last=T_device_hand,
        )
        p = clutch.T_base_tool.p + config.hand_scale * (T_device_hand.p - clutch.T_device_hand.p)
        R = T_device_hand.R @ clutch.T_device_hand.R.T @ clutch.T_base_tool.R
        return self._towards(SE3(R, p), T_base_tool)

    def _follow_leader(
        self, q_rad: Array, T_base_tool: SE3, state: ArmState, elapsed_s: float
    ) -> Array:
        leader = self._leader or self._engage(q_rad, state.q_rad)
        jump_rad = np.abs(q_rad - leader.q_last_rad)
        if float(jump_rad.max()) > self._config.leader_jump_rad:
            raise LetGo(
                f"The leader's joint {int(jump_rad.argmax())} jumped by {jump_rad.max():.2f} rad "
                "between two samples; release and hold again to go on."
            )
        largest = self._config.ramp_rad * min(elapsed_s / self._period_s, 2.0)
        agrees = leader.agrees or float(np.abs(q_rad - leader.q_rad).max()) <= largest
        step = q_rad - leader.q_rad
        q_next = q_rad if agrees else leader.q_rad + np.clip(step, -largest, largest)
        self._leader = _Leader(q_rad=q_next, q_last_rad=q_rad, agrees=agrees)
        return self._towards(self._kinematics.forward(q_next), T_base_tool)

    def _engage(self, q_leader_rad: Array, q_arm_rad: Array) -> _Leader:
        if len(q_leader_rad) != len(q_arm_rad):
            raise LetGo(f"The leader has {len(q_leader_rad)} joints, the arm has {len(q_arm_rad)}.")
        apart = np.abs(q_leader_rad - q_arm_rad)
        allowed = self._config.engage_rad
        if float(apart.max()) > allowed:
            far = ", ".join(
                f"joint {i} by {apart[i]:.2f} rad (leader {q_leader_rad[i]:.2f}, arm "
                f"{q_arm_rad[i]:.2f})"
                for i in np.flatnonzero(apart > allowed)
            )
            raise LetGo(
                f"Leader and arm are too far apart, {allowed} rad are allowed: {far}. Move the "
                "leader there, release and hold again."
            )
        return _Leader(q_rad=q_arm_rad, q_last_rad=q_leader_rad, agrees=False)

    def _nudge(self, nudge: Nudge, T_base_tool: SE3) -> Array:
        if nudge.number != self._last_nudge:
            self._last_nudge = nudge.number
            axes = T_base_tool.R if nudge.frame is Frame.TOOL else np.eye(3)
            R_turn = so3_exp(axes @ nudge.turn_rad)
            p = T_base_tool.p + axes @ nudge.p_m
            self._T_base_goal = SE3(R_turn @ T_base_tool.R, p)
        if self._T_base_goal is None:
            return np.zeros(6)
        off_m, off_rad = T_base_tool.distance_to(self._T_base_goal)
        if off_m < _REACHED_M and off_rad < _REACHED_RAD:
            self._T_base_goal = None
            return np.zeros(6)
        return self._towards(self._T_base_goal, T_base_tool)

    def _towards(self, T_base_goal: SE3, T_base_tool: SE3) -> Array:
        """Twist that settles there: the fastest from which the ramp can still brake."""
        v = T_base_goal.p - T_base_tool.p
        w = so3_log(T_base_goal.R @ T_base_tool.R.T)
        return np.concatenate([v, w]) / settling_s(self._config, self._period_s)
