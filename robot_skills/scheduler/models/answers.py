"""From a model's words to calls of skills: everything that was not asked for is refused.

An answer is read in time and memory in proportion to its length, which is limited; what it names
has to be in the schema, so it can say nothing but skills, things and predicates that there are.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.scheduler.models.chat import TOO_LONG, ChatReply
from robot_skills.scheduler.models.errors import (
    AnswerFormatError,
    AnswerTooLongError,
    AnswerTruncatedError,
    one_line,
    quoted,
)
from robot_skills.scheduler.models.mistakes import why
from robot_skills.scheduler.models.schema import ASK, IMPOSSIBLE, PLAN
from robot_skills.scheduler.models.vocabulary import Vocabulary

MAX_CHARACTERS = 20_000
MAX_DEPTH = 12
MAX_SAY = 300

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_FENCE = "```"
_WHY = 120


class AnswerKind(Enum):
    """What an answer is."""

    PLAN = PLAN
    ASK = ASK
    IMPOSSIBLE = IMPOSSIBLE


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A call, and what a model expects to hold right before it."""

    call: SkillCall
    expects: tuple[Literal, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model has answered, in terms of scene and skills.

    Attributes:
        kind: What it is.
        say: The question, or why it is impossible; one line.
        goal: What is to hold at the end.
        on_the_way: What is to come about before that, in order; each all at once.
        never: What must at no time hold all at once.
        untouched: Things that no step may name.
        plans: Ways there; each without steps where somebody else is to find them.
    """

    kind: AnswerKind
    say: str
    goal: tuple[Literal, ...] = ()
    on_the_way: tuple[tuple[Literal, ...], ...] = ()
    never: tuple[tuple[Literal, ...], ...] = ()
    untouched: tuple[str, ...] = ()
    plans: tuple[tuple[Step, ...], ...] = ()


def read_answer(reply: ChatReply, schema: Mapping[str, Any], vocabulary: Vocabulary) -> Answer:
    """Read a reply.

    Args:
        reply: Of a model.
        schema: That it has to satisfy, see `answer_schema`.
        vocabulary: That the schema was made of.

    Raises:
        AnswerTruncatedError: It was cut off.
        AnswerTooLongError: It is longer than anybody reads.
        AnswerFormatError: It is not of the schema; says where, and what is there instead.
        MissingDependencyError: jsonschema is not installed.
    """
    if reply.finish_reason == "length":
        raise AnswerTruncatedError(
            "The model's answer was cut off at its longest. Allow longer answers "
            "(--answer-tokens), or ask for less at once."
        )
    if reply.finish_reason == TOO_LONG or len(reply.text) > MAX_CHARACTERS:
        raise AnswerTooLongError(
            f"The model's answer is longer than {MAX_CHARACTERS} characters and was not read on. "
            "Take a model that answers in the form that is asked for."
        )
    content = _json(reply.text)
    _validate(content, schema)
    return _answer(content, vocabulary)


def _json(text: str) -> Any:
    """The JSON value that a text is, perhaps fenced as code. Raises `AnswerFormatError`."""
    text = text.strip()
    if text.startswith(_FENCE) and text.endswith(_FENCE):
        text = text.partition("\n")[2].removesuffix(_FENCE)
    if _depth(text) > MAX_DEPTH:
        raise AnswerFormatError(f"The answer is nested more than {MAX_DEPTH} deep: {quoted(text)}.")
    try:
        return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise AnswerFormatError(
            f"The answer is not the JSON that was asked for ({reason[:_WHY]}): {quoted(text)}."
        ) from None


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {quoted(repeated, 40)} is there twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _validate(content: Any, schema: Mapping[str, Any]) -> None:
    try:
        from jsonschema import Draft202012Validator
    except ImportError as error:
        raise MissingDependencyError(
            f"Reading a model's answer needs the package jsonschema, which is not there: {error}. "
            "Install the extra `llm`: pip install 'robot-skills[llm]'."
        ) from None
    # The first error will do: an answer can be wrong in every word.
    error = next(Draft202012Validator(schema).iter_errors(content), None)
    if error is not None:
        raise AnswerFormatError(f"The answer is not of the form that was asked for: {why(error)}.")


def _answer(content: Mapping[str, Any], vocabulary: Vocabulary) -> Answer:
    kind = AnswerKind(content["answer"])
    say = one_line(content["say"], MAX_SAY)
    if kind is not AnswerKind.PLAN:
        if not say:
            raise AnswerFormatError(f"The answer is {kind.value!r}, and says nothing.")
        return Answer(kind=kind, say=say)
    plans = content["plans"] if "plans" in content else [{"steps": content["steps"]}]
    answer = Answer(
        kind=kind,
        say=say,
        goal=_literals(content["goal"], vocabulary),
        on_the_way=_groups(content["on_the_way"], vocabulary),
        never=_groups(content["never"], vocabulary),
        untouched=tuple(map(vocabulary.meant, content["untouched"])),
        plans=tuple(tuple(_step(step, vocabulary) for step in plan["steps"]) for plan in plans),
    )
    if not answer.goal and not any(answer.plans):
        raise AnswerFormatError("The answer is a plan with neither goal nor steps.")
    return answer


def _step(step: Mapping[str, Any], vocabulary: Vocabulary) -> Step:
    card = next(card for card in vocabulary.cards if card.name == step["skill"])
    # Things are called by plain names, words of the cards are not.
    words = {parameter.name for parameter in card.parameters if parameter.choices}
    args = {
        parameter.name: step["args"][parameter.name]
        if parameter.name in words
        else vocabulary.meant(step["args"][parameter.name])
        for parameter in card.parameters
    }
    expects = _literals(step["expects"], vocabulary)
    return Step(call=SkillCall(skill=card.name, args=args), expects=expects)


def _groups(
    groups: Iterable[Iterable[Mapping[str, Any]]], vocabulary: Vocabulary
) -> tuple[tuple[Literal, ...], ...]:
    """Lists of literals, less the empty ones."""
    found = (_literals(group, vocabulary) for group in groups)
    return tuple(group for group in found if group)


def _literals(literals: Iterable[Mapping[str, Any]], vocabulary: Vocabulary) -> tuple[Literal, ...]:
    return tuple(_literal(literal, vocabulary) for literal in literals)


def _literal(literal: Mapping[str, Any], vocabulary: Vocabulary) -> Literal:
    return Literal(
        predicate=literal["predicate"],
        args=tuple(map(vocabulary.meant, literal["args"])),
        negated=literal["not"],
    )
