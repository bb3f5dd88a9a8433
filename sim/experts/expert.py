"""What a scripted expert is: a closed-loop demonstrator that sees what the policy will see."""

from dataclasses import dataclass
from typing import Protocol

from robot_skills.core.se3 import SE3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ExpertStep:
    """One tick of a demonstration.

    Attributes:
        T_base_tool: Tool pose to be at next.
        opening: Gripper opening to be at next.
        phase: What the expert is doing, in words: the subtask label of the data.
        done: The work of the skill is finished.
    """

    T_base_tool: SE3
    opening: float
    phase: str
    done: bool


class Expert(Protocol):
    """Acts from the measured tool state; keeps its own notion of how far it has come."""

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep: ...

    def displace(self, offset_m, turn_rad) -> SE3:
        """Be pushed off the way; returns the pushed reference pose."""
        ...
