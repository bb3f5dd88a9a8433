"""Skills' calls and results to and from our own messages. Importable without ROS."""

from collections.abc import Mapping, Sequence
from typing import Any

from hardware.ros2.messages import arguments_of
from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Outcome, SkillCall, SkillResult

_UNKNOWN = -1.0


def words_of(arguments: Mapping[str, Any]) -> list[str]:
    """Arguments as ``name=value``."""
    return [f"{name}={value}" for name, value in arguments.items()]


def call_of(skill: str, arguments: Sequence[str]) -> SkillCall:
    """A call of a skill.

    Raises:
        RefusedError: An argument has no ``=``.
    """
    try:
        return SkillCall(skill=skill, args=dict(arguments_of(arguments)))
    except ValueError as problem:
        raise RefusedError(str(problem)) from None


def fill_result(message: Any, result: SkillResult) -> None:
    """Put how an attempt ended into our own ``SkillResult`` message."""
    message.skill, message.arguments = result.call.skill, words_of(result.call.args)
    message.outcome, message.reason = result.outcome.value, result.reason
    message.attempt, message.duration_s = 1, float(result.duration_s)
    message.chunks, message.refused_chunks = result.chunks, result.refused_chunks
    message.likely = _UNKNOWN if result.likely is None else float(result.likely)


def result_of(message: Any, call: SkillCall) -> SkillResult:
    """How an attempt at a call ended, by our own ``SkillResult`` message.

    Raises:
        RefusedError: It ended in a way that nobody knows.
    """
    try:
        outcome = Outcome(message.outcome)
    except ValueError:
        known = ", ".join(one.value for one in Outcome)
        raise RefusedError(
            f"The skill server says that {call} ended as {message.outcome!r}; known: {known}."
        ) from None
    return SkillResult(
        call=call,
        outcome=outcome,
        reason=message.reason,
        duration_s=message.duration_s,
        chunks=message.chunks,
        refused_chunks=message.refused_chunks,
        likely=message.likely if message.likely >= 0.0 else None,
    )
