"""What is refused of words whose grammar is not understood, whoever else may know what they mean.

Somebody who reads by other means, a network for example, may be sure of them and be wrong. Single
words say enough to tell what must not be left to that: limits that nobody could be held to, verbs
for what no skill does, and things that are not there.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from robot_skills.core.errors import InstructionError, MissingSkillError
from robot_skills.scheduler.temporal import lexicon as said
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.exceptions import BUT_NOT
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.scheduler.words.tokens import (
    PUNCTUATION,
    base_form,
    find_all,
    joined,
    shown,
)
from robot_skills.scheduler.words.verbs import verb

NoSkill = Callable[[str, Sequence[str]], MissingSkillError]
"""The error for a verb, given it and the words behind it."""

_DEFINITE = frozenset({"the", "my", "your"})
_JOINTS = PUNCTUATION | {"and", "then"}
_LIMITS = (
    *(*words.NEGATIONS, *words.CONDITIONS, *words.EXCEPTIONS, *words.EARLIER, *BUT_NOT),
    *(*said.PROHIBITIONS, *said.NEVER_IS, *said.LEFT_ALONE, *said.AWAY_FROM, "hands off"),
    *(*said.RELATIONS, *said.OTHERWISE, "only"),
)
"""Phrases that say what must not be, or when something is to be."""


def refuse_unread(tokens: Sequence[str], grounder: Grounder, no_skill: NoSkill) -> None:
    """Refuse words of which not even the single ones allow to act on them.

    Args:
        tokens: Of the instruction, less what says nothing.
        grounder: Knows what is there.
        no_skill: The error for a verb that no skill stands for.

    Raises:
        InstructionError: They say limits.
        MissingSkillError: A part of them begins with a verb for what no skill does.
        UnknownNameError: They name a thing that is not there.
    """
    for i, limit in find_all(tokens, (*_LIMITS, *said.STAYS, *words.AFTER)):
        harmless = limit in words.AFTER and limit not in _LIMITS
        of_nothing = limit in said.STAYS and not _names_a_thing(tokens[:i], grounder)
        if not (harmless or of_nothing):
            raise InstructionError(
                f"{limit!r} cannot be honoured, as not all of {shown(joined(tokens))} is "
                "understood: say it in a sentence of its own, and in plainer words."
            )
    for i, token in enumerate(tokens):
        begins = i == 0 or tokens[i - 1] in _JOINTS
        if begins and base_form(token) in words.FOREIGN_VERBS and verb(tokens[i:]) is None:
            raise no_skill(token, tokens[i + 1 :])
    _refuse_absent(tokens, grounder)


def _refuse_absent(tokens: Sequence[str], grounder: Grounder) -> None:
    """Raises `UnknownNameError` when a thing is named that is not there."""
    i = 0
    while i < len(tokens):
        length = grounder.phrase(tokens[i:])
        named = _names_a_thing(tokens[i : i + length], grounder)
        if not named and tokens[i] in _DEFINITE and tokens[i + length : i + length + 1]:
            # The word where a noun has to be is one, or stands before it.
            length += 1
            length += grounder.noun(tokens[i + length :])
            named = PUNCTUATION.isdisjoint(tokens[i : i + length])
        if named:
            # What stands around it may say which is meant.
            with suppress(InstructionError):
                grounder.resolve(joined(tokens[i : i + length]))
        i += max(length, 1)


def _names_a_thing(phrase: Sequence[str], grounder: Grounder) -> bool:
    """Whether words end with what a thing is called."""
    return any(grounder.noun(phrase[i:]) == len(phrase) - i for i in range(len(phrase)))
