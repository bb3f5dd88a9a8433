"""Starts a cell to record demonstrations: gate, cameras, hands on the robot, recorder.

    ros2 launch robot_skills_ros collect.launch.py cell:=CELL

Arguments:
    cell        the cell: a file, or the name of a shipped one; has to be given
    namespace   namespace of all nodes, for several arms; the cell's when empty
    domain      ROS domain; the cell's when empty
    only        nodes of the plan to start, with commas between them; all when empty
    without     nodes of the plan to leave out, with commas between them
    device      hands on the robot, with commas between them; ros-twist when empty
    dataset     folder to record into; outputs/datasets/CELL when empty
    task        what is demonstrated, in words
"""

from launch import LaunchDescription
from robot_skills.app.bringup.launching import describe
from robot_skills.app.bringup.plans import PlanName


def generate_launch_description() -> LaunchDescription:
    """What launch starts."""
    return describe(PlanName.COLLECT)
