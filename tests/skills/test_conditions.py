"""Checks of preconditions and effects, and what they say."""

from dataclasses import replace

from robot_skills.core.plan import Literal
from robot_skills.skills.card import SkillCard, parse_literal
from robot_skills.skills.conditions import check_effects, check_literals, check_preconditions
from tests.fakes import ZOO, bin_, cube, drawer, make_scene

GRASP = SkillCard.load(ZOO / "grasp" / "card.yaml")


def literals(*texts: str) -> tuple[Literal, ...]:
    return tuple(map(parse_literal, texts))


def test_a_check_that_holds_has_nothing_to_say():
    check = check_preconditions(GRASP, {"object": "red_cube"}, make_scene(cube()))
    assert check.ok
    assert check.reason == ""
    assert len(check.literals) == 3


def test_effects_name_what_does_not_hold_and_what_was_seen():
    check = check_effects(GRASP, {"object": "red_cube"}, make_scene(cube()))
    assert [str(literal) for literal in check.unmet] == ["holding(red_cube)", "not hand_empty()"]
    assert "red_cube is on table, at (0.50, 0.00, 0.02) m" in check.reason
    assert "the hand holds nothing" in check.reason


def test_a_thing_that_is_gone_does_not_satisfy_anything():
    scene = make_scene(cube())
    for literal in literals("on(blue_cube, table)", "not on(blue_cube, table)"):
        check = check_literals((literal,), scene)
        assert not check.ok
        assert "blue_cube was not seen" in check.reason


def test_words_tell_containers_joints_and_memory():
    inside = replace(cube(x=0.5, y=-0.25), visible=False)
    scene = make_scene(inside, bin_(), drawer(value_m=0.05))
    check = check_literals(literals("holding(red_cube)", "closed(drawer)"), scene)
    assert "in box" in check.reason
    assert "as last seen" in check.reason
    assert "open by 5.0 cm" in check.reason
