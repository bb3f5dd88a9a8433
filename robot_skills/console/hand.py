"""From what a page says about a hand to a `TeleopSample`."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3
from robot_skills.core.teleop import Frame, HandPose, Motion, Rate, TeleopSample

_MAX_DELAY_S = 0.25
_FORGET = 0.002
"""Share of the gap by which the least delay follows the present one, per message: a page whose
clock drifts is not taken for a slow one."""


class Freshness:
    """Tells messages that were held up on the way from those that were not.

    A page and this process share no clock, so only the delay beyond the least one counts.
    """

    def __init__(self) -> None:
        self._least_s: float | None = None

    def late(self, sent_s: float, arrived_s: float) -> bool:
        """Whether a message took much longer than the quickest did."""
        delay_s = arrived_s - sent_s
        if self._least_s is None or delay_s < self._least_s:
            self._least_s = delay_s
        excess_s = delay_s - self._least_s
        self._least_s += _FORGET * excess_s
        return excess_s > _MAX_DELAY_S


def sample_of(message: Mapping[str, Any], stamp_s: float) -> TeleopSample:
    """What a hand at the page does.

    Args:
        message: ``held``; optionally ``opening``; and either ``pose`` with ``p`` [m] and ``wxyz``
            in the device's z-up frame, or ``linear`` and ``angular`` with shares in [-1, 1] and
            ``frame``, ``base`` or ``tool``.
        stamp_s: When it arrived.

    Raises:
        RefusedError: It is none of that.
    """
    held = message.get("held")
    if not isinstance(held, bool):
        raise RefusedError(f"A hand says held true or false, got {held!r}.")
    opening = message.get("opening")
    if opening is not None:
        opening = min(max(_number(opening), 0.0), 1.0)
    return TeleopSample(stamp_s=stamp_s, held=held, motion=_motion(message), opening=opening)


def sent_s(message: Mapping[str, Any]) -> float:
    """When a page sent a message, on its own clock."""
    return _number(message.get("t_ms")) / 1000.0


def _motion(message: Mapping[str, Any]) -> Motion | None:
    pose = message.get("pose")
    if pose is not None:
        if not isinstance(pose, dict):
            raise RefusedError(f"A pose holds p and wxyz, got {pose!r}.")
        wxyz = _numbers(pose.get("wxyz"), 4)
        if np.linalg.norm(wxyz) < 0.5:
            raise RefusedError(f"A quaternion has length 1, got {wxyz}.")
        return HandPose(T_device_hand=SE3.from_wxyz(wxyz, _numbers(pose.get("p"), 3)))
    if "linear" not in message and "angular" not in message:
        return None
    linear = np.clip(_numbers(message.get("linear"), 3), -1.0, 1.0)
    angular = np.clip(_numbers(message.get("angular"), 3), -1.0, 1.0)
    return Rate(linear=linear, angular=angular, frame=_frame(message.get("frame", "base")))


def _frame(name: object) -> Frame:
    try:
        return Frame(name)
    except ValueError:
        raise RefusedError(f"Unknown frame {name!r}. Available: base, tool.") from None


def _numbers(value: object, count: int) -> list[float]:
    if not isinstance(value, list) or len(value) != count:
        raise RefusedError(f"Expected {count} numbers, got {value!r}.")
    return [_number(each) for each in value]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RefusedError(f"Expected a finite number, got {value!r}.")
    return float(value)
