"""Symbolic search: what it finds, and what it says when there is nothing to find."""

import logging
import subprocess
import sys

import pytest

from robot_skills.core.errors import PlanningError, UnknownNameError
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.skills.card import parse_literal
from tests.scheduler import worlds


def plan(scene: Scene, *goal: str, milestones=(), without=()) -> list[str]:
    planner = SymbolicPlanner(worlds.cards(without=without).values())
    calls = planner.plan(scene, [parse_literal(text) for text in goal], milestones)
    return [f"{call.skill} {' '.join(call.args.values())}".strip() for call in calls]


def test_a_goal_that_holds_needs_nothing():
    assert plan(worlds.kitchen(), "closed(drawer)", "on(red_cube, table)") == []


def test_a_thing_goes_into_a_closed_drawer_and_it_is_closed_again():
    assert plan(worlds.kitchen(), "in(red_cube, drawer)", "closed(drawer)") == [
        "open drawer",
        "grasp red_cube",
        "place red_cube in drawer",
        "close drawer",
    ]


def test_a_thing_shut_in_a_drawer_is_reached_by_opening_it():
    scene = worlds.scene(worlds.in_drawer(worlds.cube("red")), worlds.drawer())
    assert plan(scene, "on(red_cube, table)") == [
        "open drawer",
        "grasp red_cube",
        "place red_cube on table",
    ]


def test_what_stands_on_a_thing_is_moved_to_the_table_first():
    green = worlds.cube("green")
    scene = worlds.scene(worlds.on_top(worlds.cube("red"), green), green, worlds.box())
    assert plan(scene, "in(green_cube, box)") == [
        "grasp red_cube",
        "place red_cube on table",
        "grasp green_cube",
        "place green_cube in box",
    ]


def test_a_tower_is_taken_down_to_its_foot():
    green = worlds.cube("green")
    red = worlds.on_top(worlds.cube("red"), green)
    blue = worlds.on_top(worlds.cube("blue"), red)
    calls = plan(worlds.scene(green, red, blue, worlds.box()), "in(green_cube, box)")
    assert calls[:4:2] == ["grasp blue_cube", "grasp red_cube"]
    assert len(calls) == 6


def test_a_held_thing_is_put_down_before_the_hand_is_needed():
    calls = plan(worlds.kitchen(held="blue_cube"), "in(red_cube, drawer)", "closed(drawer)")
    assert calls[0] == "place blue_cube on table"
    assert len(calls) == 5


def test_a_held_thing_that_is_wanted_elsewhere_goes_there_at_once():
    assert plan(worlds.kitchen(held="can"), "in(can, box)") == ["place can in box"]


def test_a_stack_is_built_from_below():
    assert plan(worlds.kitchen(), "on(red_cube, green_cube)", "on(green_cube, blue_cube)") == [
        "grasp green_cube",
        "place green_cube on blue_cube",
        "grasp red_cube",
        "place red_cube on green_cube",
    ]


def test_the_order_of_the_words_is_kept_where_it_costs_nothing():
    goals = ("in(milk, box)", "open(drawer)", "in(red_cube, box)")
    assert plan(worlds.kitchen(), *goals)[0::2][:2] == ["grasp milk", "open drawer"]
    assert plan(worlds.kitchen(), *reversed(goals))[0] == "grasp red_cube"


def test_many_things_are_planned_without_detours():
    things = ("milk", "can", "bread", "cereal", "bottle", "red_cube", "green_cube", "blue_cube")
    assert len(plan(worlds.kitchen(), *(f"in({thing}, box)" for thing in things))) == 16


def test_a_negated_goal_is_reached():
    scene = worlds.scene(worlds.in_box(worlds.cube("red")), worlds.box())
    assert plan(scene, "not in(red_cube, box)") == ["grasp red_cube"]


def test_a_support_is_cleared():
    green = worlds.cube("green")
    scene = worlds.scene(worlds.on_top(worlds.cube("red"), green), green)
    assert plan(scene, "clear(green_cube)") == ["grasp red_cube"]


def test_milestones_are_passed_in_order():
    milestones = ((Literal(predicate="open", args=("drawer",)),), SkillCall(skill="home"))
    assert plan(worlds.kitchen(), "closed(drawer)", milestones=milestones) == [
        "open drawer",
        "home",
        "close drawer",
    ]


def test_what_does_not_fit_is_not_stacked_in_by_a_trick():
    scene = worlds.scene(
        worlds.entity("plate", "plate", (0.4, 0.1, 0.01), (0.2, 0.2, 0.02)),
        worlds.in_box(worlds.cube("red")),
        worlds.box(),
    )
    with pytest.raises(PlanningError, match=r"plate .* does not fit in box"):
        plan(scene, "in(plate, box)")


@pytest.mark.parametrize(
    ("goal", "missing"),
    [
        (
            ["in(milk, drawer)"],
            r"milk \(180 mm high\) does not fit in drawer \(65 mm high inside\)",
        ),
        (["in(bread, drawer)", "in(milk, drawer)"], "milk .* does not fit"),
        (["in(red_cube, green_cube)"], "green_cube has no room inside"),
        (["on(red_cube, box)"], "box has no top to stand on"),
        (["holding(drawer)"], "drawer cannot be picked up"),
        (["in(box, drawer)"], "box cannot be moved"),
        (["open(can)"], "can has nothing that opens"),
        (["near(red_cube, can)", "fits(milk, drawer)"], "milk .* does not fit"),
        (["on(red_cube, green_cube)", "on(green_cube, red_cube)"], "circle"),
        (["holding(red_cube)", "holding(can)"], "cannot both hold"),
        (["in(can, box)", "on(can, table)"], "cannot both hold"),
        (["open(drawer)", "closed(drawer)"], "cannot both hold"),
        (["holding(can)", "on(red_cube, can)"], "cannot both hold"),
    ],
)
def test_what_is_missing_is_named(goal, missing):
    with pytest.raises(PlanningError, match=missing):
        plan(worlds.kitchen(), *goal)


@pytest.mark.parametrize(
    ("without", "goal", "missing"),
    [
        (["grasp"], "in(red_cube, box)", r"no skill has the effect holding\(red_cube\)"),
        (["open"], "in(red_cube, drawer)", r"no skill has the effect accepts\(drawer\)"),
        (["close"], "closed(drawer)", r"no skill has the effect closed\(drawer\)"),
        (["place"], "on(red_cube, green_cube)", r"no skill has the effect on\("),
    ],
)
def test_a_skill_that_nobody_has_is_named_by_its_effect(without, goal, missing):
    with pytest.raises(PlanningError, match=missing):
        plan(worlds.kitchen(value_m=0.0 if "open" in without else 0.16), goal, without=without)


def test_a_predicate_that_does_not_exist_is_refused():
    planner = SymbolicPlanner(worlds.cards().values())
    with pytest.raises(UnknownNameError, match="predicate 'warm'"):
        planner.plan(worlds.kitchen(), [Literal(predicate="warm", args=("milk",))])


def test_the_planning_library_stays_silent(capfd, caplog):
    with caplog.at_level(logging.DEBUG):
        plan(worlds.kitchen(), "in(red_cube, box)")
    out, err = capfd.readouterr()
    assert out == err == ""
    assert not caplog.records


def test_the_plan_does_not_depend_on_the_hash_seed():
    code = (
        "from tests.scheduler.test_symbolic import plan, worlds;"
        "print(plan(worlds.kitchen(), 'in(can, box)', 'in(milk, box)', 'on(red_cube, green_cube)',"
        " 'in(blue_cube, drawer)', 'closed(drawer)'))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ".", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
