"""What to do otherwise after an attempt that failed: never the same once more.

What failed says how the next attempt differs (`VARIATIONS`), and which calls come before it
(`recovery_calls`). Those are calls like any other: checked, carried out and judged by their
effects, and for one call of a plan there are recoveries at most `MOST_RECOVERIES` times.
"""

from collections.abc import Mapping
from enum import Enum

import numpy as np

from robot_skills.core.plan import Literal, Outcome, SkillCall, SkillResult
from robot_skills.core.scene import TABLE, Entity, Scene, footprint_gap_m
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.card import ParameterType, SkillCard
from robot_skills.skills.variation import USUAL, Variation

MOST_RECOVERIES = 2
_IN_THE_WAY_M = 0.06
"""A thing that stands nearer than this to what a call is about may be what the hand would hit."""
_COLLISION = "collision"
_STAYED_M = 0.02


class Failure(Enum):
    """What failed in an attempt."""

    BLOCKED = "blocked"
    """The gate refused to go where something is in the way."""
    REFUSED = "refused"
    """The gate refused for another reason: speed, reach."""
    DROPPED = "dropped"
    """What was held, or had been taken, is not in the hand."""
    MISSED = "missed"
    """The thing is where it was; the motion did nothing to it."""
    DISPLACED = "displaced"
    """The thing is elsewhere, and not where it was to be."""
    LATE = "late"
    """It was not done in time."""
    OTHER = "other"


VARIATIONS: Mapping[Failure, tuple[Variation, ...]] = {
    Failure.BLOCKED: (
        Variation(turned=True, half=1),
        Variation(half=-1),
        Variation(turned=True, speed=0.5),
    ),
    Failure.REFUSED: (Variation(speed=0.5), Variation(turned=True, speed=0.5)),
    Failure.DROPPED: (Variation(speed=0.6), Variation(turned=True, speed=0.6)),
    Failure.MISSED: (Variation(turned=True), Variation(lower_m=0.08, speed=0.7)),
    Failure.DISPLACED: (USUAL, Variation(speed=0.7)),
    Failure.LATE: (Variation(lower_m=0.08), Variation(turned=True)),
    Failure.OTHER: (USUAL, Variation(speed=0.7), Variation(lower_m=0.08)),
}
"""How the first, second, ... further attempt differs, by what failed; then from the front again."""


def failure_of(
    result: SkillResult, before: Scene, after: Scene, effects: tuple[Literal, ...] = ()
) -> Failure:
    """What failed in an attempt.

    Args:
        result: How it ended.
        before: The scene before.
        after: The scene afterwards.
        effects: What it was to bring about.
    """
    if result.refused_by:
        return Failure.BLOCKED if result.refused_by == _COLLISION else Failure.REFUSED
    held = before.held(DEFAULT_ARM)
    if held is not None and held.name in result.call.args.values():
        there = after.entities.get(held.name)
        if there is not None and there.held_by is None:
            return Failure.DROPPED
    things = [before[name] for name in result.call.args.values() if name in before]
    movable = [thing for thing in things if thing.movable and thing.name in after]
    far_m = [_distance_m(thing, after[thing.name]) for thing in movable]
    if any(far > _STAYED_M for far in far_m) and held is None:
        return Failure.DISPLACED
    if result.outcome is Outcome.TIMEOUT and not _to_hold(effects):
        return Failure.LATE
    return Failure.MISSED if movable and held is None else Failure.OTHER


def variation_after(failure: Failure, attempts: int) -> Variation:
    """How the next attempt differs, after so many that were made."""
    choices = VARIATIONS[failure]
    return choices[(attempts - 1) % len(choices)]


def recovery_calls(
    failure: Failure, call: SkillCall, scene: Scene, cards: Mapping[str, SkillCard]
) -> tuple[SkillCall, ...]:
    """Calls that bring about a scene in which the same call can be tried again; often none.

    What stands in the way of a hand that has to come near a thing is put elsewhere on the table.
    What was dropped, and what is in the hand by mistake, is for a new plan to take up or to put
    down: the call cannot begin as it is.

    Args:
        failure: What failed.
        call: That is to be tried again.
        scene: As seen now.
        cards: The skills by name.
    """
    if failure is not Failure.BLOCKED or scene.held(DEFAULT_ARM) is not None:
        return ()
    obstacle = _obstacle(call, scene)
    if obstacle is None:
        return ()
    return (*_taken(obstacle, cards), *_put_down(obstacle, cards))


def _to_hold(effects: tuple[Literal, ...]) -> bool:
    return any(literal.predicate == "holding" and not literal.negated for literal in effects)


def _distance_m(one: Entity, other: Entity) -> float:
    return float(np.linalg.norm(one.T_base_entity.p - other.T_base_entity.p))


def _taken(thing: Entity, cards: Mapping[str, SkillCard]) -> tuple[SkillCall, ...]:
    """A call after which the thing is in the hand, by whichever skill promises that."""
    for card in cards.values():
        names = [p.name for p in card.parameters if p.type is ParameterType.MOVABLE]
        if len(card.parameters) == 1 and names:
            args = {names[0]: thing.name}
            if _to_hold(card.effects(args)):
                return (SkillCall(skill=card.name, args=args),)
    return ()


def _put_down(thing: Entity, cards: Mapping[str, SkillCard]) -> tuple[SkillCall, ...]:
    """A call after which the thing stands on the table."""
    wanted = Literal(predicate="on", args=(thing.name, TABLE))
    for card in cards.values():
        for args in _arguments(card, thing.name):
            if wanted in card.effects(args):
                return (SkillCall(skill=card.name, args=args),)
    return ()


def _arguments(card: SkillCard, thing: str) -> list[dict[str, str]]:
    """Arguments of a skill that brings a thing to the table in one way or another."""
    choices: list[dict[str, str]] = [{}]
    for parameter in card.parameters:
        match parameter.type:
            case ParameterType.MOVABLE:
                values: tuple[str, ...] = (thing,)
            case ParameterType.SUPPORT:
                values = (TABLE,)
            case ParameterType.WORD:
                values = parameter.choices
            case _:
                return []
        choices = [{**args, parameter.name: value} for args in choices for value in values]
    return choices


def _obstacle(call: SkillCall, scene: Scene) -> Entity | None:
    """The free thing nearest to what a call is about, where it may be in the hand's way."""
    about = [scene[name] for name in call.args.values() if name in scene and name != TABLE]
    others = [
        other
        for other in scene
        if other.movable and other.visible and other.name not in call.args.values()
    ]
    near = [
        (min(footprint_gap_m(other, thing) for thing in about), other.name)
        for other in others
        if about
    ]
    if not near or min(near)[0] > _IN_THE_WAY_M:
        return None
    return scene[min(near)[1]]
