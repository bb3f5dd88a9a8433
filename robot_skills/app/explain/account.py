"""What a run did step by step and why, as data."""

from dataclasses import dataclass
from enum import Enum

from robot_skills.core.plan import SkillCall
from robot_skills.scheduler.attribution import Fault
from robot_skills.scheduler.expected import ExpectedStep, Link

UNENDED = "unended"
"""Outcome of an attempt during which the log ends."""


class Motive(Enum):
    """What made the executive take a step. The values are what `--json` says."""

    PLANNED = "planned"
    AGAIN = "again"
    """The attempt before at the same call failed."""
    RECOVERY = "recovery"
    """No plan holds it: it was to put right what went wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanAccount:
    """One plan.

    Attributes:
        number: 0 for the first one.
        stamp_s: When it was announced.
        planner: Who made it.
        reason: Why the plan before was given up; empty for the first one.
        goal: What has to hold at the end.
        milestones: What was asked for on the way.
        calls: Its calls.
        expected: What was expected of each call; empty in logs that do not say.
        wording: How the words were understood.
        specification: What the whole run has to satisfy; empty where nothing.
    """

    number: int
    stamp_s: float
    planner: str
    reason: str
    goal: tuple[str, ...]
    milestones: tuple[str, ...]
    calls: tuple[SkillCall, ...]
    expected: tuple[ExpectedStep, ...]
    wording: tuple[str, ...]
    specification: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StepAccount:
    """One attempt at a call.

    Attributes:
        number: From 1, in the order in which they ended.
        call: What was tried.
        attempt: 1 for the first attempt at the call.
        start_s: When it began.
        end_s: When it ended.
        plan: Number of the plan that was followed; None before any.
        place: Place of the call in that plan, from 0; None where the plan does not hold it.
        motive: Why it was taken.
        because: What had gone wrong, for another attempt or a recovery.
        links: What the plan had the step for.
        expected: What was expected of it; None where the log does not say.
        needed: Preconditions that were looked at.
        unready: Those of them that did not hold.
        checked: Effects that were looked for.
        missing: Those of them that were not seen to hold.
        surprises: What else was seen, as sentences.
        likely: Foreseen probability of success at the end of the motion; None where unforeseen.
        refused_chunks: Reasons of the safety gate, each once.
        outcome: How it ended: that of a skill, or ``unended``.
        reason: Why it ended so.
        fault: Whose fault it was that it failed; None when it did not.
    """

    number: int
    call: SkillCall
    attempt: int
    start_s: float
    end_s: float
    plan: int | None
    place: int | None
    motive: Motive
    because: str
    links: tuple[Link, ...] = ()
    expected: ExpectedStep | None = None
    needed: tuple[str, ...] = ()
    unready: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    surprises: tuple[str, ...] = ()
    likely: float | None = None
    refused_chunks: tuple[str, ...] = ()
    outcome: str = UNENDED
    reason: str = ""
    fault: Fault | None = None

    @property
    def ok(self) -> bool:
        return self.outcome == "success"

    @property
    def unended(self) -> bool:
        return self.outcome == UNENDED


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A whole run.

    Attributes:
        instruction: The words.
        entities: Names of all that was ever seen, in order.
        plans: The first one, and every later one.
        steps: Attempts in order.
        refusals: Plans and calls that were refused on the way, with the time: what was not done.
        corrections: What a person wanted otherwise meanwhile, and what became of it, with the time.
        refused: Why nothing was done at all; empty otherwise.
        unmet: What of the goal was last seen not to hold when all calls had been made.
        success: Whether the executive saw the goal hold; None when the log ends before.
        stopped: Whether somebody asked it to stop.
        reason: Why the run ended.
        end_s: When the log ends.
        fault: Whose fault it was that the run failed or had trouble; None when all went well.
    """

    instruction: str
    entities: tuple[str, ...]
    plans: tuple[PlanAccount, ...]
    steps: tuple[StepAccount, ...]
    refusals: tuple[tuple[float, str], ...]
    corrections: tuple[tuple[float, str], ...]
    refused: str
    unmet: tuple[str, ...]
    success: bool | None
    stopped: bool
    reason: str
    end_s: float
    fault: Fault | None

    def plan_of(self, step: StepAccount) -> PlanAccount | None:
        """The plan that a step belongs to."""
        return None if step.plan is None else self.plans[step.plan]

    def step_of(self, plan: int, place: int) -> StepAccount | None:
        """The first attempt at a call of a plan; None when it never came so far."""
        of_plan = (step for step in self.steps if step.plan == plan and step.place == place)
        return next(of_plan, None)
