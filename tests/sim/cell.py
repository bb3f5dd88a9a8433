"""Scripted moves for tests of the simulated cell: straight lines, no feedback."""

import numpy as np

from robot_skills.core.scene import Entity
from robot_skills.core.se3 import SE3, interpolate
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, single_arm_chunk
from sim.robot import SimRobot
from sim.truth import truth_scene

LIFT_M = 0.28


def down(x_m: float, y_m: float, z_m: float, yaw_rad: float = 0.0) -> SE3:
    """A tool that points straight down; at yaw 0 it closes along the base's y axis."""
    return SE3.from_yaw(yaw_rad, (x_m, y_m, z_m)) @ SE3.from_rotvec((np.pi, 0.0, 0.0))


def line(robot: SimRobot, goal: SE3, opening: float, steps: int) -> ActionChunk:
    """Waypoints from where the tool is, one per control step."""
    start = robot.observe().arms[DEFAULT_ARM].T_base_tool
    fraction = np.arange(1, steps + 1) / steps
    poses = interpolate(
        np.tile(start.matrix(), (steps, 1, 1)), np.tile(goal.matrix(), (steps, 1, 1)), fraction
    )
    stamps = robot.clock.now_s() + robot.control_period_s * np.arange(1, steps + 1)
    return single_arm_chunk(stamps, poses, np.full(steps, opening))


def go(robot: SimRobot, goal: SE3, opening: float, steps: int) -> SE3:
    """Follow a straight line to a tool pose and return where the tool came to."""
    chunk = robot.command(line(robot, goal, opening, steps))
    robot.clock.sleep_until(chunk.stamp_s[-1])
    return robot.observe().arms[DEFAULT_ARM].T_base_tool


def wait(robot: SimRobot, seconds: float) -> None:
    robot.clock.sleep_until(robot.clock.now_s() + seconds)


def entity(robot: SimRobot, name: str) -> Entity:
    return truth_scene(robot.world)[name]


def pick(robot: SimRobot, name: str) -> None:
    """Grasp from above across the shorter side, and lift."""
    thing = entity(robot, name)
    x, y, _ = thing.T_base_entity.p
    yaw = thing.T_base_entity.yaw_rad()
    if thing.extents_m[0] < 0.9 * thing.extents_m[1]:
        yaw += np.pi / 2
        yaw = (yaw + np.pi / 2) % np.pi - np.pi / 2
    elif thing.extents_m[1] < 0.9 * thing.extents_m[0]:
        yaw = (yaw + np.pi / 2) % np.pi - np.pi / 2
    else:
        yaw = (yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4
    height = max(thing.top_m - 0.03, 0.016)
    go(robot, down(x, y, thing.top_m + 0.10, yaw), 1.0, 30)
    go(robot, down(x, y, height, yaw), 1.0, 32)
    go(robot, down(x, y, height, yaw), 0.0, 12)
    go(robot, down(x, y, LIFT_M, yaw), 0.0, 25)


def release(robot: SimRobot, x_m: float, y_m: float, z_m: float) -> None:
    """Carry what is held over a point, open, and rise."""
    go(robot, down(x_m, y_m, LIFT_M), 0.0, 30)
    go(robot, down(x_m, y_m, z_m), 0.0, 20)
    go(robot, down(x_m, y_m, z_m), 1.0, 10)
    go(robot, down(x_m, y_m, LIFT_M), 1.0, 20)


def at_handle(robot: SimRobot, along_m: float = 0.0, above_m: float = 0.0) -> SE3:
    """Tool pose at the drawer's handle, closing along the pull, shifted along it and upwards."""
    drawer = entity(robot, "drawer")
    assert drawer.articulation is not None
    T_base_handle = drawer.T_base_entity @ drawer.articulation.T_entity_handle
    yaw = T_base_handle.yaw_rad() + np.pi / 2
    x, y, z = T_base_handle @ np.array([along_m, 0.0, above_m])
    return down(x, y, z, (yaw + np.pi / 2) % np.pi - np.pi / 2)


def open_drawer(robot: SimRobot) -> None:
    go(robot, at_handle(robot, above_m=0.12), 1.0, 30)
    go(robot, at_handle(robot), 0.75, 25)
    go(robot, at_handle(robot), 0.0, 12)
    go(robot, at_handle(robot, along_m=0.165), 0.0, 40)
    go(robot, at_handle(robot), 0.75, 12)
    go(robot, at_handle(robot, above_m=0.15), 0.75, 20)


def push_drawer_shut(robot: SimRobot) -> None:
    go(robot, at_handle(robot, along_m=0.035, above_m=0.12), 0.3, 30)
    go(robot, at_handle(robot, along_m=0.035), 0.0, 25)
    go(robot, at_handle(robot, along_m=-0.148), 0.0, 40)
    go(robot, at_handle(robot, along_m=0.03, above_m=0.12), 0.0, 20)
