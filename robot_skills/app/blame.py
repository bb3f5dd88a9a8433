"""`robot-skills blame`: whose fault it was that a run went wrong."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_skills.app.options import CommonOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.run_files import LOG
from robot_skills.app.story import tell
from robot_skills.data.episode_log import read_episode
from robot_skills.scheduler.attribution import attribute

NOTHING = "nothing went wrong"


@dataclass(frozen=True, kw_only=True, slots=True)
class BlameOptions(CommonOptions):
    """Say which layer was at fault when a run went wrong, during which skill, and how one can tell.

    The layers are perception, plan, skill, gate and driver. The log's events alone are asked. A run
    that succeeded after another attempt or another plan is told why it needed that. Exits 0 when
    the log could be read.
    """

    run: Positional[Path]
    """Folder that `robot-skills run --out` wrote, or an episode log."""


def main(options: BlameOptions) -> CommandResult:
    """Read the log, judge, and say so."""
    path = options.run / LOG if options.run.is_dir() else options.run
    events = read_episode(path).events
    story, fault = tell(events), attribute(events)
    print(f"asked   {story.instruction}")
    print(f"ended   {story.refusal or story.reason or 'the log ends before the run does'}")
    print(f"cause   {NOTHING if fault is None else fault}")
    if fault is not None:
        print(f"seen in {fault.event.value} at {fault.stamp_s:.2f} s")
    payload = {
        "log": str(path),
        "instruction": story.instruction,
        "success": bool(story.believed),
        "fault": None if fault is None else fault.to_json(),
    }
    return CommandResult(payload=payload)
