"""Clean RGB-D frames of the tabletop: what a stereo camera would see if it measured exactly."""

from collections.abc import Iterator

import numpy as np

from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, RgbdFrame
from sim.arms import ARMS
from sim.robot import SimRobot
from sim.tabletop.levels import LEVELS
from sim.tabletop.requests import draw_request
from sim.variation import TRAINING, vary
from sim.world import CAMERAS

SIZES_PX = ((320, 240), (256, 192))
_POSES = 4
_OTHERWISE = 0.6
"""How often table, light and camera are others than usual."""
_TOOL_LOWER_M, _TOOL_UPPER_M = np.array([0.33, -0.32, 0.06]), np.array([0.68, 0.36, 0.45])
_MOST_LEAN_RAD = 0.4


def clean_frames(
    rng: np.random.Generator, size_px: tuple[int, int], poses: int = _POSES
) -> Iterator[RgbdFrame]:
    """Frames of both cameras of one random layout, from several poses of a random arm.

    Things, table, light and the fixed camera's pose are drawn; the arm moves the other camera, and
    stands in the way of the fixed one. The first pose is the arm's rest pose.

    Args:
        rng: Of everything that is drawn.
        size_px: Width and height of the frames.
        poses: How many.
    """
    layout = draw_request(rng).layout
    otherwise = rng.random() < _OTHERWISE
    layout = vary(layout, LEVELS["III"].variation if otherwise else TRAINING, rng)
    arm = str(rng.choice(sorted(ARMS)))
    cell = SimRobot(arm, layout=layout, camera_size_px=size_px)
    cell.connect()
    try:
        for i in range(poses):
            if i > 0:
                _put_tool(cell, _tool_pose(cell.home(DEFAULT_ARM), rng))
            yield from cell.observe(CAMERAS).cameras.values()
    finally:
        cell.close()


def _tool_pose(T_base_home: SE3, rng: np.random.Generator) -> SE3:
    """Somewhere over the table, turned and leaning a little."""
    lean = rng.uniform(-_MOST_LEAN_RAD, _MOST_LEAN_RAD, 2)
    turn = SE3.from_rotvec((0.0, 0.0, rng.uniform(-1.2, 1.2)))
    R = (T_base_home @ turn @ SE3.from_rotvec((*lean, 0.0))).R
    return SE3(R, rng.uniform(_TOOL_LOWER_M, _TOOL_UPPER_M))


def _put_tool(cell: SimRobot, T_base_tool: SE3) -> None:
    """Put the arm there without a motion, as near as its joints allow."""
    world = cell.world
    q_rad, _ = cell.kinematics(DEFAULT_ARM).follow(
        np.array(world.arm.home_q_rad), T_base_tool.matrix()[None]
    )
    world.data.qpos[world.servos.qpos] = q_rad[-1]
    world.moved()
