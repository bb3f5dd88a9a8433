"""ROS 2 of the tests: a domain of their own for every worker, and nothing leaves this machine."""

import os

import pytest

_FIRST, _COUNT = 20, 70


@pytest.fixture(scope="session", autouse=True)
def ros_domain(worker_id: str) -> int:
    """A domain that no other worker uses."""
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else _COUNT - 1
    domain = _FIRST + number % _COUNT
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
    return domain
