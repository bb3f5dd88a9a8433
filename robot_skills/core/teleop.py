"""Contract of teleoperation devices."""

from typing import Protocol

from robot_skills.core.types import ActionChunk, Observation


class Teleoperator(Protocol):
    """A person's hand on the robot: turns device input into short chunks of waypoints."""

    def connect(self) -> None: ...

    def engaged(self) -> bool:
        """Whether the dead-man switch is held right now."""
        ...

    def action(self, observation: Observation) -> ActionChunk | None:
        """Waypoints that the operator asks for, or None while not engaged."""
        ...

    def close(self) -> None: ...
