"""LeRobot's drivers of arms, by LeRobot's own names. Nothing is opened here."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from hardware.lerobot_robot import LeRobotFollower
from robot_skills.core.errors import MissingDependencyError, RefusedError, unknown_name

_DEGREES = "use_degrees"


def make_follower(
    kind: str, port: str, id: str, calibration_dir: Path | None = None
) -> LeRobotFollower:
    """One of LeRobot's arms, told in degrees, without cameras.

    Args:
        kind: LeRobot's name of it, for example ``so101_follower``, its plugins' among them.
        port: Serial port.
        id: Under which its calibration was stored.
        calibration_dir: Where; None is LeRobot's own folder.

    Raises:
        MissingDependencyError: LeRobot, or what drives the arm's servos, is not installed.
        UnknownNameError: LeRobot has no such arm.
        RefusedError: It is not one arm on one serial port.
    """
    try:
        from lerobot.robots import (  # noqa: F401
            RobotConfig,
            koch_follower,
            make_robot_from_config,
            omx_follower,
            so_follower,
        )
        from lerobot.utils.import_utils import register_third_party_plugins

        register_third_party_plugins()
    except ImportError as reason:
        raise MissingDependencyError(
            f"A {kind} needs LeRobot with its servos: pip install 'robot-skills[teleop]' "
            f"({reason})."
        ) from reason
    known = RobotConfig.get_known_choices()
    if kind not in known:
        raise unknown_name("LeRobot arm", kind, known)
    config: Any = known[kind]
    settings: dict[str, Any] = {"id": id, "calibration_dir": calibration_dir}
    takes = {one.name for one in fields(config)}
    if "port" not in takes:
        raise RefusedError(f"LeRobot's {kind} is not an arm on a serial port: it takes no port.")
    if _DEGREES in takes:
        settings[_DEGREES] = True
    try:
        return make_robot_from_config(config(port=port, **settings))
    except ImportError as reason:
        raise MissingDependencyError(
            f"What drives the servos of a {kind} is missing: {reason}. "
            "pip install 'robot-skills[teleop]'"
        ) from reason
