"""ROS 2 of the tests: a domain of their own, and nothing leaves this machine."""

import os

import pytest

from tests.ros_domain import claim_domain


@pytest.fixture(scope="session", autouse=True)
def ros_domain() -> int:
    """A domain that nobody else uses."""
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
    return claim_domain()
