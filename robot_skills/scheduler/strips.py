"""Grounded STRIPS problems out of calls and facts.

Cards have derived preconditions (`clear`, `accessible`) that a STRIPS planner does not know. Each
call is compiled into one operator per way in which they can hold, so that any STRIPS planner
finds plans that are right in the full model. The compilation may miss that a derived fact became
true; it never claims one that did not.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import product

from robot_skills.core.plan import Literal
from robot_skills.core.scene import TABLE
from robot_skills.scheduler.world_model import (
    OPPOSITES,
    STATIC,
    Atom,
    GroundCall,
    State,
    WorldModel,
    atom,
)

MAX_STATES = 3000
"""States after which a search is given up; plans of eight things need a few hundred."""

Fact = tuple[bool, Atom]
"""An atom, or (with False) that it is absent."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Operator:
    """One way in which a call can be made."""

    call: GroundCall
    preconditions: frozenset[Fact]
    adds: frozenset[Fact]
    deletes: frozenset[Fact]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StripsProblem:
    """A planning problem without types, variables or derived facts."""

    initial: frozenset[Fact]
    goal: frozenset[Fact]
    operators: tuple[Operator, ...]

    def facts(self) -> frozenset[Fact]:
        """Every fact that it speaks of."""
        sets = ((op.preconditions, op.adds, op.deletes) for op in self.operators)
        return self.initial.union(self.goal, *(facts for three in sets for facts in three))

    def reachable(self) -> frozenset[Fact]:
        """Facts that some sequence makes true when nothing is ever undone (delete relaxation)."""
        facts = set(self.initial)
        waiting = list(self.operators)
        while True:
            ready = [op for op in waiting if op.preconditions <= facts]
            if not ready:
                return frozenset(facts)
            for operator in ready:
                facts |= operator.adds
            done = {id(operator) for operator in ready}
            waiting = [op for op in waiting if id(op) not in done]

    def relevant(self, reachable: Set[Fact]) -> "StripsProblem":
        """The problem less the operators that cannot be made, or that nothing needed follows from.

        Args:
            reachable: As `reachable` has it.
        """
        needed = set(self.goal)
        waiting = [op for op in self.operators if op.preconditions <= reachable]
        used: set[int] = set()
        while True:
            serving = [op for op in waiting if not op.adds.isdisjoint(needed)]
            if not serving:
                break
            for operator in serving:
                needed |= operator.preconditions
            used |= {id(operator) for operator in serving}
            waiting = [op for op in waiting if id(op) not in used]
        operators = tuple(op for op in self.operators if id(op) in used)
        return replace(self, operators=operators)


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """Extra conditions of an operator and what they let it add."""

    needs: frozenset[Atom] = frozenset()
    lacks: frozenset[Atom] = frozenset()
    adds: frozenset[Atom] = frozenset()


def compile_strips(
    model: WorldModel, state: State, calls: Sequence[GroundCall], goal: Iterable[Literal]
) -> StripsProblem:
    """The problem of reaching a goal from a state with some calls."""
    compiler = _Compiler(model, state, calls)
    drafts = [draft for call in calls for draft in compiler.operators(call)]
    goal_facts = frozenset(
        fact for literal in goal for fact in [compiler.fact(literal)] if fact is not None
    )
    absent = {a for draft in drafts for sign, a in draft.preconditions if not sign}
    absent |= {a for sign, a in goal_facts if not sign}
    initial = compiler.initial()
    return StripsProblem(
        initial=frozenset((True, a) for a in initial)
        | frozenset((False, a) for a in absent if a not in initial),
        goal=goal_facts,
        operators=tuple(_with_absence(draft, absent) for draft in drafts),
    )


