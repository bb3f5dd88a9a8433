"""A library of motions to explore with: pushes, slides, lifts, swings, drawn from ranges."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import numpy as np

from robot_skills.core.excitation import Motion
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array

_PERIOD_S = 0.05
_DURATION_S = 2.0
_STEPS = round(_DURATION_S / _PERIOD_S)
_DOWN = SE3.from_rotvec((np.pi, 0.0, 0.0))
"""A tool that points down, closing along the base's y axis."""
_FINGER_M = 0.011
"""From the middle of shut fingers to their side."""
_PUSH_HEIGHT_M, _PUSH_TILT_RAD, _PUSH_RISE = 0.018, 0.3, 0.05
"""Of the tool in a push: low, fingertips ahead, and rising a little with the way. A thing that is
pushed high tips, and fingers that go down the least bit wedge it on the table."""
_CLEAR_M = 0.005
"""Between fingers and thing before a push: as little as can be relied on, for a push that begins
with a blow ends anywhere."""
_SPARE_M = 0.02
_CLOSING_S = 0.35
_FREE_M = 1.5e-3
"""A thing that is to slide is moved so far above the table, so that it is not pressed on it."""
_OFF_M = 2e-3
_LEAST_HEIGHT_M = 0.12
"""Of the tool in swings."""
_TRIES = 200

_PUSH_SPEED_M_S, _PUSH_M, _PUSH_SIDE = (0.05, 0.8), (0.05, 0.15), (-0.3, 0.3)
_SLIDE_SPEED_M_S, _SLIDE_M = (0.5, 0.95), (0.05, 0.2)
_LIFT_M, _SHAKE_M, _SHAKE_HZ = (0.05, 0.15), (0.01, 0.04), (0.5, 2.5)
_SWING_RAD, _SWING_HZ = (0.05, 0.6), (0.3, 1.2)
_WANDER_HZ, _WANDER_SINES, _WANDER_EFFORT = (0.2, 1.2), 3, (0.2, 0.95)
_AWAY_RAD = 0.3
"""How far from home joints begin to swing."""
_ROAM_M, _ROAM_HEIGHT_M, _ROAM_LEGS = 0.12, (0.02, 0.1), 4
_ROAM_FROM_M = 0.09
"""Between tool and thing, at least, where the tool begins to roam."""


class Kind(Enum):
    """What a motion does."""

    PUSH = "push"
    """Closed fingers push the thing and stop; it slides on."""
    SLIDE = "slide"
    """The gripper closes on the thing, moves it along the table, ever faster, and opens and stops:
    it slides on."""
    LIFT = "lift"
    """The gripper closes on the thing, lifts it and moves it up and down."""
    SWING = "swing"
    """One joint swings, away from the table."""
    WANDER = "wander"
    """All joints swing at once, each with several frequencies, up to the arm's limits, away from
    the table."""
    ROAM = "roam"
    """The tool goes from place to place around the thing, and opens and closes, by chance: what
    exploration is without any notion of pushing or lifting. Is drawn only when asked for."""


