"""What the plan checker lets through, and what it says about the rest."""

from dataclasses import replace

import pytest

from robot_skills.core.plan import Literal, Plan, SkillCall
from robot_skills.scheduler.plan_checker import CheckerConfig, PlanChecker
from robot_skills.skills.card import parse_literal
from tests.scheduler import worlds

GRASP = SkillCall(skill="grasp", args={"object": "red_cube"})
PUT_IN_BOX = SkillCall(
    skill="place", args={"object": "red_cube", "relation": "in", "target": "box"}
)
OPEN = SkillCall(skill="open", args={"thing": "drawer"})
CLOSE = SkillCall(skill="close", args={"thing": "drawer"})


def make(*calls: SkillCall, goal=("in(red_cube, box)",), milestones=()) -> Plan:
    return Plan(
        instruction="test",
        goal=tuple(map(parse_literal, goal)),
        calls=calls,
        planner="test",
        milestones=milestones,
    )


def reasons(plan: Plan, scene=None, **config) -> str:
    checker = PlanChecker(worlds.cards().values(), CheckerConfig(**config))
    verdict = checker.check(plan, scene or worlds.kitchen())
    assert verdict.accepted == (not verdict.reasons)
    return "\n".join(verdict.reasons)


def test_a_right_plan_is_accepted():
    assert reasons(make(GRASP, PUT_IN_BOX)) == ""


def test_nothing_to_do_is_accepted_when_the_goal_holds():
    assert reasons(make(goal=["closed(drawer)"])) == ""


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (SkillCall(skill="fly"), "no skill 'fly' .available: close, grasp"),
        (SkillCall(skill="grasp", args={"object": "unicorn"}), "unicorn"),
        (SkillCall(skill="grasp", args={"object": "drawer"}), "needs something movable"),
        (SkillCall(skill="grasp", args={"object": "table"}), "needs something movable"),
        (SkillCall(skill="open", args={"thing": "can"}), "needs something articulated"),
        (SkillCall(skill="grasp", args={}), "needs the argument 'object'"),
        (SkillCall(skill="grasp", args={"object": "can", "force": "9"}), "force"),
        (replace(PUT_IN_BOX, args={**PUT_IN_BOX.args, "relation": "under"}), "under"),
    ],
)
def test_calls_that_cannot_be_are_refused(call, reason):
    assert reason.split(" .")[0] in reasons(make(call))


def test_a_broken_precondition_is_found_where_it_breaks():
    text = reasons(make(GRASP, OPEN))
    assert "call 2, open" in text
    assert "hand_empty() would not hold" in text


def test_a_thing_in_a_closed_drawer_cannot_be_grasped():
    scene = worlds.scene(worlds.in_drawer(worlds.cube("red")), worlds.drawer(), worlds.box())
    assert "accessible(red_cube) would not hold" in reasons(make(GRASP, PUT_IN_BOX), scene)
    assert reasons(make(OPEN, GRASP, PUT_IN_BOX), scene) == ""


def test_a_thing_that_does_not_fit_is_refused_with_sizes():
    milk = SkillCall(skill="grasp", args={"object": "milk"})
    put = SkillCall(skill="place", args={"object": "milk", "relation": "in", "target": "drawer"})
    assert "180 mm high" in reasons(make(OPEN, milk, put, goal=["in(milk, drawer)"]))


def test_a_plan_that_misses_its_goal_is_refused():
    assert "in(red_cube, box) would not hold at the end" in reasons(make(GRASP))


def test_a_milestone_that_is_never_passed_is_refused():
    opened = (parse_literal("open(drawer)"),)
    plan = make(goal=["closed(drawer)"], milestones=(opened,))
    assert "open(drawer) would not come about" in reasons(plan)
    assert reasons(replace(plan, calls=(OPEN, CLOSE))) == ""


def test_a_commanded_call_has_to_be_made():
    home = SkillCall(skill="home")
    assert "home() would not come about" in reasons(make(goal=[], milestones=(home,)))
    assert reasons(make(home, goal=[], milestones=(home,))) == ""


def test_long_plans_are_refused():
    assert "at most 4 are allowed" in reasons(make(*[OPEN, CLOSE] * 3, goal=[]), max_calls=4)


def test_rules_of_the_cell_can_refuse_a_call():
    def not_far(call, scene):
        target = call.args.get("target")
        forbidden = target is not None and scene[target].T_base_entity.p[1] < -0.1
        return "the target is in a forbidden region" if forbidden else None

    assert "forbidden region" in reasons(make(GRASP, PUT_IN_BOX), rules=(not_far,))


@pytest.mark.parametrize(
    "literal",
    [
        Literal(predicate="warm", args=("milk",)),
        Literal(predicate="on", args=("milk",)),
        Literal(predicate="on", args=("milk", "moon")),
        Literal(predicate="open", args=("drawer", "wide", "now")),
    ],
)
def test_made_up_goals_are_refused_and_never_raise(literal):
    assert reasons(replace(make(GRASP), goal=(literal,))).startswith("goal ")
