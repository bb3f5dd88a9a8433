"""What is there: a scene without what is remembered only, and what may stand in for it.

A perceiver keeps what it has seen, so that what is shut in a drawer is not forgotten. Where the
place of a thing is in full view and empty, though, nobody is to act on the memory.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from robot_skills.core.plan import Literal, Milestone, Plan, SkillCall, Specification
from robot_skills.core.scene import Entity, Scene
from robot_skills.scheduler.words import lexicon

_BETWEEN = 2
"""Most words between an article and its noun: "a small red cube"."""


def present(scene: Scene) -> Scene:
    """The scene without things that are gone; the same one where nothing is."""
    if not any(entity.gone for entity in scene):
        return scene
    there = {name: entity for name, entity in scene.entities.items() if not entity.gone}
    return replace(scene, entities=there)


def wanted_things(plan: Plan) -> tuple[str, ...]:
    """Names in the goal and the milestones of a plan, each once."""
    literals: list[Literal] = list(plan.goal)
    names: list[str] = []
    for step in plan.milestones:
        if isinstance(step, SkillCall):
            names += step.args.values()
        else:
            literals += step
    names += [arg for literal in literals for arg in literal.args]
    return tuple(dict.fromkeys(names))


def gone_text(entity: Entity) -> str:
    """That a thing is not there any more, in words."""
    x, y, z = entity.T_base_entity.p
    at = f"({x:.2f}, {y:.2f}, {z:.2f}) m"
    return f"{entity.name} is gone: it was last seen at {at}, and nothing is there now"


def leaves_choice(plan: Plan, thing: Entity) -> bool:
    """Whether the words speak of a thing by its kind alone, with "a", "any" or "some"."""
    articles = "|".join(sorted(lexicon.INDEFINITE))
    noun = re.escape(thing.label.replace("_", " "))
    said = rf"\b(?:{articles})\b(?: \w+){{0,{_BETWEEN}}}? {noun}\b"
    return re.search(said, plan.instruction.lower()) is not None


def with_another(
    plan: Plan, gone: Entity, scene: Scene, meant: Iterable[Literal]
) -> tuple[Plan, Entity] | None:
    """The plan's wishes with another thing of the same kind in the place of one that is gone.

    Only where the words, which leave the choice (`leaves_choice`), name the other one when they are
    read again in the scene as it is.

    Args:
        plan: What is left to be done.
        gone: What is not there any more.
        scene: As seen now.
        meant: Goal of the words, read again in that scene.

    Returns:
        The wishes, without calls, and the other thing; None where no other one will do.
    """
    wanted = set(meant)
    for other in scene:
        if other.label == gone.label and other.movable and other.name != gone.name:
            swap = {gone.name: other.name}
            goal = tuple(_swapped(literal, swap) for literal in plan.goal)
            if set(goal) == wanted:
                return _swapped_plan(plan, goal, swap), other
    return None


def _swapped_plan(plan: Plan, goal: tuple[Literal, ...], swap: Mapping[str, str]) -> Plan:
    """The wishes with other names, and what has happened of a specification as it was."""
    specification = plan.specification
    if specification is not None:
        specification = Specification(
            parts=tuple(_swapped_text(part, swap) for part in specification.parts),
            rest=tuple(_swapped_text(rest, swap) for rest in specification.rest),
        )
    milestones = tuple(_swapped_step(step, swap) for step in plan.milestones)
    return replace(plan, goal=goal, milestones=milestones, specification=specification, calls=())


def _swapped_text(formula: str, swap: Mapping[str, str]) -> str:
    return re.sub(r"\w+", lambda word: swap.get(word[0], word[0]), formula)


def _swapped(literal: Literal, swap: Mapping[str, str]) -> Literal:
    return replace(literal, args=tuple(swap.get(arg, arg) for arg in literal.args))


def _swapped_step(step: Milestone, swap: Mapping[str, str]) -> Milestone:
    if isinstance(step, SkillCall):
        return replace(
            step, args={name: swap.get(value, value) for name, value in step.args.items()}
        )
    return tuple(_swapped(literal, swap) for literal in step)
