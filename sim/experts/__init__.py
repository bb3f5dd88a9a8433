"""Scripted experts: the demonstrators that learned skills are trained from.

An expert sees the same tokens as the policy, from the simulator's truth, bound the same way.
"""

from collections.abc import Callable, Mapping

from robot_skills.core.errors import unknown_name
from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3
from sim.experts.expert import Expert, ExpertStep
from sim.experts.grasp import GraspExpert
from sim.experts.insert import InsertExpert
from sim.experts.motion import MotionStyle
from sim.experts.opening import CloseExpert, OpenExpert
from sim.experts.place import PlaceExpert
from sim.experts.press import PressExpert
from sim.experts.push import PushExpert
from sim.experts.reach import ReachExpert

type ExpertMaker = Callable[[tuple[EntityToken, ...], SE3, MotionStyle, float], Expert]
"""Makes an expert of tokens, tool pose at the start, style and period [s]."""

EXPERTS: Mapping[str, ExpertMaker] = {
    "grasp": GraspExpert,
    "place": PlaceExpert,
    "open": OpenExpert,
    "close": CloseExpert,
    "press": PressExpert,
    "push": PushExpert,
    "reach": ReachExpert,
    "insert": InsertExpert,
}


def make_expert(
    skill: str,
    tokens: tuple[EntityToken, ...],
    start: SE3,
    style: MotionStyle,
    period_s: float,
) -> Expert:
    """The expert for a skill, about to start from tool pose `start`.

    Raises:
        UnknownNameError: No expert demonstrates this skill.
    """
    if skill not in EXPERTS:
        raise unknown_name("expert", skill, EXPERTS)
    return EXPERTS[skill](tokens, start, style, period_s)


__all__ = ["EXPERTS", "Expert", "ExpertMaker", "ExpertStep", "MotionStyle", "make_expert"]
