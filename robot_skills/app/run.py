"""`robot-skills run`: an instruction, carried out in a simulated cell."""

import sys
import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from robot_skills.app.corrections.listening import corrections_config, listen
from robot_skills.app.latency import distribution
from robot_skills.app.options import MODEL_PLANNERS, RunOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.progress import Progress
from robot_skills.app.recording import WALL_MS
from robot_skills.app.run_files import (
    LOG,
    log_metadata,
    told_error,
    told_fault,
    told_result,
    write_result,
)
from robot_skills.app.startup import FirstMotion
from robot_skills.core.errors import PerceptionError, RefusedError, RobotFault
from robot_skills.core.events import EventKind, EventList, EventSink
from robot_skills.data.episode_log import EpisodeLog, read_episode

if TYPE_CHECKING:
    from robot_skills.app.memory.cell_memory import CellMemory
    from robot_skills.app.model_planning import Models
    from robot_skills.app.video import PlannedFilm
    from robot_skills.scheduler.memory.records import Where
    from sim.left_world import LeftWorld

FILM, REPORT = "run.mp4", "report.html"
"""What `--out` holds afterwards, besides log and result."""
_NOTHING_DONE: dict[str, Any] = {
    "conforms": None,
    "truth_conforms": None,
    "truth_success": False,
    "sim_s": 0.0,
    "plan_ms": None,
    "chunk_ms": None,
    "chunk_latency_ms": None,
    "first_motion_s": None,
    "planned_by": None,
    "models": None,
    "task": None,
}


def main(options: RunOptions) -> CommandResult:
    """Carry out the instruction of the options, or what is left of one."""
    with _memory(options) as memory:
        if memory is not None and memory.resumes is not None:
            options = replace(options, instruction=memory.resumes.instruction)
        return _main(options, memory)


def _main(options: RunOptions, memory: "CellMemory | None") -> CommandResult:
    started_s = time.perf_counter()
    progress, events = Progress(sys.stdout), EventList()
    models: Models | None = None
    try:
        models = _models(options)
        payload = _carry_out(options, models, memory, progress, events)
    except (RefusedError, PerceptionError, RobotFault) as error:
        progress.close()
        payload = {**_asked(options), **_NOTHING_DONE, **told_error(error)}
        payload["models"] = models.told() if models is not None else None
        print(f"robot-skills: {payload['reason']}", file=sys.stderr, flush=True)
        payload["fault"] = told_fault(events.events)
        payload["wall_s"] = time.perf_counter() - started_s
        # What is refused before a word of it was told has no log.
        if options.out is not None and events.events:
            _write_report(options.out, payload, film=None)
            print(f"report  {options.out / REPORT}")
        return CommandResult(payload=payload, exit_code=error.exit_code)
    finally:
        progress.close()
    payload["wall_s"] = time.perf_counter() - started_s
    if options.out is not None:
        film = FILM if (options.out / FILM).exists() else None
        _write_report(options.out, payload, film)
    _say_end(payload, options.out)
    return CommandResult(payload=payload, exit_code=0 if payload["truth_success"] else 1)


def _memory(options: RunOptions) -> "AbstractContextManager[CellMemory | None]":
    """The memory of a run; None where none is asked for. Raises `RefusedError`."""
    if options.memory is None:
        if options.resume or options.task is not None:
            raise RefusedError("--resume goes on from a memory: say which, with --memory FILE.")
        return nullcontext()
    from robot_skills.app.memory.cell_memory import MemoryConfig, open_memory

    if options.resume and options.specification is not None:
        raise RefusedError(
            "--resume keeps the task's own specification: leave out --specification."
        )
    config = MemoryConfig(path=options.memory, resume=options.resume, task=options.task)
    return open_memory(config, _where(options), options.instruction)


def _models(options: RunOptions) -> "Models | None":
    """The language models of a run; None where none is asked. Raises `RefusedError`."""
    if options.planner not in MODEL_PLANNERS:
        return None
    from robot_skills.app.model_planning import Models, ask_operator

    return Models(options.models, ask_operator)


