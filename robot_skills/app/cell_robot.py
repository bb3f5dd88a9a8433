"""The robot of a cell, for programs of one process: an arm of LeRobot's, or one behind its gate.

An arm that LeRobot drives has its safety gate in the process that drives it. Every other has its
gate in a process of its own, which runs already.
"""

import numpy as np

from hardware.cell.schema import CameraDriver, Cell, CellCamera, Mount, RobotDriver
from hardware.compensated_robot import compensated
from hardware.lerobot_config import LeRobotRobotConfig
from hardware.lerobot_robot import LeRobotFollower, LeRobotRobot
from hardware.robot_with_cameras import RobotWithCameras
from hardware.teleop import GripperMap, JointMap, LeaderMap
from robot_skills.app.cells import collision_maker, kinematics_maker, robot_config
from robot_skills.core.camera import Camera
from robot_skills.core.errors import RefusedError
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3

_SUFFIX = ".pos"
"""Of LeRobot's keys of joints."""


def cell_robot(
    cell: Cell, owner: str = "robot-skills", follower: LeRobotFollower | None = None
) -> Robot:
    """The robot of a cell, not connected yet.

    Args:
        cell: Which.
        owner: Who asks for the command, where the gate is a process of its own.
        follower: LeRobot's driver; made from the cell where None.

    Raises:
        RefusedError: LeRobot has no such arm, or a camera of the cell cannot be used.
        MissingDependencyError: LeRobot is not installed.
    """
    if cell.robot.driver is not RobotDriver.LEROBOT:
        from hardware.ros2.robot import Ros2Robot

        return compensated(Ros2Robot(robot_config(cell, owner)), cell.robot.latencies)
    if follower is None:
        follower = lerobot_follower(cell)
    arm = LeRobotRobot(follower, lerobot_config(cell))
    cameras = {name: _camera(cell, camera, arm) for name, camera in cell.cameras.items()}
    robot = RobotWithCameras(arm, cameras) if cameras else arm
    return compensated(robot, cell.robot.latencies)


def lerobot_follower(cell: Cell) -> LeRobotFollower:
    """LeRobot's driver of a cell's arm, not connected yet. Raises as `cell_robot`."""
    from hardware.lerobot_make import make_follower

    arm = cell.robot.lerobot
    if arm is None:
        raise RefusedError(
            f"The arm of {cell.name} is driven by {cell.robot.driver.value}, not by LeRobot."
        )
    return make_follower(arm.kind, arm.port, arm.id)


def lerobot_config(cell: Cell) -> LeRobotRobotConfig:
    """What LeRobot's numbers of a cell's arm mean, and what the arm may do."""
    return LeRobotRobotConfig(
        limits=cell.limits,
        make_kinematics=kinematics_maker(cell),
        mapping=lerobot_map(cell),
        home_q_rad=np.array(cell.home_q_rad),
        control_period_s=cell.robot.control_period_s,
        motion=cell.motion,
        gate=cell.judging,
        make_collisions=collision_maker(cell),
    )


def lerobot_map(cell: Cell) -> LeaderMap:
    """Joints in degrees about the middle that LeRobot calibrates; the gripper as the cell says."""
    topics = cell.robot.topics
    gripper = topics.gripper
    return LeaderMap(
        joints=tuple(JointMap(key=f"{name}{_SUFFIX}") for name in topics.joints),
        gripper=GripperMap(
            key=f"{gripper.joint}{_SUFFIX}", closed=gripper.closed_q, open=gripper.open_q
        )
        if gripper.joint
        else None,
    )


def _camera(cell: Cell, camera: CellCamera, arm: LeRobotRobot) -> Camera:
    """One of the cell's cameras, read in a process of its own."""
    from hardware.cameras.pose import OnTool
    from hardware.cameras.process import CameraProcess
    from robot_skills.app.nodes.camera import camera_setup

    if camera.driver is CameraDriver.ROS or camera.T_mount_camera is None:
        raise RefusedError(
            f"{cell.place_of(f'cameras.{camera.name}')}: an arm that LeRobot drives has no ROS "
            "around it: its cameras are realsense or uvc, and their place is told."
        )
    setup = camera_setup(cell, camera.name)
    pose: SE3 | OnTool = camera.T_mount_camera
    if camera.mount is Mount.TOOL:
        pose = OnTool(T_tool_camera=camera.T_mount_camera, T_base_tool_at=arm.T_base_tool_at)
    return CameraProcess(
        arm.clock, setup.process, setup.make_camera, denoise=setup.denoise, T_base_camera=pose
    )