_FREE_KINDS = (Kind.SWING, Kind.WANDER)
_KINDS = (Kind.PUSH, Kind.SLIDE, Kind.LIFT, *_FREE_KINDS)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Target:
    """The thing that is pushed and lifted.

    Attributes:
        T_base_thing: Centre of its upright box.
        extents_m: Full sizes of the box, (3,).
    """

    T_base_thing: SE3
    extents_m: Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Library:
    """Draws motions.

    Attributes:
        kinematics: Of the arm.
        limits: Of the arm.
        home_q_rad: Joints from which it starts to look for others, (n,).
        target: What is pushed and lifted; without it nothing is touched.
    """

    kinematics: Kinematics
    limits: ArmLimits
    home_q_rad: Array
    target: Target | None = None

    def draw(self, rng: np.random.Generator) -> Motion:
        """Any motion that the arm can do.

        Raises:
            ValueError: In many tries there was none.
        """
        kinds = self._kinds()
        return self.draw_kind(kinds[int(rng.integers(len(kinds)))], rng)

    def draw_each(self, count: int, rng: np.random.Generator) -> Sequence[Motion]:
        """Motions of every kind in turn, so that none is missing.

        Raises:
            ValueError: In many tries there was none of a kind that the arm can do.
        """
        kinds = self._kinds()
        return [self.draw_kind(kinds[i % len(kinds)], rng) for i in range(count)]

    def draw_kind(self, kind: Kind, rng: np.random.Generator) -> Motion:
        """Any motion of a kind; without a target, one that touches nothing.

        Raises:
            ValueError: In many tries there was none that the arm can do.
        """
        for _ in range(_TRIES):
            motion = self._drawn(kind, rng)
            if motion is not None:
                return motion
        raise ValueError(f"The arm can do none of {_TRIES} drawn motions of kind {kind.value}.")

    def _kinds(self) -> tuple[Kind, ...]:
        return _FREE_KINDS if self.target is None else _KINDS

    def _is_high(self, q_rad: Sequence[Array]) -> bool:
        return min(self.kinematics.forward(one).p[2] for one in q_rad) >= _LEAST_HEIGHT_M

    def _drawn(self, kind: Kind, rng: np.random.Generator) -> Motion | None:
        if kind is Kind.SWING:
            return self._swing(rng)
        if kind is Kind.WANDER:
            return self._wander(rng)
        assert self.target is not None
        match kind:
            case Kind.PUSH:
                return self._push(self.target, rng)
            case Kind.SLIDE:
                return self._slide(self.target, rng)
            case Kind.LIFT:
                return self._lift(self.target, rng)
            case Kind.ROAM:
                return self._roam(self.target, rng)

    def _push(self, target: Target, rng: np.random.Generator) -> Motion | None:
        speed_m_s, length_m = rng.uniform(*_PUSH_SPEED_M_S), rng.uniform(*_PUSH_M)
        quarter, side = int(rng.integers(4)), rng.uniform(*_PUSH_SIDE)
        yaw_rad = target.T_base_thing.yaw_rad() + 0.5 * np.pi * quarter
        ahead = np.array([np.cos(yaw_rad), np.sin(yaw_rad), 0.0])
        left = np.array([-ahead[1], ahead[0], 0.0])
        along, across, _ = target.extents_m
        if quarter % 2:
            along, across = across, along
        back_m = 0.5 * along + _FINGER_M + _CLEAR_M
        start = target.T_base_thing.p - back_m * ahead + side * 0.5 * across * left
        start[2] = min(start[2], _PUSH_HEIGHT_M)
        # Evenly faster, so that the fingers keep touching; then they stop, and the thing slides on.
        way_m = _CLEAR_M + length_m
        past_m = np.minimum(0.25 * speed_m_s**2 / way_m * self._times() ** 2, way_m)
        return self._along(
            f"push at {speed_m_s:.2f} m/s over {100 * length_m:.0f} cm",
            SE3.from_yaw(yaw_rad) @ SE3.from_rotvec((0.0, -_PUSH_TILT_RAD, 0.0)) @ _DOWN,
            start + past_m[:, None] * (ahead + np.array([0.0, 0.0, _PUSH_RISE])),
            start,
            start_opening=0.0,
            opening=np.zeros(_STEPS),
        )

    def _slide(self, target: Target, rng: np.random.Generator) -> Motion | None:
        speed_m_s, length_m = rng.uniform(*_SLIDE_SPEED_M_S), rng.uniform(*_SLIDE_M)
        quarter = int(rng.integers(4))
        yaw_rad = target.T_base_thing.yaw_rad() + 0.5 * np.pi * quarter
        ahead = np.array([np.cos(yaw_rad), np.sin(yaw_rad), 0.0])
        across_m = float(target.extents_m[1 - quarter % 2])
        moving_s = self._times() - _CLOSING_S
        past_m = np.minimum(
            0.25 * speed_m_s**2 / length_m * np.maximum(moving_s, 0.0) ** 2, length_m
        )
        up_m = _FREE_M * np.clip(moving_s / _PERIOD_S, 0.0, 1.0)
        start = target.T_base_thing.p
        return self._along(
            f"slide at {speed_m_s:.2f} m/s after {100 * length_m:.0f} cm",
            SE3.from_yaw(yaw_rad) @ _DOWN,
            start + past_m[:, None] * ahead + up_m[:, None] * np.array([0.0, 0.0, 1.0]),
            start,
            start_opening=self._around(across_m),
            opening=np.where(past_m < length_m, 0.0, 1.0),
        )

    def _around(self, across_m: float) -> float:
        """Opening with which the gripper goes around a thing."""
        return min(1.0, (across_m + _SPARE_M) / self.limits.gripper_width_m)

    def _lift(self, target: Target, rng: np.random.Generator) -> Motion | None:
        height_m = rng.uniform(*_LIFT_M)
        shake_m, shake_hz = rng.uniform(*_SHAKE_M), rng.uniform(*_SHAKE_HZ)
        across_m = float(target.extents_m[1])
        times = self._times() - _CLOSING_S
        rise = np.clip(times / 0.4, 0.0, 1.0)
        up_m = height_m * rise**2 * (3.0 - 2.0 * rise)
        up_m += np.where(times > 0.4, shake_m * np.sin(2 * np.pi * shake_hz * (times - 0.4)), 0.0)
        start = target.T_base_thing.p
        return self._along(
            f"lift by {100 * height_m:.0f} cm, shaken by {1e3 * shake_m:.0f} mm at "
            f"{shake_hz:.1f} Hz",
            SE3.from_yaw(target.T_base_thing.yaw_rad()) @ _DOWN,
            start + up_m[:, None] * np.array([0.0, 0.0, 1.0]),
            start,
            start_opening=self._around(across_m),
            opening=np.zeros(_STEPS),
        )

    def _swing(self, rng: np.random.Generator) -> Motion | None:
        joint = int(rng.integers(len(self.home_q_rad)))
        swing_rad, swing_hz = rng.uniform(*_SWING_RAD), rng.uniform(*_SWING_HZ)
        away = rng.uniform(-_AWAY_RAD, _AWAY_RAD, len(self.home_q_rad))
        start = self.home_q_rad + away
        q = np.tile(start, (_STEPS, 1))
        # Begins at rest.
        q[:, joint] += swing_rad * (1.0 - np.cos(2 * np.pi * swing_hz * self._times()))
        name = f"joint {joint + 1} by {2 * swing_rad:.2f} rad at {swing_hz:.1f} Hz"
        if not self._is_high((start, *q[::4])):
            return None
        return self._allowed(name, q, start, 1.0, np.ones(_STEPS))

    def _wander(self, rng: np.random.Generator) -> Motion | None:
        joints = len(self.home_q_rad)
        speed_rad_s = rng.uniform(-1.0, 1.0, (_WANDER_SINES, joints))
        speed_rad_s *= self.limits.joint.velocity_rad_s
        swing_hz = rng.uniform(*_WANDER_HZ, (_WANDER_SINES, joints))
        start = self.home_q_rad + rng.uniform(-_AWAY_RAD, _AWAY_RAD, joints)
        turns = 2.0 * np.pi * swing_hz * self._times()[:, None, None]
        away = (speed_rad_s / swing_hz * (1.0 - np.cos(turns))).sum(axis=1)
        # Of a small motion, so that where it leads to does not matter.
        small = 0.01 / np.abs(away).max()
        effort = rng.uniform(*_WANDER_EFFORT)
        q = start + effort / self._effort(start + small * away, start) * small * away
        if not self._is_high((start, *q[::4])) or self._effort(q, start) > 1.0:
            return None
        return self._allowed(f"wander at {100 * effort:.0f} %", q, start, 1.0, np.ones(_STEPS))

    def _effort(self, q_rad: Array, start: Array) -> float:
        """Highest speed or acceleration of joints or tool, as a share of what is allowed."""
        joint, cartesian = self.limits.joint, self.limits.cartesian
        path = np.concatenate([start[None], q_rad])
        rates = np.diff(path, axis=0) / _PERIOD_S
        faster = np.diff(rates, axis=0) / _PERIOD_S
        poses = [self.kinematics.forward(q) for q in path]
        steps = np.array([a.distance_to(b) for a, b in pairwise(poses)]) / _PERIOD_S
        return float(
            max(
                np.abs(rates / joint.velocity_rad_s).max(),
                np.abs(faster / joint.acceleration_rad_s2).max(),
                (steps / (cartesian.speed_m_s, cartesian.turn_rate_rad_s)).max(),
            )
        )

    def _roam(self, target: Target, rng: np.random.Generator) -> Motion | None:
        low = np.array([-_ROAM_M, -_ROAM_M, _ROAM_HEIGHT_M[0]])
        high = np.array([_ROAM_M, _ROAM_M, _ROAM_HEIGHT_M[1]])
        below = np.array([*target.T_base_thing.p[:2], 0.0])
        places = below + rng.uniform(low, high, (_ROAM_LEGS + 1, 3))
        if np.linalg.norm(places[0] - target.T_base_thing.p) < _ROAM_FROM_M:
            return None
        legs = _ROAM_LEGS * self._times() / _DURATION_S
        leg = np.minimum(legs.astype(int), _ROAM_LEGS - 1)
        past = (0.5 - 0.5 * np.cos(np.pi * (legs - leg)))[:, None]
        openings = rng.uniform(0.0, 1.0, _ROAM_LEGS + 1)
        return self._along(
            "at random around the thing",
            SE3.from_yaw(rng.uniform(-0.5 * np.pi, 0.5 * np.pi)) @ _DOWN,
            (1.0 - past) * places[leg] + past * places[leg + 1],
            places[0],
            start_opening=float(openings[0]),
            opening=openings[leg + 1],
        )

    def _along(
        self,
        name: str,
        R_base_tool: SE3,
        places_m: Array,
        start_m: Array,
        start_opening: float,
        opening: Array,
    ) -> Motion | None:
        """A motion of the tool without turns; None where the arm cannot follow."""
        first = SE3(R_base_tool.R, start_m).matrix()
        (start,), off_m = self.kinematics.follow(self.home_q_rad, first[None])
        if off_m[0] > _OFF_M:
            return None
        poses = np.tile(first, (_STEPS, 1, 1))
        poses[:, :3, 3] = places_m
        q, off_m = self.kinematics.follow(start, poses)
        if off_m.max() > _OFF_M:
            return None
        return self._allowed(name, q, start, start_opening, opening)

    def _allowed(
        self, name: str, q_rad: Array, start: Array, start_opening: float, opening: Array
    ) -> Motion | None:
        joint = self.limits.joint
        rates = np.abs(np.diff(np.concatenate([start[None], q_rad]), axis=0)) / _PERIOD_S
        if (q_rad < joint.lower_rad).any() or (q_rad > joint.upper_rad).any():
            return None
        if (rates > joint.velocity_rad_s).any():
            return None
        return Motion(
            name=name,
            period_s=_PERIOD_S,
            start_q_rad=start,
            start_opening=start_opening,
            q_rad=q_rad,
            opening=opening,
        )

    def _times(self) -> Array:
        return np.asarray(_PERIOD_S * np.arange(1, _STEPS + 1), dtype=np.float64)
