"""Corrections that are written down without a run: of a kind of call, or of a kind of goal."""

import re
from collections.abc import Iterable

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.predicates import PREDICATES, arity
from robot_skills.scheduler.corrections.changes import (
    EDGE,
    MOVABLE,
    Also,
    Change,
    Correction,
    Level,
    Pace,
    Room,
    Scope,
    Shift,
)
from robot_skills.scheduler.corrections.distilling import NOT_BESIDE_M
from robot_skills.scheduler.corrections.intents import Addition, Apart, Move, Said, Speed
from robot_skills.scheduler.corrections.scopes import relation_text
from robot_skills.skills.card import ParameterType, SkillCard
from robot_skills.skills.runner import in_words

_FORM = re.compile(r"\s*(\w+)\s*\(([\w\s,]*)\)\s*")
_THING = "thing"
"""How something movable is called in a situation."""


def correction_by_hand(
    said: Said, words: str, about: str, cards: Iterable[SkillCard]
) -> Correction:
    """A correction of a kind of call, or of a kind of goal.

    Args:
        said: What was read.
        words: That were read.
        about: ``name(words and kinds)`` of a skill or a predicate, as scopes are shown.
        cards: The skills.

    Raises:
        RefusedError: It does not have that form, or has to be said in a run.
    """
    found = _FORM.fullmatch(about)
    if found is None:
        raise RefusedError(
            f"{about[:60]!r} is not of the form 'place(on, movable, table)' or 'in(movable, box)'."
        )
    name, args = found[1], [arg.strip() for arg in found[2].split(",") if arg.strip()]
    known = {card.name: card for card in cards}
    if name in known:
        scope, situation = _calls(known[name], args)
        return Correction(scope=scope, change=_of_calls(said), words=words, situation=situation)
    if name not in PREDICATES:
        raise unknown_name("skill or predicate", name, (*known, *PREDICATES))
    if not isinstance(said, Addition):
        raise RefusedError(f"Of goals like {name} only something to do besides, or never, is kept.")
    least, most = arity(name)
    if not least <= len(args) <= most:
        raise RefusedError(f"{name} is about {least} things, got {len(args)}.")
    scope = Scope(level=Level.GOAL, name=name, kinds={str(i): kind for i, kind in enumerate(args)})
    situation = relation_text(name, [_named(kind) for kind in args])
    return Correction(scope=scope, change=Also(words=said.words), words=words, situation=situation)


def _calls(card: SkillCard, args: list[str]) -> tuple[Scope, str]:
    """Words of the skill come first, then the kinds of its things, in the order of its card."""
    of_words = [p for p in card.parameters if p.type is ParameterType.WORD]
    of_things = [p for p in card.parameters if p.type is not ParameterType.WORD]
    if len(args) != len(card.parameters):
        form = ", ".join(p.name for p in (*of_words, *of_things))
        raise RefusedError(f"{card.name} takes ({form}), got {len(args)} of these.")
    words = {p.name: value for p, value in zip(of_words, args, strict=False)}
    for parameter in of_words:
        if words[parameter.name] not in parameter.choices:
            kind = f"{card.name} {parameter.name}"
            raise unknown_name(kind, words[parameter.name], parameter.choices)
    kinds = {p.name: value for p, value in zip(of_things, args[len(words) :], strict=True)}
    said = {**words, **{name: _named(kind) for name, kind in kinds.items()}}
    scope = Scope(level=Level.CALL, name=card.name, words=words, kinds=kinds)
    return scope, in_words(card, said)


def _of_calls(said: Said) -> Change:
    match said:
        case Move(offset_m=offset_m):
            return Shift(offset_m=offset_m)
        case Speed(factor=factor):
            return Pace(speed=min(factor, 1.0))
        case Apart(phrase=phrase, gap_m=gap_m):
            to = phrase if phrase == EDGE else phrase.removeprefix("the ")
            return Room(to=to, gap_m=gap_m or NOT_BESIDE_M)
    raise RefusedError("Of calls only an offset, a speed or a gap is kept without a run.")


def _named(kind: str) -> str:
    return _THING if kind == MOVABLE else kind.replace("_", " ")
