"""Goals, milestones, specifications and things as JSON text, and back."""

import json
from typing import Any

import numpy as np

from robot_skills.core.plan import Literal, Milestone, SkillCall, Specification
from robot_skills.core.scene import Entity
from robot_skills.core.se3 import SE3
from robot_skills.skills.card import parse_literal


def goal_from_text(text: str) -> tuple[Literal, ...]:
    """From the goal of a PLAN event, as JSON text.

    Raises:
        RefusedError: It names a predicate that does not exist any more.
    """
    return tuple(map(parse_literal, json.loads(text)))


def milestones_from_json(data: list[Any]) -> tuple[Milestone, ...]:
    """From the milestones of a PROGRESS event."""
    return tuple(_milestone(step) for step in data)


def specification_from_text(text: str | None) -> Specification | None:
    """From the specification of a PROGRESS event, as JSON text."""
    data = None if text is None else json.loads(text)
    if data is None:
        return None
    return Specification(parts=tuple(data["parts"]), rest=tuple(data["rest"]))


def entity_to_text(entity: Entity) -> str:
    """What can be remembered of a free thing: an upright box of some kind and colour."""
    return json.dumps(
        {
            "label": entity.label,
            "colour": entity.colour,
            "p_m": entity.T_base_entity.p.tolist(),
            "yaw_rad": entity.T_base_entity.yaw_rad(),
            "extents_m": entity.extents_m.tolist(),
            "confidence": entity.confidence,
            "held_by": entity.held_by,
        }
    )


def entity_from_text(name: str, text: str) -> Entity:
    """The thing that `entity_to_text` wrote, not seen now."""
    data = json.loads(text)
    return Entity(
        name=name,
        label=data["label"],
        colour=data["colour"],
        T_base_entity=SE3.from_yaw(data["yaw_rad"], data["p_m"]),
        extents_m=np.array(data["extents_m"]),
        confidence=data["confidence"],
        visible=False,
        held_by=data["held_by"],
    )


def _milestone(data: Any) -> Milestone:
    if isinstance(data, dict):
        return SkillCall(skill=data["skill"], args=data["args"])
    return tuple(map(parse_literal, data))
