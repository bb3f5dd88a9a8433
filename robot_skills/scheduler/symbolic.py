"""From goals to calls: symbolic search over the cards, and what is missing when it finds none."""

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

from robot_skills.core.errors import PlanningError, unknown_name
from robot_skills.core.plan import Literal, Milestone, SkillCall, Specification
from robot_skills.core.predicates import PREDICATES
from robot_skills.core.scene import TABLE, Scene
from robot_skills.scheduler.astar import search
from robot_skills.scheduler.diagnosis import Diagnosis
from robot_skills.scheduler.relevance import (
    about,
    beside_for_nothing,
    relevant,
    tidy,
    without_detours,
)
from robot_skills.scheduler.strips import compile_strips
from robot_skills.scheduler.temporal.planning import (
    begun,
    foreseen,
    on_the_way,
    permitted,
    search_satisfying,
)
from robot_skills.scheduler.temporal.progress import Progress
from robot_skills.scheduler.temporal.reader import parse_formula, refuse_unknown
from robot_skills.scheduler.world_model import (
    GroundCall,
    State,
    WorldModel,
    card_predicates,
    ground_call,
    ground_calls,
)
from robot_skills.skills.card import SkillCard


class SymbolicPlanner:
    """Finds calls that pass milestones in order and reach a goal.

    Args:
        cards: The skills, for example a `SkillLibrary`.
    """

    def __init__(self, cards: Iterable[SkillCard]) -> None:
        self._cards = {card.name: card for card in cards}

    def plan(
        self,
        scene: Scene,
        goal: Sequence[Literal],
        milestones: Sequence[Milestone] = (),
        specification: Specification | None = None,
    ) -> tuple[SkillCall, ...]:
        """Calls that lead from the scene to the goal.

        Raises:
            InstructionError: The specification cannot be read.
            PlanningError: There are none; the message names what is missing, or the part of the
                specification that cannot be met.
            UnknownNameError: A skill, predicate or entity does not exist.
        """
        model = WorldModel(scene, card_predicates(self._cards.values()))
        state = model.initial()
        calls = self._unconstrained(model, state, goal, milestones)
        if specification is not None:
            # What has been named once may be out of sight later.
            for part in () if specification.rest else specification.parts:
                refuse_unknown(parse_formula(part), scene, self._cards.values())
            progress = begun(specification, model, state)
            if not _satisfies(model, state, calls, progress):
                more = begun(on_the_way(milestones), model, state) if milestones else None
                calls = self._satisfying(model, state, goal, progress, more, calls)
        return tuple(call.call for call in calls)

    def _unconstrained(
        self,
        model: WorldModel,
        state: State,
        goal: Sequence[Literal],
        milestones: Sequence[Milestone],
    ) -> tuple[GroundCall, ...]:
        calls: list[GroundCall] = []
        for step in (*milestones, tuple(goal)):
            if isinstance(step, SkillCall):
                part = self._towards_call(model, state, step)
            else:
                part = self._towards(model, state, step)
            for call in part:
                state = model.apply(state, call.effects)
            calls += part
        return tuple(calls)

    def _satisfying(
        self,
        model: WorldModel,
        state: State,
        goal: Sequence[Literal],
        progress: Progress,
        milestones: Progress | None,
        plain: Sequence[GroundCall],
    ) -> tuple[GroundCall, ...]:
        """Calls that reach the goal and satisfy a specification, which the plain ones do not."""
        if progress.violated:
            raise PlanningError(f"No plan: {'; '.join(progress.violated)} is violated already.")
        whole = progress if milestones is None else progress.joined(milestones)
        found = self._find_satisfying(model, state, goal, whole)
        if found is not None:
            return found
        for part in progress.alone():
            if _satisfies(model, state, plain, part):
                continue
            with_part = part if milestones is None else part.joined(milestones)
            if self._find_satisfying(model, state, goal, with_part) is None:
                raise PlanningError(_why_unsatisfied(model, state, plain, part))
        every = progress.specification()
        raise PlanningError(
            f"No plan: each of {every} can be satisfied, but no way was found to all together."
        )

    def _find_satisfying(
        self, model: WorldModel, state: State, goal: Sequence[Literal], progress: Progress
    ) -> tuple[GroundCall, ...] | None:
        """Search with few calls first."""
        wanted = (*goal, *progress.literals())
        calls = permitted(ground_calls(self._cards.values(), model), model, progress)
        everything = _in_order(wanted, calls)
        usual = [call for call in everything if not self._cards[call.call.skill].on_request]
        names = relevant(model, state, wanted) | progress.names()
        few = [call for call in usual if about(call, names)]
        asked = [call for call in everything if about(call, names)]
        tidiest = [call for call in few if tidy(call, wanted)]
        # Each holds all of those before it, so that one of the same size has the same.
        for calls in {len(calls): calls for calls in (tidiest, few, asked)}.values():
            problem = compile_strips(model, state, calls, goal)
            found = search_satisfying(problem, model, state, goal, progress)
            if found is not None:
                return without_detours(
                    found,
                    lambda shorter: (
                        _works(model, state, shorter, goal)
                        and _satisfies(model, state, shorter, progress)
                    ),
                )
        return None

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
            diagnosis = Diagnosis(model, state, everything, self._cards.values())
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
        names = relevant(model, state, goal)
        few = [call for call in everything if about(call, names)]
        tidiest = [call for call in few if tidy(call, goal)]
        problem = compile_strips(model, state, few, goal)
        if not problem.goal <= problem.reachable():
            few = everything
            problem = compile_strips(model, state, few, goal)
        found = search(compile_strips(model, state, tidiest, goal)) or search(problem)
        if found is None:
            return None
        return without_detours(found, lambda shorter: _works(model, state, shorter, goal))

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

    def key(call: GroundCall) -> tuple[bool, int, bool]:
        things = [value for value in call.call.args.values() if value in named]
        first = min((named.index(thing) for thing in things), default=len(named))
        return beside_for_nothing(call, goal), first, TABLE not in call.call.args.values()

    return sorted(calls, key=key)


def _works(
    model: WorldModel, state: State, calls: Iterable[GroundCall], goal: Sequence[Literal]
) -> bool:
    for call in calls:
        if model.unmet(state, call.preconditions):
            return False
        state = model.apply(state, call.effects)
    return not model.unmet(state, goal)


def _satisfies(
    model: WorldModel, state: State, calls: Iterable[GroundCall], progress: Progress
) -> bool:
    """Whether the trace of calls that do what their cards say satisfies a specification."""
    for call in calls:
        state, progress = foreseen(progress, model, state, call)
    return progress.accepted


def _why_unsatisfied(
    model: WorldModel, state: State, plain: Iterable[GroundCall], part: Progress
) -> str:
    """What to say of a part of a specification that no plan satisfies."""
    told = part.specification()
    for call in plain:
        state, part = foreseen(part, model, state, call)
        if part.violated:
            return f"No plan satisfies {told}: what is wanted takes {call.call}, which violates it."
    return f"No plan satisfies {told}: no sequence of skills brings it about from here."


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
