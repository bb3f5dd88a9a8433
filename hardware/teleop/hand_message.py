"""One line of a tracked hand: a hand-held gripper (UMI, Chi et al., 2024), a phone, WebXR.

A hand is one JSON object on one line::

    {"t": 12.34, "p": [0.1, 0.0, 0.3], "wxyz": [1, 0, 0, 0], "width_m": 0.05, "held": true}

with the sender's own seconds, the hand's position [m] and rotation in the sender's frame (+z up, +x
away from the operator), the width of its gripper [m] or null, whether the dead-man switch is held,
and, if wanted, "wishes", a list of `Wish` values. Whatever is not exactly that is counted and
ignored: unknown or missing keys, numbers that are not finite, quaternions that are no rotations,
lines that are too long.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3
from robot_skills.core.teleop import HandPose, TeleopSample, Wish

LONGEST_LINE = 2048
"""Bytes of one hand."""
_REQUIRED = frozenset({"t", "p", "wxyz", "held"})
_KEYS = _REQUIRED | {"width_m", "wishes"}
_FARTHEST_M = 100.0
_UNIT_TOLERANCE = 0.01
_MOST_WISHES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamConfig:
    """What a stream may say.

    Attributes:
        open_width_m: Width of the hand's gripper that counts as open.
    """

    open_width_m: float = 0.08

    def __post_init__(self) -> None:
        if not self.open_width_m > 0.0:
            raise ValueError("The width of an open gripper must be above zero.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HandMessage:
    """One line of a stream.

    Attributes:
        sent_s: On the sender's own clock.
        T_device_hand: Pose of the hand in the sender's frame.
        held: Whether the dead-man switch is held.
        opening: In [0, 1]; None where the hand has no gripper.
        wishes: Asked for with this line.
    """

    sent_s: float
    T_device_hand: SE3
    held: bool
    opening: float | None
    wishes: tuple[Wish, ...]

    def sample(self, stamp_s: float) -> TeleopSample:
        """As a sample, stamped on the project clock."""
        return TeleopSample(
            stamp_s=stamp_s,
            held=self.held,
            motion=HandPose(T_device_hand=self.T_device_hand),
            opening=self.opening,
            wishes=self.wishes,
        )


def parse_hand(line: bytes | str, config: StreamConfig | None = None) -> HandMessage:
    """Read one hand, strictly.

    Raises:
        RefusedError: It is not exactly what the top of this file says.
    """
    config = config or StreamConfig()
    if len(line) > LONGEST_LINE:
        raise RefusedError(f"A hand has at most {LONGEST_LINE} bytes, got {len(line)}.")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as reason:
        raise RefusedError(f"A hand is one JSON object: {reason}.") from reason
    if not isinstance(message, dict) or not _REQUIRED <= message.keys() <= _KEYS:
        raise RefusedError(f"A hand has the keys {', '.join(sorted(_KEYS))}.")
    if not isinstance(message["held"], bool):
        raise RefusedError("'held' is true or false.")
    (sent_s,) = _numbers("t", [message["t"]], 1)
    p = _numbers("p", message["p"], 3)
    wxyz = _numbers("wxyz", message["wxyz"], 4)
    if max(abs(value) for value in p) > _FARTHEST_M:
        raise RefusedError(f"A hand is within {_FARTHEST_M:.0f} m, got {p}.")
    if abs(math.hypot(*wxyz) - 1.0) > _UNIT_TOLERANCE:
        raise RefusedError(f"A rotation is a unit quaternion, got {wxyz}.")
    return HandMessage(
        sent_s=sent_s,
        T_device_hand=SE3.from_wxyz(wxyz, p),
        held=message["held"],
        opening=_opening(message.get("width_m"), config),
        wishes=_wishes(message.get("wishes", [])),
    )


def from_webxr(p_m: Sequence[float], wxyz: Sequence[float]) -> SE3:
    """Pose of a hand in WebXR's frame (x right, y up, z towards the viewer) in a device's frame."""
    R_device_xr = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    T_xr_hand = SE3.from_wxyz(wxyz, p_m)
    return SE3(R_device_xr @ T_xr_hand.R @ R_device_xr.T, R_device_xr @ T_xr_hand.p)


def _numbers(name: str, values: Any, count: int) -> list[float]:
    if not isinstance(values, list) or len(values) != count:
        raise RefusedError(f"{name!r} needs {count} numbers.")
    for value in values:
        # A bool is an int to Python, but not to whoever reads this file's format.
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RefusedError(f"{name!r} needs numbers, got {value!r}.")
        if not abs(value) < 1e15:
            raise RefusedError(f"{name!r} needs finite numbers, got {value}.")
    return [float(value) for value in values]


def _opening(width_m: Any, config: StreamConfig) -> float | None:
    if width_m is None:
        return None
    (value,) = _numbers("width_m", [width_m], 1)
    if not 0.0 <= value <= 1.0:
        raise RefusedError(f"'width_m' is in metres, got {value}.")
    return min(value / config.open_width_m, 1.0)


def _wishes(values: Any) -> tuple[Wish, ...]:
    if not isinstance(values, list) or len(values) > _MOST_WISHES:
        raise RefusedError(f"'wishes' is a list of at most {_MOST_WISHES}.")
    known = {wish.value: wish for wish in Wish}
    for value in values:
        if not isinstance(value, str) or value not in known:
            raise RefusedError(f"Unknown wish {value!r}. Available: {', '.join(sorted(known))}.")
    return tuple(known[value] for value in values)
