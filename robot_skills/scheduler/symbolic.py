"""From goals to calls: symbolic search over the cards, and what is missing when it finds none."""

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

from robot_skills.core.errors import PlanningError, unknown_name
from robot_skills.core.plan import Literal, Milestone, SkillCall
from robot_skills.core.predicates import PREDICATES, fits
from robot_skills.core.scene import TABLE, Scene
from robot_skills.scheduler.missing import missing_for
from robot_skills.scheduler.strips import StripsProblem, compile_strips, search
from robot_skills.scheduler.world_model import (
    STATIC,
    GroundCall,
    State,
    WorldModel,
    card_predicates,
    ground_call,
    ground_calls,
    why_not_fits,
    why_not_pushed,
)
from robot_skills.skills.card import SkillCard

_DEPTH = 6
"""How far an explanation follows preconditions of preconditions."""


class SymbolicPlanner:
    """Finds calls that pass milestones in order and reach a goal.

    Args:
        cards: The skills, for example a `SkillLibrary`.
    """

    def __init__(self, cards: Iterable[SkillCard]) -> None:
        self._cards = {card.name: card for card in cards}

    def plan(
        self, scene: Scene, goal: Sequence[Literal], milestones: Sequence[Milestone] = ()
    ) -> tuple[SkillCall, ...]:
        """Calls that lead from the scene to the goal.

        Raises:
            PlanningError: There are none; the message names what is missing.
            UnknownNameError: A skill, predicate or entity does not exist.
        """
        model = WorldModel(scene, card_predicates(self._cards.values()))
        state = model.initial()
        calls: list[GroundCall] = []
        for step in (*milestones, tuple(goal)):
            if isinstance(step, SkillCall):
                part = self._towards_call(model, state, step)
            else:
                part = self._towards(model, state, step)
            for call in part:
                state = model.apply(state, call.effects)
            calls += part
        return tuple(call.call for call in calls)

    def _towards_call(
        self, model: WorldModel, state: State, call: SkillCall
    ) -> tuple[GroundCall, ...]:
        if call.skill not in self._cards:
            raise unknown_name("skill", call.skill, self._cards)
        wanted = ground_call(self._cards[call.skill], call.args)
        return (*self._towards(model, state, wanted.preconditions), wanted)

    def _towards(
        self, model: WorldModel, state: State, goal: tuple[Literal, ...]
    ) -> tuple[GroundCall, ...]:
        for literal in goal:
            if literal.predicate not in PREDICATES:
                raise unknown_name("predicate", literal.predicate, PREDICATES)
        if not model.unmet(state, goal):
            return ()
        _refuse_contradictions(model, goal)
        everything = _in_order(goal, ground_calls(self._cards.values(), model))
        at_once = self._find(model, state, goal, everything)
        if at_once is None:
            diagnosis = _Diagnosis(model, state, everything, self._cards.values())
            raise diagnosis.error(goal)
        one_by_one = self._find_one_by_one(model, state, goal, everything)
        if one_by_one is not None and len(one_by_one) <= len(at_once):
            return one_by_one
        return at_once

    def _find(
        self,
        model: WorldModel,
        state: State,
        goal: Sequence[Literal],
        everything: Sequence[GroundCall],
    ) -> tuple[GroundCall, ...] | None:
        """Search without what needs a request first."""
        usual = [call for call in everything if not self._cards[call.call.skill].on_request]
        found = self._find_among(model, state, goal, usual)
        if found is None and len(usual) < len(everything):
            return self._find_among(model, state, goal, everything)
        return found

    def _find_among(
        self,
        model: WorldModel,
        state: State,
        goal: Sequence[Literal],
        everything: Sequence[GroundCall],
    ) -> tuple[GroundCall, ...] | None:
        """Search with few calls first; they nearly always suffice and keep the plan tidy."""
        relevant = _relevant(model, state, goal)
        few = [call for call in everything if _about(call, relevant)]
        tidy = [call for call in few if _tidy(call, goal)]
        problem = compile_strips(model, state, few, goal)
        if not problem.goal <= problem.reachable():
            few = everything
            problem = compile_strips(model, state, few, goal)
        found = search(compile_strips(model, state, tidy, goal)) or search(problem)
        return None if found is None else _without_detours(model, state, found, goal)

    def _find_one_by_one(
        self,
        model: WorldModel,
        state: State,
        goal: Sequence[Literal],
        everything: Sequence[GroundCall],
    ) -> tuple[GroundCall, ...] | None:
        """The literals in the order of the words, each without undoing those before it."""
        calls: list[GroundCall] = []
        for count in range(1, len(goal) + 1):
            part = self._find(model, state, goal[:count], everything)
            if part is None:
                return None
            for call in part:
                state = model.apply(state, call.effects)
            calls += part
        return tuple(calls)


