"""What calls are expected to change, and what for."""

import pytest

from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Literal, Plan, SkillCall, Specification
from robot_skills.scheduler.expected import (
    ExpectedStep,
    Link,
    Served,
    expect,
    expect_plan,
    expected_of_event,
)
from tests.scheduler import worlds
from tests.scheduler.test_executive import FakeWorld, executive

OPEN = SkillCall(skill="open", args={"thing": "drawer"})
GRASP = SkillCall(skill="grasp", args={"object": "red_cube"})
PLACE = SkillCall(skill="place", args={"object": "red_cube", "relation": "in", "target": "drawer"})
CLOSE = SkillCall(skill="close", args={"thing": "drawer"})
HOME = SkillCall(skill="home")


def literal(predicate: str, *args: str) -> Literal:
    return Literal(predicate=predicate, args=args)


IN_DRAWER, CLOSED = literal("in", "red_cube", "drawer"), literal("closed", "drawer")


def steps_of(*calls: SkillCall, **more) -> tuple[ExpectedStep, ...]:
    plan = Plan(instruction="", calls=calls, planner="test", **{"goal": (), **more})
    return expect_plan(plan, worlds.kitchen(), worlds.cards())


def test_one_call_brings_ends_and_leaves_the_rest_as_it_is():
    expected = expect(GRASP, worlds.kitchen(), worlds.cards())
    assert expected.brings == (literal("holding", "red_cube"),)
    assert literal("on", "red_cube", "table") in expected.ends
    assert literal("hand_empty") in expected.ends
    assert literal("on", "green_cube", "table") in expected.lasting
    assert not set(expected.lasting) & {*expected.brings, *expected.ends}


def test_a_plan_that_names_what_is_not_there_has_no_expectations():
    call = SkillCall(skill="grasp", args={"object": "vault"})
    assert steps_of(OPEN, call) == ()


def test_causal_links_say_what_each_step_is_for():
    steps = steps_of(OPEN, GRASP, PLACE, CLOSE, goal=(IN_DRAWER, CLOSED))
    assert steps[0].links == (Link(served=Served.CALL, literal="accepts(drawer)", step=2),)
    assert steps[1].links == (Link(served=Served.CALL, literal="holding(red_cube)", step=2),)
    assert Link(served=Served.CALL, literal="hand_empty()", step=3) in steps[2].links
    assert Link(served=Served.GOAL, literal="in(red_cube, drawer)") in steps[2].links
    assert steps[3].links == (Link(served=Served.GOAL, literal="closed(drawer)"),)


def test_what_a_later_step_needs_has_to_last_through_those_between():
    steps = steps_of(OPEN, GRASP, PLACE, CLOSE, goal=(IN_DRAWER, CLOSED))
    assert "accepts(drawer)" in steps[1].keeps
    assert "in(red_cube, drawer)" in steps[3].keeps
    assert "clear(red_cube)" in steps[0].keeps
    assert "accepts(drawer)" not in steps[3].keeps


def test_milestones_calls_for_their_own_sake_and_specifications_are_served_too():
    steps = steps_of(
        OPEN,
        HOME,
        CLOSE,
        goal=(CLOSED,),
        milestones=((literal("open", "drawer"),), HOME),
        specification=Specification(parts=("eventually(open(drawer))",)),
    )
    assert {link.served for link in steps[0].links} == {Served.MILESTONE, Served.SPECIFICATION}
    assert steps[1].links == (Link(served=Served.ASKED),)


def test_steps_survive_the_log():
    steps = steps_of(OPEN, GRASP, PLACE, CLOSE, goal=(IN_DRAWER, CLOSED))
    assert expected_of_event({"expected": [step.to_json() for step in steps]}) == steps


@pytest.mark.parametrize("data", [{}, {"expected": [{}]}, {"expected": [{"brings": 3}]}])
def test_a_log_without_expectations_has_none(data):
    assert expected_of_event(data) == ()


def test_every_plan_event_says_what_is_expected_of_its_calls():
    events = EventList()
    executive(FakeWorld(worlds.kitchen()), events).run("put the red cube in the drawer")
    (plan,) = events.of_kind(EventKind.PLAN)
    assert len(plan.data["expected"]) == len(plan.data["calls"]) == 3
    assert plan.data["ahead"] == {"milestones": [], "specification": None}


def test_what_is_still_ahead_is_told_when_it_changes():
    events = EventList()
    executive(FakeWorld(worlds.kitchen()), events).run(
        "open the drawer, then close it, then go home"
    )
    ahead = [event.data["milestones"] for event in events.of_kind(EventKind.PROGRESS)]
    assert len(ahead) >= 1
    first = events.of_kind(EventKind.PLAN)[0].data["ahead"]["milestones"]
    assert len(ahead[-1]) < len(first)
