"""Contracts of what keeps an arm out of itself and out of what stands around it for good."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robot_skills.core.scene import TABLE
from robot_skills.core.se3 import SE3, Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StaticBox:
    """Something that always stands in the same place: a post, a wall, a machine.

    Attributes:
        name: What people call it.
        T_base_box: Its centre and axes in the arm's base frame.
        size_m: Its edges along its axes, (3,).
    """

    name: str
    T_base_box: SE3
    size_m: Array

    def __post_init__(self) -> None:
        size_m = np.array(self.size_m, dtype=np.float64)
        if size_m.shape != (3,) or not (np.isfinite(size_m).all() and (size_m > 0.0).all()):
            raise ValueError(f"The box {self.name!r} needs three edges above zero, got {size_m} m.")
        if not self.name or self.name == TABLE:
            raise ValueError(f"A box needs a name of its own, got {self.name!r}.")
        size_m.setflags(write=False)
        object.__setattr__(self, "size_m", size_m)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Surroundings:
    """What an arm must not run into, and how far it stays away from it.

    The margins are kept along what was judged. They are there for what an arm strays from it: when
    it rounds corners, trails, or is stopped in mid-motion.

    Attributes:
        table_z_m: Height of the table in the base frame, a plane without end; None where there is
            none.
        boxes: What else stands there for good. Things to be grasped are no obstacles.
        margin_m: By which links and hand keep away from table and boxes.
        self_margin_m: By which links keep away from one another.
        finger_depth_m: By which the fingers may be told to go below the table's surface, as they do
            when they take something flat from it and press a little; they give way.
    """

    table_z_m: float | None = 0.0
    boxes: tuple[StaticBox, ...] = ()
    margin_m: float = 0.02
    self_margin_m: float = 0.01
    finger_depth_m: float = 0.01

    def __post_init__(self) -> None:
        if self.table_z_m is not None and not np.isfinite(self.table_z_m):
            raise ValueError(f"The height of the table has to be finite, got {self.table_z_m} m.")
        names = [box.name for box in self.boxes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"There are several boxes called {', '.join(twice)}.")
        if not (0.0 <= self.margin_m <= 0.2 and 0.0 <= self.self_margin_m <= 0.2):
            raise ValueError("Margins must lie in [0, 0.2] m.")
        if not 0.0 <= self.finger_depth_m <= 0.1:
            raise ValueError(f"Needs finger_depth_m in [0, 0.1] m, got {self.finger_depth_m} m.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmShape:
    """How thick an arm is whose meshes nobody has: links are capsules from joint to joint.

    Attributes:
        link_radius_m: Of links.
        hand_radius_m: Of what is between flange and fingers.
        finger_length_m: Of the last part before the tool, which may touch the table.
        finger_radius_m: Of that part; so far it reaches beyond the tool.
    """

    link_radius_m: float = 0.06
    hand_radius_m: float = 0.05
    finger_length_m: float = 0.05
    finger_radius_m: float = 0.01

    def __post_init__(self) -> None:
        lengths = (
            self.link_radius_m,
            self.hand_radius_m,
            self.finger_length_m,
            self.finger_radius_m,
        )
        if not all(0.0 < length <= 0.5 for length in lengths):
            raise ValueError("The radii and the length of an arm's parts must lie in (0, 0.5] m.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Nearest:
    """The two bodies that have least room.

    Attributes:
        bodies: Their names.
        room_m: Distance less what they have to keep.
    """

    bodies: tuple[str, str]
    room_m: float


class CollisionModel(Protocol):
    """How near an arm with its tool comes to itself and to its surroundings."""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Names of the bodies that must not touch, two by two, P of them."""
        ...

    @property
    def reach_m(self) -> Array:
        """Farthest that two bodies move against each other per radian of each joint, (P, n) [m].

        A joint step `dq` changes the distance of pair p by no more than ``abs(dq) @ reach_m[p]``.
        """
        ...

    @property
    def margin_m(self) -> Array:
        """What the two bodies of each pair have to keep, (P,) [m].

        Below zero where they may be told to press against each other.
        """
        ...

    @property
    def opening_reach_m(self) -> Array:
        """The same for the gripper's opening, from shut to open, (P,) [m]."""
        ...

    def room(self, q_rad: Array, opening: Array) -> Array:
        """Distances less margins, (H, P) [m]: below zero two bodies are too near.

        Never more than there is, and exact where little is left.

        Args:
            q_rad: Joints, (H, n). The less they differ from row to row, the faster it is.
            opening: Of the gripper, in [0, 1], (H,).
        """
        ...


def least_room(model: CollisionModel, q_rad: Array, opening: Array) -> list[Nearest]:
    """Which two bodies are nearest to touching at each of (H, n) joint positions.

    Args:
        model: Knows the distances.
        q_rad: Joints, (H, n).
        opening: Of the gripper, in [0, 1], (H,).
    """
    room_m = model.room(q_rad, opening)
    return [
        Nearest(bodies=model.pairs[pair], room_m=float(row[pair]))
        for row, pair in zip(room_m, room_m.argmin(axis=1), strict=True)
    ]
