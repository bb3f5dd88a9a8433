"""`robot-skills memory`: what a memory holds, and making it forget."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from robot_skills.app.explain.phrases import say_call, say_facts, say_reason
from robot_skills.app.options import CommonOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.tables import text_table
from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import SkillCall
from robot_skills.scheduler.memory.records import Failure, Sighting, Step, Task, Where
from robot_skills.scheduler.memory.store import TaskMemory
from robot_skills.scheduler.runs import milestone_text


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryList(CommonOptions):
    """List the tasks of a memory, and where things were last seen."""

    file: Positional[Path]
    """The memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryShow(CommonOptions):
    """Show a task: what is left of it, its steps, and what failed and why."""

    file: Positional[Path]
    """The memory."""
    task: Positional[int]
    """Its number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryForget(CommonOptions):
    """Forget a task, a thing, or everything."""

    file: Positional[Path]
    """The memory."""
    task: int | None = None
    """Number of a task to forget, with its steps."""
    thing: str | None = None
    """Name of a thing whose place to forget."""
    everything: bool = False
    """Forget all tasks and things."""


MemoryOptions = (
    Annotated[MemoryList, tyro.conf.subcommand(name="list")]
    | Annotated[MemoryShow, tyro.conf.subcommand(name="show")]
    | Annotated[MemoryForget, tyro.conf.subcommand(name="forget")]
)


def main(options: MemoryList | MemoryShow | MemoryForget) -> CommandResult:
    """Do what a subcommand says."""
    match options:
        case MemoryList():
            return _list(options)
        case MemoryShow():
            return _show(options)
        case MemoryForget():
            return _forget(options)


def _list(options: MemoryList) -> CommandResult:
    with TaskMemory(options.file, read_only=True) as memory:
        tasks, things = memory.tasks.all(), memory.things.all()
    rows = [
        (
            str(task.number),
            task.state.value,
            _when(task.changed_at),
            str(task.where),
            task.instruction,
        )
        for task in tasks
    ]
    print(text_table(("task", "state", "last worked on", "cell", "instruction"), rows))
    if things:
        print()
        rows = [
            (one.entity.name, _place(one), _when(one.seen_at), str(where)) for where, one in things
        ]
        print(text_table(("thing", "last seen", "when", "cell"), rows))
    payload = {
        "tasks": [_task_json(task) for task in tasks],
        "things": [_thing_json(where, one) for where, one in things],
    }
    return CommandResult(payload=payload)


def _show(options: MemoryShow) -> CommandResult:
    with TaskMemory(options.file, read_only=True) as memory:
        task = memory.tasks.get(options.task)
        steps = memory.tasks.steps(task.number)
        failures = {failure.step: failure for failure in memory.tasks.failures(task.number)}
    print(f"asked   {task.instruction}")
    print(f"cell    {task.where}")
    ended = f": {say_reason(task.reason)}" if task.reason else ""
    print(f"state   {task.state.value}{ended}")
    if task.planned:
        print(f"goal    {say_facts(map(str, task.goal)) or 'that the calls be made'}")
    for step in task.milestones:
        print(f"ahead   {milestone_text(step)}")
    if task.specification is not None:
        print(f"heeds   {task.specification}")
    for step in steps:
        _print_step(step, failures.get(step.number))
    payload = {
        **_task_json(task),
        "steps": [_step_json(step, failures.get(step.number)) for step in steps],
    }
    return CommandResult(payload=payload)


def _forget(options: MemoryForget) -> CommandResult:
    asked = (options.task is not None, options.thing is not None, options.everything)
    if sum(asked) != 1:
        raise RefusedError("Say what to forget: --task NUMBER, --thing NAME or --everything.")
    if not options.file.is_file():
        raise RefusedError(f"There is no task memory at {options.file}.")
    with TaskMemory(options.file) as memory:
        if options.task is not None:
            forgotten = f"task {memory.tasks.get(options.task).number}"
            memory.tasks.forget(options.task)
        elif options.thing is not None:
            known = sorted({one.entity.name for _, one in memory.things.all()})
            if not memory.things.forget(options.thing):
                named = ", ".join(known) or "nothing"
                raise RefusedError(
                    f"The memory {options.file} knows no {options.thing!r} (it knows {named})."
                )
            forgotten = options.thing
        else:
            memory.forget_all()
            forgotten = "everything"
    print(f"forgot {forgotten}")
    return CommandResult(payload={"forgotten": forgotten})


def _print_step(step: Step, failure: Failure | None) -> None:
    call = say_call(SkillCall(skill=step.skill, args=step.args))
    again = "" if step.attempt == 1 else f", attempt {step.attempt}"
    ended = step.outcome or "not ended"
    print(f"{step.number:>5}.  {_when(step.began_at)}  {call}{again}: {ended}")
    if failure is not None:
        print(f"        the {failure.layer} layer: {say_reason(failure.cause)}")


def _place(one: Sighting) -> str:
    if one.entity.held_by is not None:
        return f"in the hand of {one.entity.held_by}"
    if one.inside:
        return f"in {one.inside}"
    x, y, z = one.entity.T_base_entity.p
    return f"at ({x:.2f}, {y:.2f}, {z:.2f}) m"


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).isoformat(sep=" ", timespec="seconds")


def _task_json(task: Task) -> dict[str, Any]:
    specification = task.specification
    return {
        "task": task.number,
        "instruction": task.instruction,
        "cell": task.where.cell,
        "arm": task.where.arm,
        "state": task.state.value,
        "reason": task.reason,
        "resumable": task.resumable,
        "goal": [str(literal) for literal in task.goal],
        "milestones": [milestone_text(step) for step in task.milestones],
        "specification": [] if specification is None else list(specification.parts),
        "rest": [] if specification is None else list(specification.rest),
        "runs": task.runs,
        "begun_at": task.begun_at,
        "changed_at": task.changed_at,
    }


def _step_json(step: Step, failure: Failure | None) -> dict[str, Any]:
    return {
        "number": step.number,
        "run": step.run,
        "skill": step.skill,
        "args": dict(step.args),
        "attempt": step.attempt,
        "expected": dict(step.expected),
        "missing": list(step.missing),
        "surprises": list(step.surprises),
        "likely": step.likely,
        "outcome": step.outcome or None,
        "reason": step.reason,
        "began_at": step.began_at,
        "ended_at": step.ended_at,
        "cause": None
        if failure is None
        else {"layer": failure.layer, "skill": failure.during or None, "reason": failure.cause},
    }


def _thing_json(where: Where, one: Sighting) -> dict[str, Any]:
    return {
        "thing": one.entity.name,
        "cell": where.cell,
        "arm": where.arm,
        "label": one.entity.label,
        "colour": one.entity.colour,
        "inside": one.inside or None,
        "frame": one.inside or "base",
        "p_m": one.entity.T_base_entity.p.tolist(),
        "yaw_rad": one.entity.T_base_entity.yaw_rad(),
        "confidence": one.entity.confidence,
        "held_by": one.entity.held_by,
        "seen_at": one.seen_at,
    }
