"""A run of an instruction as data: where it stands, its calls, and how it ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from robot_skills.core.plan import Literal, Milestone, Outcome, Plan, SkillCall, SkillResult
from robot_skills.core.scene import Entity, Scene
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.temporal.monitor import Monitor


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillRun:
    """One call of a plan with all its attempts.

    Attributes:
        name: Skill.
        args: Its arguments.
        outcome: Of the last attempt.
        reason: Of the last attempt.
        attempts: How many there were.
        duration_s: Of all attempts together, on the project clock.
        chunks: Of all attempts together.
        refused_chunks: Of all attempts together.
    """

    name: str
    args: dict[str, str]
    outcome: Outcome
    reason: str
    attempts: int
    duration_s: float
    chunks: int = 0
    refused_chunks: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """How a run ended, as far as the executive can see.

    Attributes:
        instruction: The words.
        plans: The first plan and every later one.
        skills: Calls in the order in which they were made.
        success: Whether the goal held in the last look.
        reason: Why it ended.
        replans: Plans after the first.
        plan_ms: Wall time of making and checking the first plan.
        scene: The last look.
        stopped: Whether somebody asked it to stop.
    """

    instruction: str
    plans: tuple[Plan, ...]
    skills: tuple[SkillRun, ...]
    success: bool
    reason: str
    replans: int
    plan_ms: float
    scene: Scene
    stopped: bool = False


class Ended(Exception):
    """The run is over.

    Args:
        reason: Why.
        success: Whether the goal was seen to hold.
        stopped: Whether somebody asked to stop.
    """

    def __init__(self, reason: str, success: bool = False, stopped: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.success = success
        self.stopped = stopped


@dataclass(kw_only=True)
class Run:
    """Where a run stands.

    Attributes:
        plan: That is being followed.
        scene: The latest look.
        plan_ms: Wall time of making and checking the first plan.
        monitor: Of the plan's specification: what has happened counts, whatever is planned anew.
        calls: What is left of the plan.
        milestones: What is still to come about on the way.
        plans: The first plan and every later one.
        skills: Calls that were made.
        attempts: At skills, all together.
        success: Whether the goal held in the last look.
        reason: Why it ended.
        stopped: Whether somebody asked it to stop.
        known: Everything that was there at some time, as last seen, by name.
        told: What was last told of what is still ahead, see `ahead_data`.
    """

    plan: Plan
    scene: Scene
    plan_ms: float
    monitor: Monitor
    calls: list[SkillCall] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    skills: list[SkillRun] = field(default_factory=list)
    attempts: int = 0
    success: bool = False
    reason: str = ""
    stopped: bool = False
    known: dict[str, Entity] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.note(self.scene)
        self.follow(self.plan)

    def follow(self, plan: Plan) -> None:
        """Start with a new plan."""
        self.plan = plan
        self.plans.append(plan)
        self.calls = list(plan.calls)
        self.milestones = list(plan.milestones)

    def wish(self, plan: Plan) -> None:
        """Want what a plan says from now on; its calls are still to be planned."""
        self.plan = plan
        self.calls = []
        self.milestones = list(plan.milestones)

    def note(self, scene: Scene) -> None:
        """Keep in mind what is there by a new look."""
        self.known |= {entity.name: entity for entity in scene if not entity.gone}

    def gone(self, names: Iterable[str]) -> tuple[Entity, ...]:
        """Those of these things that were known and are not there any more, as last seen."""
        missing = (name for name in dict.fromkeys(names) if name not in self.scene)
        return tuple(self.known[name] for name in missing if name in self.known)

    def made(self, call: SkillCall) -> None:
        """Go on behind a call that succeeded."""
        self.calls.pop(0)
        if self.milestones and self.milestones[0] == call:
            self.milestones.pop(0)

    def pass_milestones(self) -> None:
        """Leave behind what was to hold on the way and holds now."""
        while self.milestones:
            step = self.milestones[0]
            if isinstance(step, SkillCall) or goal_unmet(self.scene, step):
                return
            self.milestones.pop(0)

    def rest(self) -> Plan:
        """What is left of the plan, and of what is wanted."""
        return replace(
            self.plan,
            calls=tuple(self.calls),
            milestones=tuple(self.milestones),
            specification=self.monitor.rest,
        )

    def result(self, instruction: str) -> RunResult:
        return RunResult(
            instruction=instruction,
            plans=tuple(self.plans),
            skills=tuple(self.skills),
            success=self.success,
            reason=self.reason,
            replans=len(self.plans) - 1,
            plan_ms=self.plan_ms,
            scene=self.scene,
            stopped=self.stopped,
        )


def end_for_good(run: Run, call: SkillCall, result: SkillResult) -> None:
    """Raises `Ended` after what no other attempt can mend.

    Somebody asked to stop, there is a fault, or what the whole run has to satisfy is violated.
    """
    match result.outcome:
        case Outcome.STOPPED:
            raise Ended(f"stopped during {call}: {result.reason}", stopped=True)
        case Outcome.FAULT:
            raise Ended(f"{call} ended in a fault: {result.reason}")
    if run.monitor.violation:
        raise Ended(f"after {call}: {run.monitor.violation}")


def summary(call: SkillCall, results: Sequence[SkillResult]) -> SkillRun:
    """One call with all its attempts."""
    last = results[-1]
    return SkillRun(
        name=call.skill,
        args=dict(call.args),
        outcome=last.outcome,
        reason=last.reason,
        attempts=len(results),
        duration_s=sum(result.duration_s for result in results),
        chunks=sum(result.chunks for result in results),
        refused_chunks=sum(result.refused_chunks for result in results),
    )


def end_data(result: SkillResult) -> dict[str, Any]:
    """The data of the SKILL_END event of an attempt, JSON values only: what its result tells."""
    return {
        "skill": result.call.skill,
        "args": dict(result.call.args),
        "outcome": result.outcome.value,
        "reason": result.reason,
        "duration_s": result.duration_s,
        "chunks": result.chunks,
        "refused_chunks": result.refused_chunks,
        "error": result.error,
    }


def ahead_data(run: Run) -> dict[str, Any]:
    """The data of a PROGRESS event, JSON values only: what is still ahead besides the goal.

    ``milestones`` are lists of literals, or calls; of the ``specification`` there are the parts and
    what is left of each.
    """
    rest = run.monitor.rest
    return {
        "milestones": [
            call_data(step) if isinstance(step, SkillCall) else [str(literal) for literal in step]
            for step in run.milestones
        ],
        "specification": None
        if rest is None
        else {"parts": list(rest.parts), "rest": list(rest.rest)},
    }


def call_data(call: SkillCall) -> dict[str, Any]:
    """A call as JSON values."""
    return {"skill": call.skill, "args": dict(call.args)}


def milestone_text(step: Milestone) -> str:
    """A milestone in words."""
    return str(step) if isinstance(step, SkillCall) else " and ".join(map(str, step))


def unmet_text(
    unmet: Iterable[Literal], milestones: Iterable[Milestone], pending: Iterable[str] = ()
) -> str:
    """What is missing, in words."""
    missing = [f"{literal} does not hold" for literal in unmet]
    missing += [f"{milestone_text(step)} did not come about" for step in milestones]
    missing += [f"{demand} is still to come" for demand in pending]
    return "; ".join(missing)
