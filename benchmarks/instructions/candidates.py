"""Who is judged: planners by name, and unions of several."""

from collections.abc import Callable, Sequence

from benchmarks.instructions.recorded import recorded_planner
from robot_skills.app.deciding import load_deciders
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import InstructionError, PlanningError, UnknownNameError
from robot_skills.core.plan import Plan, Planner
from robot_skills.core.scene import Scene
from robot_skills.scheduler.plan_checker import PlanChecker, PlanRefusedError
from robot_skills.skills.library import SkillLibrary

type Ask = Callable[[str, Scene], Plan]
"""Words and a scene in, a plan out, as `robot_skills.core.plan.Planner.plan`; raises `REFUSALS`."""

REFUSALS = (InstructionError, UnknownNameError, PlanningError)
"""What a planner refuses an instruction with; anything else is a fault of the planner."""
RECORDED = "recorded"
"""Name of the planner whose model answers from a recording."""
_AND = "+"


def planner_named(names: str) -> Ask:
    """A planner, newly loaded; of several, such as ``rules+llm``, the first that does not refuse.

    Raises:
        RefusedError: There is no such planner, or it cannot be loaded.
    """
    cards = SkillLibrary.load(zoo_dir())
    asks = [_planner(name, cards).plan for name in names.split(_AND)]
    return asks[0] if len(asks) == 1 else first_accepted(asks, PlanChecker(cards))


def _planner(name: str, cards: SkillLibrary) -> Planner:
    if name == RECORDED:
        return recorded_planner(cards)
    return load_deciders(planner=name).planner


def first_accepted(asks: Sequence[Ask], checker: PlanChecker) -> Ask:
    """A planner that asks others in turn until the checker accepts a plan.

    Args:
        asks: In the order in which they are asked, at least one; the last one's refusal stands for
            all.
        checker: Accepts plans.
    """
    *others, last = asks

    def accepted(ask: Ask, instruction: str, scene: Scene) -> Plan:
        plan = ask(instruction, scene)
        verdict = checker.check(plan, scene)
        if not verdict.accepted:
            raise PlanRefusedError(verdict)
        return plan

    def ask(instruction: str, scene: Scene) -> Plan:
        for other in others:
            try:
                return accepted(other, instruction, scene)
            except REFUSALS:
                continue
        return accepted(last, instruction, scene)

    return ask
