"""The deterministic automaton of a formula, built as far as it is asked, by formula progression.

What a formula demands of the rest of a trace, once it is known what holds now, is another formula:
progression (Bacchus and Kabanza, *Planning for Temporally Extended Goals*, 1998). The states here
are such formulas in disjunctive normal form over ``next`` and ``weak_next``, so that there are
finitely many; an empty rest satisfies ``weak_next`` and does not satisfy ``next``.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import product

from robot_skills.core.errors import InstructionError
from robot_skills.core.plan import Literal
from robot_skills.scheduler.temporal.formula import (
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
    Release,
    Until,
    Valuation,
    WeakNext,
    WeakUntil,
    atoms,
    conjunction,
    disjunction,
    normal_form,
    text,
)
from robot_skills.scheduler.temporal.reader import parse_formula

type Demand = Next | WeakNext
type Clause = frozenset[Demand]
"""Demands on the rest of a trace that all have to be met."""
type State = frozenset[Clause]
"""Of the clauses one has to be met: none is false, an empty one is true."""

_DONE: State = frozenset({frozenset()})
_HOPELESS: State = frozenset()
_MOST_STATES = 1000
_MOST_CLAUSES = 200


class Automaton:
    """Accepts the finite traces that satisfy a formula.

    Args:
        formula: What it accepts.

    Attributes:
        formula: The same, as it was given.
        initial: State before the first position.
    """

    def __init__(self, formula: Formula) -> None:
        self.formula = formula
        self.initial = self.state(Next(normal_form(formula)))
        self._states: set[State] = {self.initial}
        self._atoms: dict[State, tuple[Atom, ...]] = {}
        self._steps: dict[tuple[State, frozenset[Atom]], State] = {}

    def step(self, state: State, valuation: Valuation) -> State:
        """The state behind a position at which atoms hold as the valuation says.

        Raises:
            InstructionError: The automaton has become too large.
        """
        if state not in self._atoms:
            demands = (demand for clause in state for demand in clause)
            self._atoms[state] = tuple(dict.fromkeys(x for d in demands for x in atoms(d)))
        true = frozenset(filter(valuation, self._atoms[state]))
        if (state, true) not in self._steps:
            self._steps[state, true] = self._add(_progressed(state, true))
        return self._steps[state, true]

    def accepting(self, state: State) -> bool:
        """Whether the trace may end here."""
        return any(all(isinstance(d, WeakNext) for d in clause) for clause in state)

    def hopeless(self, state: State) -> bool:
        """Whether nothing that may come can make the trace satisfy the formula."""
        return state == _HOPELESS

    def demands(self, state: State) -> Formula:
        """What a state demands of the rest of the trace, seen from the position before it."""
        return disjunction(conjunction(clause) for clause in state)

    def state(self, demands: Formula) -> State:
        """The state of a formula as `demands` gives it."""
        match normal_form(demands):
            case Or(operands):
                return _any(self.state(operand) for operand in operands)
            case And(operands):
                return _all(self.state(operand) for operand in operands)
            case Constant(value):
                return _DONE if value else _HOPELESS
            case (Next() | WeakNext()) as demand:
                return frozenset({frozenset({demand})})
            case other:
                raise InstructionError(
                    f"{text(other)} says nothing of the rest of a trace: it begins with neither "
                    "next nor weak_next."
                )

    def __len__(self) -> int:
        """How many states were met so far."""
        return len(self._states)

    def _add(self, state: State) -> State:
        self._states.add(state)
        if len(self._states) > _MOST_STATES:
            raise InstructionError(
                f"{text(self.formula)} needs more than {_MOST_STATES} states: say it in parts."
            )
        return state


@lru_cache(maxsize=256)
def automaton_of(formula: str) -> Automaton:
    """The automaton of a formula in text; the same one whenever the text is the same.

    Raises:
        InstructionError: The formula cannot be read.
        UnknownNameError: It names a predicate that does not exist.
    """
    return Automaton(parse_formula(formula))


def still_to_come(demands: Formula) -> str:
    """What is demanded of the rest of a trace, less the operators that only say that it is."""
    match demands:
        case Next(operand) | WeakNext(operand):
            return text(operand)
        case And(operands):
            return " and ".join(map(still_to_come, operands))
        case Or(operands):
            return ", or ".join(map(still_to_come, operands))
        case _:
            return text(demands)


def _progressed(state: State, true: frozenset[Atom]) -> State:
    return _any(_all(_progress(demand.operand, true) for demand in clause) for clause in state)


def _progress(formula: Formula, true: frozenset[Atom]) -> State:
    """What a formula in normal form demands behind a position where just these atoms hold."""
    match formula:
        case Constant(value):
            return _DONE if value else _HOPELESS
        case Literal() | Called():
            return _DONE if formula in true else _HOPELESS
        case Not(operand):
            return _HOPELESS if operand in true else _DONE
        case And(operands):
            return _all(_progress(operand, true) for operand in operands)
        case Or(operands):
            return _any(_progress(operand, true) for operand in operands)
        case Next(operand):
            return _later(Next(operand))
        case WeakNext(operand):
            return _later(WeakNext(operand))
        case Eventually(operand):
            return _any((_progress(operand, true), _later(Next(formula))))
        case Always(operand):
            return _all((_progress(operand, true), _later(WeakNext(formula))))
        case Until(left, right):
            on = _all((_progress(left, true), _later(Next(formula))))
            return _any((_progress(right, true), on))
        case WeakUntil(left, right):
            on = _all((_progress(left, true), _later(WeakNext(formula))))
            return _any((_progress(right, true), on))
        case Release(left, right):
            on = _any((_progress(left, true), _later(WeakNext(formula))))
            return _all((_progress(right, true), on))


def _later(demand: Demand) -> State:
    return frozenset({frozenset({demand})})


def _any(states: Iterable[State]) -> State:
    return _least(clause for state in states for clause in state)


def _all(states: Iterable[State]) -> State:
    found = _DONE
    for state in states:
        found = _least(_merged(a | b) for a, b in product(found, state))
        if len(found) > _MOST_CLAUSES:
            raise InstructionError(
                f"The specification has more than {_MOST_CLAUSES} cases at once: say it in parts."
            )
    return found


def _merged(clause: Clause) -> Clause:
    """Without a weak demand where the strong one stands beside it."""
    strong = {demand.operand for demand in clause if isinstance(demand, Next)}
    return frozenset(
        demand
        for demand in clause
        if not (isinstance(demand, WeakNext) and demand.operand in strong)
    )


def _least(clauses: Iterable[Clause]) -> State:
    """The clauses less those that demand all that another one does, and more."""
    found = set(clauses)
    return frozenset(
        clause
        for clause in found
        if not any(other != clause and _implies(clause, other) for other in found)
    )


def _implies(clause: Clause, other: Clause) -> bool:
    """Whether whatever meets a clause meets the other one."""
    return all(
        demand in clause or (isinstance(demand, WeakNext) and Next(demand.operand) in clause)
        for demand in other
    )
