"""Motions that need no learning: home and retreat, as straight lines with ramps at both ends."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from robot_skills.core.errors import ActionRefused
from robot_skills.core.scene import TABLE, Scene
from robot_skills.core.se3 import SE3, Array, interpolate
from robot_skills.core.types import single_arm_chunk
from robot_skills.skills.card import SafetyEnvelope
from robot_skills.skills.motion import Ending, MotionResult, Motor


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptedConfig:
    """How scripted motions move.

    Attributes:
        acceleration_m_s2: Ramp at both ends of a line.
        turn_rate_rad_s: Highest angular speed.
        clearance_m: Kept between what is below the hand and everything else.
        retreat_m: Rise of `retreat`.
        arrived_m: Distance from the goal that counts as arrived.
        settle_s: Longest wait for the arm to arrive after its last waypoint.
        chunk_steps: Waypoints per chunk; a new chunk is sent after half of them.
        slowdowns: Speeds to try, as shares of the full one, when the gate refuses a motion.
    """

    acceleration_m_s2: float = 1.0
    turn_rate_rad_s: float = 1.4
    clearance_m: float = 0.05
    retreat_m: float = 0.10
    arrived_m: float = 0.01
    settle_s: float = 1.0
    chunk_steps: int = 10
    slowdowns: tuple[float, ...] = (1.0, 0.5, 0.25)


def go_home(
    motor: Motor,
    scene: Scene,
    safety: SafetyEnvelope,
    timeout_s: float,
    opening: float,
    config: ScriptedConfig | None = None,
    lower_m: float = 0.0,
) -> MotionResult:
    """Rise above everything on the table, then move to the rest pose.

    Args:
        motor: What moves.
        scene: Latest scene: what is in the way, and what hangs below the hand.
        safety: Highest speed.
        timeout_s: The motion gives up after this time.
        opening: Gripper command to keep all along.
        config: How to move.
        lower_m: How far below the rest pose to stop.
    """
    config = config or ScriptedConfig()
    T_rest = motor.robot.home(motor.arm)
    T_home = _at_height(T_rest, float(T_rest.p[2]) - lower_m)
    limits = motor.robot.arms[motor.arm].cartesian
    safe_z = safe_height_m(scene, motor.arm, motor.state().T_base_tool, config.clearance_m)
    safe_z = min(safe_z, float(limits.workspace_upper_m[2]) - config.clearance_m)

    def corners_from(T_start: SE3) -> list[SE3]:
        up = [_at_height(T_start, safe_z)] if T_start.p[2] < safe_z else []
        over = [_at_height(T_home, safe_z)] if T_home.p[2] < safe_z else []
        return [*up, *over, T_home]

    return _follow(corners_from, motor, safety, timeout_s, opening, config)


def go_up(
    motor: Motor,
    safety: SafetyEnvelope,
    timeout_s: float,
    opening: float,
    config: ScriptedConfig | None = None,
) -> MotionResult:
    """Move straight up, as far as the workspace lets; see `go_home` for the arguments."""
    config = config or ScriptedConfig()
    T_start = motor.state().T_base_tool
    limits = motor.robot.arms[motor.arm].cartesian
    top_z = float(limits.workspace_upper_m[2]) - config.clearance_m
    height = max(float(T_start.p[2]), min(float(T_start.p[2]) + config.retreat_m, top_z))
    goal = _at_height(T_start, height)
    return _follow(lambda _: [goal], motor, safety, timeout_s, opening, config)


def safe_height_m(scene: Scene, arm: str, T_base_tool: SE3, clearance_m: float) -> float:
    """Tool height at which nothing that the hand carries can touch anything else."""
    held = scene.held(arm)
    tops = [entity.top_m for entity in scene if entity is not held and entity.name != TABLE]
    highest = max(tops, default=scene.table_height_m)
    below_m = 0.0 if held is None else max(0.0, float(T_base_tool.p[2]) - held.bottom_m)
    return highest + below_m + clearance_m


def line_path(
    T_a: SE3,
    T_b: SE3,
    speed_m_s: float,
    turn_rate_rad_s: float,
    acceleration_m_s2: float,
    dt_s: float,
) -> Array:
    """Poses (n, 4, 4), `dt_s` apart, on the straight line from T_a (left out) to T_b.

    The speed rises and falls linearly; position and rotation keep step.
    """
    distance_m, angle_rad = T_a.distance_to(T_b)
    # Length of the line in metres when turning counts as moving at the linear speed.
    length_m = max(distance_m, angle_rad * speed_m_s / turn_rate_rad_s)
    if length_m < 1e-6:
        return T_b.matrix()[None]
    ramp_s = min(speed_m_s / acceleration_m_s2, float(np.sqrt(length_m / acceleration_m_s2)))
    top_m_s = acceleration_m_s2 * ramp_s
    total_s = length_m / top_m_s + ramp_s
    t = np.minimum(dt_s * np.arange(1, int(np.ceil(total_s / dt_s)) + 1), total_s)
    rising = 0.5 * acceleration_m_s2 * t**2
    steady = top_m_s * (t - 0.5 * ramp_s)
    falling = length_m - 0.5 * acceleration_m_s2 * (total_s - t) ** 2
    s = np.where(t < ramp_s, rising, np.where(t < total_s - ramp_s, steady, falling))
    return interpolate(T_a.matrix(), T_b.matrix(), s / length_m)


def _at_height(T: SE3, z: float) -> SE3:
    return SE3(T.R, np.array([T.p[0], T.p[1], z]))


def _follow(
    corners_from: Callable[[SE3], list[SE3]],
    motor: Motor,
    safety: SafetyEnvelope,
    timeout_s: float,
    opening: float,
    config: ScriptedConfig,
) -> MotionResult:
    """Move through corner poses; when the gate refuses, again and slower from where the arm is."""
    deadline_s = motor.now_s() + timeout_s
    chunks = 0
    refusal: ActionRefused | None = None
    for refused, share in enumerate(config.slowdowns):
        T_start = motor.state().T_base_tool
        corners = corners_from(T_start)
        path = _timed_path([T_start, *corners], share, motor, safety, config)
        try:
            ending, sent = _send(path, corners[-1], motor, opening, deadline_s, config)
        except ActionRefused as error:
            refusal = error
            chunks += 1
            continue
        return MotionResult(
            ending=ending,
            reason=_reason(ending, corners[-1], motor, timeout_s),
            opening=opening,
            chunks=chunks + sent,
            refused_chunks=refused,
        )
    reason = "no speed was tried" if refusal is None else f"{refusal.code}: {refusal}"
    return MotionResult(
        ending=Ending.FAULT,
        reason=f"the safety gate refused to move: {reason}",
        opening=opening,
        chunks=chunks,
        refused_chunks=len(config.slowdowns),
        refused_by="" if refusal is None else refusal.code,
    )


def _timed_path(
    corners: list[SE3], share: float, motor: Motor, safety: SafetyEnvelope, config: ScriptedConfig
) -> Array:
    """Poses (n, 4, 4), one control period apart, along the corners at a share of full speed."""
    limits = motor.robot.arms[motor.arm].cartesian
    speed_m_s = share * min(safety.max_speed_m_s, 0.8 * limits.speed_m_s)
    turn_rate_rad_s = share * min(config.turn_rate_rad_s, 0.8 * limits.turn_rate_rad_s)
    # Joints that are stretched out need more time for the first millimetre, too.
    acceleration_m_s2 = share**2 * config.acceleration_m_s2
    dt_s = motor.robot.control_period_s
    legs = [
        line_path(a, b, speed_m_s, turn_rate_rad_s, acceleration_m_s2, dt_s)
        for a, b in pairwise(corners)
    ]
    return np.concatenate(legs)


def _send(
    path: Array,
    goal: SE3,
    motor: Motor,
    opening: float,
    deadline_s: float,
    config: ScriptedConfig,
) -> tuple[Ending, int]:
    """Send a path piece by piece and wait until the arm is there; the number of pieces as well.

    Raises:
        ActionRefused: The gate refused a piece.
    """
    clock, dt_s = motor.robot.clock, motor.robot.control_period_s
    start_s = clock.now_s()
    first_s = start_s + motor.lead_s
    stamps = first_s + dt_s * np.arange(1, len(path) + 1, dtype=np.float64)
    stride = max(1, config.chunk_steps // 2)
    chunks = 0
    step = 0
    while True:
        if motor.stop_requested():
            motor.robot.stop()
            return Ending.STOPPED, chunks
        if step < len(path) and step % stride == 0:
            rows = slice(step, step + config.chunk_steps)
            openings = np.full(len(stamps[rows]), opening)
            motor.command(single_arm_chunk(stamps[rows], path[rows], openings, motor.arm))
            chunks += 1
        if step >= len(path) and _distance_m(goal, motor) <= config.arrived_m:
            return Ending.DONE, chunks
        if clock.now_s() >= min(deadline_s, float(stamps[-1]) + config.settle_s):
            return Ending.TIMEOUT, chunks
        step += 1
        clock.sleep_until(start_s + step * dt_s)


def _distance_m(goal: SE3, motor: Motor) -> float:
    return motor.state().T_base_tool.distance_to(goal)[0]


def _reason(ending: Ending, goal: SE3, motor: Motor, timeout_s: float) -> str:
    match ending:
        case Ending.DONE:
            return "arrived"
        case Ending.STOPPED:
            return "stopped on request"
        case _:
            return f"still {_distance_m(goal, motor):.3f} m from the goal (limit {timeout_s:g} s)"
