"""What the arm cannot get to is refused before anything moves: a rule of the plan checker."""

import numpy as np

from robot_skills.core.limits import CartesianLimits
from robot_skills.core.plan import SkillCall
from robot_skills.core.robot import Kinematics
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3, Array, interpolate

_OUTSIDE_M = 0.02
"""A thing may reach so far out of the workspace that the gate forgives it."""
_SHORT_M = 0.05
"""An arm that comes as near as this to a thing with its hand straight down may do with another
turn of it."""
_OVER_M = 0.02
_STEPS = 25


class Reach:
    """Refuses calls about things that one arm cannot get to.

    Args:
        limits: Of the tool.
        kinematics: Of the arm.
        q_rad: Joints that it sets out from, (n,): it is asked how it would get from there to a
            thing, the hand turned as it is there.
    """

    def __init__(self, limits: CartesianLimits, kinematics: Kinematics, q_rad: Array) -> None:
        self._limits = limits
        self._kinematics = kinematics
        self._q_rad = q_rad
        self._T_base_start = kinematics.forward(q_rad)

    def __call__(self, call: SkillCall, scene: Scene) -> str | None:
        """The reason to refuse a call; None when there is none."""
        names = [name for name in call.args.values() if name in scene and name != TABLE]
        problems = (self._problem(scene[name]) for name in names)
        return next((problem for problem in problems if problem), None)

    def _problem(self, entity: Entity) -> str:
        if entity.held_by is not None:
            return ""
        p = _place(entity)
        lower, upper = self._limits.workspace_lower_m, self._limits.workspace_upper_m
        at = f"{entity.name} is out of the arm's reach at ({p[0]:.2f}, {p[1]:.2f}) m"
        if any(not lower[i] - _OUTSIDE_M <= p[i] <= upper[i] + _OUTSIDE_M for i in (0, 1)):
            return (
                f"{at}: the workspace is x [{lower[0]:.2f}, {upper[0]:.2f}] m, "
                f"y [{lower[1]:.2f}, {upper[1]:.2f}] m. Move it nearer"
            )
        short_m = self._short_m(p)
        if short_m > _SHORT_M:
            return f"{at}: {short_m:.2f} m remain when it is stretched out. Move it nearer"
        return ""

    def _short_m(self, p_base_thing: Array) -> float:
        """How far from a place the hand is left when the arm goes there as well as it can."""
        T_base_goal = SE3(self._T_base_start.R, p_base_thing)
        share = np.linspace(0.0, 1.0, _STEPS)
        path = interpolate(self._T_base_start.matrix(), T_base_goal.matrix(), share)
        return float(self._kinematics.follow(self._q_rad, path)[1][-1])


def _place(entity: Entity) -> Array:
    """Where a hand has to get to: over a thing, or at its handle."""
    if entity.articulation is not None:
        return (entity.T_base_entity @ entity.articulation.T_entity_handle).p
    return np.array([*entity.T_base_entity.p[:2], entity.top_m + _OVER_M])
