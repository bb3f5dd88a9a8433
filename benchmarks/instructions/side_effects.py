"""What a plan changes that nobody asked for, and that what was asked for does not imply."""

from collections.abc import Iterator, Sequence

from robot_skills.core.plan import Literal
from robot_skills.core.scene import TABLE, Entity
from robot_skills.scheduler.world_model import Atom, State, WorldModel, atom

_PLACES = ("on", "in", "inserted", "holding", "beside")
"""Predicates that say where their first thing is."""


def side_effects(
    model: WorldModel, start: State, end: State, asked: Sequence[Literal]
) -> Iterator[str]:
    """Whatever ends otherwise than it began without need, in words.

    A thing that stood on another one, or was in the hand, may end on the table. What opens may be
    left open when something that is asked for had to go in or come out.

    Args:
        model: Of the scene.
        start: Before the plan.
        end: After it.
        asked: The goal, and what has to come about on the way.
    """
    moved = {literal.args[0] for literal in asked if literal.predicate in _PLACES}
    switched = {literal.args[0] for literal in asked if literal.predicate.startswith("turned_")}
    opened = _doors(model, start, asked)
    for entity in model.scene:
        if entity.movable and entity.name not in moved:
            yield from _displaced(model, entity, start, end)
        if entity.name not in opened and _differs(start, end, entity.name, "open", "closed"):
            yield f"{entity.name} was opened or closed"
        if entity.name not in switched and _differs(start, end, entity.name, "turned_on"):
            yield f"{entity.name} was switched"


def _doors(model: WorldModel, start: State, asked: Sequence[Literal]) -> set[str]:
    """What is to be opened or closed, or has to be, as something goes in or comes out."""
    doors = {literal.args[0] for literal in asked if literal.predicate in ("open", "closed")}
    for literal in asked:
        if literal.predicate not in _PLACES:
            continue
        inside = {a[1] for p, a in start if p == "in" and a[0] == literal.args[0]}
        into = {literal.args[-1]} if literal.predicate == "in" else set[str]()
        doors |= {name for name in inside | into if atom("accepts", name) not in start}
    return doors


def _displaced(model: WorldModel, entity: Entity, start: State, end: State) -> Iterator[str]:
    before, after = _places(start, entity.name), _places(end, entity.name)
    if before == after:
        return
    stood_on = [args[1] for predicate, args in before if predicate == "on"]
    in_the_way = any(model.scene[name].movable for name in stood_on if name != TABLE)
    held = atom("holding", entity.name) in before
    if not ((in_the_way or held) and after == {atom("on", entity.name, TABLE)}):
        now = ", ".join(f"{p}({', '.join(args)})" for p, args in sorted(after)) or "nowhere"
        yield f"{entity.name} was moved: {now}"


def _places(state: State, thing: str) -> set[Atom]:
    """Where a thing is; what it is beside changes when others move."""
    return {a for a in state if a[0] in _PLACES and a[0] != "beside" and a[1][0] == thing}


def _differs(start: State, end: State, name: str, *predicates: str) -> bool:
    facts = [atom(predicate, name) for predicate in predicates]
    return any((fact in start) != (fact in end) for fact in facts)
