"""Skill cards and predicates as the text of a program, whose checks are what a call needs.

After *ProgPrompt: Generating Situated Robot Task Plans using Large Language Models* (Singh et al.,
2023): a model has read more programs than plans.
"""

import inspect
from collections.abc import Iterable, Iterator

from robot_skills.core.plan import Literal
from robot_skills.core.predicates import PREDICATES
from robot_skills.skills.card import Parameter, ParameterType, SkillCard, SkillCase


def skills_text(cards: Iterable[SkillCard]) -> str:
    """Each skill as a function: arguments, what is asserted before, and what holds afterwards."""
    return "\n\n".join("\n".join(_skill(card)) for card in cards)


def predicates_text(arities: dict[str, int]) -> str:
    """Each predicate as it can be said in a goal, and what it means.

    Args:
        arities: How many things each is said of.
    """
    return "\n".join(_predicate(name, count) for name, count in arities.items())


def _skill(card: SkillCard) -> Iterator[str]:
    arguments = ", ".join(map(_parameter, card.parameters))
    yield f"def {card.name}({arguments}):"
    seldom = " Only when the instruction asks for it." if card.on_request else ""
    yield f'    """{card.summary}{seldom}"""'
    for case in card.cases:
        indent = "    "
        if case.when:
            words = " and ".join(f'{name} == "{word}"' for name, word in case.when.items())
            yield f"    if {words}:"
            indent *= 2
        yield from (indent + line for line in _case(case))


def _case(case: SkillCase) -> Iterator[str]:
    for literal in case.preconditions:
        yield f"assert {_template(literal)}"
    effects = ", ".join(map(_template, case.effects))
    yield f"# then: {effects}" if effects else "pass"


def _parameter(parameter: Parameter) -> str:
    if parameter.type is ParameterType.WORD:
        return f"{parameter.name}: {' | '.join(map(repr, parameter.choices))}"
    return f"{parameter.name}: {parameter.type.value}"


def _template(literal: Literal) -> str:
    return str(literal).replace("{", "").replace("}", "")


def _predicate(name: str, count: int) -> str:
    function = PREDICATES[name]
    _, *arguments = inspect.signature(function).parameters
    meaning = (inspect.getdoc(function) or "").partition("\n")[0]
    return f"{name}({', '.join(arguments[:count])}): {meaning}"
