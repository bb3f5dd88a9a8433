"""Another attempt is never the same once more, and what is in the way is moved aside."""

from dataclasses import replace

import pytest

from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.scheduler.recovery import (
    VARIATIONS,
    Failure,
    failure_of,
    recovery_calls,
    variation_after,
)
from robot_skills.skills.variation import USUAL
from tests.scheduler import worlds

CARDS = worlds.cards()
GRASP = SkillCall(skill="grasp", args={"object": "red_cube"})
PLACE = SkillCall(skill="place", args={"object": "red_cube", "relation": "in", "target": "box"})


def failed(call=GRASP, outcome=Outcome.FAILED, **more) -> SkillResult:
    return SkillResult(call=call, outcome=outcome, reason="scripted", duration_s=1.0, **more)


def moved(scene, name, xyz):
    return scene.with_entity(replace(scene[name], T_base_entity=SE3.from_translation(xyz)))


def test_a_thing_that_stays_where_it_was_was_missed():
    scene = worlds.kitchen()
    effects = CARDS["grasp"].effects(GRASP.args)
    assert failure_of(failed(), scene, scene, effects) is Failure.MISSED
    assert failure_of(failed(outcome=Outcome.TIMEOUT), scene, scene, effects) is Failure.MISSED


def test_a_thing_that_is_elsewhere_was_displaced():
    scene = worlds.kitchen()
    after = moved(scene, "red_cube", (0.45, 0.1, 0.02))
    assert failure_of(failed(), scene, after) is Failure.DISPLACED


def test_a_thing_that_is_in_the_hand_no_more_was_dropped():
    before, after = worlds.kitchen(value_m=0.16, held="red_cube"), worlds.kitchen(value_m=0.16)
    assert failure_of(failed(PLACE), before, after) is Failure.DROPPED


@pytest.mark.parametrize(
    ("code", "failure"), [("collision", Failure.BLOCKED), ("speed", Failure.REFUSED)]
)
def test_what_the_gate_refused_is_told_by_its_code(code, failure):
    scene = worlds.kitchen()
    assert failure_of(failed(refused_by=code), scene, scene) is failure


def test_what_opens_too_slowly_is_late():
    scene = worlds.kitchen()
    call = SkillCall(skill="open", args={"thing": "drawer"})
    result = failed(call, Outcome.TIMEOUT)
    assert failure_of(result, scene, scene, CARDS["open"].effects(call.args)) is Failure.LATE


@pytest.mark.parametrize("failure", [Failure.MISSED, Failure.BLOCKED, Failure.DROPPED])
def test_attempts_after_such_a_failure_differ_from_the_first_and_from_each_other(failure):
    varied = [variation_after(failure, made) for made in (1, 2)]
    assert USUAL not in varied
    assert len(set(varied)) == len(varied)


def test_variations_are_bounded_and_begin_anew_when_they_are_used_up():
    for failure, choices in VARIATIONS.items():
        assert variation_after(failure, 1 + len(choices)) == choices[0]


def test_what_is_in_the_way_of_the_hand_is_put_elsewhere():
    scene = moved(worlds.kitchen(), "can", (0.4, 0.09, 0.05))
    calls = recovery_calls(Failure.BLOCKED, GRASP, scene, CARDS)
    assert [str(call) for call in calls] == [
        "grasp(object=can)",
        "place(object=can, relation=on, target=table)",
    ]


def test_nothing_is_moved_aside_where_nothing_is_near_or_something_is_held():
    scene = worlds.scene(worlds.cube("red"), worlds.box())
    assert recovery_calls(Failure.BLOCKED, GRASP, scene, CARDS) == ()
    crowded = moved(worlds.kitchen(held="blue_cube"), "can", (0.4, 0.09, 0.05))
    assert crowded.held(DEFAULT_ARM) is not None
    assert recovery_calls(Failure.BLOCKED, GRASP, crowded, CARDS) == ()


@pytest.mark.parametrize("failure", [one for one in Failure if one is not Failure.BLOCKED])
def test_only_what_blocks_is_moved_aside(failure):
    scene = moved(worlds.kitchen(), "can", (0.4, 0.09, 0.05))
    assert recovery_calls(failure, GRASP, scene, CARDS) == ()
