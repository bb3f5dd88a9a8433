"""A* in STRIPS problems, guided by the additive heuristic.

Facts are numbered and states are sets of bits, so that thousands of states take a moment.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from math import inf

from robot_skills.scheduler.strips import MAX_STATES, Fact, StripsProblem
from robot_skills.scheduler.world_model import GroundCall

type Bits = int
"""A set of facts by their numbers: bit i stands for fact i."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NumberedOperator:
    """One way in which a call can be made, over sets of facts as bits."""

    call: GroundCall
    preconditions: Bits
    adds: Bits
    deletes: Bits

    def applies(self, state: Bits) -> bool:
        """Whether the call can be made."""
        return self.preconditions & state == self.preconditions

    def apply(self, state: Bits) -> Bits:
        """The state behind it."""
        return (state & ~self.deletes) | self.adds


class NumberedProblem:
    """A STRIPS problem over numbered facts, with the additive heuristic h_add.

    *Planning as heuristic search* (Bonet and Geffner, 2001): the cost of a fact is one more than
    the sum of what the preconditions of its cheapest operator cost, as if nothing were ever undone
    and nothing served two ends.

    Args:
        problem: What is to be reached; only facts that it needs somewhere get a number.
        also: Further facts that get one.

    Attributes:
        numbers: Of the facts.
        initial: Facts that hold at the start.
        goal: Facts that have to hold at the end.
        operators: In the order of the problem.
    """

    def __init__(self, problem: StripsProblem, also: Iterable[Fact] = ()) -> None:
        spoken_of = {*problem.goal, *also}
        for operator in problem.operators:
            spoken_of |= operator.preconditions
        self.numbers: dict[Fact, int] = {fact: i for i, fact in enumerate(sorted(spoken_of))}
        self.initial = self._bits(problem.initial)
        self.goal = self._bits(problem.goal)
        self.operators = tuple(
            NumberedOperator(
                call=operator.call,
                preconditions=self._bits(operator.preconditions),
                adds=self._bits(operator.adds),
                deletes=self._bits(operator.deletes - operator.adds),
            )
            for operator in problem.operators
        )
        self._adds = [tuple(members(operator.adds)) for operator in self.operators]
        self._missing = [operator.preconditions.bit_count() for operator in self.operators]
        self._needing: list[list[int]] = [[] for _ in self.numbers]
        for i, operator in enumerate(self.operators):
            for fact in members(operator.preconditions):
                self._needing[fact].append(i)
        self._free = [i for i, missing in enumerate(self._missing) if not missing]

    def costs(self, state: Bits) -> tuple[list[float], list[float]]:
        """What every fact and every operator costs from a state; infinite where out of reach."""
        facts = [inf] * len(self.numbers)
        operators = [inf] * len(self.operators)
        spent, missing = [1] * len(self.operators), self._missing.copy()
        queue = [(0, fact) for fact in members(state)]
        for i in self._free:
            operators[i] = 1
            queue += [(1, fact) for fact in self._adds[i]]
        while queue:
            cost, fact = heapq.heappop(queue)
            if facts[fact] <= cost:
                continue
            facts[fact] = cost
            for i in self._needing[fact]:
                missing[i] -= 1
                spent[i] += cost
                if not missing[i]:
                    operators[i] = spent[i]
                    for added in self._adds[i]:
                        if facts[added] > spent[i]:
                            heapq.heappush(queue, (spent[i], added))
        return facts, operators

    def estimate(self, state: Bits) -> float:
        """How many calls the goal may take from a state; infinite where it is out of reach."""
        facts, _ = self.costs(state)
        return sum(facts[fact] for fact in members(self.goal))

    def _bits(self, facts: Iterable[Fact]) -> Bits:
        return sum(1 << self.numbers[fact] for fact in facts if fact in self.numbers)


def members(bits: Bits) -> Iterator[int]:
    """The numbers in a set."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """Where a search has come to, and from where."""

    state: Bits
    length: int
    operator: NumberedOperator | None = None
    before: "_Step | None" = None

    def calls(self) -> tuple[GroundCall, ...]:
        found: list[GroundCall] = []
        step: _Step | None = self
        while step is not None and step.operator is not None:
            found.append(step.operator.call)
            step = step.before
        return tuple(reversed(found))


def search(problem: StripsProblem) -> tuple[GroundCall, ...] | None:
    """A short sequence of calls that reaches the goal, or None when none is found.

    A* with the additive heuristic: nearly shortest plans, and of equally good ones the one whose
    operators come first in the problem, so that the same problem always has the same plan.
    """
    reachable = problem.reachable()
    if not problem.goal <= reachable:
        return None
    numbered = NumberedProblem(problem.relevant(reachable))
    number = count()
    start = _Step(numbered.initial, 0)
    frontier = [(numbered.estimate(start.state), 0.0, next(number), start)]
    shortest = {start.state: 0}
    while frontier:
        _, _, _, step = heapq.heappop(frontier)
        if step.length > shortest[step.state]:
            continue
        if step.state & numbered.goal == numbered.goal:
            return step.calls()
        length = step.length + 1
        for operator in numbered.operators:
            if not operator.applies(step.state):
                continue
            state = operator.apply(step.state)
            if shortest.get(state, inf) <= length:
                continue
            shortest[state] = length
            tie, ahead = next(number), numbered.estimate(state)
            if tie > MAX_STATES:
                return None
            if ahead < inf:
                heapq.heappush(
                    frontier, (length + ahead, ahead, tie, _Step(state, length, operator, step))
                )
    return None
