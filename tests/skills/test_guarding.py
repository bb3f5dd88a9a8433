"""What is noticed while a skill runs: a hand that has become empty, a thing that has gone."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.plan import SkillCall
from robot_skills.core.scene import Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, ArmState
from robot_skills.skills.guarding import GuardConfig, guard_of
from tests.perception.raycast import T_FRONT, block, frame

CALL = SkillCall(skill="grasp", args={"object": "red_cube"})
PLACE = SkillCall(skill="place", args={"object": "red_cube", "relation": "in", "target": "box"})
AT = (0.5, 0.0, 0.02)
WATCHING = GuardConfig(cameras=("front",))


def entity(name: str, xyz=AT, **more) -> Entity:
    return Entity(
        name=name,
        label="cube",
        T_base_entity=SE3.from_translation(xyz),
        extents_m=np.full(3, 0.04),
        **more,
    )


def scene(*things: Entity) -> Scene:
    return Scene(stamp_s=0.0, entities={e.name: e for e in things}, opening={DEFAULT_ARM: 1.0})


def state(at_s=0.0, opening=1.0, tool=(0.3, 0.3, 0.3)) -> ArmState:
    return ArmState(
        stamp_s=at_s,
        q_rad=np.zeros(7),
        dq_rad_s=np.zeros(7),
        tau_nm=np.zeros(7),
        T_base_tool=SE3(np.diag([1.0, -1.0, -1.0]), np.asarray(tool)),
        opening=opening,
    )


def watch(*blocks, call=CALL, things=None, config=WATCHING):
    def frames():
        return {"front": frame(T_FRONT, blocks)}

    return guard_of(call, scene(*(things or (entity("red_cube"),))), DEFAULT_ARM, frames, config)


def problems(guard, states, told=None) -> list[str]:
    return [guard.problem(one, told) for one in states]


def holder(**more):
    return watch(call=PLACE, things=(entity("red_cube", held_by=DEFAULT_ARM),), **more)


def test_a_hand_that_closes_although_nobody_told_it_has_lost_what_it_held():
    guard = holder()
    openings = [0.4, 0.4, 0.1, 0.0, 0.0]
    found = problems(guard, [state(0.05 * i, o) for i, o in enumerate(openings)], told=0.0)
    assert found == ["", "", "", "", "red_cube is no longer held"]


def test_a_hand_that_was_told_to_open_has_lost_nothing():
    guard = holder()
    assert guard.problem(state(0.0, 0.4), 0.0) == ""
    assert guard.problem(state(0.1, 0.5), 1.0) == ""
    assert problems(guard, [state(0.2 + 0.05 * i, 0.0) for i in range(5)], 0.0) == [""] * 5


def test_a_thing_that_gives_way_a_little_is_still_held():
    assert problems(holder(), [state(0.05 * i, 0.4 - 0.01 * i) for i in range(9)], 0.0) == [""] * 9


def test_of_a_thing_as_thin_as_paper_the_fingers_tell_nothing():
    assert (
        problems(holder(), [state(0.05 * i, 0.02 - 0.005 * i) for i in range(4)], 0.0) == [""] * 4
    )


def test_a_thing_whose_place_is_seen_to_be_empty_is_no_longer_there():
    guard = watch()
    found = problems(guard, [state(0.4 * i) for i in range(2)])
    assert found == ["", "red_cube is no longer where it was"]


def test_a_thing_that_is_there_is_there():
    guard = watch(block(0.5, 0.0, 0.0, 0.04, (0.8, 0.1, 0.1)))
    assert problems(guard, [state(0.4 * i) for i in range(4)]) == [""] * 4


def test_what_hides_the_place_proves_nothing():
    guard = watch(block(0.7, 0.0, 0.0, (0.02, 0.6, 0.5), (0.2, 0.2, 0.2)))
    assert problems(guard, [state(0.4 * i) for i in range(4)]) == [""] * 4


def test_a_thing_is_not_watched_any_more_once_the_hand_is_near():
    guard = watch()
    found = problems(guard, [state(0.0, tool=(0.5, 0.05, 0.1)), state(0.4), state(0.8), state(1.2)])
    assert found == [""] * 4


@pytest.mark.parametrize("config", [GuardConfig()])
def test_without_a_camera_things_are_not_watched(config):
    assert problems(watch(config=config), [state(0.4 * i) for i in range(4)]) == [""] * 4


def test_what_was_only_remembered_or_stands_still_anyway_is_not_watched():
    hidden = watch(things=(entity("red_cube", visible=False),))
    fixed = watch(things=(entity("red_cube", movable=False),))
    assert problems(hidden, [state(0.4 * i) for i in range(4)]) == [""] * 4
    assert problems(fixed, [state(0.4 * i) for i in range(4)]) == [""] * 4


def test_contradictions_are_refused():
    with pytest.raises(ValueError, match="lost_below"):
        GuardConfig(lost_below=1.5)
    with pytest.raises(ValueError, match="looks"):
        replace(WATCHING, looks=0)
