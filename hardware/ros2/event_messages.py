"""Decisions to and from our own ``EpisodeEvent`` message. Importable without ROS."""

import json
from typing import Any

from hardware.ros2.times import clock_name
from robot_skills.core.events import Event, EventKind


def event_message(event: Event) -> Any:
    """A decision as ``EpisodeEvent``, with its stamp on this machine's clock.

    One with numbers that are none is sent all the same: who moves an arm does not stop for that.
    """
    from robot_skills_interfaces.msg import EpisodeEvent

    return EpisodeEvent(
        clock=clock_name(),
        stamp_s=float(event.stamp_s),
        kind=event.kind.value,
        data=json.dumps(dict(event.data)),
    )


def event_of(message: Any, offset_s: float = 0.0) -> Event:
    """The decision of an ``EpisodeEvent``.

    Args:
        message: What was received.
        offset_s: What to add to its stamp.

    Raises:
        ValueError: Nobody knows its kind, or its data are no JSON object that a log can hold.
    """
    try:
        kind, data = EventKind(message.kind), json.loads(message.data or "{}")
        # Python reads numbers that are none, as it writes them.
        json.dumps(data, allow_nan=False)
    except RecursionError:
        raise ValueError("an event is nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError(f"the data of an event are {type(data).__name__}, not an object")
    return Event(stamp_s=message.stamp_s + offset_s, kind=kind, data=data)
