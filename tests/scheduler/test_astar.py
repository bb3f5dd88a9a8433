"""Search in STRIPS problems: short plans, the additive heuristic, and what is left out."""

from math import inf

from robot_skills.core.plan import SkillCall
from robot_skills.scheduler.astar import NumberedProblem, members, search
from robot_skills.scheduler.strips import Operator, StripsProblem
from robot_skills.scheduler.world_model import GroundCall


def facts(letters: str):
    return frozenset((True, (letter, ())) for letter in letters)


def operator(name: str, before: str, adds: str, deletes: str = "") -> Operator:
    call = GroundCall(call=SkillCall(skill=name), preconditions=(), effects=())
    return Operator(
        call=call, preconditions=facts(before), adds=facts(adds), deletes=facts(deletes)
    )


def problem(initial: str, goal: str, *operators: Operator) -> StripsProblem:
    return StripsProblem(initial=facts(initial), goal=facts(goal), operators=operators)


def names(found) -> list[str]:
    return [call.call.skill for call in found]


def test_the_shorter_of_two_ways_is_found():
    long = operator("one", "a", "b"), operator("two", "b", "c"), operator("three", "c", "g")
    found = search(problem("a", "g", *long, operator("at_once", "a", "g")))
    assert names(found) == ["at_once"]


def test_what_is_undone_on_the_way_is_done_again():
    lift = operator("lift", "a", "b", deletes="g")
    back = operator("back", "b", "g", deletes="b")
    paint = operator("paint", "b", "p")
    assert names(search(problem("ag", "gp", lift, back, paint))) == ["lift", "paint", "back"]


def test_of_equal_plans_the_one_whose_operators_come_first_is_found():
    assert names(search(problem("a", "g", operator("x", "a", "g"), operator("y", "a", "g")))) == [
        "x"
    ]


def test_a_goal_that_nothing_leads_to_has_no_plan():
    assert search(problem("a", "g", operator("one", "b", "g"))) is None
    assert (
        search(problem("a", "gh", operator("g", "a", "g", "a"), operator("h", "a", "h", "a")))
        is None
    )


def test_a_goal_that_holds_takes_no_calls():
    assert search(problem("a", "a")) == ()


def test_costs_add_up_what_preconditions_cost():
    numbered = NumberedProblem(
        problem(
            "a", "g", operator("b", "a", "b"), operator("c", "b", "c"), operator("g", "bc", "g")
        )
    )
    costs, operators = numbered.costs(numbered.initial)
    of = {letter: costs[numbered.numbers[(True, (letter, ()))]] for letter in "abcg"}
    assert of == {"a": 0, "b": 1, "c": 2, "g": 4}
    assert operators == [1, 2, 4]
    assert numbered.estimate(numbered.initial) == 4
    assert numbered.estimate(0) == inf


def test_operators_that_serve_nothing_are_left_out():
    whole = problem("a", "g", operator("g", "a", "g"), operator("other", "a", "z"))
    assert names(op.call for op in whole.relevant(whole.reachable()).operators) == ["g"]


def test_bits_are_the_numbers_in_a_set():
    assert list(members(0b101001)) == [0, 3, 5]
    assert list(members(0)) == []