def _carry_out(
    options: RunOptions,
    models: "Models | None",
    memory: "CellMemory | None",
    progress: Progress,
    events: EventList,
) -> dict[str, Any]:
    """Run the instruction; one that is refused on the way leaves its log behind."""
    from robot_skills.app.conformance import TruthTrace, told_conformance
    from robot_skills.app.wiring import CellConfig, simulated_cell
    from robot_skills.scheduler.forbidden import load_regions

    config = CellConfig(
        arm=options.arm,
        scene=options.scene,
        seed=options.seed,
        planner=options.planner,
        executive=options.executive,
        zoo=options.zoo,
        specification=options.specification,
        models=models,
        forbidden=load_regions(options.forbid) if options.forbid else (),
        corrections=corrections_config(options.listen, options.corrections, options.correct_at),
        memory=memory,
        left_world=None if options.memory is None else _left_world(options, options.memory),
    )
    first_motion, truth = FirstMotion(), TruthTrace()
    sinks: list[EventSink] = [events, first_motion, progress, truth]
    out, asked = options.out, _asked(options)
    with ExitStack() as stack:
        log = stack.enter_context(EpisodeLog(out / LOG, log_metadata(asked))) if out else None
        film = _film(out / FILM) if out and not options.no_video else None
        if film is not None:
            sinks.append(film.caption)
        cell = stack.enter_context(simulated_cell(config, sinks, log))
        camera = stack.enter_context(film.start(cell.sim)) if film is not None else None
        truth.start(cell.truth)
        if options.listen:
            listen(cell.desk)
        result = cell.run(options.instruction)
        sim_s = cell.sim.clock.now_s()
        specification = result.plans[0].specification
        conformance = told_conformance(specification, events.events, cell.looks, truth)
        truth_success = cell.goal_holds(result) and conformance["truth_conforms"] is not False
        if camera is not None:
            camera.hold(sim_s)
    return {
        **asked,
        **told_result(result),
        **conformance,
        "truth_success": truth_success,
        "fault": told_fault(events.events),
        "sim_s": sim_s,
        "plan_ms": result.plan_ms,
        **_chunk_times(events),
        "first_motion_s": first_motion.age_s,
        "planned_by": result.plans[0].planner,
        "models": None if models is None else models.told(),
        "task": None if memory is None else memory.journal.task,
    }


def _where(options: RunOptions) -> "Where":
    """Which cell a run is in, as far as a memory is concerned."""
    from robot_skills.scheduler.memory.records import Where

    return Where(cell=f"simulated cell {options.seed}", arm=options.arm)


def _left_world(options: RunOptions, memory: Path) -> "LeftWorld":
    """Where the simulated cell of a run is kept: beside the memory."""
    from sim.left_world import LeftWorld

    path = memory.with_name(f"{memory.name}.{options.arm}-{options.seed}.world")
    return LeftWorld(path, str(_where(options)))


def _film(path: Path) -> "PlannedFilm":
    """A film that starts when the robot is there; only runs that film load what films need."""
    from robot_skills.app.video import PlannedFilm

    return PlannedFilm(path)


def _asked(options: RunOptions) -> dict[str, Any]:
    return {
        "instruction": options.instruction,
        "arm": options.arm,
        "scene": options.scene,
        "seed": options.seed,
        "planner": options.planner,
        "executive": options.executive,
    }


def _chunk_times(events: EventList) -> dict[str, Any]:
    """Wall time of a policy chunk, median and distribution; None when no policy ran."""
    latencies = [event.data[WALL_MS] for event in events.of_kind(EventKind.CHUNK)]
    if not latencies:
        return {"chunk_ms": None, "chunk_latency_ms": None}
    return {"chunk_ms": median(latencies), "chunk_latency_ms": distribution(latencies)}


def _write_report(out: Path, payload: dict[str, Any], film: str | None) -> None:
    from robot_skills.app.report import ReportInputs, write_report

    inputs = ReportInputs(
        truth_success=payload["truth_success"], wall_s=payload["wall_s"], film=film, log_name=LOG
    )
    write_report(out / REPORT, read_episode(out / LOG), inputs)
    write_result(out, payload)


def _say_end(payload: dict[str, Any], out: Path | None) -> None:
    believed = "the goal holds" if payload["success"] else payload["reason"]
    known = "the goal holds" if payload["truth_success"] else "the goal does not hold"
    if payload["truth_conforms"] is False:
        known = f"the run violates {'; '.join(payload['specification'])}"
    print(f"\nbelief  {believed}")
    print(f"truth   {known}")
    fault = payload["fault"]
    if fault is not None:
        during = f" during {fault['skill']}" if fault["skill"] else ""
        print(f"cause   {fault['layer']}{during}: {fault['reason']}")
    chunk = "" if payload["chunk_ms"] is None else f", chunk {payload['chunk_ms']:.1f} ms"
    print(
        f"time    {payload['sim_s']:.1f} s simulated, {payload['wall_s']:.1f} s taken"
        f" (plan {payload['plan_ms']:.0f} ms{chunk})"
    )
    if payload["models"] is not None:
        print(f"model   {_model_text(payload['models'], payload['planned_by'])}")
    if out is not None:
        print(f"report  {out / REPORT}")


def _model_text(told: dict[str, Any], planned_by: str) -> str:
    """What a model did and took, in words."""
    cost = "" if told["cost"] is None else f", cost {told['cost']:.4f}"
    return (
        f"planned by {planned_by}; {told['model']} was asked {told['requests']} times and replayed "
        f"{told['replayed']}, {told['repairs']} repairs, {told['tokens']} tokens{cost}"
    )
