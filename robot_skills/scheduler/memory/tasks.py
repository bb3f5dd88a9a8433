"""Tasks of a memory, their steps, and what failed of them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import SkillCall
from robot_skills.scheduler.memory.codec import (
    goal_from_text,
    milestones_from_json,
    specification_from_text,
)
from robot_skills.scheduler.memory.file import MemoryFile
from robot_skills.scheduler.memory.records import Failure, Step, Task, TaskState, Where

INTERRUPTED = "the process ended before the task did"
"""Reason of a task that nobody has ended."""


class TaskStore:
    """Reads and writes tasks. Writing raises `StorageError`, reading `RefusedError` as well.

    Args:
        file: Open.
    """

    def __init__(self, file: MemoryFile) -> None:
        self._file = file

    def interrupt_running(self) -> None:
        """Note that whoever worked on a task is gone."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE task SET state = ?, reason = ? WHERE state = ?",
                (TaskState.INTERRUPTED.value, INTERRUPTED, TaskState.RUNNING.value),
            )

    def begin(self, instruction: str, where: Where, at: float) -> int:
        """Note a new task. Returns its number."""
        with self._file.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO task (instruction, cell, arm, state, reason, planner, goal, "
                "milestones, planned, runs, begun_at, changed_at) "
                "VALUES (?, ?, ?, 'running', '', '', '[]', '[]', 0, 1, ?, ?)",
                (instruction, where.cell, where.arm, at, at),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def resume(self, task: int, at: float) -> int:
        """Note that a task is gone on with. Returns in which of its runs."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE task SET state = 'running', reason = '', runs = runs + 1, changed_at = ? "
                "WHERE number = ?",
                (at, task),
            )
            (run,) = connection.execute(
                "SELECT runs FROM task WHERE number = ?", (task,)
            ).fetchone()
            return run

    def planned(
        self,
        task: int,
        planner: str,
        goal: Sequence[str],
        ahead: Mapping[str, Any],
        at: float,
    ) -> None:
        """Note what a task is to reach, and what is ahead on the way, as a PLAN event says it."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE task SET planner = ?, goal = ?, milestones = ?, specification = ?, "
                "planned = 1, changed_at = ? WHERE number = ?",
                (planner, json.dumps(list(goal)), *_ahead(ahead), at, task),
            )

    def ahead(self, task: int, ahead: Mapping[str, Any]) -> None:
        """Note what is still ahead on the way to the goal, as a PROGRESS event says it."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE task SET milestones = ?, specification = ? WHERE number = ?",
                (*_ahead(ahead), task),
            )

    def end(self, task: int, state: TaskState, reason: str, at: float) -> None:
        """Note how a task ended."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE task SET state = ?, reason = ?, changed_at = ? WHERE number = ?",
                (state.value, reason, at, task),
            )

    def all(self) -> tuple[Task, ...]:
        """All tasks, the oldest first. Raises `RefusedError` when the file is damaged."""
        with self._file.reading() as connection:
            rows = connection.execute("SELECT * FROM task ORDER BY number").fetchall()
            return tuple(map(_task, rows))

    def get(self, number: int) -> Task:
        """One task. Raises `RefusedError` when there is none of that number."""
        found = next((task for task in self.all() if task.number == number), None)
        if found is None:
            known = ", ".join(str(task.number) for task in self.all()) or "none"
            raise RefusedError(
                f"The memory {self._file.path} has no task {number} (it has {known})."
            )
        return found

    def forget(self, number: int) -> None:
        """Forget a task with all its steps."""
        with self._file.writing() as connection:
            connection.execute("DELETE FROM task WHERE number = ?", (number,))

    def begin_step(
        self, task: int, run: int, call: SkillCall, expected: Mapping[str, Any], at: float
    ) -> int:
        """Note that a call begins. Returns the number of the step."""
        args = json.dumps(dict(call.args), sort_keys=True)
        with self._file.writing() as connection:
            rows = connection.execute(
                "SELECT number, skill, args, attempt, outcome FROM step WHERE task = ? "
                "ORDER BY number DESC LIMIT 1",
                (task,),
            ).fetchall()
            last = rows[0] if rows else (0, "", "", 0, "")
            again = (last[1], last[2]) == (call.skill, args) and last[4] != "success"
            number, attempt = last[0] + 1, last[3] + 1 if again else 1
            connection.execute(
                "INSERT INTO step (task, number, run, skill, args, attempt, expected, missing, "
                "surprises, outcome, reason, began_at) VALUES (?, ?, ?, ?, ?, ?, ?, '[]', '[]', "
                "'', '', ?)",
                (task, number, run, call.skill, args, attempt, json.dumps(expected), at),
            )
            connection.execute("UPDATE task SET changed_at = ? WHERE number = ?", (at, task))
            return number

    def end_step(
        self,
        task: int,
        step: int,
        *,
        outcome: str,
        reason: str,
        missing: Sequence[str],
        likely: float | None,
        milestones: Sequence[Any],
        at: float,
    ) -> None:
        """Note how a call ended, and what is still ahead afterwards: as one, or not at all."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE step SET outcome = ?, reason = ?, missing = ?, likely = ?, ended_at = ? "
                "WHERE task = ? AND number = ?",
                (outcome, reason, json.dumps(list(missing)), likely, at, task, step),
            )
            connection.execute(
                "UPDATE task SET milestones = ?, changed_at = ? WHERE number = ?",
                (json.dumps(list(milestones)), at, task),
            )

    def surprised(self, task: int, step: int, surprises: Sequence[str]) -> None:
        """Note what else was seen after a call."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE step SET surprises = ? WHERE task = ? AND number = ?",
                (json.dumps(list(surprises)), task, step),
            )

    def failed(
        self, task: int, step: int, *, layer: str, during: str, cause: str, at: float
    ) -> None:
        """Note whose fault it was that a call failed."""
        with self._file.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO failure (task, step, layer, during, cause, at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (task, step, layer, during, cause, at),
            )

    def steps(self, task: int) -> tuple[Step, ...]:
        """The steps of a task, in order."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT number, run, skill, args, attempt, expected, missing, surprises, likely, "
                "outcome, reason, began_at, ended_at FROM step WHERE task = ? ORDER BY number",
                (task,),
            ).fetchall()
            return tuple(map(_step, rows))

    def failures(self, task: int) -> tuple[Failure, ...]:
        """What failed of a task, in order."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT step.number, step.skill, step.args, failure.layer, failure.during, "
                "failure.cause, step.reason, failure.at FROM failure JOIN step "
                "ON failure.task = step.task AND failure.step = step.number "
                "WHERE failure.task = ? ORDER BY step.number",
                (task,),
            ).fetchall()
            return tuple(_failure(row) for row in rows)


