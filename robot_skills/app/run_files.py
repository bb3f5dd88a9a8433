"""What is told of a run, as JSON values, and the files in which a run is kept."""

import itertools
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot_skills.app.recording import RecordedEvents
from robot_skills.core.errors import MissingSkillError, RefusedError, RobotSkillsError
from robot_skills.core.events import Event
from robot_skills.data.episode_log import EpisodeLog
from robot_skills.data.storage import storage_errors

if TYPE_CHECKING:
    from robot_skills.scheduler.runs import RunResult

LOG, RESULT = "episode.mcap", "result.json"
"""What the folder of a run holds, besides film and report."""
_NOTHING_TOLD: dict[str, Any] = {
    "goal": [],
    "specification": [],
    "plan": [],
    "skills": [],
    "success": False,
    "replans": 0,
}


def told_result(result: "RunResult") -> dict[str, Any]:
    """What the executive says of a run, as JSON values."""
    plan = result.plans[0]
    return {
        "goal": [str(literal) for literal in plan.goal],
        "specification": [] if plan.specification is None else list(plan.specification.parts),
        "plan": [{"name": call.skill, "args": dict(call.args)} for call in plan.calls],
        "skills": [
            {
                "name": skill.name,
                "args": dict(skill.args),
                "outcome": skill.outcome.value,
                "reason": skill.reason,
                "attempts": skill.attempts,
                "duration_s": skill.duration_s,
            }
            for skill in result.skills
        ],
        "success": result.success,
        "reason": result.reason,
        "refused": False,
        "replans": result.replans,
    }


def told_error(error: RobotSkillsError) -> dict[str, Any]:
    """What is told of a run that did not begin because of an error, as JSON values."""
    told = {
        **_NOTHING_TOLD,
        "reason": " ".join(str(error).split()),
        "refused": isinstance(error, RefusedError),
    }
    if isinstance(error, MissingSkillError):
        missing = {"verb": error.verb, "parameters": error.parameters}
        told["missing_skill"] = {**missing, "effects": list(error.effects)}
    return told


def told_fault(events: Iterable[Event]) -> dict[str, Any] | None:
    """Whose fault it was that something went wrong, as JSON values; None when nothing did."""
    from robot_skills.scheduler.attribution import attribute

    fault = attribute(events)
    return None if fault is None else fault.to_json()


def log_metadata(asked: Mapping[str, Any]) -> dict[str, str]:
    """Of the log of a run: what was asked for and how, and which version did it."""
    named = {name: str(value) for name, value in asked.items()}
    return {**named, "version": version("robot-skills")}


def write_result(folder: Path, payload: Mapping[str, Any]) -> None:
    """Write what is told of a run. Raises `StorageError`."""
    path = folder / RESULT
    with storage_errors(path):
        path.write_text(json.dumps(payload, indent=2) + "\n", encoding="utf-8")


def keep_run(
    runs: Path, asked: Mapping[str, Any], told: Mapping[str, Any], events: Iterable[Event]
) -> Path:
    """Keep a run that is over in a new folder, whose name is its date and time.

    Args:
        runs: Folder of all runs.
        asked: What was asked for, and how; JSON values.
        told: What came of it; JSON values.
        events: Of the run, in order.

    Returns:
        The folder, which `robot-skills blame` reads.

    Raises:
        StorageError: It cannot be written.
    """
    folder = _new_folder(runs)
    with EpisodeLog(folder / LOG, log_metadata(asked)) as log:
        recorded = RecordedEvents(log)
        for event in events:
            recorded.emit(event)
    write_result(folder, {**asked, **told})
    return folder


def _new_folder(runs: Path) -> Path:
    name, numbers = datetime.now().strftime("%Y%m%d-%H%M%S"), itertools.count(2)
    folder = runs / name
    with storage_errors(folder):
        while folder.exists():
            folder = runs / f"{name}-{next(numbers)}"
        folder.mkdir(parents=True)
    return folder