def _in_order(goal: Sequence[Literal], calls: Iterable[GroundCall]) -> list[GroundCall]:
    """Calls about what the goal names first come first; the table before any other support."""
    named = list(dict.fromkeys(name for literal in goal for name in literal.args))

    def key(call: GroundCall) -> tuple[int, bool]:
        things = [value for value in call.call.args.values() if value in named]
        first = min((named.index(thing) for thing in things), default=len(named))
        return first, TABLE not in call.call.args.values()

    return sorted(calls, key=key)


def _relevant(model: WorldModel, state: State, goal: Sequence[Literal]) -> set[str]:
    """What the goal names, what is on top of that or shuts it in, what is held, and the table."""
    names = {name for literal in goal for name in literal.args} | {TABLE}
    names |= {args[0] for predicate, args in state if predicate == "holding"}
    while True:
        more = {a[0] for p, a in state if p == "on" and a[1] in names and a[1] != TABLE}
        more |= {a[1] for p, a in state if p == "in" and a[0] in names}
        if more <= names:
            return names
        names |= more


def _about(call: GroundCall, names: set[str]) -> bool:
    entities = {name for literal in (*call.preconditions, *call.effects) for name in literal.args}
    return entities <= names


def _tidy(call: GroundCall, goal: Sequence[Literal]) -> bool:
    """Whether a call leaves things only where the goal wants them, or on the table."""
    places = [effect for effect in call.effects if effect.predicate in ("on", "in", "beside")]
    wanted = any(effect in goal for effect in call.effects if effect.args)
    return wanted or all(place.args[1] == TABLE for place in places)


def _without_detours(
    model: WorldModel, state: State, calls: Sequence[GroundCall], goal: Sequence[Literal]
) -> tuple[GroundCall, ...]:
    """The plan less any call, or pair of calls, that it does not need."""
    calls = tuple(calls)
    for size in (2, 1):
        for drop in combinations(range(len(calls)), size):
            shorter = tuple(call for i, call in enumerate(calls) if i not in drop)
            if _works(model, state, shorter, goal):
                return _without_detours(model, state, shorter, goal)
    return calls


def _works(
    model: WorldModel, state: State, calls: Iterable[GroundCall], goal: Sequence[Literal]
) -> bool:
    for call in calls:
        if model.unmet(state, call.preconditions):
            return False
        state = model.apply(state, call.effects)
    return not model.unmet(state, goal)


def _refuse_contradictions(model: WorldModel, goal: Sequence[Literal]) -> None:
    """Find goals that no world can satisfy, without a search that would have to try everything.

    Raises:
        PlanningError: Two of the literals exclude each other.
    """
    scene = model.scene
    for a, b in combinations(dict.fromkeys(goal), 2):
        if contradict(a, b, model.shared) or contradict(b, a, model.shared):
            raise PlanningError(f"No plan: {a} and {b} cannot both hold.")
    above = {g.args[0]: g.args[1] for g in goal if g.predicate == "on" and not g.negated}
    for start in above:
        chain = [start]
        while chain[-1] in above:
            chain.append(above[chain[-1]])
            if chain[-1] == start:
                circle = " on ".join(chain)
                raise PlanningError(f"No plan: {circle} is a circle, no stack can be built so.")
    for literal in goal:
        if literal.predicate == "fits" and not literal.negated:
            continue
        for name in literal.args:
            scene[name]


def contradict(a: Literal, b: Literal, shared: Collection[str] = frozenset({TABLE})) -> bool:
    """Whether two literals can never hold together (in this order of arguments).

    Args:
        a: One.
        b: The other.
        shared: What several things can stand on: the table and what is marked on it.
    """
    if a.predicate == b.predicate and a.args == b.args:
        return a.negated != b.negated
    if a.negated or b.negated:
        return False
    match a.predicate, b.predicate:
        case (
            ("open", "closed")
            | ("accepts", "closed")
            | ("turned_on", "turned_off")
            | ("upright", "lying")
        ):
            return a.args == b.args
        case ("over" | "alongside", "over" | "alongside"):
            return True
        case "holding", "holding" | "over" | "alongside":
            return True
        case "holding", "hand_empty":
            return True
        case "holding", "on" | "in" | "inserted":
            # What is held stands nowhere, and had to be clear to be taken.
            return a.args[0] == b.args[0] or (b.predicate == "on" and a.args[0] == b.args[1])
        case "holding", "beside":
            return a.args[0] in b.args
        case "on", "on":
            same_thing = a.args[0] == b.args[0]
            same_support = a.args[1] == b.args[1] and a.args[1] not in shared
            on_both = TABLE in (a.args[1], b.args[1]) and {a.args[1], b.args[1]} <= set(shared)
            return (same_thing and not on_both) or same_support
        case ("in" | "inserted", "in" | "inserted"):
            return a.args[0] == b.args[0] and a.args[1] != b.args[1]
        case "on", "in" | "inserted":
            return a.args[0] == b.args[0] and (a.args[1] in shared or a.args[1] == b.args[1])
        case "beside", "in" | "inserted":
            # Beside something means on the table, where skills put it.
            return a.args[0] == b.args[0]
        case "on", "beside":
            return a.args[0] == b.args[0] and a.args[1] not in shared
        case "on", "clear":
            return a.args[1] == b.args[0] and a.args[1] not in shared
        case _:
            return False


