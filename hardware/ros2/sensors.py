"""What a gate hears of the sensors without which nothing may move."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hardware.ros2.camera_topics import HealthLevel, health_topic
from hardware.ros2.runtime import RosNode
from robot_skills.core.clock import Clock

_SILENT_S = 0.2
_QUEUE = 10


@dataclass(slots=True)
class _Said:
    level: HealthLevel
    text: str
    at_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorTrouble:
    """Sensors with the same kind of trouble.

    Attributes:
        names: Of the sensors.
        why: What is wrong with each, in the same order.
    """

    names: str
    why: str


class Sensors:
    """Hears how sensors are. Nothing heard of one is as bad as something bad.

    Args:
        node: That subscribes.
        names: Of the sensors.
        clock: The project clock.
        silent_s: A sensor of which nothing is heard for so long is lost.
    """

    def __init__(
        self, node: RosNode, names: Sequence[str], clock: Clock, silent_s: float = _SILENT_S
    ) -> None:
        from diagnostic_msgs.msg import DiagnosticStatus

        self._clock, self._silent_s = clock, silent_s
        self._said: dict[str, _Said] = {}
        for name in names:
            # A grace to be heard, not a word that it is well.
            self._said[name] = _Said(HealthLevel.WELL, "", clock.now_s())
            node.node.create_subscription(
                DiagnosticStatus, health_topic(name), self._says(name), _QUEUE
            )

    def _says(self, name: str) -> Callable[[Any], None]:
        def heard(message: Any) -> None:
            self._said[name] = _Said(_level_of(message), message.message, self._clock.now_s())

        return heard

    def lost(self, now_s: float) -> SensorTrouble | None:
        """Those that give nothing that is fresh, until they do."""
        found = {}
        for name, said in self._said.items():
            silent_s = now_s - said.at_s
            if said.level is HealthLevel.LOST:
                found[name] = said.text
            if silent_s > self._silent_s:
                found[name] = f"nothing is heard on {health_topic(name)} for {silent_s:.1f} s"
        return _together(found)

    def misfit(self) -> SensorTrouble | None:
        """Those that give something else than everybody counts on."""
        return _together(
            {
                name: said.text
                for name, said in self._said.items()
                if said.level is HealthLevel.MISFIT
            }
        )


def _together(found: dict[str, str]) -> SensorTrouble | None:
    if not found:
        return None
    return SensorTrouble(names=", ".join(found), why="; ".join(found.values()))


def _level_of(message: Any) -> HealthLevel:
    """As it was said; who warns is well, and what is not understood is not."""
    match message.level:
        case b"\x00" | b"\x01":
            return HealthLevel.WELL
        case b"\x02":
            return HealthLevel.MISFIT
    return HealthLevel.LOST
