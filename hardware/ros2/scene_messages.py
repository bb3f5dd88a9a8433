"""Scenes to and from our own messages. Importable without ROS."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hardware.ros2.messages import fill_pose, fill_stamp, pose_matrix
from hardware.ros2.times import clock_name
from robot_skills.core.errors import PerceptionError
from robot_skills.core.scene import Articulation, Control, Entity, Region, Scene
from robot_skills.core.se3 import SE3, Array


def scene_message(scene: Scene, frame: str = "", wall_s: float = 0.0) -> Any:
    """A scene as ``SceneEntities``, with stamps of this machine's clock.

    Args:
        scene: What was seen.
        frame: Name of the arm's base frame.
        wall_s: Wall time of the latest look, for those who know no other.
    """
    from robot_skills_interfaces.msg import SceneEntities

    message = SceneEntities(clock=clock_name(), stamp_s=float(scene.stamp_s))
    message.header.frame_id = frame
    fill_stamp(message.header.stamp, wall_s)
    message.entities = [_entity_message(entity) for entity in scene]
    message.arms = list(scene.opening)
    message.opening = [float(opening) for opening in scene.opening.values()]
    tools = [scene.tools[arm] for arm in scene.opening if arm in scene.tools]
    if len(tools) == len(scene.opening):
        message.base_from_tool = [_pose_message(tool) for tool in tools]
    return message


def scene_of(message: Any, offset_s: float = 0.0) -> Scene:
    """The scene of a ``SceneEntities``.

    Args:
        message: What was received.
        offset_s: What to add to its times.

    Raises:
        PerceptionError: It contradicts itself, or has numbers that are none.
    """
    if len(message.arms) != len(message.opening):
        raise PerceptionError(
            f"A scene has {len(message.arms)} arms and {len(message.opening)} openings."
        )
    if message.base_from_tool and len(message.base_from_tool) != len(message.arms):
        raise PerceptionError(
            f"A scene has {len(message.arms)} arms and {len(message.base_from_tool)} tools."
        )
    entities = [_entity_of(one, offset_s) for one in message.entities]
    names = [entity.name for entity in entities]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        raise PerceptionError(f"A scene has entities without names of their own: {twice or names}.")
    return Scene(
        stamp_s=message.stamp_s + offset_s,
        entities=dict(zip(names, entities, strict=True)),
        opening=dict(zip(message.arms, (float(one) for one in message.opening), strict=True)),
        tools={
            arm: _pose(pose, f"tool of {arm}")
            for arm, pose in zip(message.arms, message.base_from_tool, strict=False)
        },
    )


def _entity_message(entity: Entity) -> Any:
    from robot_skills_interfaces.msg import SceneEntity

    message = SceneEntity(
        name=entity.name,
        label=entity.label,
        colour=entity.colour,
        confidence=float(entity.confidence),
        stamp_s=float(entity.stamp_s),
        visible=bool(entity.visible),
        movable=bool(entity.movable),
        held_by=entity.held_by or "",
    )
    fill_pose(message.base_from_entity, entity.T_base_entity.matrix())
    _fill_vector(message.extents_m, entity.extents_m)
    if entity.articulation is not None:
        message.articulation = [_articulation_message(entity.articulation)]
    if entity.control is not None:
        message.control = [_control_message(entity.control)]
    if entity.cavity is not None:
        message.cavity = [_region_message(entity.cavity)]
    if entity.access is not None:
        message.access = [_region_message(entity.access)]
    return message


def _entity_of(message: Any, offset_s: float) -> Entity:
    name = message.name
    joint, control = _only(message.articulation), _only(message.control)
    cavity, access = _only(message.cavity), _only(message.access)
    return Entity(
        name=name,
        label=message.label,
        colour=message.colour,
        T_base_entity=_pose(message.base_from_entity, name),
        extents_m=_vector(message.extents_m, name),
        confidence=message.confidence,
        stamp_s=message.stamp_s + offset_s,
        visible=message.visible,
        movable=message.movable,
        held_by=message.held_by or None,
        articulation=None if joint is None else _articulation_of(joint, name),
        control=None if control is None else _control_of(control, name),
        cavity=None if cavity is None else _region_of(cavity, name),
        access=None if access is None else _region_of(access, name),
    )


def _articulation_message(joint: Articulation) -> Any:
    from robot_skills_interfaces.msg import SceneArticulation

    message = SceneArticulation(value_m=float(joint.value_m), upper_m=float(joint.upper_m))
    _fill_vector(message.axis, joint.axis_entity)
    fill_pose(message.entity_from_handle, joint.T_entity_handle.matrix())
    _fill_vector(message.handle_extents_m, joint.handle_extents_m)
    if joint.hinge_entity is not None:
        from geometry_msgs.msg import Vector3

        hinge = Vector3()
        _fill_vector(hinge, joint.hinge_entity)
        message.hinge = [hinge]
    return message


def _articulation_of(message: Any, name: str) -> Articulation:
    hinge = _only(message.hinge)
    return Articulation(
        value_m=message.value_m,
        upper_m=message.upper_m,
        axis_entity=_vector(message.axis, name),
        T_entity_handle=_pose(message.entity_from_handle, name),
        handle_extents_m=_vector(message.handle_extents_m, name),
        hinge_entity=None if hinge is None else _vector(hinge, name),
    )


def _control_message(control: Control) -> Any:
    from robot_skills_interfaces.msg import SceneControl

    message = SceneControl(on=bool(control.on), travel_m=float(control.travel_m))
    fill_pose(message.entity_from_press, control.T_entity_press.matrix())
    return message


def _control_of(message: Any, name: str) -> Control:
    return Control(
        on=message.on,
        T_entity_press=_pose(message.entity_from_press, name),
        travel_m=message.travel_m,
    )


def _region_message(region: Region) -> Any:
    from robot_skills_interfaces.msg import SceneRegion

    message = SceneRegion()
    fill_pose(message.entity_from_region, region.T_entity_region.matrix())
    _fill_vector(message.extents_m, region.extents_m)
    return message


def _region_of(message: Any, name: str) -> Region:
    return Region(
        T_entity_region=_pose(message.entity_from_region, name),
        extents_m=_vector(message.extents_m, name),
    )


def _pose_message(T: SE3) -> Any:
    from geometry_msgs.msg import Pose

    message = Pose()
    fill_pose(message, T.matrix())
    return message


def _only(messages: Sequence[Any]) -> Any:
    return messages[0] if messages else None


def _pose(pose: Any, name: str) -> SE3:
    o, p = pose.orientation, pose.position
    numbers = np.array([p.x, p.y, p.z, o.w, o.x, o.y, o.z])
    if not np.isfinite(numbers).all() or np.linalg.norm(numbers[3:]) < 0.5:
        raise PerceptionError(f"The entity {name!r} of a scene has a pose that is none.")
    return SE3.from_matrix(pose_matrix(pose))


def _vector(vector: Any, name: str) -> Array:
    numbers = np.array([vector.x, vector.y, vector.z])
    if not np.isfinite(numbers).all():
        raise PerceptionError(f"The entity {name!r} of a scene has sizes that are none.")
    return numbers


def _fill_vector(vector: Any, numbers: Array) -> None:
    vector.x, vector.y, vector.z = (float(number) for number in numbers)
