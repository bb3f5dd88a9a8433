"""Scenes and results of skills cross ROS 2 unchanged, and what contradicts itself is refused."""

import numpy as np
import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.ros2.scene_messages import scene_message, scene_of
from hardware.ros2.skill_messages import call_of, fill_result, result_of, words_of
from robot_skills.core.errors import PerceptionError, RefusedError
from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.core.scene import Articulation, Control, Entity, Region, Scene
from robot_skills.core.se3 import SE3

BOX = np.array([0.3, 0.2, 0.1])
TOOL = SE3.from_yaw(0.2, np.array([0.4, 0.0, 0.3]))


def drawer():
    T = SE3.from_yaw(0.7, np.array([0.5, -0.2, 0.1]))
    return Entity(
        name="drawer",
        label="drawer",
        T_base_entity=T,
        extents_m=BOX,
        confidence=0.25,
        stamp_s=12.5,
        visible=False,
        movable=False,
        articulation=Articulation(
            value_m=0.05,
            upper_m=0.2,
            axis_entity=np.array([1.0, 0.0, 0.0]),
            T_entity_handle=SE3.from_yaw(-0.2, np.array([0.1, 0.0, 0.0])),
            handle_extents_m=np.array([0.01, 0.1, 0.02]),
            hinge_entity=np.array([0.1, -0.1, 0.0]),
        ),
        control=Control(on=True, T_entity_press=T, travel_m=0.01),
        cavity=Region(T_entity_region=T, extents_m=0.5 * BOX),
    )


def cube():
    T = SE3.from_yaw(-3.0, np.array([0.4, 0.1, 0.02]))
    return Entity(
        name="red_cube", label="cube", colour="red", T_base_entity=T, extents_m=BOX, held_by="arm"
    )


def scene():
    entities = {one.name: one for one in (drawer(), cube())}
    return Scene(stamp_s=13.0, entities=entities, opening={"arm": 0.5}, tools={"arm": TOOL})


def same_region(one, other):
    np.testing.assert_allclose(one.T_entity_region.matrix(), other.T_entity_region.matrix())
    np.testing.assert_allclose(one.extents_m, other.extents_m)


def test_a_scene_comes_back_as_it_was():
    found = scene_of(scene_message(scene(), "base_link", wall_s=1000.25), offset_s=100.0)
    assert list(found.entities) == ["drawer", "red_cube"]
    assert found.stamp_s == pytest.approx(113.0)
    assert found.opening == {"arm": 0.5}
    for name, before in scene().entities.items():
        after = found[name]
        np.testing.assert_allclose(
            after.T_base_entity.matrix(), before.T_base_entity.matrix(), atol=1e-12
        )
        np.testing.assert_allclose(after.extents_m, before.extents_m)
        for attribute in ("label", "colour", "confidence", "visible", "held_by", "movable"):
            assert getattr(after, attribute) == getattr(before, attribute)
        assert after.stamp_s == pytest.approx(before.stamp_s + 100.0)
    before, after = drawer(), found["drawer"]
    assert before.articulation is not None
    assert after.articulation is not None
    assert (after.articulation.value_m, after.articulation.upper_m) == (0.05, 0.2)
    np.testing.assert_allclose(after.articulation.axis_entity, before.articulation.axis_entity)
    np.testing.assert_allclose(
        after.articulation.T_entity_handle.matrix(), before.articulation.T_entity_handle.matrix()
    )
    np.testing.assert_allclose(after.articulation.hinge_entity, before.articulation.hinge_entity)
    assert (after.control.on, after.control.travel_m) == (True, 0.01)
    assert after.control.T_entity_press.allclose(before.control.T_entity_press)
    assert found["red_cube"].control is None
    assert found.tools["arm"].allclose(TOOL)
    same_region(after.cavity, before.cavity)
    assert after.access is None
    assert found["red_cube"].articulation is None


def test_its_header_says_where_and_when():
    header = scene_message(scene(), "base_link", wall_s=1000.25).header
    assert header.frame_id == "base_link"
    assert (header.stamp.sec, header.stamp.nanosec) == (1000, 250_000_000)


def two_of_a_name(message):
    message.entities[1].name = "drawer"


def no_name(message):
    message.entities[0].name = ""


def no_rotation(message):
    orientation = message.entities[1].base_from_entity.orientation
    orientation.w = orientation.x = orientation.y = orientation.z = 0.0


def no_size(message):
    message.entities[0].extents_m.y = float("inf")


def no_place(message):
    message.entities[0].articulation[0].entity_from_handle.position.x = float("nan")


def a_tool_too_many(message):
    message.base_from_tool = [*message.base_from_tool, *message.base_from_tool]


def an_arm_without_opening(message):
    message.opening = []


@pytest.mark.parametrize(
    "spoil",
    [
        two_of_a_name,
        no_name,
        no_rotation,
        no_size,
        no_place,
        a_tool_too_many,
        an_arm_without_opening,
    ],
)
def test_a_scene_that_cannot_be_is_refused(spoil):
    message = scene_message(scene())
    spoil(message)
    with pytest.raises(PerceptionError, match="scene"):
        scene_of(message)


@pytest.mark.parametrize("likely", [None, 0.0, 0.75])
def test_how_a_skill_ended_comes_back_as_it_was(likely):
    from robot_skills_interfaces.msg import SkillResult as Message

    call = SkillCall(skill="place", args={"object": "red_cube", "relation": "on"})
    before = SkillResult(
        call=call,
        outcome=Outcome.TIMEOUT,
        reason="too slow",
        duration_s=4.5,
        chunks=7,
        refused_chunks=2,
        likely=likely,
    )
    message = Message()
    fill_result(message, before)
    assert result_of(message, call) == before
    message.outcome = "splendid"
    with pytest.raises(RefusedError, match="splendid"):
        result_of(message, call)


def test_calls_are_words():
    call = SkillCall(skill="grasp", args={"object": "red_cube"})
    assert call_of("grasp", words_of(call.args)) == call
    with pytest.raises(RefusedError, match="name=value"):
        call_of("grasp", ["red_cube"])
