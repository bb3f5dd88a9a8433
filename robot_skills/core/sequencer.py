"""Contract of learned sequencers: which call comes next, out of all that could be made.

A situation is a graph of calls and literals. A call is what it needs and what it changes; a literal
is whether it holds and whether it is wanted. Names only tell things apart: whoever scores calls by
the graph does so for entities and skills that it has never met, and for any number of them.
"""

from dataclasses import dataclass
from typing import Protocol

from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Option:
    """A call that could be made.

    Attributes:
        call: The skill with its arguments.
        needs: What has to hold before.
        brings: What does not hold now and would hold afterwards, never negated.
        ends: What holds now and would not hold afterwards, never negated.
        on_request: Whether it is made only when the words ask for it, or nothing else will do.
    """

    call: SkillCall
    needs: tuple[Literal, ...]
    brings: tuple[Literal, ...]
    ends: tuple[Literal, ...]
    on_request: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LastCall:
    """What was just done.

    Attributes:
        call: The call.
        ok: Whether it succeeded.
        failures: How often it has failed since anything else was done.
    """

    call: SkillCall
    ok: bool
    failures: int = 0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Situation:
    """What the next call is chosen from.

    Attributes:
        scene: The latest look.
        options: Calls of the skills with entities of the right types.
        facts: What holds, among all that the options need and the words want; never negated.
        wanted: What is to hold next, in the order of the words.
        later: What is to hold after that.
        asked: The call that is to be made next for its own sake.
        last: What was just done; None at the start.
    """

    scene: Scene
    options: tuple[Option, ...]
    facts: frozenset[Literal]
    wanted: tuple[Literal, ...]
    later: tuple[Literal, ...] = ()
    asked: SkillCall | None = None
    last: LastCall | None = None


class Sequencer(Protocol):
    """Predicts what comes next."""

    def scores(self, situation: Situation) -> Array:
        """Log-probability of every option in order, and at last of being done, (options + 1,)."""
        ...
