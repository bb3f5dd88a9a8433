"""A cell behind ROS 2 that carries out instructions: its robot, eyes, skills and executive.

The same parts as a simulated cell in one process (`wiring`), with another robot.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardware.compensated_robot import compensated
from hardware.judged_robot import JudgedRobot
from hardware.ros2.robot import Ros2Robot, Ros2RobotConfig
from robot_skills.app.trials import looker
from robot_skills.app.wiring import Skills, load_skills, make_executive, skill_context
from robot_skills.core.events import EventFanOut, EventSink
from robot_skills.scheduler.executive import Executive


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RosCell:
    """A connected cell.

    Attributes:
        robot: Its robot, behind the gate's process.
        skills: What can be done.
        executive: Runs instructions.
    """

    robot: Ros2Robot
    skills: Skills
    executive: Executive


@contextmanager
def ros_cell(
    config: Ros2RobotConfig,
    *,
    seed: int = 0,
    events: Sequence[EventSink] = (),
    skills: Skills | None = None,
    zoo: Path | None = None,
) -> Iterator[RosCell]:
    """Connect to a running cell; it is stopped and given back when the block ends, however it ends.

    Args:
        config: Where the arm and its cameras are.
        seed: Of every random choice.
        events: Who gets every decision.
        skills: Loaded before; loaded now when None.
        zoo: Folder of the skills; the shipped ones when None.

    Raises:
        RobotFault: The arm, its gate or a camera is not there.
        RefusedError: The skills cannot be read.
        MissingDependencyError: Something that the cell needs is not installed.
    """
    from robot_skills.perception.perceiver import RgbdPerceiver

    loaded = skills or load_skills(zoo=zoo)
    robot = Ros2Robot(config)
    robot.connect()
    try:
        fan_out = EventFanOut(*events)
        judged = compensated(JudgedRobot(robot, fan_out), config.latencies)
        look = looker(judged, RgbdPerceiver())
        context = skill_context(loaded, judged, look, fan_out, seed)
        yield RosCell(robot=robot, skills=loaded, executive=make_executive(loaded, context))
    finally:
        robot.stop()
        robot.close()
