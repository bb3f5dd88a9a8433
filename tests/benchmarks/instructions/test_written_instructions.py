"""The two files are well-formed, and what they expect is so in their scenes and can be reached."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.instructions.instruction import Half, Instruction, Reason, load, parse_step
from benchmarks.instructions.judge import Judge, Verdict
from benchmarks.instructions.scenes import RECIPES, load_scene
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.core.plan import Literal, Plan, SkillCall
from robot_skills.core.predicates import beside, clear, holding, holds, in_, on, way_free
from robot_skills.core.scene import Scene
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.skills.library import SkillLibrary

TUNED, HELD_OUT = load(Half.TUNED), load(Half.HELD_OUT)
EVERYTHING = (*TUNED, *HELD_OUT)
CARDS = SkillLibrary.load(zoo_dir())
SEARCH, JUDGE = SymbolicPlanner(CARDS), Judge(CARDS)
CUBES = ("red_cube", "green_cube", "blue_cube", "yellow_cube")


def words(instruction: Instruction) -> tuple[str, ...]:
    return tuple("".join(c for c in instruction.text.lower() if c.isalnum() or c == " ").split())


def given_in(scene: str) -> list[Instruction]:
    return [one for one in EVERYTHING if one.scene == scene]


@pytest.mark.parametrize("half", [TUNED, HELD_OUT], ids=["tuned", "held-out"])
def test_each_half_has_fifty_and_at_least_fifteen_to_refuse(half):
    assert len(half) == 50
    assert sum(one.must_refuse for one in half) >= 15
    assert {one.refuse for one in half} >= set(Reason) - {Reason.NOT_UNDERSTOOD}


def test_both_halves_have_the_same_mix_and_share_neither_ids_nor_words():
    assert Counter(one.kinds[0] for one in TUNED) == Counter(one.kinds[0] for one in HELD_OUT)
    assert len({one.id for one in EVERYTHING}) == len(EVERYTHING)
    assert len({words(one) for one in EVERYTHING}) == len(EVERYTHING)
    assert {one.scene for one in EVERYTHING} == set(RECIPES)


@pytest.mark.parametrize("scene", RECIPES)
def test_expectations_speak_of_things_of_the_scene_and_of_skills_that_there_are(scene):
    things = set(load_scene(scene).entities)
    for one in given_in(scene):
        assert one.names <= things, one.id
        for step in (*one.order, *one.never):
            if isinstance(step, SkillCall):
                assert step.skill in CARDS, one.id
                assert set(step.args.values()) <= things, one.id


@pytest.mark.parametrize("scene", RECIPES)
def test_every_right_goal_is_reached_by_symbolic_search_and_judged_right(scene):
    for one in given_in(scene):
        ahead = [(step,) if isinstance(step, Literal) else step for step in one.order]
        for goal in one.goals:
            calls = SEARCH.plan(load_scene(scene), goal, ahead)
            plan = Plan(instruction=one.text, goal=goal, calls=calls, planner="search")
            judgement = JUDGE.plan(one, plan, load_scene(scene))
            assert judgement.verdict is Verdict.EXACTLY_RIGHT, (one.id, judgement.detail)


def test_a_goal_of_the_kind_already_holds_at_the_start_and_no_other_does():
    for one in EVERYTHING:
        scene = load_scene(one.scene)
        met = any(goal and all(holds(scene, literal) for literal in goal) for goal in one.goals)
        assert met == ("already" in one.kinds), one.id


@pytest.mark.parametrize("name", ["kitchen", "twins", "tower", "holding"])
def test_scenes_are_the_same_whenever_they_are_built(name):
    first, again = load_scene(name), load_scene.__wrapped__(name)
    assert list(first.entities) == list(again.entities)
    for entity in first:
        assert entity.T_base_entity.p.tolist() == again[entity.name].T_base_entity.p.tolist()


def test_a_scene_that_there_is_not_is_refused():
    with pytest.raises(UnknownNameError, match="kitchen"):
        load_scene("kitchn")


def test_scenes_are_as_the_words_say():
    twins, tower, pantry = load_scene("twins"), load_scene("tower"), load_scene("pantry")
    assert beside(twins, "red_cube_2", "box")
    assert not beside(twins, "red_cube", "box")
    assert beside(twins, "red_cube", "blue_cube")
    assert not beside(twins, "red_cube_2", "blue_cube")
    assert twins["red_cube_2"].extents_m[0] > twins["red_cube"].extents_m[0] + 0.005
    assert in_(twins, "yellow_cube", "drawer")
    assert on(tower, "yellow_cube", "blue_cube")
    assert on(tower, "blue_cube", "green_cube")
    assert clear(tower, "red_cube")
    assert way_free(pantry, "red_cube", "zone")
    assert holding(load_scene("holding"), "can")
    bench = load_scene("workbench")
    assert not any(in_(bench, entity.name, "box") for entity in bench if entity.movable)


def test_the_blue_cube_is_nearest_to_the_button_by_far():
    scene = load_scene("workbench")
    away = {name: distance(scene, name, "button") for name in CUBES}
    nearest, second, *_ = sorted(away, key=away.__getitem__)
    assert nearest == "blue_cube"
    assert away[second] > away[nearest] + 0.03


def test_the_green_cube_is_farthest_from_the_robot_and_the_first_can_nearer_the_blue_cube():
    scene, twins = load_scene("workbench"), load_scene("twins")
    away = {name: float(np.linalg.norm(scene[name].T_base_entity.p[:2])) for name in CUBES}
    *_, second, farthest = sorted(away, key=away.__getitem__)
    assert farthest == "green_cube"
    assert away[farthest] > away[second] + 0.05
    assert distance(twins, "can", "blue_cube") < distance(twins, "can_2", "blue_cube") - 0.05


def distance(scene: Scene, one: str, other: str) -> float:
    way = scene[one].T_base_entity.p - scene[other].T_base_entity.p
    return float(np.linalg.norm(way[:2]))


def test_a_step_is_a_literal_or_a_call_with_some_of_its_arguments():
    assert parse_step("not in(can, box)") == Literal(
        predicate="in", args=("can", "box"), negated=True
    )
    assert parse_step("call home()") == SkillCall(skill="home")
    assert parse_step("call place(object=can, relation=in)") == SkillCall(
        skill="place", args={"object": "can", "relation": "in"}
    )
    with pytest.raises(RefusedError, match="form"):
        parse_step("the can in the box")


def test_an_instruction_needs_something_that_is_right():
    common = {"id": "x", "scene": "kitchen", "text": "do it", "kinds": ("plain",)}
    with pytest.raises(ValueError, match="goal, a reason to refuse"):
        Instruction(**common)
    with pytest.raises(ValueError, match="no goal"):
        Instruction(**common, refuse=Reason.UNSAFE, untouched=("can",))