class _Diagnosis:
    """Why a goal cannot be reached."""

    def __init__(
        self,
        model: WorldModel,
        state: State,
        calls: Sequence[GroundCall],
        cards: Iterable[SkillCard],
    ) -> None:
        self._model = model
        self._state = state
        self._calls = calls
        self._lacking: Literal | None = None
        self._predicates = {
            (effect.predicate, effect.negated)
            for card in cards
            for case in card.cases
            for effect in case.effects
        }

    def error(self, goal: Sequence[Literal]) -> PlanningError:
        """What to say, and which skill would help where none has a wanted effect."""
        message = self._message(goal)
        if self._lacking is not None:
            return missing_for(self._lacking, message)
        return PlanningError(message)

    def _message(self, goal: Sequence[Literal]) -> str:
        """One line that names what is missing."""
        blocked = [literal for literal in goal if not self._reachable(literal)]
        if blocked:
            reasons = dict.fromkeys(self._why(literal, _DEPTH) for literal in blocked)
            return f"No plan: {'; '.join(reasons)}."
        alone = [literal for literal in goal if search(self._problem([literal])) is None]
        if alone:
            names = ", ".join(str(literal) for literal in alone)
            return f"No plan: no sequence of skills reaches {names} from here."
        names = ", ".join(str(literal) for literal in goal)
        return f"No plan: each of {names} can be reached, but no way was found to all together."

    def _problem(self, goal: Sequence[Literal]) -> StripsProblem:
        return compile_strips(self._model, self._state, self._calls, goal)

    def _reachable(self, literal: Literal) -> bool:
        if self._model.holds(self._state, literal):
            return True
        if literal.predicate in STATIC:
            return False
        problem = self._problem([literal])
        return problem.goal <= problem.reachable()

    def _why(self, literal: Literal, depth: int) -> str:
        if literal.predicate in STATIC:
            thing_and_hole = literal.predicate in ("fits", "snug") and not literal.negated
            if thing_and_hole and not fits(self._model.scene, *literal.args):
                return why_not_fits(self._model.scene, *literal.args)
            if literal.predicate == "way_free" and not literal.negated:
                return why_not_pushed(self._model.scene, *literal.args)
            return f"{literal} is not so, and no skill changes it"
        ways = [call for call in self._calls if literal in call.effects]
        if not ways:
            return self._no_way(literal)
        missing = min((self._missing(call) for call in ways), key=len)
        if not missing or depth == 0:
            return f"no sequence of skills reaches {literal} from here"
        return self._why(missing[0], depth - 1)

    def _missing(self, call: GroundCall) -> list[Literal]:
        return [literal for literal in call.preconditions if not self._reachable(literal)]

    def _no_way(self, literal: Literal) -> str:
        if (literal.predicate, literal.negated) not in self._predicates:
            self._lacking = literal
            return f"no skill has the effect {literal}"
        thing = literal.args[-1] if literal.args else ""
        match literal.predicate:
            case "holding":
                return f"{thing} cannot be picked up"
            case "open" | "closed":
                return f"{thing} has nothing that opens"
            case "turned_on" | "turned_off":
                return f"{thing} has nothing that switches"
            case "in" if literal.args[0] != thing:
                entity = self._model.scene[literal.args[0]]
                movable = entity.movable and entity.name != TABLE
                return (
                    f"{thing} has no room inside" if movable else f"{entity.name} cannot be moved"
                )
            case "on" if not self._model.can_stand_on(*literal.args):
                return f"{thing} has no top to stand on"
            case "on":
                return f"{literal.args[0]} cannot be moved"
            case _:
                return f"no skill can make {literal} true"
