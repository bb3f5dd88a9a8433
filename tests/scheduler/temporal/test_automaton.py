"""The automaton against the definition of truth, on random formulas and traces."""

import numpy as np
import pytest

from robot_skills.core.errors import InstructionError
from robot_skills.core.plan import Literal
from robot_skills.scheduler.temporal.automaton import Automaton, still_to_come
from robot_skills.scheduler.temporal.formula import normal_form, text
from robot_skills.scheduler.temporal.reader import parse_formula
from robot_skills.scheduler.temporal.trace import satisfies
from tests.scheduler.temporal import drawn

OPEN, IN, GRASPED = drawn.ATOMS


def at(*atoms):
    """A position where just these atoms hold."""
    return frozenset(atoms).__contains__


def ran(automaton, trace):
    state = automaton.initial
    for position in trace:
        state = automaton.step(state, position)
    return state


def generators(test: int, tens: int):
    """Thirty generators of random numbers, of which no other test has the same."""
    return [np.random.default_rng((test, seed)) for seed in range(30 * tens, 30 * tens + 30)]


@pytest.mark.parametrize("tens", range(10))
def test_it_accepts_just_the_traces_that_satisfy_the_formula(tens):
    for rng in generators(0, tens):
        formula = drawn.formula(rng)
        automaton = Automaton(formula)
        for _ in range(12):
            trace = drawn.trace(rng)
            accepted = automaton.accepting(ran(automaton, trace))
            assert accepted == satisfies(trace, formula), text(formula)


@pytest.mark.parametrize("tens", range(10))
def test_a_hopeless_state_is_never_left(tens):
    for rng in generators(1, tens):
        formula = drawn.formula(rng)
        automaton = Automaton(formula)
        trace = drawn.trace(rng)
        if automaton.hopeless(ran(automaton, trace)):
            longer = [trace + drawn.trace(rng) for _ in range(10)]
            assert not any(satisfies(more, formula) for more in longer), text(formula)


@pytest.mark.parametrize("tens", range(10))
def test_what_is_left_of_a_formula_is_a_formula_to_go_on_from(tens):
    for rng in generators(2, tens):
        automaton = Automaton(drawn.formula(rng))
        begun = ran(automaton, drawn.trace(rng))
        rest = text(automaton.demands(begun))
        assert automaton.state(parse_formula(rest)) == begun, rest


@pytest.mark.parametrize("tens", range(10))
def test_normal_form_and_text_keep_the_meaning(tens):
    for rng in generators(3, tens):
        formula = drawn.formula(rng)
        for _ in range(8):
            trace = drawn.trace(rng)
            truth = satisfies(trace, formula)
            assert satisfies(trace, normal_form(formula)) == truth, text(formula)
            assert satisfies(trace, parse_formula(text(formula))) == truth, text(formula)


def test_an_empty_trace_satisfies_nothing():
    automaton = Automaton(parse_formula("always(open(drawer))"))
    assert not automaton.accepting(automaton.initial)
    assert not satisfies([], parse_formula("true"))


def test_what_may_not_happen_any_more_leaves_no_hope():
    automaton = Automaton(parse_formula("always(not open(drawer))"))
    state = automaton.step(automaton.initial, at(IN))
    assert automaton.accepting(state)
    assert not automaton.hopeless(state)
    assert automaton.hopeless(automaton.step(state, at(OPEN)))


def test_few_states_are_met_however_long_the_trace():
    automaton = Automaton(
        parse_formula(
            "always(open(drawer) implies eventually(in(can, box)))"
            " and eventually(open(drawer) and next(eventually(call(grasp, can))))"
        )
    )
    rng = np.random.default_rng(0)
    state = automaton.initial
    for _ in range(400):
        true = {atom for atom in drawn.ATOMS if rng.random() < 0.3}
        state = automaton.step(state, at(*true))
    assert len(automaton) < 12


def test_what_is_still_to_come_is_told_without_the_bookkeeping():
    automaton = Automaton(parse_formula("until(not open(drawer), in(can, box))"))
    state = automaton.step(automaton.initial, at())
    assert still_to_come(automaton.demands(state)) == "until(not open(drawer), in(can, box))"


def test_a_formula_that_would_need_too_much_is_refused():
    names = [Literal(predicate="open", args=(f"drawer_{i}",)) for i in range(12)]
    each = " and ".join(f"eventually({name} and next(eventually(not {name})))" for name in names)
    automaton = Automaton(parse_formula(f"next({each})"))
    state = automaton.step(automaton.initial, at(*names))
    with pytest.raises(InstructionError, match="say it in parts"):
        automaton.step(state, at(*names))
