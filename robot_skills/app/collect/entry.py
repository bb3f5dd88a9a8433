"""Where the command line enters; nothing heavy is loaded before a command runs."""

from robot_skills.app.collect.options import ConsoleOptions, RecordOptions, TeleopOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import MissingDependencyError


def teleop(options: TeleopOptions) -> CommandResult:
    """Move a robot by hand."""
    _check_installed()
    from robot_skills.app.collect import commands

    return commands.teleop(options)


def record(options: RecordOptions) -> CommandResult:
    """Record demonstrations."""
    _check_installed()
    from robot_skills.app.collect import commands

    return commands.record(options)


def console(options: ConsoleOptions) -> CommandResult:
    """Open the operator's console."""
    _check_installed()
    from robot_skills.app.collect import commands

    return commands.console(options)


_NEEDED = {"mcap": "record", "rosbags": "record", "fastapi": "console", "viser": "console"}


def _check_installed() -> None:
    from importlib.util import find_spec

    missing = {name: extra for name, extra in _NEEDED.items() if find_spec(name) is None}
    if missing:
        extras = ",".join(sorted(set(missing.values())))
        raise MissingDependencyError(
            f"Collecting needs packages that are missing: {', '.join(missing)}. "
            f"Install robot-skills[{extras}]."
        )
