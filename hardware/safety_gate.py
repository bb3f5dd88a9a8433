"""The last check between whatever wants to move and the arm. Pure: it moves nothing, keeps nothing.

Every chunk is either accepted (perhaps without its late waypoints, slightly clipped, or slowed
down) or refused as a whole with a reason code. What the checks compare with are the limits of the
arm; how much is forgiven is in `GateConfig`.

The joint path comes from the arm's own inverse kinematics, starting at the measured joints. A
position-controlled arm trails its reference, so the step from the measured state to the first
waypoint is judged by distance (`JUMP`), and by speed only over the time plus `lag_s`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

from hardware.gate.collision import JudgedPath, trespass
from robot_skills.core.collision import CollisionModel
from robot_skills.core.errors import unknown_name
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import Array, rotation_angle
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, ArmChunk, ArmState, Observation


class GateCode(Enum):
    """Why a chunk was refused, or that it was not."""

    OK = "ok"
    CLIPPED = "clipped"
    """Accepted after small corrections."""
    NON_FINITE = "non_finite"
    STAMPS = "stamps"
    """Times that do not increase, or lie too far ahead."""
    LATE = "late"
    """No waypoint is left that is not in the past."""
    ROTATION = "rotation"
    STALE = "stale_observation"
    OPENING = "opening"
    WORKSPACE = "workspace"
    JUMP = "discontinuity"
    SPEED = "speed"
    TURN_RATE = "turn_rate"
    UNREACHABLE = "unreachable"
    JOINT_RANGE = "joint_range"
    JOINT_VELOCITY = "joint_velocity"
    COLLISION = "collision"
    """The arm would come too near to itself, to the table or to what stands in the cell."""
    LEASE = "lease"
    """Whoever sent it does not have the command of the arm."""
    STATE = "state"
    """Nothing may move now: a fault, an emergency stop, a sensor that is gone."""


_ALWAYS_ON = frozenset(
    {
        GateCode.OK,
        GateCode.CLIPPED,
        GateCode.NON_FINITE,
        GateCode.STAMPS,
        GateCode.LATE,
        GateCode.ROTATION,
        GateCode.LEASE,
        GateCode.STATE,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GateConfig:
    """How much the gate forgives.

    Attributes:
        disabled: Checks that are off. Whoever builds the gate has to print them. Checks on the
            form of a chunk cannot be turned off.
        over_fraction: Share by which speeds may exceed their limit and be slowed down instead of
            refused; openings may leave [0, 1] by as much.
        outside_fraction: Share of the workspace box by which a waypoint may stick out and be
            clipped, but never more than `outside_m`.
        outside_m: See `outside_fraction`.
        observation_age_s: Oldest arm state to judge by.
        lead_s: Latest time from now at which a chunk may begin.
        lag_s: Time by which the arm may trail its reference.
        ik_error_m: Largest position error of the joint path.
        joint_margin_rad: How far a joint path may pass a limit: the solver's own accuracy.
    """

    disabled: frozenset[GateCode] = frozenset()
    over_fraction: float = 0.05
    outside_fraction: float = 0.05
    outside_m: float = 0.02
    observation_age_s: float = 0.2
    lead_s: float = 1.0
    lag_s: float = 0.15
    ik_error_m: float = 0.005
    joint_margin_rad: float = 1e-3

    def __post_init__(self) -> None:
        fixed = self.disabled & _ALWAYS_ON
        if fixed:
            names = ", ".join(sorted(code.value for code in fixed))
            raise ValueError(f"These checks of the safety gate cannot be turned off: {names}.")
        if not 0.0 <= self.over_fraction <= 0.5 or not 0.0 <= self.outside_fraction <= 0.5:
            raise ValueError("Forgiven fractions must lie in [0, 0.5].")
        if min(self.observation_age_s, self.lead_s, self.ik_error_m) <= 0.0 or self.lag_s < 0.0:
            raise ValueError("Ages, leads and errors that the gate allows must be above zero.")


def unchecked(config: GateConfig, shape_known: bool) -> tuple[GateCode, ...]:
    """Checks that a gate does not make, by name.

    Args:
        config: Of the gate.
        shape_known: Whether it has a `CollisionModel`.
    """
    missing = frozenset() if shape_known else frozenset({GateCode.COLLISION})
    return tuple(sorted(config.disabled | missing, key=lambda code: code.value))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Verdict:
    """What the gate decided.

    Attributes:
        accepted: What may be executed; None when the chunk was refused.
        code: Reason.
        message: The reason in words; empty when there is nothing to say.
        details: Numbers behind it, JSON values only.
        q_rad: Joints at the accepted waypoints, (H, n); None when the chunk was refused.
    """

    accepted: ActionChunk | None
    code: GateCode
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    q_rad: Array | None = None

    @property
    def ok(self) -> bool:
        return self.accepted is not None


class SafetyGate:
    """Judges the chunks of one arm against its limits.

    Args:
        limits: Of the arm.
        kinematics: Of the arm.
        config: How much is forgiven.
        arm: Its name in chunks.
        collisions: How near it comes to itself and to its surroundings; None where nobody knows
            its shape, and then that is not checked.
    """

    def __init__(
        self,
        limits: ArmLimits,
        kinematics: Kinematics,
        config: GateConfig | None = None,
        arm: str = DEFAULT_ARM,
        collisions: CollisionModel | None = None,
    ) -> None:
        self._limits = limits
        self._kinematics = kinematics
        self._config = config or GateConfig()
        self._arm = arm
        self._collisions = collisions

    @property
    def arm(self) -> str:
        return self._arm

    @property
    def config(self) -> GateConfig:
        return self._config

    @property
    def unchecked(self) -> tuple[GateCode, ...]:
        """Checks that are not made: turned off, or impossible without the arm's shape."""
        return unchecked(self._config, self._collisions is not None)

    def check(self, chunk: ActionChunk, observation: Observation, now_s: float) -> Verdict:
        """Accept, correct or refuse a chunk.

        Args:
            chunk: What somebody wants to execute.
            observation: Measured state of the arm.
            now_s: Present time on the project clock.

        Raises:
            UnknownNameError: The chunk or the observation lacks the arm of this gate.
        """
        if self._arm not in chunk.arms:
            raise unknown_name("arm", self._arm, chunk.arms)
        if self._arm not in observation.arms:
            raise unknown_name("arm", self._arm, observation.arms)
        try:
            return self._check(chunk, observation.arms[self._arm], now_s)
        except _Refusal as refusal:
            details = {**refusal.details, **leads_to(chunk.arms[self._arm])}
            return Verdict(accepted=None, code=refusal.code, message=str(refusal), details=details)

    def _check(self, chunk: ActionChunk, state: ArmState, now_s: float) -> Verdict:
        _check_form(chunk, chunk.arms[self._arm])
        # Whoever goes by an old state makes chunks that come late: it is the state that is wrong.
        self._check_fresh(state, now_s)
        rest = self._without_late(chunk, now_s)
        arm, clipped = self._clip(rest.arms[self._arm])
        rest = replace(rest, arms={**rest.arms, self._arm: arm})
        self._check_jump(arm, state)
        over = self._tool_speed_excess(rest.stamp_s, arm)
        q_rad, errors_m = self._kinematics.follow(state.q_rad, arm.T_base_tool)
        self._check_reach(q_rad, errors_m)
        over = max(over, self._joint_speed_excess(rest.stamp_s, q_rad, state, now_s))
        if over > 1.0:
            rest = replace(rest, stamp_s=now_s + (rest.stamp_s - now_s) * over)
        path = JudgedPath(stamp_s=rest.stamp_s, q_rad=q_rad, opening=arm.opening)
        self._check_clear(path, state)
        details: dict[str, Any] = {"waypoints": len(rest), "dropped": len(chunk) - len(rest)}
        if clipped:
            details["clipped"] = clipped
        if over > 1.0:
            details["stretched"] = over
        corrected = bool(clipped) or over > 1.0
        return Verdict(
            accepted=rest,
            code=GateCode.CLIPPED if corrected else GateCode.OK,
            message=_corrections(clipped, over),
            details=details,
            q_rad=q_rad,
        )

    def _on(self, code: GateCode) -> bool:
        return code not in self._config.disabled

    def _without_late(self, chunk: ActionChunk, now_s: float) -> ActionChunk:
        rest = chunk.after(now_s)
        if rest is None:
            late_s = now_s - float(chunk.stamp_s[-1])
            raise _Refusal(
                GateCode.LATE, f"every waypoint is in the past, the last by {late_s:.3f} s"
            )
        lead_s = float(rest.stamp_s[0]) - now_s
        if lead_s > self._config.lead_s:
            raise _Refusal(
                GateCode.STAMPS,
                f"the first waypoint is {lead_s:.2f} s ahead, {self._config.lead_s} s are allowed",
            )
        return rest

    def _check_fresh(self, state: ArmState, now_s: float) -> None:
        age_s = now_s - state.stamp_s
        allowed_s = self._config.observation_age_s
        if self._on(GateCode.STALE) and not -1e-6 <= age_s <= allowed_s:
            raise _Refusal(
                GateCode.STALE,
                f"the arm state is {age_s:.3f} s old, {allowed_s} s are allowed",
                {"age_s": age_s, "allowed_s": allowed_s},
            )

    def _clip(self, arm: ArmChunk) -> tuple[ArmChunk, dict[str, float]]:
        """Openings and positions inside their ranges, and by how much each had to be moved."""
        clipped: dict[str, float] = {}
        opening, positions = arm.opening, arm.T_base_tool[:, :3, 3]
        if self._on(GateCode.OPENING):
            opening = np.minimum(np.maximum(opening, 0.0), 1.0)
            off = float(np.abs(opening - arm.opening).max())
            if off > self._config.over_fraction:
                worst = arm.opening[int(np.abs(opening - arm.opening).argmax())]
                raise _Refusal(GateCode.OPENING, f"gripper opening {worst:.2f} is outside [0, 1]")
            if off > 1e-6:
                clipped["opening"] = off
        if self._on(GateCode.WORKSPACE):
            positions = self._clip_positions(positions)
            off_m = float(np.abs(positions - arm.T_base_tool[:, :3, 3]).max())
            if off_m > 1e-9:
                clipped["workspace_m"] = off_m
        if not clipped:
            return arm, clipped
        T_base_tool = arm.T_base_tool.copy()
        T_base_tool[:, :3, 3] = positions
        return ArmChunk(T_base_tool=T_base_tool, opening=opening), clipped

    def _clip_positions(self, positions: Array) -> Array:
        lower = self._limits.cartesian.workspace_lower_m
        upper = self._limits.cartesian.workspace_upper_m
        config = self._config
        allowed = np.minimum(config.outside_fraction * (upper - lower), config.outside_m)
        inside = np.minimum(np.maximum(positions, lower), upper)
        outside = np.abs(positions - inside)
        if np.any(outside > allowed):
            row, axis = np.unravel_index(int(np.argmax(outside - allowed)), outside.shape)
            raise _Refusal(
                GateCode.WORKSPACE,
                f"waypoint {row} has {'xyz'[axis]} = {positions[row, axis]:.3f} m, the workspace "
                f"is [{lower[axis]:.3f}, {upper[axis]:.3f}] m",
                {"waypoint": int(row), "outside_m": float(outside[row, axis])},
            )
        return inside

    def _check_jump(self, arm: ArmChunk, state: ArmState) -> None:
        if not self._on(GateCode.JUMP):
            return
        limits = self._limits.cartesian
        offset_m = float(np.linalg.norm(arm.T_base_tool[0, :3, 3] - state.T_base_tool.p))
        turn_rad = float(rotation_angle(state.T_base_tool.R.T @ arm.T_base_tool[0, :3, :3]))
        if offset_m > limits.jump_m or turn_rad > limits.jump_rad:
            raise _Refusal(
                GateCode.JUMP,
                f"the first waypoint is {offset_m:.3f} m and {turn_rad:.2f} rad from the tool, "
                f"{limits.jump_m} m and {limits.jump_rad} rad are allowed",
                {"offset_m": offset_m, "turn_rad": turn_rad},
            )

    def _tool_speed_excess(self, stamp_s: Array, arm: ArmChunk) -> float:
        """How many times too fast the tool moves between waypoints; refuses if more than a bit."""
        if len(stamp_s) < 2:
            return 1.0
        limits = self._limits.cartesian
        steps_s = np.diff(stamp_s)
        R = arm.T_base_tool[:, :3, :3]
        excess = 1.0
        if self._on(GateCode.SPEED):
            steps = arm.T_base_tool[1:, :3, 3] - arm.T_base_tool[:-1, :3, 3]
            speed = float((np.linalg.norm(steps, axis=-1) / steps_s).max())
            excess = self._excess(GateCode.SPEED, speed, limits.speed_m_s, "tool speed", "m/s")
        if self._on(GateCode.TURN_RATE):
            turns = rotation_angle(np.swapaxes(R[:-1], -1, -2) @ R[1:])
            rate = float((turns / steps_s).max())
            allowed = limits.turn_rate_rad_s
            turn = self._excess(GateCode.TURN_RATE, rate, allowed, "tool turn rate", "rad/s")
            excess = max(excess, turn)
        return excess

    def _check_reach(self, q_rad: Array, errors_m: Array) -> None:
        """Refuse waypoints that the joints cannot get to."""
        limits, config = self._limits.joint, self._config
        if self._on(GateCode.UNREACHABLE) and not float(errors_m.max()) <= config.ik_error_m:
            row = int(np.argmax(errors_m))
            raise _Refusal(
                GateCode.UNREACHABLE,
                f"the arm cannot reach waypoint {row}: {errors_m[row]:.3f} m remain",
                {"waypoint": row, "error_m": float(errors_m[row])},
            )
        if self._on(GateCode.JOINT_RANGE):
            past = np.maximum(limits.lower_rad - q_rad, q_rad - limits.upper_rad)
            if float(past.max()) > config.joint_margin_rad:
                row, joint = np.unravel_index(int(np.argmax(past)), past.shape)
                raise _Refusal(
                    GateCode.JOINT_RANGE,
                    f"waypoint {row} takes joint {joint} to {q_rad[row, joint]:.3f} rad, its range "
                    f"is [{limits.lower_rad[joint]:.3f}, {limits.upper_rad[joint]:.3f}] rad",
                    {"waypoint": int(row), "joint": int(joint)},
                )

    def _check_clear(self, path: JudgedPath, state: ArmState) -> None:
        """Refuse a joint path that leads into something."""
        if self._collisions is None or not self._on(GateCode.COLLISION):
            return
        found = trespass(self._collisions, self._limits.joint, path, state)
        if found is not None:
            raise _Refusal(
                GateCode.COLLISION,
                str(found),
                {
                    "waypoint": found.waypoint,
                    "bodies": list(found.bodies),
                    "short_m": found.short_m,
                },
            )

    def _joint_speed_excess(
        self, stamp_s: Array, q_rad: Array, state: ArmState, now_s: float
    ) -> float:
        """How many times too fast a joint moves; refuses what the joints cannot follow."""
        limits, config = self._limits.joint, self._config
        if not self._on(GateCode.JOINT_VELOCITY):
            return 1.0
        steps_s = np.diff(stamp_s, prepend=now_s)
        steps_s[0] += config.lag_s
        steps_rad = np.diff(q_rad, axis=0, prepend=state.q_rad[None])
        share = np.abs(steps_rad) / steps_s[:, None] / limits.velocity_rad_s
        row, joint = np.unravel_index(int(np.argmax(share)), share.shape)
        allowed = float(limits.velocity_rad_s[joint])
        speed = float(share[row, joint]) * allowed
        what = f"joint {joint} speed"
        return self._excess(GateCode.JOINT_VELOCITY, speed, allowed, what, "rad/s")

    def _excess(self, code: GateCode, value: float, allowed: float, what: str, unit: str) -> float:
        if not value <= allowed * (1.0 + self._config.over_fraction):
            raise _Refusal(
                code,
                f"{what} {value:.2f} {unit} is above the limit of {allowed:.2f} {unit}",
                {"value": value, "limit": allowed},
            )
        return max(1.0, value / allowed)


