"""Skills and instructions of a cell as an executable: ``skill_server``."""

from collections.abc import Sequence

from robot_skills.app.nodes.arguments import (
    no_ros_arguments,
    node_parser,
    obey,
    parse_cell,
    run_node,
    settled,
)

_NAME = "skill_server"
_LISTEN_S = 0.1


def main(argv: Sequence[str] | None = None) -> int:
    """Serve skills until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(_NAME, "Skills and instructions as actions: looks, plans, moves, checks.")
    parser.add_argument("--zoo", help="folder of the skills; the shipped ones when left out")
    arguments, told = parse_cell(parser, argv)
    no_ros_arguments(_NAME, arguments)
    obey(arguments.keeper)
    from dataclasses import replace
    from pathlib import Path

    from hardware.cell.self_test import refuse_unfit
    from hardware.ros2.robot import Ros2Robot
    from hardware.ros2.runtime import ProcessEnd, RosNode
    from robot_skills.app.cells import load_cell, robot_config, self_test_setup
    from robot_skills.app.nodes.skill_server import SkillServer
    from robot_skills.app.wiring import load_skills
    from robot_skills.perception.perceiver import RgbdPerceiver

    cell = load_cell(arguments.cell)
    config = settled(robot_config(cell, owner=_NAME), arguments)
    here = replace(
        cell,
        robot=replace(cell.robot, namespace=config.namespace),
        network=replace(cell.network, domain=config.domain),
    )
    # Nothing moves before names, limits, units, rates and cameras are what the cell says.
    refuse_unfit(self_test_setup(here))
    skills = load_skills(zoo=None if told.zoo is None else Path(told.zoo))
    robot = Ros2Robot(config, name=f"{_NAME}_robot")
    robot.connect()
    end = ProcessEnd()
    try:
        with (
            end.watched(),
            RosNode(
                _NAME, namespace=config.namespace, reach=config.reach, domain=config.domain
            ) as node,
        ):
            server = SkillServer(node, robot, skills, RgbdPerceiver())
            node.node.get_logger().info("ready")
            try:
                while node.alive and not end.asked:
                    node.spin_once(_LISTEN_S)
            finally:
                server.close()
    finally:
        robot.close()


if __name__ == "__main__":
    raise SystemExit(main())
