"""Instructions as data: goals, calls, plans and results.

A goal is a conjunction of literals over the predicates of `robot_skills.core.predicates`. A plan is
a sequence of skill calls that a checker has to accept before anything moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from robot_skills.core.scene import Scene


@dataclass(frozen=True, kw_only=True, slots=True)
class Literal:
    """``predicate(args)`` or its negation; args are entity names."""

    predicate: str
    args: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        text = f"{self.predicate}({', '.join(self.args)})"
        return f"not {text}" if self.negated else text


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillCall:
    """One call of a skill with named arguments (entity names or words such as ``"on"``)."""

    skill: str
    args: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.skill}({', '.join(f'{k}={v}' for k, v in self.args.items())})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Specification:
    """What a whole run has to satisfy: formulas of linear temporal logic over finite traces.

    They are kept as text, so that nobody who passes a plan on has to know the logic; see
    `robot_skills.scheduler.temporal`.

    Attributes:
        parts: Formulas that all have to be satisfied.
        rest: What is left of each, after what has happened and been seen; empty before anything
            was.
    """

    parts: tuple[str, ...]
    rest: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join(self.parts)


type Milestone = tuple[Literal, ...] | SkillCall


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be achieved and how.

    Attributes:
        instruction: The words it came from.
        goal: What has to hold at the end; empty only when the calls themselves are the goal.
        calls: Skills in order; empty when the goal holds already.
        planner: Name of the planner that made it.
        wording: How open wording was understood, in the order of the words, for the report.
        milestones: What the words ask for on the way, in order, before the goal: literals that all
            hold at some time ("open the drawer, then close it"), or a call that is made for its own
            sake ("go home"). Whoever executes drops those that are behind it before replanning.
        specification: What has to be satisfied by all that happens; None where the words ask for
            no more than goal and milestones.
    """

    instruction: str
    goal: tuple[Literal, ...]
    calls: tuple[SkillCall, ...]
    planner: str
    wording: tuple[str, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    specification: Specification | None = None


class Planner(Protocol):
    """Words and a scene in, a plan out."""

    @property
    def name(self) -> str: ...

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Plan for an instruction.

        Raises:
            InstructionError: The words are empty or not understood.
            UnknownNameError: They name a thing that is not in the scene or a skill nobody has.
            PlanningError: No sequence of skills reaches the goal; says what is missing.
        """
        ...

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Plan for the same goal from another scene. Raises as `plan` does."""
        ...


class Outcome(Enum):
    """How a skill ended."""

    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    STOPPED = "stopped"
    FAULT = "fault"


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillResult:
    """How one attempt at a skill call ended, and why.

    Attributes:
        call: What was tried.
        outcome: How it ended.
        reason: Why, in words.
        duration_s: On the project clock.
        chunks: Chunks that were made.
        refused_chunks: Chunks that the safety gate refused.
        likely: Probability of success as predicted when the motion ended; None where nothing
            predicts it.
        refused_by: Code of the safety gate's verdict that ended it; empty when something else did.
        error: Name of the type of the error that ended it; empty where none did.
    """

    call: SkillCall
    outcome: Outcome
    reason: str
    duration_s: float
    chunks: int = 0
    refused_chunks: int = 0
    likely: float | None = None
    refused_by: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.SUCCESS
