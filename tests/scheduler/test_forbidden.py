"""Regions in which nothing is touched, put down or pushed."""

import numpy as np
import pytest

from robot_skills.core.errors import RefusedError
from robot_skills.core.free_spots import free_spot_on_table
from robot_skills.core.plan import SkillCall
from robot_skills.core.regions import ForbiddenRegion
from robot_skills.core.scene import TABLE
from robot_skills.scheduler.forbidden import Forbidden, load_regions
from robot_skills.scheduler.plan_checker import CheckerConfig, PlanChecker
from robot_skills.scheduler.rules_planner import RulesPlanner
from tests.scheduler import worlds

CARDS = tuple(worlds.zoo_cards().values())


def region(x, y, half=0.02, z=(0.0, 0.3)) -> ForbiddenRegion:
    return ForbiddenRegion(
        name="keyboard",
        lower_m=np.array([x - half, y - half, z[0]]),
        upper_m=np.array([x + half, y + half, z[1]]),
    )


def judge(call: SkillCall, scene, *regions: ForbiddenRegion) -> str | None:
    return Forbidden(regions, CARDS)(call, scene)


def call(skill: str, **args: str) -> SkillCall:
    return SkillCall(skill=skill, args=args)


GRASP = call("grasp", object="red_cube")
PUT_IN_BOX = call("place", object="red_cube", relation="in", target="box")
PUT_DOWN = call("place", object="red_cube", relation="on", target=TABLE)


def test_what_stands_elsewhere_may_be_taken():
    assert judge(GRASP, worlds.kitchen(), region(0.7, 0.4)) is None
    assert judge(GRASP, worlds.kitchen()) is None


@pytest.mark.parametrize(
    ("one", "at"),
    [
        (GRASP, (0.4, 0.0)),
        (PUT_IN_BOX, worlds.BOX_AT),
        (call("reach", object="red_cube", side="over"), (0.4, 0.0)),
        (call("open", thing="drawer"), worlds.DRAWER_AT),
    ],
)
def test_what_is_in_a_region_is_not_touched(one, at):
    reason = judge(one, worlds.kitchen(), region(*at))
    assert reason is not None
    assert "forbidden region 'keyboard'" in reason


def test_a_region_has_a_height():
    assert judge(GRASP, worlds.kitchen(), region(0.4, 0.0, z=(0.2, 0.5))) is None


def test_a_drawer_is_not_opened_into_a_region():
    x, y = worlds.DRAWER_AT
    assert judge(call("open", thing="drawer"), worlds.kitchen(), region(x, y - 0.2)) is not None


def test_a_thing_is_not_put_down_where_the_table_is_forbidden():
    scene = worlds.kitchen(held="red_cube")
    spot = free_spot_on_table(scene, scene["red_cube"])
    reason = judge(PUT_DOWN, scene, region(spot[0], spot[1]))
    assert reason is not None
    assert "the spot for red_cube" in reason
    assert judge(PUT_DOWN, scene, region(spot[0] + 0.1, spot[1] + 0.1)) is None


def test_a_thing_is_not_pushed_through_a_region():
    push = call("push", object="red_cube", target="zone")
    scene = worlds.workshop()
    assert judge(push, scene, region(0.47, 0.2)) is None
    reason = judge(push, scene, region(0.47, 0.0))
    assert reason is not None
    assert "way of red_cube" in reason


def test_calls_of_unknown_skills_are_not_judged_here():
    assert judge(call("fly"), worlds.kitchen(), region(0.4, 0.0)) is None


def test_the_checker_names_call_and_region():
    rules = (Forbidden([region(*worlds.BOX_AT)], CARDS),)
    checker = PlanChecker(CARDS, CheckerConfig(rules=rules))
    plan = RulesPlanner(CARDS).plan("put the red cube in the box", worlds.kitchen())
    verdict = checker.check(plan, worlds.kitchen())
    assert verdict.call == plan.calls[1]
    assert verdict.reasons[0].startswith("call 2, place")
    assert "keyboard" in verdict.reasons[0]


def test_regions_come_from_a_file(tmp_path):
    path = tmp_path / "regions.yaml"
    path.write_text("forbidden:\n  lamp: {lower_m: [0.1, 0, 0], upper_m: [0.2, 0.1, 1]}\n")
    (one,) = load_regions(path)
    assert one.name == "lamp"
    np.testing.assert_allclose(one.upper_m, [0.2, 0.1, 1.0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "forbidden: {}",
        "forbidden: 3",
        "regions: []",
        "forbidden: [lamp]",
        "forbidden: {lamp: 3}",
        "forbidden: {lamp: {lower_m: [0, 0, 0]}}",
        "forbidden: {lamp: {lower_m: [0, 0], upper_m: [1, 1, 1]}}",
        "forbidden: {lamp: {lower_m: [0, 0, 2], upper_m: [1, 1, 1]}}",
        "forbidden: {lamp: {lower_m: [0, 0, 0], upper_m: [.nan, 1, 1]}}",
        "forbidden: {lamp: {lower_m: [0, 0, a], upper_m: [1, 1, 1]}}",
        "forbidden: {a: {lower_m: [0, 0, 0], upper_m: [1, 1, 1], soft: true}}",
        "a: [",
    ],
)
def test_files_that_say_something_else_are_refused(tmp_path, text):
    path = tmp_path / "regions.yaml"
    path.write_text(text)
    with pytest.raises(RefusedError, match=r"regions\.yaml"):
        load_regions(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="cannot be read"):
        load_regions(tmp_path / "none.yaml")
