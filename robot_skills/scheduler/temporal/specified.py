"""A planner whose plans satisfy a given specification besides what the words ask for."""

from dataclasses import replace

from robot_skills.core.plan import Plan, Planner, Specification
from robot_skills.core.scene import Scene
from robot_skills.scheduler.temporal.formula import parts, text
from robot_skills.scheduler.temporal.reader import parse_formula


class SpecifiedPlanner(Planner):
    """Adds a formula to the specification of every plan.

    Args:
        planner: Plans for the words.
        formula: As `parse_formula` reads it.

    Raises:
        InstructionError: The formula cannot be read.
        UnknownNameError: It names a predicate that does not exist.
    """

    def __init__(self, planner: Planner, formula: str) -> None:
        self._planner = planner
        self._parts = tuple(map(text, parts(parse_formula(formula))))

    @property
    def name(self) -> str:
        return self._planner.name

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Plan for an instruction and the specification. Raises as `Planner.plan` does."""
        plan = self._planner.plan(instruction, scene)
        said = () if plan.specification is None else plan.specification.parts
        whole = Specification(parts=tuple(dict.fromkeys((*said, *self._parts))))
        return self._planner.replan(replace(plan, specification=whole), scene)

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Plan for what is left, the specification included. Raises as `Planner.replan` does."""
        return self._planner.replan(plan, scene)
