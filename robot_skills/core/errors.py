"""The one error tree of the project.

Every error that a user can cause derives from `RobotSkillsError`. Its message is one line that says
what was asked, what was found and what is available; the command line prints it and maps it to an
exit code, so no layer below needs to know about processes.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches


class RobotSkillsError(Exception):
    """Root of all errors raised on purpose. `exit_code` is what the command line returns."""

    exit_code = 1


class RefusedError(RobotSkillsError):
    """The input itself cannot be accepted: nothing has moved and nothing was written."""

    exit_code = 2


class UnknownNameError(RefusedError):
    """A name that is not in a closed set (skill, arm, entity, predicate, planner, ...)."""


class PlanningError(RefusedError):
    """The instruction was understood but no plan reaches its goal; says what is missing."""


class MissingSkillError(UnknownNameError, PlanningError):
    """Nobody has a skill for it; says what would have to be taught.

    Attributes:
        verb: What it would be called.
        parameters: What it would take: name and type of each.
        effects: What it would achieve, as a card says it; empty where only its teacher knows.
    """

    def __init__(
        self, message: str, *, verb: str, parameters: Mapping[str, str], effects: tuple[str, ...]
    ) -> None:
        super().__init__(message)
        self.verb = verb
        self.parameters = dict(parameters)
        self.effects = effects


class InstructionError(RefusedError):
    """The instruction is empty, or its words are not understood."""


class NotUnderstoodError(InstructionError):
    """Rules do not understand the words; who reads by other means may know what they mean.

    Every other refusal of words has a reason that stands, whoever reads them.
    """


class UnknownWordError(UnknownNameError, NotUnderstoodError):
    """Something is called by words of which rules do not know all."""


class UnknownVerbError(MissingSkillError, NotUnderstoodError):
    """Something is asked for by a verb that rules do not know."""


class CheckpointError(RefusedError):
    """A checkpoint is corrupt, foreign, or does not fit the skill that wants to use it."""


class UnusableSkillError(CheckpointError):
    """A skill has no policy that can be used.

    Attributes:
        skill: Its name.
    """

    def __init__(self, message: str, *, skill: str) -> None:
        super().__init__(message)
        self.skill = skill


class DatasetError(RefusedError):
    """A dataset is missing, corrupt, or does not fit what it is wanted for."""


class DatasetInUseError(RefusedError):
    """Another process is recording into the dataset; perhaps it is just about to end."""


class MissingDependencyError(RefusedError):
    """A library, package or device that this command needs is not installed or does not work."""


class StorageError(RobotSkillsError):
    """Writing failed: disk full, no permission, or somebody else is writing."""


class RobotFault(RobotSkillsError):
    """The robot or its driver refuses to go on; a person has to look."""


class SkillServerFault(RobotFault):
    """The process that carries out skills is gone, refuses, or has fallen silent."""


class PerceptionError(RobotSkillsError):
    """The cameras gave nothing usable (no frame, no table plane, entity lost)."""


class ActionRefused(RobotSkillsError):
    """The safety gate refused a chunk; the robot holds.

    Attributes:
        code: Reason code of the verdict, for example ``"workspace"``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def unknown_name(kind: str, asked: str, available: Iterable[str]) -> UnknownNameError:
    """Build the standard message for a name outside a closed set, with the nearest match.

    Args:
        kind: What the name was meant to name, for example ``"skill"``.
        asked: The name that was given.
        available: Every accepted name.
    """
    names = sorted(available)
    near = get_close_matches(asked.lower(), [name.lower() for name in names], n=1)
    hint = ""
    if near:
        match = next(name for name in names if name.lower() == near[0])
        hint = f" Did you mean {match!r}?"
    return UnknownNameError(
        f"Unknown {kind} {asked!r}.{hint} Available: {', '.join(names) or 'none'}."
    )
