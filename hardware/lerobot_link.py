"""How LeRobot's teleoperators and cameras of this project find its robot in the same process.

LeRobot makes robots, teleoperators and cameras one by one and never introduces them to each other,
while a hand's motion is relative to where the arm is. So a robot offers itself under its name when
it is made, for as long as it lives.
"""

from dataclasses import dataclass
from weakref import WeakValueDictionary

from hardware.lerobot_actions import ActionSpace
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.robot import Robot


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, weakref_slot=True)
class RobotLink:
    """A robot that LeRobot uses.

    Attributes:
        robot: It, behind its safety gate.
        arm: Name of the arm that actions are for.
        space: What its actions tell.
        period_s: How far ahead of now an action is to be reached.
    """

    robot: Robot
    arm: str
    space: ActionSpace
    period_s: float


_links: "WeakValueDictionary[str, RobotLink]" = WeakValueDictionary()


def offer(name: str, link: RobotLink) -> None:
    """Let others find a robot. Whoever offers it keeps it alive."""
    _links[name] = link


def find(name: str | None = None) -> RobotLink:
    """The robot of a name; None takes the only one.

    Raises:
        RefusedError: There is none, or more than one without a name.
        UnknownNameError: There is no such robot.
    """
    links = dict(_links)
    if not links:
        raise RefusedError(
            "There is no robot of robot-skills in this program: this teleoperator and camera work "
            "with --robot.type=robot_skills."
        )
    if name is None:
        if len(links) > 1:
            raise RefusedError(f"Say which robot is meant: {', '.join(sorted(links))}.")
        return next(iter(links.values()))
    if name not in links:
        raise unknown_name("robot", name, links)
    return links[name]
