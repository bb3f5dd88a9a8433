"""A leader arm from a YAML file: which one, and how its joints become those of the follower.

One of LeRobot's leaders::

    leader: so101_leader          # LeRobot's name of it
    port: /dev/ttyACM0
    id: blue                      # under which lerobot-calibrate stored its calibration
    joints:                       # the follower's joints, in their order
      - {key: shoulder_pan.pos, unit: degrees, sign: 1, offset_rad: 0.0}
    gripper: {key: gripper.pos, closed: 0, open: 100}

Dynamixel servos, as GELLO has them::

    leader: dynamixel
    port: /dev/ttyUSB0
    joints:
      - {id: 1, sign: 1, offset_rad: 3.14159}
    gripper: {id: 8, closed_rad: 3.5, open_rad: 2.7}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hardware.teleop import (
    DynamixelConfig,
    DynamixelSource,
    GripperMap,
    JointMap,
    LeaderDevice,
    LeaderMap,
    LeaderSource,
    LeRobotLeader,
    LeRobotSource,
    ServoMap,
    TriggerMap,
    Unit,
)
from robot_skills.core.clock import Clock
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.teleop import TeleopDevice

_DYNAMIXEL = "dynamixel"
_LEROBOT_KEYS = {"leader", "port", "id", "joints", "gripper"}
_DYNAMIXEL_KEYS = {"leader", "port", "baud", "joints", "gripper"}
_UNITS = {unit.name.lower(): unit for unit in Unit}


def leader_device(path: Path, switch: TeleopDevice, clock: Clock) -> LeaderDevice:
    """The leader that a file describes; not connected.

    Args:
        path: The file.
        switch: Whose dead-man switch it obeys.
        clock: Of the hands.

    Raises:
        RefusedError: The file cannot be read, or says something that makes no sense.
    """
    return LeaderDevice(_source(path), switch, clock)


def _source(path: Path) -> LeaderSource:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RefusedError(f"Cannot read the leader file {path}: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise RefusedError(f"The leader file {path} is no YAML: {error}.") from None
    if not isinstance(data, dict) or "leader" not in data:
        raise RefusedError(f"The leader file {path} has to say which leader: it is.")
    build = _dynamixel if data["leader"] == _DYNAMIXEL else _lerobot
    try:
        return build(data)
    except (TypeError, ValueError, KeyError) as error:
        raise RefusedError(f"The leader file {path} makes no sense: {error}.") from None


def _lerobot(data: Mapping[str, Any]) -> LeaderSource:
    _only(data, _LEROBOT_KEYS)
    leader = LeRobotLeader(type=data["leader"], port=data["port"], id=str(data["id"]))
    gripper = GripperMap(**data["gripper"]) if "gripper" in data else None
    joints = tuple(_joint(joint) for joint in data["joints"])
    return LeRobotSource(leader, LeaderMap(joints=joints, gripper=gripper))


def _joint(data: Mapping[str, Any]) -> JointMap:
    unit = str(data.get("unit", "degrees"))
    if unit not in _UNITS:
        raise unknown_name("unit", unit, _UNITS)
    return JointMap(**{**data, "unit": _UNITS[unit]})


def _dynamixel(data: Mapping[str, Any]) -> LeaderSource:
    _only(data, _DYNAMIXEL_KEYS)
    config = DynamixelConfig(
        port=data["port"],
        joints=tuple(ServoMap(**joint) for joint in data["joints"]),
        gripper=TriggerMap(**data["gripper"]) if "gripper" in data else None,
        baud=int(data.get("baud", 57600)),
    )
    return DynamixelSource(config)


def _only(data: Mapping[str, Any], known: set[str]) -> None:
    for key in data:
        if key not in known:
            raise unknown_name("key of a leader file", str(key), known)
