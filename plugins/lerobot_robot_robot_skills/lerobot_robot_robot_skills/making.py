"""The robot that a configuration asks for. Nothing is opened here."""

import logging
import sys
from dataclasses import replace
from functools import partial

import numpy as np

from lerobot_robot_robot_skills.config_robot_skills import (
    RobotSkillsRobotConfig,
    RosArm,
    Source,
)
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3

_log = logging.getLogger(__name__)


def make_robot(config: RobotSkillsRobotConfig) -> tuple[Robot, dict[str, tuple[int, int]]]:
    """The robot, and height and width of its cameras' pictures by name.

    Raises:
        UnknownNameError: There is no such arm.
        RefusedError: The settings contradict each other.
    """
    match Source(config.source):
        case Source.SIM:
            return _simulated(config)
        case Source.ROS:
            return _over_ros(config)
        case Source.CELL:
            return _of_cell(config)


def _simulated(config: RobotSkillsRobotConfig) -> tuple[Robot, dict[str, tuple[int, int]]]:
    from sim.layout import default_layout
    from sim.placements import Layout
    from sim.robot import SimRobot

    layout = Layout() if config.seed is None else default_layout(config.seed)
    robot = SimRobot(config.arm, layout=layout, camera_size_px=(config.width, config.height))
    return robot, dict.fromkeys(robot.cameras, (config.height, config.width))


def _of_cell(config: RobotSkillsRobotConfig) -> tuple[Robot, dict[str, tuple[int, int]]]:
    from robot_skills.app.cell_robot import cell_robot
    from robot_skills.app.cells import load_cell

    _warn_of_crash()
    cell = load_cell(config.cell)
    if config.views is not None:
        # A camera that nobody looks at is not waited for either.
        kept = {name: one for name, one in cell.cameras.items() if name in config.views}
        cell = replace(cell, cameras=kept)
    robot = cell_robot(cell, owner="lerobot")
    sizes = {name: cell.cameras[name].size_px for name in robot.cameras}
    return robot, {name: (height, width) for name, (width, height) in sizes.items()}


def _warn_of_crash() -> None:
    if "pyrealsense2" in sys.modules and "rclpy" not in sys.modules:
        _log.warning(
            "pyrealsense2 was loaded before ROS 2: this program will crash when it has ended its "
            "work. Start it as: python -m lerobot_robot_robot_skills record ..."
        )


def _over_ros(config: RobotSkillsRobotConfig) -> tuple[Robot, dict[str, tuple[int, int]]]:
    from hardware.ros2.arm_link import ArmTopics, Controller, GripperKind, GripperTopics
    from hardware.ros2.camera import RosCameraConfig
    from hardware.ros2.robot import Ros2Robot, Ros2RobotConfig
    from robot_skills.core.errors import unknown_name
    from sim.arms import ARMS
    from sim.kinematics import kinematics_of

    _warn_of_crash()
    if config.arm not in ARMS:
        raise unknown_name("arm", config.arm, ARMS)
    arm, ros = ARMS[config.arm], config.ros
    for kind, word in ((Controller, ros.controller), (GripperKind, ros.gripper)):
        known = [choice.value for choice in kind]
        if word not in known:
            raise unknown_name("controller", word, known)
    topics = ArmTopics(
        joints=tuple(ros.joints) or arm.joints,
        joint_states=ros.joint_states,
        controller=Controller(ros.controller),
        command=ros.command,
        gripper=GripperTopics(
            kind=GripperKind(ros.gripper),
            name=ros.gripper_name,
            joint=ros.gripper_joint,
            open_q=ros.gripper_open,
            closed_q=ros.gripper_closed,
        ),
    )
    cameras = [
        RosCameraConfig(
            name=name,
            colour=view.colour,
            depth=view.depth,
            info=view.info,
            T_mount_camera=SE3.from_wxyz(view.wxyz, view.p_m),
            on_tool=view.on_tool,
        )
        for name, view in _wanted_views(config, ros).items()
    ]
    robot = Ros2Robot(
        Ros2RobotConfig(
            limits=arm.limits,
            make_kinematics=partial(kinematics_of, config.arm),
            home_q_rad=np.array(arm.home_q_rad),
            topics=topics,
            cameras=cameras,
            owner="lerobot",
            namespace=ros.namespace,
            domain=ros.domain,
        ),
        name="lerobot",
    )
    return robot, {name: (view.height, view.width) for name, view in ros.views.items()}


def _wanted_views(config: RobotSkillsRobotConfig, ros: RosArm) -> dict:
    wanted = ros.views if config.views is None else config.views
    return {name: view for name, view in ros.views.items() if name in wanted}
