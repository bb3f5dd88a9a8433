"""How far a specification has come: what planner, checker and monitor carry along a trace."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from robot_skills.core.plan import Literal, SkillCall, Specification
from robot_skills.scheduler.temporal.automaton import (
    Automaton,
    State,
    automaton_of,
    still_to_come,
)
from robot_skills.scheduler.temporal.formula import Atom, Called, Formula, atoms, text
from robot_skills.scheduler.temporal.reader import parse_formula

Facts = Callable[[Literal], bool]
"""Whether a literal holds at a position."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """The states of the automata of a specification's parts, after some trace.

    Attributes:
        states: One per part.
        automata: One per part.
    """

    states: tuple[State, ...]
    automata: tuple[Automaton, ...] = field(compare=False)

    @classmethod
    def of(cls, specification: Specification) -> "Progress":
        """Where a specification stands; at its beginning unless it says what is left of it.

        Raises:
            InstructionError: It cannot be read.
            UnknownNameError: It names a predicate that does not exist.
        """
        automata = tuple(map(automaton_of, specification.parts))
        states = tuple(automaton.initial for automaton in automata)
        if specification.rest:
            states = tuple(
                automaton.state(parse_formula(rest))
                for automaton, rest in zip(automata, specification.rest, strict=True)
            )
        return cls(states=states, automata=automata)

    def seen(self, facts: Facts) -> "Progress":
        """Behind a position at which something is looked at and no call is made."""
        return self._behind(facts, None)

    def called(self, facts: Facts, call: SkillCall) -> "Progress":
        """Behind a position at which a call begins; the facts are those before it."""
        return self._behind(facts, call)

    @property
    def accepted(self) -> bool:
        """Whether a trace that ends here satisfies every part."""
        return all(a.accepting(state) for a, state in self._parts())

    @property
    def violated(self) -> tuple[str, ...]:
        """The parts that no continuation can satisfy any more."""
        return tuple(text(a.formula) for a, state in self._parts() if a.hopeless(state))

    @property
    def pending(self) -> tuple[str, ...]:
        """What has still to come about, of every part that a trace which ends here violates."""
        return tuple(
            still_to_come(a.demands(state)) for a, state in self._parts() if not a.accepting(state)
        )

    @property
    def demands(self) -> tuple[Formula, ...]:
        """What every part demands of the rest of the trace."""
        return tuple(a.demands(state) for a, state in self._parts())

    def literals(self) -> tuple[Literal, ...]:
        """Every literal that the rest of the trace is asked about, without negations."""
        asked = (atom for demand in self.demands for atom in atoms(demand))
        return tuple(dict.fromkeys(atom for atom in asked if isinstance(atom, Literal)))

    def names(self) -> frozenset[str]:
        """Everything that the rest of the trace is asked about."""
        asked = (atom for demand in self.demands for atom in atoms(demand))
        return frozenset(name for atom in asked for name in atom.args)

    def joined(self, other: "Progress") -> "Progress":
        """Both together."""
        return Progress(
            states=(*self.states, *other.states), automata=(*self.automata, *other.automata)
        )

    def specification(self) -> Specification:
        """The specification with what is left of it."""
        return Specification(
            parts=tuple(text(automaton.formula) for automaton in self.automata),
            rest=tuple(map(text, self.demands)),
        )

    def alone(self) -> Iterator["Progress"]:
        """Every part on its own."""
        for automaton, state in self._parts():
            yield replace(self, states=(state,), automata=(automaton,))

    def _parts(self) -> Iterator[tuple[Automaton, State]]:
        return zip(self.automata, self.states, strict=True)

    def _behind(self, facts: Facts, call: SkillCall | None) -> "Progress":
        def true(atom: Atom) -> bool:
            if isinstance(atom, Called):
                return call is not None and atom.matches(call)
            return facts(atom)

        return replace(self, states=tuple(a.step(state, true) for a, state in self._parts()))
