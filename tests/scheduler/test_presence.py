"""What is gone is not acted on, and another one of its kind will do where the words say so."""

from dataclasses import replace

import pytest

from robot_skills.core.plan import Literal, Plan, SkillCall, Specification
from robot_skills.core.scene import Scene
from robot_skills.scheduler.presence import (
    gone_text,
    leaves_choice,
    present,
    wanted_things,
    with_another,
)
from tests.scheduler import worlds

IN_BOX = Literal(predicate="in", args=("red_cube", "box"))
BLUE_IN_BOX = Literal(predicate="in", args=("blue_cube", "box"))


def gone(scene: Scene, name: str) -> Scene:
    return scene.with_entity(replace(scene[name], gone=True, visible=False))


def plan(words: str = "put a cube in the box", **more) -> Plan:
    return Plan(instruction=words, goal=(IN_BOX,), calls=(), planner="test", **more)


def test_a_scene_where_all_is_there_stays_the_same_one():
    scene = worlds.kitchen()
    assert present(scene) is scene


def test_what_is_gone_is_not_in_the_scene():
    scene = present(gone(worlds.kitchen(), "red_cube"))
    assert "red_cube" not in scene
    assert "green_cube" in scene


def test_goal_and_milestones_name_what_is_wanted():
    call = SkillCall(skill="grasp", args={"object": "can"})
    wishes = plan(milestones=((Literal(predicate="open", args=("drawer",)),), call))
    assert set(wanted_things(wishes)) == {"red_cube", "box", "drawer", "can"}


def test_where_a_thing_was_is_told():
    text = gone_text(worlds.kitchen()["red_cube"])
    assert text.startswith("red_cube is gone")
    assert "(0.40, 0.00, 0.02) m" in text


@pytest.mark.parametrize(
    ("words", "free"),
    [
        ("put a cube in the box", True),
        ("put any small red cube in the box", True),
        ("put the leftmost cube in the box", False),
        ("put the cube and a can in the box", False),
    ],
)
def test_only_a_thing_that_goes_by_its_kind_alone_leaves_a_choice(words, free):
    assert leaves_choice(plan(words), worlds.kitchen()["red_cube"]) is free


def test_another_thing_of_the_kind_takes_its_place_in_all_that_is_wanted():
    scene = worlds.kitchen()
    wishes = plan(milestones=((Literal(predicate="holding", args=("red_cube",)),),))
    found = with_another(
        wishes, scene["red_cube"], present(gone(scene, "red_cube")), (BLUE_IN_BOX,)
    )
    assert found is not None
    swapped, other = found
    assert other.name == "blue_cube"
    assert swapped.goal == (BLUE_IN_BOX,)
    assert swapped.milestones == ((Literal(predicate="holding", args=("blue_cube",)),),)


def test_what_is_left_of_a_specification_speaks_of_the_other_thing():
    scene = worlds.kitchen()
    told = "weak_until(not open(drawer), in(red_cube, box))"
    wishes = plan(specification=Specification(parts=(told,), rest=(told,)))
    found = with_another(
        wishes, scene["red_cube"], present(gone(scene, "red_cube")), (BLUE_IN_BOX,)
    )
    assert found is not None
    left = found[0].specification
    assert left is not None
    assert left.parts == left.rest == ("weak_until(not open(drawer), in(blue_cube, box))",)


def test_a_thing_that_the_words_do_not_mean_does_not_take_its_place():
    scene = worlds.kitchen()
    elsewhere = Literal(predicate="in", args=("blue_cube", "drawer"))
    rest = present(gone(scene, "red_cube"))
    assert with_another(plan(), scene["red_cube"], rest, (elsewhere,)) is None
