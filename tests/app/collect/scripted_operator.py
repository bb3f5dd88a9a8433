"""An operator who lifts a cube with the keys of a keyboard, one look at a time.

Only knows what the console shows: where the tool is and where things are. Presses the keys that
lead closer, with Shift when close, like a person who looks at the screen ten times a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robot_skills.core.se3 import wxyz_to_matrix

NEAR_M, THERE_M, FUNNEL_M = 0.03, 0.006, 0.01
NEAR_RAD, THERE_RAD, FUNNEL_RAD = 0.25, 0.06, 0.15
HOVER_M, GRIP_M, LIFT_M = 0.06, 0.0, 0.12
_CLOSE_LOOKS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What the console shows.

    Attributes:
        p_tool: Position of the tool [m], (3,).
        yaw_rad: Its turn about the vertical.
        opening: Of the gripper.
        p_cube: Centre of the cube [m], (3,).
        cube_yaw_rad: Its turn about the vertical.
    """

    p_tool: np.ndarray
    yaw_rad: float
    opening: float
    p_cube: np.ndarray
    cube_yaw_rad: float


def sight_of(status: Mapping, thing: str = "red_cube") -> Sight:
    """The sight in a console's status, as JSON."""
    arm = next(iter(status["arms"].values()))
    cube = next(one for one in status["things"] if one["name"] == thing)
    R_tool = wxyz_to_matrix(np.array(arm["wxyz_base_tool"]))
    R_cube = wxyz_to_matrix(np.array(cube["wxyz_base"]))
    return Sight(
        p_tool=np.array(arm["p_base_tool"]),
        yaw_rad=float(np.arctan2(R_tool[1, 0], R_tool[0, 0])),
        opening=arm["opening"],
        p_cube=np.array(cube["p_base"]),
        cube_yaw_rad=float(np.arctan2(R_cube[1, 0], R_cube[0, 0])),
    )


class ScriptedOperator:
    """Keys to hold, look by look.

    Comes in from above through a funnel: goes on down as soon as the fingers would pass the cube,
    and never waits to be exact.
    """

    def __init__(self) -> None:
        self._phase = "reach"
        self._closing = 0

    @property
    def phase(self) -> str:
        return self._phase

    def keys(self, foreseen: Sight, seen: Sight) -> frozenset[str]:
        """Keys to hold now.

        Args:
            foreseen: Where things will be when the keys take effect; moves are chosen by it.
            seen: Where they are; only this tells that a move is done.
        """
        match self._phase:
            case "reach":
                return self._reach(foreseen, seen)
            case "close":
                return self._close()
            case _:
                return frozenset({"r"})

    def _reach(self, foreseen: Sight, seen: Sight) -> frozenset[str]:
        error, turn = _above_cube(foreseen, GRIP_M)
        at, _ = _above_cube(seen, GRIP_M)
        if max(abs(error[2]), abs(at[2])) < THERE_M and np.abs(at[:2]).max() < FUNNEL_M:
            self._phase = "close"
            return frozenset()
        if np.abs(error[:2]).max() > FUNNEL_M or abs(turn) > FUNNEL_RAD:
            error = error + np.array([0.0, 0.0, HOVER_M])
        return _towards(error, turn)

    def _close(self) -> frozenset[str]:
        """Space, which closes when it goes down, and keeps the hand on the robot meanwhile."""
        self._closing += 1
        if self._closing > _CLOSE_LOOKS:
            self._phase = "lift"
        return frozenset({"space"})


def _above_cube(sight: Sight, height_m: float) -> tuple[np.ndarray, float]:
    """Way and turn to a point above the cube."""
    error = sight.p_cube + np.array([0.0, 0.0, height_m]) - sight.p_tool
    return error, _quarter(sight.cube_yaw_rad - sight.yaw_rad)


def _quarter(angle_rad: float) -> float:
    """The same turn for a cube, at most an eighth of a circle."""
    return float((angle_rad + np.pi / 4) % (np.pi / 2) - np.pi / 4)


def _towards(error: np.ndarray, turn: float) -> frozenset[str]:
    """Keys that lead closer: first what is far at full speed, then the rest with Shift."""
    ways = [
        (float(value), NEAR_M, THERE_M / 2, keys)
        for value, keys in zip(error, (("w", "s"), ("a", "d"), ("r", "f")), strict=True)
    ]
    ways.append((turn, NEAR_RAD, THERE_RAD / 2, ("j", "l")))
    far = {_key(value, keys) for value, near, _, keys in ways if abs(value) > near}
    if far:
        return frozenset(far)
    close = {_key(value, keys) for value, _, dead, keys in ways if abs(value) > dead}
    return frozenset({*close, "shift"}) if close else frozenset()


def _key(value: float, keys: tuple[str, str]) -> str:
    return keys[0] if value > 0.0 else keys[1]
