"""Whether a trace satisfies a formula, by the definition of its truth and nothing else.

No automaton and no progression: what enforces specifications is judged by something else. The
definition is that of De Giacomo and Vardi (2013), position by position.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from robot_skills.core.errors import RefusedError
from robot_skills.core.events import Event, EventKind
from robot_skills.core.plan import Literal, SkillCall, Specification
from robot_skills.core.predicates import holds
from robot_skills.core.scene import Scene
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
)
from robot_skills.scheduler.temporal.reader import parse_formula


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Position:
    """One position of a trace.

    Attributes:
        scene: As seen latest, or as it is in truth.
        call: That begins here; None where something is only looked at.
    """

    scene: Scene
    call: SkillCall | None = None

    def true(self, atom: Atom) -> bool:
        """Whether an atom holds here; what is gone from the scene holds nothing."""
        if isinstance(atom, Called):
            return self.call is not None and atom.matches(self.call)
        try:
            return holds(self.scene, atom)
        except RefusedError:
            return False


def satisfies(trace: Sequence[Valuation], formula: Formula) -> bool:
    """Whether a formula is true at the first position of a trace; never on an empty one."""
    return bool(trace) and _Truth(trace).at(0, formula)


def violated_by(trace: Sequence[Position], specification: Specification) -> tuple[str, ...]:
    """The parts of a specification that a trace does not satisfy."""
    valuations = [position.true for position in trace]
    return tuple(
        part for part in specification.parts if not satisfies(valuations, parse_formula(part))
    )


def trace_of(events: Iterable[Event], looks: Iterable[Scene]) -> tuple[Position, ...]:
    """The trace of a run: one position for every look, and one for every call that began.

    Args:
        events: Of the run, in order.
        looks: What was seen, found again by its stamp.
    """
    scenes: Mapping[float, Scene] = {scene.stamp_s: scene for scene in looks}
    trace: list[Position] = []
    for event in events:
        data = event.data
        match event.kind:
            case EventKind.LOOK if data.get("stamp_s") in scenes:
                trace.append(Position(scene=scenes[data["stamp_s"]]))
            case EventKind.SKILL_START if trace:
                call = SkillCall(skill=str(data["skill"]), args=dict(data["args"]))
                trace.append(Position(scene=trace[-1].scene, call=call))
            case _:
                pass
    return tuple(trace)


class _Truth:
    """Truth at the positions of one trace."""

    def __init__(self, trace: Sequence[Valuation]) -> None:
        self._trace = trace
        self._known: dict[tuple[int, Formula], bool] = {}

    def at(self, i: int, formula: Formula) -> bool:
        """Whether a formula is true at a position."""
        if (i, formula) not in self._known:
            self._known[i, formula] = self._defined(i, formula)
        return self._known[i, formula]

    def _defined(self, i: int, formula: Formula) -> bool:
        last = len(self._trace) - 1
        rest = range(i, last + 1)
        match formula:
            case Constant(value):
                return value
            case Literal(predicate=predicate, args=args, negated=negated):
                return self._trace[i](Literal(predicate=predicate, args=args)) != negated
            case Called():
                return self._trace[i](formula)
            case Not(operand):
                return not self.at(i, operand)
            case And(operands):
                return all(self.at(i, operand) for operand in operands)
            case Or(operands):
                return any(self.at(i, operand) for operand in operands)
            case Next(operand):
                return i < last and self.at(i + 1, operand)
            case WeakNext(operand):
                return i == last or self.at(i + 1, operand)
            case Eventually(operand):
                return any(self.at(j, operand) for j in rest)
            case Always(operand):
                return all(self.at(j, operand) for j in rest)
            case Until(left, right):
                return any(
                    self.at(j, right) and all(self.at(k, left) for k in range(i, j)) for j in rest
                )
            case WeakUntil(left, right):
                return self.at(i, Until(left, right)) or all(self.at(j, left) for j in rest)
            case Release(left, right):
                return not self.at(i, Until(Not(left), Not(right)))
