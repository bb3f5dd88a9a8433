"""JSON schemas of the channels in an episode log.

Pictures and calibrations follow Foxglove's well-known schemas, so its image panels show them; the
others are our own and can be plotted field by field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NUMBER = {"type": "number"}
_NUMBERS = {"type": "array", "items": _NUMBER}
_STRING = {"type": "string"}
_TIME = {
    "type": "object",
    "title": "time",
    "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}},
}
_POSE = {
    "type": "object",
    "description": "Pose in the base frame: position [m] and quaternion, w first.",
    "properties": {"p": _NUMBERS, "wxyz": _NUMBERS},
}
_CHUNK = {
    "type": ["object", "null"],
    "description": "Waypoints per arm: times [s], positions [m], quaternions (w first), openings.",
    "properties": {"stamp_s": _NUMBERS, "arms": {"type": "object"}},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """A named JSON schema."""

    name: str
    properties: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """The schema as JSON Schema wants it."""
        return {"title": self.name, "type": "object", "properties": dict(self.properties)}


EVENT = Schema(
    name="robot_skills.Event",
    properties={"stamp_s": _NUMBER, "kind": _STRING, "data": {"type": "object"}},
)
ARM_STATE = Schema(
    name="robot_skills.ArmState",
    properties={
        "stamp_s": _NUMBER,
        "arm": _STRING,
        "q_rad": _NUMBERS,
        "dq_rad_s": _NUMBERS,
        "tau_nm": _NUMBERS,
        "T_base_tool": _POSE,
        "opening": _NUMBER,
    },
)
ARM_COMMAND = Schema(
    name="robot_skills.ArmCommand",
    properties={
        "stamp_s": _NUMBER,
        "requested": _CHUNK,
        "accepted": _CHUNK,
        "refused": {"type": ["string", "null"]},
    },
)
SCENE = Schema(
    name="robot_skills.Scene",
    properties={
        "stamp_s": _NUMBER,
        "opening": {"type": "object"},
        "entities": {"type": "array", "items": {"type": "object"}},
    },
)
LATENCY = Schema(
    name="robot_skills.Latency",
    properties={"stamp_s": _NUMBER, "stage": _STRING, "wall_ms": _NUMBER},
)
PICTURE = Schema(
    name="foxglove.CompressedImage",
    properties={
        "timestamp": _TIME,
        "frame_id": _STRING,
        "data": {"type": "string", "contentEncoding": "base64"},
        "format": _STRING,
    },
)
CALIBRATION = Schema(
    name="foxglove.CameraCalibration",
    properties={
        "timestamp": _TIME,
        "frame_id": _STRING,
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "distortion_model": _STRING,
        "D": _NUMBERS,
        "K": _NUMBERS,
        "R": _NUMBERS,
        "P": _NUMBERS,
        "T_base_camera": _POSE,
    },
)
NUMBERS = Schema(
    name="robot_skills.Numbers",
    properties={"stamp_s": _NUMBER, "values": _NUMBERS},
)
