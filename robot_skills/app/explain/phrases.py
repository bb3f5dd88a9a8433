"""Facts, calls and things of a log in plain English."""

import re
from collections.abc import Iterable, Sequence
from functools import cache

from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import SkillCall
from robot_skills.skills.card import (
    CARD_FILE,
    Parameter,
    ParameterType,
    SkillCard,
    parse_literal,
)

_FACTS = {
    "on": ("{0} is on {1}", "{0} is not on {1}"),
    "in": ("{0} is in {1}", "{0} is not in {1}"),
    "beside": ("{0} is beside {1}", "{0} is not beside {1}"),
    "inserted": ("{0} is inserted in {1}", "{0} is not inserted in {1}"),
    "near": ("{0} is near {1}", "{0} is not near {1}"),
    "holding": ("the hand holds {0}", "the hand does not hold {0}"),
    "hand_empty": ("the hand is empty", "the hand is not empty"),
    "open": ("{0} is open", "{0} is not open"),
    "closed": ("{0} is closed", "{0} is not closed"),
    "turned_on": ("{0} is on", "{0} is not on"),
    "turned_off": ("{0} is off", "{0} is not off"),
    "clear": ("nothing stands on {0}", "something stands on {0}"),
    "accessible": ("{0} can be got at", "{0} is shut away"),
    "accepts": ("things can be put into {0}", "nothing can be put into {0}"),
    "fits": ("{0} fits into {1}", "{0} does not fit into {1}"),
    "snug": ("{0} fits closely into {1}", "{0} does not fit closely into {1}"),
    "way_free": ("the way of {0} to {1} is free", "the way of {0} to {1} is not free"),
    "over": ("the hand is over {0}", "the hand is not over {0}"),
    "alongside": ("the hand is alongside {0}", "the hand is not alongside {0}"),
    "upright": ("{0} stands upright", "{0} does not stand upright"),
    "lying": ("{0} lies on its side", "{0} does not lie on its side"),
}
"""How each predicate is said, and how its negation."""
_LITERAL = r"((?:not )?[a-z_]+\([\w, ]*\))"
_GONE = re.compile(
    _LITERAL + r" (?:does not hold any more|does not hold|did not come about|no longer holds"
    r"|would not hold before it|would not hold at the end)"
)
_COME = re.compile(_LITERAL + r" holds(?: now)?")
_BARE = re.compile(rf"(?<![\w(])((?:not )?(?:{'|'.join(_FACTS)})\([\w, ]*\))")
_TEMPORAL = re.compile(r"\b(?:always|eventually|next|weak_next|until|weak_until|release)\(")
_CALL = re.compile(r"([a-z_]+)\((\w+=[^(),=]+(?:, \w+=[^(),=]+)*)\)")


def say_thing(name: str) -> str:
    """An entity as one speaks of it: ``the red cube``."""
    return f"the {name.replace('_', ' ')}"


def say_fact(text: str) -> str:
    """A literal as a sentence without a full stop; what is none stays as it is."""
    try:
        literal = parse_literal(text)
    except RefusedError:
        return text
    said = _FACTS.get(literal.predicate)
    if said is None:
        return text
    return said[literal.negated].format(*map(say_thing, literal.args))


def say_facts(texts: Iterable[str]) -> str:
    """Several literals as one sentence without a full stop, what follows from others last."""
    told = list(texts)
    if any(text.startswith("holding(") for text in told):
        told = [text for text in told if text != "not hand_empty()"]
    told.sort(key=lambda text: text.startswith("accepts("))
    return join([say_fact(text) for text in told])


def say_call(call: SkillCall) -> str:
    """A call as its card's first form of words says it: ``put the red cube in the drawer``."""
    card = shipped_cards().get(call.skill)
    words = () if card is None else [p.name for p in card.parameters if not _is_thing(p)]
    args = {name: value if name in words else say_thing(value) for name, value in call.args.items()}
    form = " ".join((call.skill, *(f"{{{name}}}" for name in args)))
    try:
        return (form if card is None else card.verbs[0]).format(**args)
    except KeyError:
        # A card of another version has other parameters.
        return form.format(**args)


def _is_thing(parameter: Parameter) -> bool:
    return parameter.type is not ParameterType.WORD


@cache
def shipped_cards() -> dict[str, SkillCard]:
    """The shipped cards: a log names skills, and not the folder that they came from."""
    cards = [SkillCard.load(path) for path in sorted(zoo_dir().glob(f"*/{CARD_FILE}"))]
    return {card.name: card for card in cards}


def say_milestone(text: str) -> str:
    """What was asked for on the way: literals that all hold at some time, or a call."""
    call = _CALL.fullmatch(text)
    if call is not None:
        return say_call(_read_call(call))
    if text.endswith("()") and text[:-2] not in _FACTS:
        return say_call(SkillCall(skill=text[:-2]))
    return join([say_fact(part) for part in text.split(" and ")])


def say_reason(text: str) -> str:
    """A reason of a log with its facts and calls in plain English; the rest stays as it is."""
    text = _CALL.sub(_called, text)
    if _TEMPORAL.search(text):
        # The parts of a formula are no sentences.
        return text
    for pattern, negated in ((_GONE, True), (_COME, False), (_BARE, False)):
        text = pattern.sub(lambda match, negated=negated: _stated(match[1], negated), text)
    return text


def _called(match: re.Match[str]) -> str:
    return f'"{say_call(_read_call(match))}"'


def _read_call(match: re.Match[str]) -> SkillCall:
    args = dict(pair.split("=", 1) for pair in match[2].split(", "))
    return SkillCall(skill=match[1], args=args)


def _stated(literal: str, negated: bool) -> str:
    """A literal as a sentence, or the sentence that says its contrary."""
    if not negated:
        return say_fact(literal)
    return say_fact(literal[4:] if literal.startswith("not ") else f"not {literal}")


def join(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def sentence(text: str) -> str:
    """With a capital at the beginning and a full stop at the end."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
