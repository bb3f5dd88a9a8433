"""Contract of learned schedulers: the next call, from the words as they were said.

A sequencer (`robot_skills.core.sequencer`) is told what the words ask for; a learned scheduler
reads them by itself, together with the scene, what things look like and what was done so far.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.sequencer import LastCall

GLIMPSE_PX = 32
"""Height and width of a glimpse."""

Glimpses = Mapping[str, NDArray[np.uint8]]
"""What entities look like: a square cut-out of a colour picture per entity, by name,
(GLIMPSE_PX, GLIMPSE_PX, 3)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Moment:
    """What the next call is predicted from.

    Attributes:
        instruction: The words.
        scene: The latest look.
        facts: What holds: as seen, or as foreseen from what was seen; never negated.
        options: Calls that could be made, with arguments of the right types.
        history: What was done so far, oldest first; attempts in a row at one call are one entry.
        glimpses: What entities look like; those are missing of which there is no picture.
        displaced: Entities that are foreseen to be elsewhere than the scene says.
    """

    instruction: str
    scene: Scene
    facts: frozenset[Literal]
    options: tuple[SkillCall, ...]
    history: tuple[LastCall, ...] = ()
    glimpses: Glimpses = field(default_factory=dict)
    displaced: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """What calls are made of besides entities; all of it is known by its words.

    Attributes:
        skills: Name of every skill, and in words what it does.
        words: Words that arguments may be, such as ``"on"``.
    """

    skills: Mapping[str, str]
    words: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the skills, in order."""
        return tuple(self.skills)


class NextCallPredictor(Protocol):
    """Predicts what comes next."""

    def scores(self, moment: Moment) -> Array:
        """Log-probability of every option in order, of being done, and of not knowing.

        Returns:
            (options + 2,); the last two stand for "all is done" and "I do not know what is meant".
        """
        ...


def with_attempt(history: tuple[LastCall, ...], call: SkillCall, ok: bool) -> tuple[LastCall, ...]:
    """A history with one more attempt at a call."""
    again = bool(history) and history[-1].call == call and not history[-1].ok
    before = history[-1].failures if again else 0
    last = LastCall(call=call, ok=ok, failures=0 if ok else before + 1)
    return (*(history[:-1] if again else history), last)
