"""Simulated cameras that cannot draw as often as they should."""

import multiprocessing

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from hardware.ros2.runtime import RosNode
from hardware.ros2.shared import SharedNumbers
from robot_skills.app.nodes.sim_cameras import eyes_main
from robot_skills.app.nodes.sim_robot import SimRobotSetup
from tests.ros_domain import claim_domain

PATIENCE_S = 60.0


def test_who_draws_without_a_pause_hears_what_is_injected():
    from sensor_msgs.msg import CameraInfo
    from std_msgs.msg import String

    domain = claim_domain()
    # Nobody draws so often.
    setup = SimRobotSetup(camera_px=(64, 48), camera_hz=1e6, domain=domain)
    pose = setup.cell().pose()
    shared = SharedNumbers(1 + len(pose))
    shared.write(0.0, pose)
    eyes = multiprocessing.get_context("spawn").Process(target=eyes_main, args=(setup, shared))
    hand = RosNode("hand", domain=domain, pictures=False)
    sizes = []
    hand.node.create_subscription(
        CameraInfo, "front/color/camera_info", lambda info: sizes.append(info.k[0]), 10
    )
    faults = hand.node.create_publisher(String, "sim_robot/inject", 1)
    hand.start()
    try:
        eyes.start()
        hand.wait_for(lambda: bool(sizes), PATIENCE_S, "pictures")
        hand.wait_for(lambda: faults.get_subscription_count() == 1, PATIENCE_S, "who goes wrong")
        focal_px = sizes[0]
        faults.publish(String(data='{"camera_zoom": 2.0}'))
        hand.wait_for(
            lambda: sizes[-1] == pytest.approx(2.0 * focal_px), PATIENCE_S, "a longer lens"
        )
    finally:
        hand.close()
        eyes.terminate()
        eyes.join(timeout=15.0)
        if eyes.is_alive():
            eyes.kill()
