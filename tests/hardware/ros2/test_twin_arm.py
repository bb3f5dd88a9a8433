"""A twin behind its gate, over real DDS: it goes where it is told, and late."""

import time

import numpy as np
import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from robot_skills.app.nodes.sim_robot import SimRobotSetup
from robot_skills.core.errors import RobotFault
from robot_skills.core.types import DEFAULT_ARM, Observation
from tests.hardware.ros2.test_gated_arm import CellProcesses

_PATIENCE_S = 120.0
"""Lenses take a while to be worked out on a machine that has other work."""


def _first_look(cell: CellProcesses) -> Observation:
    """What the robot sees as soon as there are pictures."""
    until_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return cell.robot.observe(["front"])
        except RobotFault:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.2)


def test_a_twin_moves_through_its_gate_and_is_seen():
    cell = CellProcesses(SimRobotSetup(camera_px=(64, 48), camera_hz=2.0, stale_s=5.0, twin=3))
    try:
        cell.connect()
        start = _first_look(cell)
        frame = start.cameras["front"]
        assert frame.rgb.shape == (48, 64, 3)
        assert 0.2 < np.median(frame.depth_m[frame.depth_m > 0.0]) < 3.0
        assert len(cell.robot.command(cell.chunk())) >= 14
        time.sleep(1.6)
        end = cell.robot.observe()
    finally:
        cell.end()
    before, after = (seen.arms[DEFAULT_ARM].T_base_tool.p for seen in (start, end))
    np.testing.assert_allclose(after - before, [0.0, 0.08, 0.0], atol=0.02)
