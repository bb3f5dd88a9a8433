"""Motions that show what a robot and things are like, and what its sensors say meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from robot_skills.core.se3 import SE3, Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Motion:
    """Joint setpoints of one arm, evenly in time, from rest.

    Attributes:
        name: What it is, for people.
        period_s: Between two setpoints.
        start_q_rad: Where the arm rests before it, (n,).
        start_opening: Of the gripper before it, in [0, 1].
        q_rad: Setpoint at the end of each period, (T, n).
        opening: Of the gripper in each period, in [0, 1], (T,).
    """

    name: str
    period_s: float
    start_q_rad: Array
    start_opening: float
    q_rad: Array
    opening: Array

    def __post_init__(self) -> None:
        steps, joints = self.q_rad.shape
        if self.opening.shape != (steps,) or self.start_q_rad.shape != (joints,):
            raise ValueError(
                f"{steps} setpoints of {joints} joints need as many openings and joints at the "
                f"start, got {self.opening.shape} and {self.start_q_rad.shape}."
            )

    @property
    def duration_s(self) -> float:
        return self.period_s * len(self.q_rad)


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorNoise:
    """Standard deviations of what sensors say.

    Attributes:
        q_rad: Joint positions.
        dq_rad_s: Joint velocities.
        tau_nm: Joint torques.
        place_m: Places of things, per axis.
        turn_rad: Rotations of things, per axis.
    """

    q_rad: float = 1e-4
    dq_rad_s: float = 5e-3
    tau_nm: float = 0.2
    place_m: float = 2e-3
    turn_rad: float = 0.02

    def __post_init__(self) -> None:
        for one in fields(self):
            if not getattr(self, one.name) > 0.0:
                raise ValueError(f"No sensor is exact: {one.name} has to be above 0.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Streams:
    """What sensors say at the end of each period of a motion.

    Attributes:
        q_rad: Joint positions, (T, n).
        dq_rad_s: Joint velocities, (T, n); None where the arm does not tell them.
        tau_nm: Joint torques without the arm's own weight, (T, n); None where it has no sensors.
        T_base_things: Poses of things by name, (T, 4, 4) each.
    """

    q_rad: Array
    dq_rad_s: Array | None = None
    tau_nm: Array | None = None
    T_base_things: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.q_rad.shape
        for name in ("dq_rad_s", "tau_nm"):
            values = getattr(self, name)
            if values is not None and values.shape != shape:
                raise ValueError(f"{name} is {values.shape}, the positions are {shape}.")
        for name, poses in self.T_base_things.items():
            if poses.shape != (len(self.q_rad), 4, 4):
                raise ValueError(f"{name} has poses {poses.shape}, there are {shape[0]} stamps.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rollout:
    """A motion with what was sensed.

    Attributes:
        motion: That was commanded.
        things: Where things were seen at rest before it, `T_base_thing` by name.
        streams: What was sensed during it.
        looks: How many looks at the things that is the mean of.
    """

    motion: Motion
    things: Mapping[str, SE3]
    streams: Streams
    looks: int = 1

    def __post_init__(self) -> None:
        if self.streams.q_rad.shape != self.motion.q_rad.shape:
            raise ValueError(
                f"The motion has setpoints {np.shape(self.motion.q_rad)}, sensed were "
                f"{np.shape(self.streams.q_rad)}."
            )
