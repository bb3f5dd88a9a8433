"""Scenes as markers for RViz and Foxglove: a box and a name for each entity."""

from typing import Any

from hardware.ros2.messages import fill_pose
from robot_skills.core.scene import TABLE, Entity, Scene

_SEEN = (0.2, 0.6, 1.0, 0.7)
_REMEMBERED = (0.6, 0.6, 0.6, 0.4)
_TABLE = (0.5, 0.4, 0.3, 0.3)
_TEXT_M = 0.025


def marker_array(scene: Scene, header: Any) -> Any:
    """A ``visualization_msgs/MarkerArray`` that takes the place of the one before.

    Args:
        scene: What was seen.
        header: Of every marker.
    """
    from visualization_msgs.msg import Marker, MarkerArray

    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for number, entity in enumerate(scene):
        markers.append(_box(Marker(header=header, ns="boxes", id=number), entity))
        if entity.name != TABLE:
            markers.append(_name(Marker(header=header, ns="names", id=number), entity))
    return MarkerArray(markers=markers)


def _box(marker: Any, entity: Entity) -> Any:
    marker.type = marker.CUBE
    fill_pose(marker.pose, entity.T_base_entity.matrix())
    marker.scale.x, marker.scale.y, marker.scale.z = (float(size) for size in entity.extents_m)
    colour = _TABLE if entity.name == TABLE else _SEEN if entity.visible else _REMEMBERED
    marker.color.r, marker.color.g, marker.color.b, marker.color.a = colour
    return marker


def _name(marker: Any, entity: Entity) -> Any:
    marker.type = marker.TEXT_VIEW_FACING
    fill_pose(marker.pose, entity.T_base_entity.matrix())
    marker.pose.position.z = entity.top_m + _TEXT_M
    marker.scale.z = _TEXT_M
    marker.color.r = marker.color.g = marker.color.b = marker.color.a = 1.0
    marker.text = f"{entity.name} {entity.confidence:.2f}"
    return marker