def _ahead(ahead: Mapping[str, Any]) -> tuple[str, str | None]:
    """Milestones and specification of a PROGRESS event as the file has them."""
    specification = ahead.get("specification")
    told = None if specification is None else json.dumps(specification)
    return json.dumps(list(ahead.get("milestones", ()))), told


def _task(row: tuple[Any, ...]) -> Task:
    (
        *_,
        goal,
        milestones,
        specification,
        planned,
        runs,
        begun_at,
        changed_at,
    ) = row
    return Task(
        number=row[0],
        instruction=row[1],
        where=Where(cell=row[2], arm=row[3]),
        state=TaskState(row[4]),
        reason=row[5],
        planner=row[6],
        goal=goal_from_text(goal),
        milestones=milestones_from_json(json.loads(milestones)),
        specification=specification_from_text(specification),
        planned=bool(planned),
        runs=runs,
        begun_at=begun_at,
        changed_at=changed_at,
    )


def _step(row: tuple[Any, ...]) -> Step:
    number, run, skill, args, attempt, expected, missing, surprises, likely, *rest = row
    outcome, reason, began_at, ended_at = rest
    return Step(
        number=number,
        run=run,
        skill=skill,
        args=json.loads(args),
        attempt=attempt,
        expected=json.loads(expected),
        missing=tuple(json.loads(missing)),
        surprises=tuple(json.loads(surprises)),
        likely=likely,
        outcome=outcome,
        reason=reason,
        began_at=began_at,
        ended_at=ended_at,
    )


def _failure(row: tuple[Any, ...]) -> Failure:
    step, skill, args, layer, during, cause, reason, at = row
    return Failure(
        step=step,
        skill=skill,
        args=json.loads(args),
        layer=layer,
        during=during,
        cause=cause,
        reason=reason,
        at=at,
    )
