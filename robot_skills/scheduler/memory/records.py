"""What a memory holds, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from robot_skills.core.plan import Literal, Milestone, Specification
from robot_skills.core.scene import Entity


class TaskState(Enum):
    """How far a task has come. The values are what the file holds."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """Whose memory something is: poses are in the base frame of one arm in one cell.

    Attributes:
        cell: Name of the cell.
        arm: Kind of its arm.
    """

    cell: str
    arm: str

    def __str__(self) -> str:
        return f"{self.cell} with a {self.arm}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One instruction, over all the runs that it took.

    Attributes:
        number: Its name in the memory, from 1.
        instruction: The words.
        where: Where it was given.
        state: How far it has come.
        reason: Why it ended, or was interrupted; empty while it runs.
        planner: Who planned last.
        goal: What has to hold at the end.
        milestones: What is still to come about on the way.
        specification: What the whole task has to satisfy, with what is left of it; None where
            nothing.
        planned: Whether there ever was a plan: without one there is nothing to go on with.
        runs: In how many processes it was worked on.
        begun_at: When it was given [s, Unix time].
        changed_at: When something last happened to it [s, Unix time].
    """

    number: int
    instruction: str
    where: Where
    state: TaskState
    reason: str
    planner: str
    goal: tuple[Literal, ...]
    milestones: tuple[Milestone, ...]
    specification: Specification | None
    planned: bool
    runs: int
    begun_at: float
    changed_at: float

    @property
    def resumable(self) -> bool:
        """Whether it can be gone on with."""
        return self.planned and self.state in (TaskState.INTERRUPTED, TaskState.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One attempt at a call.

    Attributes:
        number: From 1, within its task.
        run: In which of the task's processes.
        skill: What was called.
        args: Its arguments.
        attempt: 1 for the first attempt at the call in a row.
        expected: What it was expected to change, as a PLAN event has it; empty where not foreseen.
        missing: Effects that were not seen.
        surprises: What else was seen, as sentences.
        likely: Foreseen probability of success; None where unforeseen.
        outcome: How it ended; empty while it goes on, or when the process ended first.
        reason: Why it ended so.
        began_at: When it began [s, Unix time].
        ended_at: When it ended [s, Unix time]; None when it did not.
    """

    number: int
    run: int
    skill: str
    args: Mapping[str, str]
    attempt: int
    expected: Mapping[str, Any]
    missing: tuple[str, ...]
    surprises: tuple[str, ...]
    likely: float | None
    outcome: str
    reason: str
    began_at: float
    ended_at: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A step that failed, and whose fault that was.

    Attributes:
        step: Number of the step in its task.
        skill: What was called.
        args: Its arguments.
        layer: At fault.
        during: Skill of the call that is to blame; it need not be the one that failed.
        cause: Why, in words.
        reason: How the attempt itself ended, in words.
        at: When [s, Unix time].
    """

    step: int
    skill: str
    args: Mapping[str, str]
    layer: str
    during: str
    cause: str
    reason: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sighting:
    """A thing where it was last seen.

    Attributes:
        entity: As it was seen.
        inside: Name of the container that it was in; empty where in none.
        seen_at: When it was seen [s, Unix time]: with eyes, not remembered.
    """

    entity: Entity
    inside: str = ""
    seen_at: float