class _Compiler:
    def __init__(self, model: WorldModel, state: State, calls: Sequence[GroundCall]) -> None:
        self.model = model
        self.state = state
        self.things = tuple(model.scene.entities)
        self.gates = tuple(
            c for c in model.containers if c in model.closable or atom("accepts", c) not in state
        )
        self.supports = self._supports(calls)

    def initial(self) -> frozenset[Atom]:
        facts = set(self.state)
        for predicate in ("clear", "loose"):
            facts |= {atom(predicate, x) for x in self.things if self._derived(predicate, x)}
        if not any(predicate == "holding" for predicate, _ in self.state):
            facts.add(atom("hand_empty"))
        return frozenset(facts)

    def fact(self, literal: Literal) -> Fact | None:
        """The STRIPS fact of a literal; None when it is static and holds."""
        if literal.predicate in STATIC:
            holds = self.model.holds(self.state, literal)
            return None if holds else (not literal.negated, (literal.predicate, literal.args))
        clear = literal.predicate == "clear" and not literal.negated
        if clear and literal.args[0] in self.model.shared:
            return None
        predicate = "loose" if literal.predicate == "accessible" else literal.predicate
        return not literal.negated, (predicate, literal.args)

    def operators(self, call: GroundCall) -> Iterator[Operator]:
        if not all(
            self.model.holds(self.state, literal)
            for literal in call.preconditions
            if literal.predicate in STATIC
        ):
            return
        needs: set[Fact] = set()
        choices: list[list[_Way]] = []
        for literal in call.preconditions:
            if literal.predicate == "accessible" and not literal.negated:
                choices.append(self._ways_to_reach(literal.args[0]))
            elif (fact := self.fact(literal)) is not None:
                needs.add(fact)
        adds, deletes = self._changes(call, choices)
        for ways in product(*choices):
            more = frozenset(a for way in ways for a in way.adds)
            yield Operator(
                call=call,
                preconditions=frozenset(needs)
                | {(True, a) for way in ways for a in way.needs}
                | {(False, a) for way in ways for a in way.lacks},
                adds=frozenset((True, a) for a in adds | more),
                deletes=frozenset((True, a) for a in deletes - adds - more),
            )

    def _changes(
        self, call: GroundCall, choices: list[list[_Way]]
    ) -> tuple[frozenset[Atom], frozenset[Atom]]:
        """What a call adds and deletes in any case; appends to the ways it can be made."""
        adds: set[Atom] = set()
        deletes: set[Atom] = set(self.model.passing())
        for literal in call.effects:
            args = literal.args
            if literal.negated:
                deletes.add((literal.predicate, args))
                continue
            adds.add((literal.predicate, args))
            match literal.predicate:
                case "holding":
                    deletes |= self._places(args[0]) | {atom("hand_empty")}
                    adds.add(atom("loose", args[0]))
                    choices.append(self._ways_to_uncover(args[0]))
                case "on":
                    thing, support = args
                    deletes |= self._places(thing) | {atom("holding", thing)}
                    adds |= {atom("on", thing, below) for below in self.model.also_on(support)}
                    if support not in self.model.shared:
                        deletes.add(atom("clear", support))
                        # Not onto a thing in a drawer. Onto one in an open box is fine, but does
                        # not count as a way into the box: it would be a trick to pass by `fits`.
                        choices.append([_Way(needs=frozenset({atom("loose", support)}))])
                case "in":
                    thing, container = args
                    deletes |= self._places(thing) | {atom("holding", thing)}
                    if container in self.gates:
                        deletes.add(atom("loose", thing))
                case "open":
                    deletes.add(("closed", args))
                    if self.model.opens_upwards(args[0]):
                        adds.add(("accepts", args))
                case "closed":
                    deletes |= {("open", args), ("accepts", args)}
                case "turned_on" | "turned_off" as switched:
                    deletes.add((OPPOSITES[switched], args))
        return frozenset(adds), frozenset(deletes)

    def _ways_to_reach(self, thing: str) -> list[_Way]:
        free = _Way(needs=frozenset({atom("loose", thing)}))
        inside = [
            _Way(needs=frozenset({atom("in", thing, gate), atom("accepts", gate)}))
            for gate in self.gates
            if gate != thing
        ]
        return [free, *inside]

    def _ways_to_uncover(self, thing: str) -> list[_Way]:
        """Lifting from a support clears it when nothing else stands there."""
        ways = [_Way()]
        present = [a[1] for p, a in self.state if p == "on" and a[0] == thing and a[1] != TABLE]
        groups: list[tuple[str, ...]] = [(support,) for support in self.supports[thing]]
        if len(present) > 1:
            groups.append(tuple(sorted(present)))
        for group in groups:
            others = frozenset(
                (p, a) for p, a in self.state if p == "on" and a[1] in group and a[0] != thing
            )
            ways.append(
                _Way(
                    needs=frozenset(atom("on", thing, support) for support in group),
                    lacks=others,
                    adds=frozenset(atom("clear", support) for support in group),
                )
            )
        return ways

    def _places(self, thing: str) -> frozenset[Atom]:
        others = [x for x in self.things if x != thing]
        containers = [c for c in self.model.containers if c != thing]
        return frozenset(
            [atom("on", thing, x) for x in others]
            + [atom(predicate, thing, c) for c in containers for predicate in ("in", "inserted")]
            + [atom("beside", *pair) for x in others for pair in ((thing, x), (x, thing))]
        )

    def _supports(self, calls: Sequence[GroundCall]) -> dict[str, tuple[str, ...]]:
        """For every thing, what it stands on now or may come to stand on, the table aside."""
        pairs = {a for p, a in self.state if p == "on"}
        pairs |= {
            effect.args
            for call in calls
            for effect in call.effects
            if effect.predicate == "on" and not effect.negated
        }
        return {
            thing: tuple(x for x in self.things if x != TABLE and (thing, x) in pairs)
            for thing in self.things
        }

    def _derived(self, predicate: str, thing: str) -> bool:
        if predicate == "loose":
            return not any((atom("in", thing, gate)) in self.state for gate in self.gates)
        return self.model.holds(self.state, Literal(predicate=predicate, args=(thing,)))


def _with_absence(operator: Operator, absent: set[Atom]) -> Operator:
    """The operator that also keeps track of those atoms whose absence somebody needs."""
    gone = frozenset((False, a) for _, a in operator.deletes if a in absent)
    come = frozenset((False, a) for _, a in operator.adds if a in absent)
    return Operator(
        call=operator.call,
        preconditions=operator.preconditions,
        adds=operator.adds | gone,
        deletes=operator.deletes | come,
    )
