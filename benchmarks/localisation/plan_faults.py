"""Faults of the planner: its goal is right, its calls are not."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.localisation.injection import Injection
from robot_skills.core.plan import Plan, Planner, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.scheduler.layers import Layer
from robot_skills.scheduler.plan_checker import PlanChecker

Calls = tuple[SkillCall, ...]


class _WrongPlanner(Planner):
    """A planner whose plans are passed through an injection."""

    def __init__(self, planner: Planner, injection: "PlanFault") -> None:
        self._planner = planner
        self._injection = injection

    @property
    def name(self) -> str:
        return self._planner.name

    def plan(self, instruction: str, scene: Scene) -> Plan:
        return self._injection.spoilt(self._planner.plan(instruction, scene), scene)

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        return self._injection.spoilt(self._planner.replan(plan, scene), scene)


class PlanFault(Injection):
    """Plans that do not reach their goal; drawn so that one can tell by the cards."""

    layer = Layer.PLAN
    from_start = True
    checked = True
    """Whether a checker stands between planner and arm."""
    _spoilt = False

    def planner(self, planner: Planner) -> Planner:
        return _WrongPlanner(planner, self)

    @property
    def checks_plans(self) -> bool:
        return self.checked

    def spoilt(self, plan: Plan, scene: Scene) -> Plan:
        """The plan with other calls; as it is where every way to spoil it leaves it right."""
        choices = self.choices(plan.calls, scene)
        for i in self.rng.permutation(len(choices)):
            wrong = replace(plan, calls=choices[i])
            verdict = self.checker.check(wrong, scene)
            if not verdict.accepted:
                # What counts is what was wrong first.
                self.call = self.call if self._spoilt else verdict.call
                self._spoilt = True
                return wrong
        return plan

    def choices(self, calls: Calls, scene: Scene) -> Sequence[Calls]:
        """Ways to spoil it."""
        raise NotImplementedError

    def judge_by(self, checker: PlanChecker) -> None:
        """Who knows whether a plan is wrong."""
        self.checker = checker


class Dropped(PlanFault):
    """A call is missing."""

    def choices(self, calls: Calls, scene: Scene) -> Sequence[Calls]:
        return [calls[:i] + calls[i + 1 :] for i in range(len(calls))]


class Swapped(PlanFault):
    """Two calls come in each other's place."""

    def choices(self, calls: Calls, scene: Scene) -> Sequence[Calls]:
        return [
            (*calls[:i], calls[i + 1], calls[i], *calls[i + 2 :]) for i in range(len(calls) - 1)
        ]


class WrongThing(PlanFault):
    """Another thing is taken than the one that the goal is about."""

    def choices(self, calls: Calls, scene: Scene) -> Sequence[Calls]:
        taken = [call.args["object"] for call in calls if call.skill == "grasp"]
        others = [e.name for e in scene if e.movable and e.name not in taken]
        return [
            tuple(_instead(call, name, other) for call in calls)
            for name in taken
            for other in others
        ]


class Backwards(PlanFault):
    """The calls in an order in which they cannot be made."""

    def choices(self, calls: Calls, scene: Scene) -> Sequence[Calls]:
        return [calls[::-1]]


class UncheckedDropped(Dropped):
    """A call is missing, and nobody checks the plan."""

    checked = False


class UncheckedSwapped(Swapped):
    """Two calls come in each other's place, and nobody checks the plan."""

    checked = False


class UncheckedWrongThing(WrongThing):
    """Another thing is taken, and nobody checks the plan."""

    checked = False


class UncheckedBackwards(Backwards):
    """The calls come backwards, and nobody checks the plan."""

    checked = False


def _instead(call: SkillCall, name: str, other: str) -> SkillCall:
    args = {key: other if value == name else value for key, value in call.args.items()}
    return SkillCall(skill=call.skill, args=args)
