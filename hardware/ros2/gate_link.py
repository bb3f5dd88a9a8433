"""What is known of a gate's process from what it says: its status, its clock, whether it is heard.

The gate may be on another machine. Chunks for it are timed on its clock, so that one which a cut
network delivers late is late there, whatever the machines' clocks say.
"""

from typing import Any

from hardware.ros2.times import SenderClocks
from robot_skills.core.clock import Clock
from robot_skills.core.errors import RobotFault

_STALE_S = 0.2
LOST_S = 1.0
"""A gate that is not heard for so long is lost: it says twenty times per second how it is."""


class GateLink:
    """Takes down what a gate says. Once lost, it stays lost until somebody decides to go on.

    Args:
        clock: The project clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._clocks = SenderClocks()
        self._heard_s: float | None = None
        self._lost = ""
        self.status: Any = None
        self.offset_s = 0.0

    def heard(self, status: Any) -> None:
        """A `GateStatus` has come."""
        now_s = self._clock.now_s()
        self._watch(now_s)
        self._heard_s = now_s
        self.offset_s = self._clocks.offset_s(status.clock, status.stamp_s, now_s)
        self.status = status

    def unanswered(self, problem: str) -> None:
        """The gate was asked and did not answer: what it was asked may still reach it."""
        self._lost = self._lost or problem

    @property
    def lost(self) -> str:
        """Why nothing may be sent any more; empty while all is well."""
        self._watch(self._clock.now_s())
        return self._lost

    @property
    def silent_s(self) -> float:
        """For how long nothing has come; 0 before the first."""
        return 0.0 if self._heard_s is None else self._clock.now_s() - self._heard_s

    def silence(self) -> str:
        """What is said besides where an arm's states do not come: whether its gate is heard."""
        if self.silent_s < _STALE_S:
            return ""
        return (
            f"Nor has its safety gate said anything for {self.silent_s:.2f} s: the network in "
            "between is cut, or the arm's computer is off."
        )

    def waits_for(self, joint_states: str) -> list[str]:
        """What is missing before the gate would take chunks, in words.

        Args:
            joint_states: Topic on which the gate hears the arm.
        """
        if self.status is None or self.silent_s > _STALE_S:
            return ["it says nothing"]
        missing = list(self.status.waits_for)
        if not 0.0 <= self.status.state_age_s < _STALE_S:
            missing.append(f"it hears nothing on {joint_states}")
        return missing

    def check(self) -> None:
        """Raises `RobotFault` once the gate was lost."""
        if self.lost:
            raise RobotFault(
                f"The link to the safety gate was lost: {self._lost.rstrip('.')}. The gate ends "
                "what it has and holds. Nothing is sent until somebody decides to go on: resume()."
            )

    def restored(self) -> None:
        """Somebody has decided to go on."""
        self._lost = ""

    def _watch(self, now_s: float) -> None:
        if self._heard_s is not None and now_s - self._heard_s > LOST_S:
            self._lost = f"nothing was heard of it for {now_s - self._heard_s:.1f} s"
