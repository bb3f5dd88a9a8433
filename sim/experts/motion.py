"""How an expert's hand moves: speed-limited, with a ramp up and a ramp down, tick by tick."""

from dataclasses import dataclass

import numpy as np

from robot_skills.core.se3 import SE3, so3_exp, so3_log


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionStyle:
    """How fast and how roundly one demonstration moves.

    Attributes:
        speed_m_s: Top speed of the tool.
        turn_rate_rad_s: Top angular speed.
        acceleration_m_s2: Ramp at both ends of a move.
        hover_m: Height above the goal that is kept until the tool is over it.
        funnel_m: Sideways distance over which the hover height is given up.
        depth_m: How far below a thing's top it is gripped, at most.
        settle_ticks: Control ticks to wait for the gripper.
    """

    speed_m_s: float
    turn_rate_rad_s: float
    acceleration_m_s2: float
    hover_m: float
    funnel_m: float
    depth_m: float
    settle_ticks: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "MotionStyle":
        """A style of its own for every demonstration, so that the data is not one single path."""
        return cls(
            speed_m_s=rng.uniform(0.26, 0.42),
            turn_rate_rad_s=rng.uniform(1.2, 1.9),
            acceleration_m_s2=rng.uniform(0.8, 1.4),
            hover_m=rng.uniform(0.05, 0.10),
            funnel_m=rng.uniform(0.02, 0.05),
            depth_m=rng.uniform(0.026, 0.034),
            settle_ticks=int(rng.integers(8, 11)),
        )


class Mover:
    """Moves a reference pose towards goals, one control period at a time.

    The reference, not the measured pose, is moved on: a position-controlled arm trails its
    reference by a constant lag, which must not slow the motion down.
    """

    def __init__(self, start: SE3, style: MotionStyle, period_s: float) -> None:
        self._reference = start
        self._style = style
        self._period_s = period_s
        self._speed_m_s = 0.0

    @property
    def reference(self) -> SE3:
        return self._reference

    def displace(self, offset_m: np.ndarray, turn_rad: np.ndarray) -> SE3:
        """Push the reference off its way, as a disturbance would; it goes on from there."""
        R = so3_exp(turn_rad) @ self._reference.R
        self._reference = SE3(R, self._reference.p + offset_m)
        self._speed_m_s *= 0.5
        return self._reference

    def towards(self, goal: SE3, slow: float = 1.0) -> SE3:
        """Next reference on the way to `goal`; `slow` scales the top speed."""
        style, dt = self._style, self._period_s
        offset = goal.p - self._reference.p
        distance = float(np.linalg.norm(offset))
        braking = np.sqrt(2.0 * style.acceleration_m_s2 * max(distance, 0.0))
        self._speed_m_s = min(
            slow * style.speed_m_s, self._speed_m_s + style.acceleration_m_s2 * dt, braking
        )
        step = min(distance, self._speed_m_s * dt)
        p = self._reference.p + (offset / distance * step if distance > 1e-9 else 0.0)
        w = so3_log(goal.R @ self._reference.R.T)
        angle = float(np.linalg.norm(w))
        turn = min(angle, style.turn_rate_rad_s * dt, 0.35 * angle + 0.002)
        R = so3_exp(w / angle * turn) @ self._reference.R if angle > 1e-9 else goal.R
        self._reference = SE3(R, p)
        return self._reference


def pointing_down(x_axis: np.ndarray) -> np.ndarray:
    """Tool rotation (3, 3) with +z down and +x along the horizontal part of `x_axis`."""
    x = np.array([x_axis[0], x_axis[1], 0.0])
    x = x / np.linalg.norm(x)
    z = np.array([0.0, 0.0, -1.0])
    return np.stack([x, np.cross(z, x), z], axis=-1)


def nearest_half_turn(x_axis: np.ndarray, tool: SE3) -> np.ndarray:
    """`x_axis` or its opposite, whichever is nearer the tool's +x axis."""
    return x_axis if float(x_axis @ tool.R[:, 0]) >= 0.0 else -x_axis


def funnel_height(style: MotionStyle, sideways_m: float, turn_rad: float, free_m: float) -> float:
    """Height to keep above the goal while still `sideways_m` and `turn_rad` off it.

    Zero within `free_m` of the goal's axis, then rising smoothly to the hover height: a tool that
    is pushed aside low down comes up before it goes on, so every state has one right answer.
    """
    off = max(0.0, sideways_m - free_m) / style.funnel_m + max(0.0, turn_rad - 0.06) / 0.5
    share = min(1.0, off)
    return style.hover_m * share * share * (3.0 - 2.0 * share)
