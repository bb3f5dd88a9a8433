"""Safety gates in the process of whoever commands, for robots that have none of their own."""

from hardware.gated_robot import GatedRobot, gate_robot
from robot_skills.core.collision import CollisionModel
from robot_skills.core.events import EventSink
from robot_skills.core.robot import Robot
from robot_skills.core.types import DEFAULT_ARM


def gate_here(robot: Robot, events: EventSink) -> GatedRobot:
    """A robot behind gates that know all that is known of it.

    Args:
        robot: The robot. One of a simulated tabletop is kept out of itself and of its table, too;
            the shapes of others are known to whoever drives them, or to nobody.
        events: Who gets every verdict.
    """
    return gate_robot(robot, events, collisions=_shapes(robot))


def _shapes(robot: Robot) -> dict[str, CollisionModel]:
    from sim.collision import arm_collisions
    from sim.robot import SimRobot

    if isinstance(robot, SimRobot):
        return {DEFAULT_ARM: arm_collisions(robot.kind)}
    return {}
