"""Before a call: what it relies on, and what somebody has undone or moved meanwhile."""

from dataclasses import replace

from robot_skills.core.plan import SkillCall
from robot_skills.core.se3 import SE3
from robot_skills.scheduler.expected import ExpectedStep
from robot_skills.scheduler.premises import examine, moved_things
from tests.scheduler import worlds

CARD = worlds.cards()["grasp"]
GRASP = SkillCall(skill="grasp", args={"object": "red_cube"})


def moved(scene, name, xyz):
    return scene.with_entity(replace(scene[name], T_base_entity=SE3.from_translation(xyz)))


def kept(*literals: str) -> ExpectedStep:
    return ExpectedStep(brings=(), ends=(), keeps=literals)


def test_nothing_is_wrong_with_a_scene_as_it_was():
    scene = worlds.kitchen()
    premises = examine(GRASP, CARD, kept("on(can, table)"), scene, scene, ())
    assert premises.hold
    assert not premises.moved
    assert str(premises) == ""


def test_what_an_earlier_call_has_brought_and_is_no_more_is_named():
    scene = worlds.kitchen()
    premises = examine(GRASP, CARD, kept("in(green_cube, box)"), scene, scene, ())
    assert not premises.hold
    assert "in(green_cube, box) is needed later and holds no longer" in str(premises)


def test_preconditions_that_do_not_hold_are_named():
    premises = examine(GRASP, CARD, None, worlds.kitchen(), worlds.kitchen(held="can"), ())
    assert [str(literal) for literal in premises.unmet] == ["hand_empty()"]


def test_what_somebody_else_has_moved_is_told_and_breaks_nothing():
    before = worlds.kitchen()
    now = moved(before, "red_cube", (0.4, 0.2, 0.02))
    premises = examine(GRASP, CARD, kept(), before, now, ())
    assert premises.hold
    assert str(premises) == "red_cube was moved by 0.20 m"


def test_what_a_call_was_about_was_not_moved_by_somebody_else():
    before = worlds.kitchen()
    now = moved(before, "red_cube", (0.4, 0.2, 0.02))
    assert moved_things(before, now, {"red_cube"}) == {}


def test_what_is_only_remembered_tells_nothing():
    before = worlds.kitchen()
    now = moved(before, "red_cube", (0.4, 0.2, 0.02))
    now = now.with_entity(replace(now["red_cube"], visible=False))
    assert moved_things(before, now, ()) == {}
