"""Worked examples for a prompt, made from whatever skills and scene there are.

Of each, the words come from a skill's card, the goal from its effects, and the steps from the
symbolic search, so that an example is always right for the scene that it stands beside.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.predicates import PASSING, unmet
from robot_skills.core.scene import TABLE
from robot_skills.scheduler.models.chat import Json
from robot_skills.scheduler.models.schema import PLAN
from robot_skills.scheduler.models.vocabulary import Vocabulary
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.scheduler.world_model import (
    STATIC,
    GroundCall,
    WorldModel,
    card_predicates,
    ground_calls,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """An instruction and a right answer to it."""

    instruction: str
    answer: dict[str, Json]


def examples(vocabulary: Vocabulary, most: int = 2) -> list[Example]:
    """As many examples as can be made, each for another skill; those with the most steps first.

    Args:
        vocabulary: Of the scene and the skills.
        most: How many.
    """
    found = sorted(_worked(vocabulary), key=lambda pair: -pair[0])
    return [example for _, example in found[:most]]


def _worked(vocabulary: Vocabulary) -> Iterator[tuple[int, Example]]:
    """One example for each skill that gives one, with its number of steps."""
    model = WorldModel(vocabulary.scene, card_predicates(vocabulary.cards))
    search = SymbolicPlanner(vocabulary.cards)
    worked: set[str] = set()
    for call in ground_calls(vocabulary.cards, model):
        skill = call.call.skill
        goal = _goal(call)
        if skill in worked or not goal or not unmet(vocabulary.scene, goal):
            continue
        if any(not model.holds(frozenset(), one) for one in _fixed(call)):
            continue
        worked.add(skill)
        try:
            steps = search.plan(vocabulary.scene, goal)
        except RefusedError:
            continue
        if call.call not in steps:
            # There is another way to it: these words would be answered with something else.
            continue
        yield len(steps), _example(call, goal, steps, vocabulary)


def _goal(call: GroundCall) -> tuple[Literal, ...]:
    """What a call is made for; nothing where that is gone with the next motion."""
    if TABLE in call.call.args.values():
        return ()
    return tuple(
        effect
        for effect in call.effects
        if effect.args and not effect.negated and effect.predicate not in PASSING
    )


def _fixed(call: GroundCall) -> tuple[Literal, ...]:
    return tuple(one for one in call.preconditions if one.predicate in STATIC)


def _example(
    call: GroundCall,
    goal: tuple[Literal, ...],
    steps: tuple[SkillCall, ...],
    vocabulary: Vocabulary,
) -> Example:
    card = next(card for card in vocabulary.cards if card.name == call.call.skill)
    words = {name: vocabulary.spoken(value) for name, value in call.call.args.items()}
    instruction = card.verbs[0].format(**words) if card.verbs else str(call.call)
    return Example(
        instruction=instruction,
        answer={
            "answer": PLAN,
            "say": "",
            "goal": [vocabulary.literal_json(literal) for literal in goal],
            "on_the_way": [],
            "never": [],
            "untouched": [],
            "steps": [_step(step, vocabulary) for step in steps],
        },
    )


def _step(call: SkillCall, vocabulary: Vocabulary) -> Json:
    card = next(card for card in vocabulary.cards if card.name == call.skill)
    expects: list[Json] = [
        vocabulary.literal_json(literal) for literal in card.preconditions(call.args)[:1]
    ]
    return {**vocabulary.call_json(call), "expects": expects}
