"""How late a robot is, as far as calibration has found out."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmLatencies:
    """How late an arm and its gripper are; those of cameras are taken off by their drivers.

    Attributes:
        action_s: From when the arm is told a waypoint's time has come to when it goes there.
        gripper_s: The same of the gripper.
        state_s: From when a state is measured to the time that its stamp says.

    Raises:
        ValueError: One of them is negative.
    """

    action_s: float = 0.0
    gripper_s: float = 0.0
    state_s: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            if not getattr(self, one.name) >= 0.0:
                raise ValueError(f"Latencies are not negative, got {one.name} of {self}.")
