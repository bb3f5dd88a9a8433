"""Starts a cell that carries out instructions: gate, cameras, perception, skills, scheduler.

    ros2 launch robot_skills_ros skills.launch.py cell:=CELL

Arguments:
    cell        the cell: a file, or the name of a shipped one; has to be given
    namespace   namespace of all nodes, for several arms; the cell's when empty
    domain      ROS domain; the cell's when empty
    only        nodes of the plan to start, with commas between them; all when empty
    without     nodes of the plan to leave out, with commas between them
    executive   what comes after every skill: closed-loop, fixed, sequencer; the first when empty
    runs        folder in which every run is kept; none is kept when empty
    planner     who plans: rules, or llm (a language model); rules when empty
    model       of llm: name of the model, as the endpoint knows it
    base_url    of llm: the endpoint; OpenAI's when empty
"""

from launch import LaunchDescription
from robot_skills.app.bringup.launching import describe
from robot_skills.app.bringup.plans import PlanName


def generate_launch_description() -> LaunchDescription:
    """What launch starts."""
    return describe(PlanName.SKILLS)