class _Refusal(Exception):
    """Ends a check from wherever it fails; never leaves this file."""

    def __init__(
        self, code: GateCode, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details = dict(details or {})


def leads_to(arm: ArmChunk) -> dict[str, list[float]]:
    """Where a refused chunk would have ended, where it says so: whoever reads it may judge why."""
    p = arm.T_base_tool[-1, :3, 3]
    return {"leads_to_m": p.tolist()} if np.isfinite(p).all() else {}


def _check_form(chunk: ActionChunk, arm: ArmChunk) -> None:
    """Refuse what is not a timed sequence of rigid poses."""
    T = arm.T_base_tool
    finite = np.isfinite(chunk.stamp_s).all() and np.isfinite(T).all()
    if not (finite and np.isfinite(arm.opening).all()):
        raise _Refusal(GateCode.NON_FINITE, "the chunk holds numbers that are not finite")
    if np.any(np.diff(chunk.stamp_s) <= 0.0):
        raise _Refusal(GateCode.STAMPS, "the times of the waypoints do not increase")
    R = T[:, :3, :3]
    skewness = np.abs(np.swapaxes(R, -1, -2) @ R - np.eye(3)).max()
    rigid = skewness < 1e-3 and np.all(np.linalg.det(R) > 0.0)
    if not (rigid and np.abs(T[:, 3] - (0.0, 0.0, 0.0, 1.0)).max() < 1e-6):
        raise _Refusal(GateCode.ROTATION, "a waypoint is not a rigid pose")


def _corrections(clipped: Mapping[str, float], stretch: float) -> str:
    parts = [f"{name} clipped by {off:.3f}" for name, off in clipped.items()]
    if stretch > 1.0:
        parts.append(f"slowed down {stretch:.3f} times")
    return ", ".join(parts)
