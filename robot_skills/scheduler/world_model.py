"""What skills change, in symbols: the facts of a scene and how a call's effects carry through.

Skill cards state the direct effects of a skill only. What follows from them by nature is derived
here once, for planning and for checking alike: a lifted thing leaves what it stood on, an open
drawer lets things in, and so on. Everything is keyed on predicates, never on names of skills.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.predicates import (
    PASSING,
    PREDICATES,
    PUSHED_M,
    holds,
    in_,
    on,
    shared_supports,
)
from robot_skills.core.scene import TABLE, Scene
from robot_skills.skills.card import ParameterType, SkillCard

Atom = tuple[str, tuple[str, ...]]
"""Predicate and arguments of something that is true."""
State = frozenset[Atom]
"""Everything that is true and can change; what is absent is false."""

DERIVED = frozenset({"hand_empty", "clear", "accessible"})
"""Predicates that follow from the facts of a state."""
STATIC = frozenset({"fits", "snug", "near", "way_free"})
"""Predicates of the geometry, which is taken as it was seen."""
OPPOSITES = {"turned_on": "turned_off", "turned_off": "turned_on"}
"""Predicates of which either holds when the other does not."""
_TRACKED = frozenset({"on", "in", "holding", "open", "closed", "accepts"})


def atom(predicate: str, *args: str) -> Atom:
    return predicate, args


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GroundCall:
    """A skill call with its conditions bound to entities."""

    call: SkillCall
    preconditions: tuple[Literal, ...]
    effects: tuple[Literal, ...]


class WorldModel:
    """Reads the facts of one scene and applies effects to them.

    Args:
        scene: The present scene.
        predicates: Further predicates that the cards speak of, with their number of arguments.
    """

    def __init__(self, scene: Scene, predicates: Mapping[str, int] | None = None) -> None:
        self.scene = scene
        self._extra = {
            name: arity
            for name, arity in (predicates or {}).items()
            if name in PREDICATES and name not in _TRACKED | DERIVED | STATIC
        }
        self.containers = tuple(e.name for e in scene if e.cavity is not None)
        self.closable = tuple(e.name for e in scene if e.cavity and e.articulation)
        self.shared = shared_supports(scene)
        self._static: dict[Literal, bool] = {}

    def initial(self) -> State:
        """The facts of the scene."""
        scene = self.scene
        names = list(scene.entities)
        facts: set[Atom] = set()
        facts |= {atom("holding", e.name) for e in scene if e.held_by is not None}
        for thing, other in permutations((n for n in names if n != TABLE), 2):
            if other in self.containers and in_(scene, thing, other):
                facts.add(atom("in", thing, other))
            if on(scene, thing, other):
                facts.add(atom("on", thing, other))
        if TABLE in scene:
            facts |= {atom("on", n, TABLE) for n in names if n != TABLE and on(scene, n, TABLE)}
        for predicate, arity in {"open": 1, "closed": 1, "accepts": 1, **self._extra}.items():
            for args in product(names, repeat=arity):
                if holds(scene, Literal(predicate=predicate, args=args)):
                    facts.add((predicate, args))
        return frozenset(facts)

    def holds(self, state: State, literal: Literal) -> bool:
        """Whether a literal is true in a state.

        Raises:
            UnknownNameError: The predicate or an entity does not exist.
        """
        return self._true(state, literal) != literal.negated

    def unmet(self, state: State, literals: Iterable[Literal]) -> tuple[Literal, ...]:
        """The literals that are false in a state."""
        return tuple(literal for literal in literals if not self.holds(state, literal))

    def apply(self, state: State, effects: Iterable[Literal]) -> State:
        """The state after a call with these effects, with everything that follows from them."""
        facts = {a for a in state if a[0] not in PASSING}
        effects = tuple(effects)
        for literal in effects:
            if literal.negated:
                facts.discard((literal.predicate, literal.args))
            elif literal.predicate in ("holding", "on", "in"):
                _leave(facts, literal.args[0])
        for literal in effects:
            if not literal.negated:
                self._add(facts, literal)
        return frozenset(facts)

    def also_on(self, support: str) -> frozenset[str]:
        """What a thing on a support is on as well: a marked area is part of the table."""
        return frozenset({support, TABLE} if support in self.shared else {support})

    def passing(self) -> frozenset[Atom]:
        """Everything that any call ends."""
        spoken_of = PASSING & self._extra.keys()
        return frozenset(
            atom(predicate, name) for predicate in spoken_of for name in self.scene.entities
        )

    def can_stand_on(self, thing: str, support: str) -> bool:
        """Whether a support has a top face to stand on: an open-top container has none."""
        entity = self.scene[support]
        hollow = entity.cavity is not None and entity.articulation is None
        return thing != support and not hollow

    def opens_upwards(self, thing: str) -> bool:
        """Whether things can be put in from above when it is open.

        A drawer carries its inside out from under its top; a door shows it from the front alone.
        """
        entity = self.scene[thing]
        joint = entity.articulation
        slides = joint is not None and joint.hinge_entity is None
        return entity.access is not None or (entity.cavity is not None and slides)

    def reaches_into(self, below: str, container: str) -> bool:
        """Whether a thing that stands on `below`, inside a container, counts as in it too."""
        cavity = self.scene[container].cavity
        return cavity is not None and self.scene[below].extents_m[2] <= cavity.extents_m[2]

    def _true(self, state: State, literal: Literal) -> bool:
        args = literal.args
        match literal.predicate:
            case "hand_empty":
                return not any(predicate == "holding" for predicate, _ in state)
            case "clear":
                below = args[0]
                covered = any(p == "on" and a[1] == below for p, a in state)
                return below in self.shared or not covered
            case "accessible":
                return not any(
                    p == "in" and a[0] == args[0] and ("accepts", (a[1],)) not in state
                    for p, a in state
                )
            case predicate if predicate in _TRACKED or predicate in self._extra:
                for name in args:
                    self.scene[name]
                return (predicate, args) in state
            case _:
                positive = Literal(predicate=literal.predicate, args=args)
                if positive not in self._static:
                    self._static[positive] = holds(self.scene, positive)
                return self._static[positive]

    def _add(self, facts: set[Atom], literal: Literal) -> None:
        args = literal.args
        match literal.predicate:
            case "on":
                thing, support = args
                inside = [c for c in self.containers if ("in", (support, c)) in facts]
                facts |= {("on", (thing, below)) for below in self.also_on(support)}
                facts |= {("in", (thing, c)) for c in inside if self.reaches_into(support, c)}
            case "open":
                facts.add(("open", args))
                facts.discard(("closed", args))
                if self.opens_upwards(args[0]):
                    facts.add(("accepts", args))
            case "closed":
                facts.add(("closed", args))
                facts -= {("open", args), ("accepts", args)}
            case "hand_empty":
                facts -= {a for a in facts if a[0] == "holding"}
            case "turned_on" | "turned_off" as switched:
                facts.add((switched, args))
                facts.discard((OPPOSITES[switched], args))
            case predicate if predicate not in DERIVED | STATIC:
                facts.add((predicate, args))


def ground_calls(cards: Iterable[SkillCard], model: WorldModel) -> Iterator[GroundCall]:
    """Every call of every card with entities of the scene, in the order of cards and scene."""
    for card in cards:
        choices = [
            parameter.choices
            if parameter.type is ParameterType.WORD
            else tuple(e.name for e in model.scene if parameter.type.admits(e))
            for parameter in card.parameters
        ]
        names = [parameter.name for parameter in card.parameters]
        for values in product(*choices):
            if len(set(values)) < len(values):
                continue
            grounded = ground_call(card, dict(zip(names, values, strict=True)))
            if all(_possible(model, effect) for effect in grounded.effects):
                yield grounded


def ground_call(card: SkillCard, args: Mapping[str, str]) -> GroundCall:
    """One call of a card. Raises `RefusedError` when the arguments are not those of the skill."""
    return GroundCall(
        call=SkillCall(skill=card.name, args=args),
        preconditions=card.preconditions(args),
        effects=card.effects(args),
    )


def card_predicates(cards: Iterable[SkillCard]) -> dict[str, int]:
    """Number of arguments of every predicate that the cards speak of."""
    return {
        literal.predicate: len(literal.args)
        for card in cards
        for case in card.cases
        for literal in (*case.preconditions, *case.effects)
    }


def why_not_fits(scene: Scene, thing: str, container: str) -> str:
    """Why a thing does not fit into a container, with sizes."""
    a, b = scene[thing], scene[container]
    if b.cavity is None:
        return f"{container} has no room inside"
    high, room = 1000.0 * a.extents_m[2], 1000.0 * b.cavity.extents_m[2]
    if b.articulation is not None and high > room:
        return (
            f"{thing} ({high:.0f} mm high) does not fit in {container} ({room:.0f} mm high inside)"
        )
    size = " x ".join(f"{1000.0 * side:.0f}" for side in sorted(a.extents_m[:2]))
    inner = " x ".join(f"{1000.0 * side:.0f}" for side in sorted(b.cavity.extents_m[:2]))
    return f"{thing} ({size} mm) does not fit in {container} ({inner} mm inside)"


def why_not_pushed(scene: Scene, thing: str, area: str) -> str:
    """Why a thing cannot be pushed straight onto an area, with the distance."""
    away = scene[area].T_base_entity.p - scene[thing].T_base_entity.p
    far_m, (least_m, most_m) = float(np.linalg.norm(away[:2])), PUSHED_M
    if not least_m <= far_m <= most_m:
        return (
            f"{thing} is {1000.0 * far_m:.0f} mm from the middle of {area}, "
            f"things are pushed {1000.0 * least_m:.0f} to {1000.0 * most_m:.0f} mm"
        )
    return f"something is in the way of a hand that pushes {thing} straight onto {area}"


def _possible(model: WorldModel, effect: Literal) -> bool:
    """Leaves out what the shapes rule out for ever; `fits` is kept so that it can be explained."""
    if effect.negated:
        return True
    match effect.predicate:
        case "on":
            return model.can_stand_on(*effect.args)
        case "in":
            return effect.args[1] in model.containers
        case _:
            return True


def _leave(facts: set[Atom], thing: str) -> None:
    """Remove everything that says where a thing is."""
    gone = {a for a in facts if a[0] in ("on", "in", "inserted") and a[1][0] == thing}
    gone |= {a for a in facts if a[0] == "beside" and thing in a[1]}
    facts -= gone | {("holding", (thing,))}
