"""LeRobot's commands with ROS 2 loaded first: ``python -m lerobot_robot_robot_skills record ...``.

LeRobot's commands load pyrealsense2 wherever it is installed. It and ROS 2 bring a Fast DDS each,
and a program that has loaded pyrealsense2 before ROS 2 crashes as it ends, after its work is done.
Where the system has no libusb-1.0, which pyrealsense2 links to, the one from PyPI is loaded for it.
"""

import contextlib
import sys
from importlib.metadata import entry_points

from hardware.cameras.realsense_device import import_realsense
from robot_skills.core.errors import MissingDependencyError


def main() -> int:
    """Run one of LeRobot's commands; returns 2 when there is no such command."""
    commands = {
        entry.name.removeprefix("lerobot-"): entry
        for entry in entry_points(group="console_scripts")
        if entry.name.startswith("lerobot-")
    }
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    command = commands.get(wanted.removeprefix("lerobot-"))
    if command is None:
        print(f"LeRobot has no command {wanted!r}. Available: {', '.join(sorted(commands))}.")
        return 2
    import rclpy  # noqa: F401

    with contextlib.suppress(MissingDependencyError):
        import_realsense()
    sys.argv = [command.name, *sys.argv[2:]]
    command.load()()
    return 0


if __name__ == "__main__":
    sys.exit(main())
