"""A planner whose first plans heed what was corrected in other runs."""

from robot_skills.core.plan import Plan, Planner
from robot_skills.core.scene import Scene
from robot_skills.scheduler.corrections.desk import CorrectionDesk


class RememberingPlanner(Planner):
    """Plans as another planner does, and as people have wanted it otherwise since.

    Args:
        planner: Plans for the words.
        desk: Knows what was corrected.
    """

    def __init__(self, planner: Planner, desk: CorrectionDesk) -> None:
        self._planner = planner
        self._desk = desk

    @property
    def name(self) -> str:
        return self._planner.name

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Plan for an instruction. Raises as `Planner.plan` and `CorrectionDesk.recalled` do."""
        return self._desk.recalled(self._planner.plan(instruction, scene), scene)

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Plan for what is left. Raises as `Planner.replan` does."""
        return self._planner.replan(plan, scene)
