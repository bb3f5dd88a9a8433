"""Formulas from text, and back."""

import pytest

from robot_skills.core.errors import InstructionError, UnknownNameError
from robot_skills.scheduler.temporal.formula import parts, text
from robot_skills.scheduler.temporal.reader import parse_formula, refuse_unknown
from tests.scheduler import worlds


@pytest.mark.parametrize(
    "said",
    [
        "always(not holding(red_cube) or closed(drawer))",
        "until(not call(any, bottle), closed(drawer)) and eventually(hand_empty())",
        "not (open(drawer) or open(cupboard))",
        "always(open(drawer) and (holding(can) or holding(milk)))",
        "weak_until(true, release(next(false), weak_next(on(can, table))))",
    ],
)
def test_text_is_read_and_written_the_same(said):
    assert text(parse_formula(said)) == said


def test_an_implication_is_a_choice():
    assert text(parse_formula("open(drawer) implies closed(cupboard) implies false")) == (
        "not closed(cupboard) or not open(drawer)"
    )


def test_the_conjuncts_are_the_parts():
    found = parts(parse_formula("always(open(drawer)) and (eventually(holding(can)) and true)"))
    assert [text(part) for part in found] == [
        "always(open(drawer))",
        "eventually(holding(can))",
        "true",
    ]


@pytest.mark.parametrize(
    ("said", "error", "reason"),
    [
        ("", InstructionError, "at its beginning: expected a formula, found the end"),
        ("always(open(drawer)", InstructionError, r"expected '\)', found the end"),
        ("open(drawer) open(cupboard)", InstructionError, "behind 'open.drawer.'.*and, or"),
        ("always(open(drawer) and )", InstructionError, r"expected a formula, found '\)'"),
        ("until(open(drawer))", InstructionError, "expected ','"),
        ("open(drawer, can)", InstructionError, "open takes 1 thing"),
        ("call()", InstructionError, "of no skill"),
        ("open(%)", InstructionError, "expected the name of a thing, found '%'"),
        ("warm(milk)", UnknownNameError, "Unknown predicate or operator 'warm'"),
        ("alway(open(drawer))", UnknownNameError, "Did you mean 'always'"),
        ("x" * 5000, InstructionError, "at most 4000"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(said, error, reason):
    with pytest.raises(error, match=reason):
        parse_formula(said)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("always(not holding(zebra))", "Unknown entity 'zebra'"),
        ("always(not call(juggle, can))", "Unknown skill 'juggle'"),
        ("always(not call(place, can, under))", "Unknown entity 'under'"),
    ],
)
def test_what_is_not_there_is_refused(said, reason):
    with pytest.raises(UnknownNameError, match=reason):
        refuse_unknown(parse_formula(said), worlds.kitchen(), worlds.cards().values())


def test_words_that_a_skill_takes_are_no_things():
    formula = parse_formula("always(not call(place, can, in, box))")
    refuse_unknown(formula, worlds.kitchen(), worlds.cards().values())
