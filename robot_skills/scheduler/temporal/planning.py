"""Search for calls whose trace satisfies a specification: in the product of world and automata.

The search of `astar` leaves out every operator that does not lead to the goal. Here the
specification may ask for what the goal does not, so states are pairs of facts and `Progress`, and
the heuristic counts what either still demands. As there it is A* with the additive heuristic, whose
estimates of facts are carried over to formulas.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import inf

from robot_skills.core.plan import Literal, Milestone, SkillCall, Specification
from robot_skills.scheduler.astar import Bits, NumberedOperator, NumberedProblem, members
from robot_skills.scheduler.strips import MAX_STATES, Fact, StripsProblem
from robot_skills.scheduler.temporal.formula import (
    TRUE,
    Always,
    And,
    Atom,
    Called,
    Constant,
    Eventually,
    Formula,
    Next,
    Not,
    Or,
    Until,
    WeakNext,
    conjunction,
    parts,
    text,
)
from robot_skills.scheduler.temporal.progress import Facts, Progress
from robot_skills.scheduler.world_model import DERIVED, STATIC, GroundCall, State, WorldModel


def begun(specification: Specification, model: WorldModel, state: State) -> Progress:
    """Where a specification stands when what holds in a state has been seen.

    Raises:
        InstructionError: It cannot be read.
        UnknownNameError: It names a predicate that does not exist.
    """
    progress = Progress.of(specification)
    return progress if specification.rest else progress.seen(_facts(model, state))


def foreseen(
    progress: Progress, model: WorldModel, state: State, call: GroundCall
) -> tuple[State, Progress]:
    """State and progress behind a call that does what its card says."""
    after = model.apply(state, call.effects)
    called = progress.called(_facts(model, state), call.call)
    return after, called.seen(_facts(model, after))


def _facts(model: WorldModel, state: State) -> Facts:
    """What holds in a state; what is gone from the scene holds nothing."""
    return lambda literal: (
        all(name in model.scene for name in literal.args) and model.holds(state, literal)
    )


def on_the_way(milestones: Iterable[Milestone]) -> Specification:
    """Milestones that come about one after the other, as a specification."""
    demand: Formula = TRUE
    for step in reversed(tuple(milestones)):
        if isinstance(step, SkillCall):
            now: Formula = Called(step.skill, tuple(step.args.values()))
        else:
            now = conjunction(step)
        demand = Eventually(conjunction((now, demand)))
    return Specification(parts=(text(demand),))


def permitted(
    calls: Iterable[GroundCall], model: WorldModel, progress: Progress
) -> list[GroundCall]:
    """The calls less those that break, wherever they are made, what must always hold."""
    always = [
        demand.operand.operand
        for demands in progress.demands
        for demand in parts(demands)
        if isinstance(demand, WeakNext) and isinstance(demand.operand, Always)
    ]
    return [
        call
        for call in calls
        if not any(
            _sure(invariant, partial(known, model, call)) is False
            for invariant in always
            for known in (_known_at, _known_behind)
        )
    ]


def _known_at(_model: WorldModel, call: GroundCall, atom: Atom) -> bool | None:
    """What is known of an atom where a call begins, wherever that is."""
    return atom.matches(call.call) if isinstance(atom, Called) else None


def _known_behind(model: WorldModel, call: GroundCall, atom: Atom) -> bool | None:
    """What is known of an atom behind a call, wherever it was made."""
    if isinstance(atom, Called):
        return False
    if atom.predicate in DERIVED | STATIC:
        return None
    fact = (atom.predicate, atom.args)
    if fact in model.apply(frozenset(), call.effects):
        return True
    return None if fact in model.apply(frozenset({fact}), call.effects) else False


def _sure(formula: Formula, known: Callable[[Atom], bool | None]) -> bool | None:
    """What a formula is for certain, as far as its atoms are known; None where it depends."""
    match formula:
        case Called() | Literal():
            return known(formula)
        case Not(operand):
            sure = _sure(operand, known)
            return None if sure is None else not sure
        case And(operands):
            return False if any(_sure(x, known) is False for x in operands) else None
        case Or(operands):
            return False if all(_sure(x, known) is False for x in operands) else None
        case _:
            return None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Node:
    """Where a search has come to."""

    facts: Bits
    state: State
    progress: Progress
    calls: tuple[GroundCall, ...] = ()


def search_satisfying(
    problem: StripsProblem,
    model: WorldModel,
    state: State,
    goal: Sequence[Literal],
    progress: Progress,
) -> tuple[GroundCall, ...] | None:
    """A short sequence of calls that reaches the goal on a trace that satisfies a specification.

    Args:
        problem: Of the goal in the state, with the calls that may be made.
        model: Of the scene.
        state: What holds now.
        goal: What has to hold at the end.
        progress: Of the specification, behind a position at which the state was seen.

    Returns:
        The calls, or None when none are found.
    """
    numbered = NumberedProblem(problem, also=problem.facts())
    estimate = _Estimate(numbered)
    if estimate(numbered.initial, progress) == inf:
        return None
    number = count()
    start = _Node(facts=numbered.initial, state=state, progress=progress)
    frontier = [(0.0, next(number), start)]
    shortest: dict[tuple[Bits, Progress], int] = {(start.facts, progress): 0}
    while frontier:
        _, _, node = heapq.heappop(frontier)
        if node.progress.accepted and not model.unmet(node.state, goal):
            return node.calls
        for operator in numbered.operators:
            if not operator.applies(node.facts):
                continue
            after = _after(node, operator, model)
            key, length = (after.facts, after.progress), len(after.calls)
            if after.progress.violated or shortest.get(key, length + 1) <= length:
                continue
            shortest[key] = length
            tie = next(number)
            if tie > MAX_STATES:
                return None
            ahead = estimate(after.facts, after.progress)
            if ahead < inf:
                heapq.heappush(frontier, (length + ahead, tie, after))
    return None


def _after(node: _Node, operator: NumberedOperator, model: WorldModel) -> _Node:
    state, progress = foreseen(node.progress, model, node.state, operator.call)
    return _Node(
        facts=operator.apply(node.facts),
        state=state,
        progress=progress,
        calls=(*node.calls, operator.call),
    )


class _Estimate:
    """How many calls it takes when nothing is ever undone and nothing serves two ends (h_add).

    Of a formula it is counted what has to come about; what must not is left to the automata.
    """

    def __init__(self, problem: NumberedProblem) -> None:
        self._problem = problem
        self._known: dict[Bits, _Costs] = {}

    def __call__(self, facts: Bits, progress: Progress) -> float:
        if facts not in self._known:
            self._known[facts] = _Costs(self._problem, facts)
        costs = self._known[facts]
        return costs.goal + sum(_formula_cost(demand, costs) for demand in progress.demands)


class _Costs:
    """What facts and calls cost from a state."""

    def __init__(self, problem: NumberedProblem, state: Bits) -> None:
        self._problem = problem
        self._facts, self._operators = problem.costs(state)
        self.goal = sum(self._facts[fact] for fact in members(problem.goal))

    def fact(self, fact: Fact) -> float:
        """Of a fact; one that no operator is known to lead to may come about some other way."""
        number = self._problem.numbers.get(fact)
        cost = inf if number is None else self._facts[number]
        return 1.0 if cost == inf else cost

    def call(self, wanted: Called) -> float:
        """Of the cheapest call that matches."""
        pairs = zip(self._problem.operators, self._operators, strict=True)
        return min((cost for op, cost in pairs if wanted.matches(op.call.call)), default=inf)


def _formula_cost(formula: Formula, costs: _Costs) -> float:
    cost = partial(_formula_cost, costs=costs)
    match formula:
        case Constant(value):
            return 0.0 if value else inf
        case Literal(predicate="accessible", args=args):
            return costs.fact((True, ("loose", args)))
        case Literal(predicate=predicate, args=args):
            return costs.fact((True, (predicate, args)))
        case Called():
            return costs.call(formula)
        case And(operands):
            return sum(map(cost, operands))
        case Or(operands):
            return min(map(cost, operands))
        case Next(operand) | Eventually(operand):
            return cost(operand)
        case Until(_, right):
            return cost(right)
        case _:
            return 0.0
