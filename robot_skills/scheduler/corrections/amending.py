"""Corrections of what is to be achieved, carried over to a plan: another thing, something more."""

import re
from collections.abc import Callable
from dataclasses import replace

from robot_skills.core.errors import PlanningError, RefusedError
from robot_skills.core.plan import Literal, Milestone, Plan, SkillCall, Specification
from robot_skills.core.scene import Entity, Scene
from robot_skills.scheduler.corrections.changes import Also, Choose, Correction, spoken
from robot_skills.scheduler.corrections.scopes import goal_scope
from robot_skills.scheduler.symbolic import contradict
from robot_skills.scheduler.words import lexicon as known
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.scheduler.words.language import Understanding
from robot_skills.scheduler.words.tokens import base_form

Parse = Callable[[str, Scene], Understanding]
"""What words ask for in a scene, as `LanguageParser.parse`."""


def amended(plan: Plan, correction: Correction, scene: Scene, parse: Parse) -> Plan:
    """A plan with what a kept correction of goals asks for; its calls are to be found anew.

    Args:
        plan: What is wanted so far.
        correction: Of the kind of goal that the plan has.
        scene: Where the things are.
        parse: Reads additions.

    Raises:
        RefusedError: It cannot be carried over to this plan or scene; says why.
    """
    match correction.change:
        case Choose() as choose:
            return _chosen(plan, correction, choose, scene)
        case Also(words=words):
            return with_addition(plan, parse(words, scene))
    raise RefusedError(f"{correction} is no correction of a goal.")


def concerns(plan: Plan, correction: Correction, scene: Scene) -> bool:
    """Whether a plan has what a kept correction of its kind of goal is about."""
    choose = correction.change
    if not isinstance(choose, Choose):
        return True
    names = {name for literal in plan.goal for name in literal.args if name in scene}
    return any(
        scene[name].label == choose.label and left_open(plan.instruction, scene[name])
        for name in names
    )


def swapped(plan: Plan, old: str, new: str) -> Plan:
    """A plan with one thing in place of another wherever it is named."""

    def literal(one: Literal) -> Literal:
        return replace(one, args=tuple(new if arg == old else arg for arg in one.args))

    def milestone(step: Milestone) -> Milestone:
        if isinstance(step, SkillCall):
            args = {name: new if arg == old else arg for name, arg in step.args.items()}
            return replace(step, args=args)
        return tuple(map(literal, step))

    def text(formula: str) -> str:
        return re.sub(rf"\b{re.escape(old)}\b", new, formula)

    specification = plan.specification
    if specification is not None:
        specification = Specification(
            parts=tuple(map(text, specification.parts)), rest=tuple(map(text, specification.rest))
        )
    return replace(
        plan,
        goal=tuple(map(literal, plan.goal)),
        milestones=tuple(map(milestone, plan.milestones)),
        specification=specification,
        calls=(),
    )


def with_addition(plan: Plan, more: Understanding) -> Plan:
    """A plan with what further words ask for.

    Raises:
        PlanningError: That contradicts what is wanted already.
    """
    for new in more.goal:
        for old in plan.goal:
            if contradict(old, new) or contradict(new, old):
                raise PlanningError(f"{new} contradicts {old}, which is wanted already")
    goal = tuple(dict.fromkeys((*plan.goal, *more.goal)))
    specification = _joined(plan.specification, more.specification)
    if goal == plan.goal and specification == plan.specification and not more.milestones:
        raise PlanningError("that is wanted already")
    return replace(
        plan,
        goal=goal,
        milestones=(*plan.milestones, *more.milestones),
        specification=specification,
        calls=(),
    )


def without_addition(plan: Plan, more: Understanding, before: Plan) -> Plan:
    """A plan less what further words have asked for, where it was not wanted before them."""
    goal = tuple(one for one in plan.goal if one in before.goal or one not in more.goal)
    specification = plan.specification
    if specification is not None and more.specification is not None:
        known_parts = () if before.specification is None else before.specification.parts
        gone = set(more.specification.parts) - set(known_parts)
        kept = [i for i, part in enumerate(specification.parts) if part not in gone]
        specification = Specification(
            parts=tuple(specification.parts[i] for i in kept),
            rest=tuple(specification.rest[i] for i in kept) if specification.rest else (),
        )
    return replace(plan, goal=goal, specification=specification, calls=())


def left_open(instruction: str, entity: Entity) -> bool:
    """Whether an instruction that means a thing could as well mean another of its label."""
    said = {base_form(word) for word in re.findall(r"\w+", instruction.lower())}
    colours = {entity.colour, *known.COLOURS.get(entity.colour, ())} - {""}
    return not said & (colours | known.RANKINGS | {entity.name})


def _chosen(plan: Plan, correction: Correction, choose: Choose, scene: Scene) -> Plan:
    for literal in plan.goal:
        if any(name not in scene for name in literal.args):
            continue
        if goal_scope(literal, scene) != correction.scope:
            continue
        for name in literal.args:
            old = scene[name]
            if old.label != choose.label or not left_open(plan.instruction, old):
                continue
            new = _wanted(choose, scene)
            if new.name == name or new.name in literal.args:
                raise PlanningError("that is wanted already")
            return swapped(plan, name, new.name)
    raise PlanningError(f"the words leave no choice of a {choose.label}")


def _wanted(choose: Choose, scene: Scene) -> Entity:
    """Raises `RefusedError` when there is no such thing."""
    if choose.rank:
        return scene[Grounder(scene).one(f"the {choose.rank} {choose.label.replace('_', ' ')}")]
    alike = [entity for entity in scene if entity.label == choose.label]
    fitting = [entity for entity in alike if entity.colour == choose.colour]
    if not fitting:
        there = ", ".join(spoken(entity) for entity in alike) or "none"
        raise PlanningError(f"there is no {choose.colour} {choose.label}; there are: {there}")
    return fitting[0]


def _joined(one: Specification | None, other: Specification | None) -> Specification | None:
    """Both together; of what has not begun yet, all is left."""
    if one is None or other is None:
        return one or other
    parts = tuple(part for part in other.parts if part not in one.parts)
    rest = (*one.rest, *parts) if one.rest else ()
    return Specification(parts=(*one.parts, *parts), rest=rest)
