"""A planner that makes use of what is remembered.

What is left of an interrupted task is planned from what is seen now; "back" is where a thing was
before it was taken; and a call that failed again and again for one reason is planned last.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import (
    Literal,
    Outcome,
    Plan,
    Planner,
    SkillCall,
    Specification,
)
from robot_skills.core.scene import Scene
from robot_skills.scheduler.memory.records import Step, Task
from robot_skills.scheduler.memory.store import TaskMemory
from robot_skills.scheduler.memory.wording import thing_put_back
from robot_skills.scheduler.temporal.formula import Always, Called, Not, text
from robot_skills.skills.card import parse_literal

_TOO_OFTEN = 2
"""A call that has failed so many times for one reason is not what to try next."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PLACES = ("in", "inserted", "on")
"""Predicates that say where a thing is, the one that says most first."""


class MemoryPlanner(Planner):
    """Plans with what is remembered.

    Args:
        planner: Plans for words and goals.
        memory: Open.
        task: Number of the task that is under way; None while there is none.
        resumes: Task that the next instruction goes on with; None for a new one.
    """

    def __init__(
        self,
        planner: Planner,
        memory: TaskMemory,
        task: Callable[[], int | None],
        resumes: Task | None = None,
    ) -> None:
        self._planner = planner
        self._memory = memory
        self._task = task
        self._resumes = resumes

    @property
    def name(self) -> str:
        return self._planner.name

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Plan for an instruction, or for what is left of it. Raises as `Planner.plan` does."""
        if self._resumes is not None:
            rest, self._resumes = rest_of(self._resumes), None
            return self._spared(self._planner.replan(rest, scene), scene)
        back = self._back(instruction, scene)
        plan = self._planner.plan(instruction, scene) if back is None else back
        return self._spared(plan, scene)

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Plan for what is left of a plan. Raises as `Planner.replan` does."""
        return self._spared(self._planner.replan(plan, scene), scene)

    def _back(self, instruction: str, scene: Scene) -> Plan | None:
        """A plan that puts a thing back; None when the words ask for something else."""
        thing = thing_put_back(instruction, scene)
        place = None if thing is None else self._place_before(thing)
        if thing is None or place is None or place.args[1] not in scene:
            return None
        said = f'"back" is where {thing} was before: {place.predicate} {place.args[1]}'
        goal = Plan(
            instruction=instruction, goal=(place,), calls=(), planner=self.name, wording=(said,)
        )
        return self._planner.replan(goal, scene)

    def _place_before(self, thing: str) -> Literal | None:
        """Where a thing was before the latest task that took it."""
        for task in reversed(self._memory.tasks.all()):
            for step in self._memory.tasks.steps(task.number):
                if _takes(step, thing):
                    return _place_that_ends(step, thing)
        return None

    def _spared(self, plan: Plan, scene: Scene) -> Plan:
        """A plan without the calls that failed too often, where there is one."""
        task = self._task()
        if task is None or not plan.calls:
            return plan
        steps = self._memory.tasks.steps(task)
        tired = [call for call in plan.calls if failed_too_often(call, steps)]
        if not tired:
            return plan
        without = replace(plan, specification=_without(plan.specification, tired))
        try:
            found = self._planner.replan(without, scene)
        except RefusedError:
            return plan
        avoided = ", ".join(dict.fromkeys(map(str, tired)))
        said = f"without {avoided}, which failed again and again for the same reason"
        return replace(found, specification=plan.specification, wording=(*plan.wording, said))


def rest_of(task: Task) -> Plan:
    """What is left of a task, without calls: they are planned from what is seen."""
    return Plan(
        instruction=task.instruction,
        goal=task.goal,
        calls=(),
        planner=task.planner,
        milestones=task.milestones,
        specification=task.specification,
        wording=(f"what is left of task {task.number}",),
    )


def failed_too_often(call: SkillCall, steps: Sequence[Step]) -> bool:
    """Whether a call has failed again and again for the same reason since it last went well."""
    reasons: Counter[str] = Counter()
    for step in steps:
        if (step.skill, dict(step.args)) != (call.skill, dict(call.args)) or not step.outcome:
            continue
        if step.outcome == Outcome.SUCCESS.value:
            reasons.clear()
        elif step.outcome != Outcome.STOPPED.value:
            reasons[_NUMBER.sub("#", step.reason)] += 1
    return max(reasons.values(), default=0) >= _TOO_OFTEN


def _without(specification: Specification | None, calls: Sequence[SkillCall]) -> Specification:
    """A specification that also rules out calls."""
    never = tuple(
        dict.fromkeys(
            text(Always(Not(Called(call.skill, tuple(call.args.values()))))) for call in calls
        )
    )
    if specification is None:
        return Specification(parts=never)
    rest = (*specification.rest, *never) if specification.rest else ()
    return Specification(parts=(*specification.parts, *never), rest=rest)


def _takes(step: Step, thing: str) -> bool:
    """Whether a step took a thing into the hand."""
    taken = f"holding({thing})" in step.expected.get("brings", ())
    return taken and step.outcome == Outcome.SUCCESS.value


def _place_that_ends(step: Step, thing: str) -> Literal | None:
    """Where a thing was that a step took away from there; None where the log does not say."""
    ended = [parse_literal(fact) for fact in step.expected.get("ends", ())]
    places = [x for x in ended if x.predicate in _PLACES and x.args[0] == thing]
    return min(places, key=lambda x: _PLACES.index(x.predicate), default=None)
