"""A memory as a cell uses it: who keeps it up to date, and who makes use of it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from robot_skills.core.errors import InstructionError, RefusedError, StorageError
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.plan import Planner
from robot_skills.scheduler.memory.journal import Journal
from robot_skills.scheduler.memory.planner import MemoryPlanner
from robot_skills.scheduler.memory.recall import MemoryPerceiver
from robot_skills.scheduler.memory.records import Task, TaskState, Where
from robot_skills.scheduler.memory.store import TaskMemory
from robot_skills.scheduler.memory.wording import asks_to_go_on

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryConfig:
    """Which memory a cell has, and what of it is gone on with.

    Attributes:
        path: Its file.
        resume: Whether to go on with a task instead of a new one.
        task: Number of that task; the one that was worked on last when None.
    """

    path: Path
    resume: bool = False
    task: int | None = None

    def __post_init__(self) -> None:
        """Raises `RefusedError`."""
        if self.task is not None and not self.resume:
            raise RefusedError("--task names the task to go on with: give --resume as well.")


class CellMemory:
    """The memory of one cell.

    Args:
        memory: Open.
        where: The cell.
        resumes: The task that the next instruction goes on with; None for a new one.

    Attributes:
        journal: Gets every decision.
        resumes: As given.
    """

    def __init__(self, memory: TaskMemory, where: Where, resumes: Task | None = None) -> None:
        self.resumes = resumes
        self.journal = Journal(memory, where, None if resumes is None else resumes.number)
        self._memory = memory
        self._where = where

    def planner(self, planner: Planner) -> Planner:
        """The planner, with what is remembered."""
        return MemoryPlanner(planner, self._memory, lambda: self.journal.task, self.resumes)

    def perceiver(self, perceiver: Perceiver, *, sees_all: bool = False) -> Perceiver:
        """The perceiver, with what is remembered; `sees_all` when nothing escapes it."""
        return MemoryPerceiver(perceiver, self._memory, self._where, sees_all=sees_all)


@contextmanager
def open_memory(
    config: MemoryConfig, where: Where, instruction: str
) -> Iterator[CellMemory | None]:
    """The memory of a cell for one instruction; None when it cannot be written, which is said.

    Args:
        config: Which memory.
        where: The cell.
        instruction: The words; empty when a task is to be gone on with.

    Raises:
        RefusedError: The file is no memory, damaged or of a newer version, or there is nothing to
            go on with.
        StorageError: A task is to be gone on with, and the memory cannot be used.
    """
    if config.resume and instruction:
        raise RefusedError("--resume goes on with what was asked before: leave the words out.")
    memory = TaskMemory(config.path)
    try:
        memory.__enter__()
    except StorageError as error:
        if config.resume or asks_to_go_on(instruction):
            raise
        _log.warning("Nothing is remembered of this run: %s", error)
        yield None
        return
    try:
        wanted = config.resume or asks_to_go_on(instruction)
        resumes = _chosen(memory, where, config) if wanted else None
        _tell_of_others(memory, where)
        yield CellMemory(memory, where, resumes)
    finally:
        memory.__exit__(None, None, None)


def _chosen(memory: TaskMemory, where: Where, config: MemoryConfig) -> Task:
    """The task to go on with. Raises `RefusedError`."""
    if config.task is not None:
        return _checked(memory.tasks.get(config.task), where, config)
    resumable = [task for task in memory.tasks.all() if task.resumable]
    here = [task for task in resumable if task.where == where]
    interrupted = [task for task in here if task.state is TaskState.INTERRUPTED]
    if not interrupted:
        raise InstructionError(_nothing_to_resume(resumable, where, config))
    chosen = max(interrupted, key=lambda task: (task.changed_at, task.number))
    others = [task for task in interrupted if task is not chosen]
    if others:
        _log.warning(
            "Goes on with %s, the last of several; --task chooses another: %s",
            _named(chosen),
            "; ".join(map(_named, others)),
        )
    return chosen


def _checked(task: Task, where: Where, config: MemoryConfig) -> Task:
    """Raises `RefusedError` when a task cannot be gone on with here."""
    if task.where != where:
        raise RefusedError(
            f"{_named(task).capitalize()} is of {task.where}, and this is {where}: what was seen "
            "and done there is of no use here."
        )
    if not task.resumable:
        state = "was never planned" if not task.planned else f"is {task.state.value}"
        raise RefusedError(
            f"{_named(task).capitalize()} {state}: there is nothing to go on with in {config.path}."
        )
    return task


def _nothing_to_resume(others: Sequence[Task], where: Where, config: MemoryConfig) -> str:
    said = f"The memory {config.path} holds no interrupted task of {where}."
    if others:
        told = "; ".join(f"{_named(task)} of {task.where}, {task.state.value}" for task in others)
        said = f"{said} There is {told}; --resume --task takes one by its number, in its own cell."
    return said


def _named(task: Task) -> str:
    return f"task {task.number} ({task.instruction!r})"


def _tell_of_others(memory: TaskMemory, where: Where) -> None:
    """Say what of the memory is of no use here."""
    elsewhere = sorted({str(place) for place, _ in memory.things.all()} - {str(where)})
    if elsewhere:
        _log.warning(
            "The memory also holds where things were seen in %s; here, in %s, that is not used.",
            ", ".join(elsewhere),
            where,
        )
