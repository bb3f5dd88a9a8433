"""What is not meant, said right behind what it is not meant of."""

from collections.abc import Sequence

from robot_skills.scheduler.temporal import lexicon as said
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.scheduler.words.lexicon import phrases
from robot_skills.scheduler.words.tokens import PUNCTUATION, find_all, joined
from robot_skills.scheduler.words.verbs import verb

BUT_NOT = phrases("""
    but not, anything but, just not, only not, except, except for, everything but, any but,
    whichever but, as long as it is not, just do not take, just not, though not, excluding,
    other than, apart from, all but, leaving out, but leave out, without counting, not counting
""")
"""What stands before what is not meant."""
_ALONE = phrases("""
    but leave, but keep, and leave, and keep, but do not touch, but do not move, but do not take,
    but never touch, but never move, and do not touch, and do not move, but do not pick up
""")
_CHOOSING = words.ALL | words.INDEFINITE | words.SOMETHING | set(words.NUMBERS)
EXCEPTING = (*BUT_NOT, *_ALONE)
"""Every phrase that is read here."""


def say_exceptions_first(tokens: list[str], grounder: Grounder) -> list[str]:
    """Say what is not meant right behind what it is not meant of.

    "Put a cube in the box, but not the red one" is "put a cube except the red one in the box".
    """
    for i, text in find_all(tokens, (*BUT_NOT, *_ALONE)):
        begin = i + len(text.split())
        length = list_of_phrases(tokens[begin:], grounder)
        before = tokens[:i]
        while before and before[-1] in (*PUNCTUATION, "and"):
            before = before[:-1]
        span = _choice(before, grounder) if length else None
        if span is None:
            continue
        left_out, behind = tokens[begin : begin + length], tokens[begin + length :]
        if text in _ALONE:
            if not _leaves_alone(text, behind):
                continue
            behind = tokens[i:]
        return [*before[:span], "except", *left_out, *before[span:], *behind]
    return tokens


def _leaves_alone(text: str, behind: Sequence[str]) -> bool:
    """Whether words go on so that they forbid to touch something."""
    alone = said.LEFT_ALONE if text.endswith(("leave", "keep")) else ("",)
    return any(joined(behind).startswith(end) for end in alone)


def list_of_phrases(tokens: Sequence[str], grounder: Grounder) -> int:
    """How many words one or several joined noun phrases have at the beginning."""
    end = grounder.phrase(tokens)
    joint = tokens[end : end + 1]
    while end and joint and joint[0] in ("and", "or", ",", "nor"):
        more = grounder.phrase(tokens[end + 1 :])
        if not more or verb(tokens[end + 1 :]) is not None:
            break
        end += 1 + more
        joint = tokens[end : end + 1]
    return end


def _choice(tokens: Sequence[str], grounder: Grounder) -> int | None:
    """Where the last noun phrase that leaves a choice ends; None when none does."""
    found: int | None = None
    i = 0
    while i < len(tokens):
        length = grounder.phrase(tokens[i:])
        spoken = tokens[i : i + length]
        of = tokens[i + length : i + length + 1] == ["of"]
        if of and length:
            length += 1 + grounder.phrase(tokens[i + length + 1 :])
            spoken = tokens[i : i + length]
        several = any(word.endswith("s") for word in spoken if word not in words.ARTICLES)
        if length and (several or not _CHOOSING.isdisjoint(spoken)):
            found = i + length
        i += max(length, 1)
    return found
