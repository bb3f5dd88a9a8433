"""Samples and decisions as JSON values, and back: what the messages of a log hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_skills.core.events import Event, EventKind
from robot_skills.core.scene import Articulation, Control, Entity, Region, Scene
from robot_skills.core.se3 import SE3, matrix_to_wxyz, wxyz_to_matrix
from robot_skills.core.types import ActionChunk, ArmChunk, ArmState


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Command:
    """One command to the robot.

    Attributes:
        stamp_s: When it was given.
        requested: What a skill asked for.
        accepted: What the robot took; None when the gate refused.
        refused: Why it was refused.
    """

    stamp_s: float
    requested: ActionChunk
    accepted: ActionChunk | None
    refused: str | None = None


def event_to_json(event: Event) -> dict[str, Any]:
    """A decision as JSON values; `event_from_json` reads it back."""
    return {"stamp_s": event.stamp_s, "kind": event.kind.value, "data": dict(event.data)}


def event_from_json(data: Mapping[str, Any]) -> Event:
    """The decision that `event_to_json` wrote."""
    return Event(stamp_s=data["stamp_s"], kind=EventKind(data["kind"]), data=data["data"])


def state_to_json(name: str, arm: ArmState) -> dict[str, Any]:
    """The measured state of the arm `name` as JSON values; `state_from_json` reads it back."""
    return {
        "stamp_s": arm.stamp_s,
        "arm": name,
        "q_rad": arm.q_rad.tolist(),
        "dq_rad_s": arm.dq_rad_s.tolist(),
        "tau_nm": arm.tau_nm.tolist(),
        "T_base_tool": pose_to_json(arm.T_base_tool),
        "opening": float(arm.opening),
    }


def command_to_json(command: Command) -> dict[str, Any]:
    """A command as JSON values; `command_from_json` reads it back."""
    accepted = command.accepted
    return {
        "stamp_s": command.stamp_s,
        "requested": chunk_to_json(command.requested),
        "accepted": None if accepted is None else chunk_to_json(accepted),
        "refused": command.refused,
    }


def scene_to_json(scene: Scene) -> dict[str, Any]:
    """A scene as JSON values; `scene_from_json` reads it back."""
    return {
        "stamp_s": scene.stamp_s,
        "opening": {arm: float(value) for arm, value in scene.opening.items()},
        "tools": {arm: pose_to_json(tool) for arm, tool in scene.tools.items()},
        "entities": [_entity_to_json(entity) for entity in scene],
    }


def scene_from_json(data: Mapping[str, Any]) -> Scene:
    """The scene that `scene_to_json` wrote."""
    entities = [_entity_from_json(item) for item in data["entities"]]
    return Scene(
        stamp_s=data["stamp_s"],
        entities={entity.name: entity for entity in entities},
        opening=data["opening"],
        # Logs of earlier versions do not say it.
        tools={arm: pose_from_json(tool) for arm, tool in data.get("tools", {}).items()},
    )


def ros_time(stamp_s: float) -> dict[str, int]:
    """Seconds as Foxglove's and ROS's messages have them."""
    sec, nsec = divmod(round(stamp_s * 1e9), 1_000_000_000)
    return {"sec": sec, "nsec": nsec}


def pose_to_json(T: SE3) -> dict[str, list[float]]:
    """A pose as position and quaternion; `pose_from_json` reads it back."""
    return {"p": T.p.tolist(), "wxyz": T.wxyz().tolist()}


def pose_from_json(data: Mapping[str, Any]) -> SE3:
    """The pose that `pose_to_json` wrote."""
    return SE3.from_wxyz(data["wxyz"], data["p"])


def chunk_to_json(chunk: ActionChunk) -> dict[str, Any]:
    """A chunk as lists of numbers; `chunk_from_json` reads it back."""
    return {
        "stamp_s": chunk.stamp_s.tolist(),
        "arms": {
            name: {
                "p": arm.T_base_tool[:, :3, 3].tolist(),
                "wxyz": matrix_to_wxyz(arm.T_base_tool[:, :3, :3]).tolist(),
                "opening": arm.opening.tolist(),
            }
            for name, arm in chunk.arms.items()
        },
    }


def chunk_from_json(data: Mapping[str, Any]) -> ActionChunk:
    """The chunk that `chunk_to_json` wrote."""
    arms = {}
    for name, arm in data["arms"].items():
        T = np.tile(np.eye(4), (len(arm["p"]), 1, 1))
        T[:, :3, :3] = wxyz_to_matrix(arm["wxyz"])
        T[:, :3, 3] = arm["p"]
        arms[name] = ArmChunk(T_base_tool=T, opening=arm["opening"])
    return ActionChunk(stamp_s=data["stamp_s"], arms=arms)


def command_from_json(data: Mapping[str, Any]) -> Command:
    """The command that `command_to_json` wrote."""
    accepted = data["accepted"]
    return Command(
        stamp_s=data["stamp_s"],
        requested=chunk_from_json(data["requested"]),
        accepted=None if accepted is None else chunk_from_json(accepted),
        refused=data["refused"],
    )


def state_from_json(data: Mapping[str, Any]) -> ArmState:
    """The state that `state_to_json` wrote, without the name of its arm."""
    return ArmState(
        stamp_s=data["stamp_s"],
        q_rad=data["q_rad"],
        dq_rad_s=data["dq_rad_s"],
        tau_nm=data["tau_nm"],
        T_base_tool=pose_from_json(data["T_base_tool"]),
        opening=data["opening"],
    )


def _region_to_json(region: Region | None) -> dict[str, Any] | None:
    if region is None:
        return None
    return {
        "T_entity_region": pose_to_json(region.T_entity_region),
        "extents_m": region.extents_m.tolist(),
    }


def _region_from_json(data: Mapping[str, Any] | None) -> Region | None:
    if data is None:
        return None
    return Region(
        T_entity_region=pose_from_json(data["T_entity_region"]), extents_m=data["extents_m"]
    )


def _articulation_to_json(joint: Articulation | None) -> dict[str, Any] | None:
    if joint is None:
        return None
    return {
        "value_m": float(joint.value_m),
        "upper_m": float(joint.upper_m),
        "axis_entity": joint.axis_entity.tolist(),
        "T_entity_handle": pose_to_json(joint.T_entity_handle),
        "handle_extents_m": joint.handle_extents_m.tolist(),
        "hinge_entity": None if joint.hinge_entity is None else joint.hinge_entity.tolist(),
    }


def _articulation_from_json(data: Mapping[str, Any] | None) -> Articulation | None:
    if data is None:
        return None
    handle = pose_from_json(data["T_entity_handle"])
    return Articulation(**{**data, "T_entity_handle": handle})


def _control_to_json(control: Control | None) -> dict[str, Any] | None:
    if control is None:
        return None
    return {
        "on": bool(control.on),
        "T_entity_press": pose_to_json(control.T_entity_press),
        "travel_m": float(control.travel_m),
    }


def _control_from_json(data: Mapping[str, Any] | None) -> Control | None:
    if data is None:
        return None
    return Control(**{**data, "T_entity_press": pose_from_json(data["T_entity_press"])})


def _entity_to_json(entity: Entity) -> dict[str, Any]:
    return {
        "name": entity.name,
        "label": entity.label,
        "colour": entity.colour,
        "T_base_entity": pose_to_json(entity.T_base_entity),
        "extents_m": entity.extents_m.tolist(),
        "confidence": float(entity.confidence),
        "stamp_s": float(entity.stamp_s),
        "visible": bool(entity.visible),
        "held_by": entity.held_by,
        "articulation": _articulation_to_json(entity.articulation),
        "control": _control_to_json(entity.control),
        "cavity": _region_to_json(entity.cavity),
        "access": _region_to_json(entity.access),
        "movable": bool(entity.movable),
    }


def _entity_from_json(data: Mapping[str, Any]) -> Entity:
    return Entity(
        **{
            **data,
            "T_base_entity": pose_from_json(data["T_base_entity"]),
            "articulation": _articulation_from_json(data["articulation"]),
            # Logs of earlier versions know of nothing that is switched.
            "control": _control_from_json(data.get("control")),
            "cavity": _region_from_json(data["cavity"]),
            "access": _region_from_json(data["access"]),
        }
    )
