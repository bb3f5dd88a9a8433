"""What a model says that must not happen, as a specification that plans and runs are held to."""

from collections.abc import Iterable, Sequence

from robot_skills.core.plan import Literal, Specification
from robot_skills.scheduler.temporal.formula import (
    ANY,
    Always,
    Called,
    Formula,
    Not,
    conjunction,
    negation,
    text,
)


def restrictions(
    never: Iterable[Sequence[Literal]], untouched: Iterable[str]
) -> Specification | None:
    """What a whole run has to satisfy; None where nothing is restricted.

    Args:
        never: What must at no time hold all at once.
        untouched: Things that no call may name.
    """
    apart: list[Formula] = [Always(negation(conjunction(group))) for group in never]
    alone: list[Formula] = [Always(Not(Called(ANY, (thing,)))) for thing in untouched]
    parts = tuple(dict.fromkeys(map(text, (*apart, *alone))))
    return Specification(parts=parts) if parts else None
