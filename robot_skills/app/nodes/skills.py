"""The skills of a cell as an executable: ``skills``, the node ``skill_server``."""

from collections.abc import Sequence

from robot_skills.app.nodes.arguments import (
    await_turn,
    no_ros_arguments,
    node_parser,
    obey,
    parse_cell,
    run_node,
    settled,
)
from robot_skills.app.nodes.stages import add_unconfigured, run_stages

_NAME = "skill_server"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve skills until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(_NAME, "Skills as an action: moves the arm, and checks what came of it.")
    parser.add_argument("--zoo", help="folder of the skills; the shipped ones when left out")
    add_unconfigured(parser)
    arguments, told = parse_cell(parser, argv)
    no_ros_arguments(_NAME, arguments)
    obey(arguments.keeper)
    from dataclasses import replace
    from pathlib import Path

    from robot_skills.app.cells import load_cell, robot_config, self_test_setup
    from robot_skills.app.nodes.skill_server import SkillServer, SkillServerSetup
    from robot_skills.app.wiring import load_skills

    cell = load_cell(arguments.cell)
    robot = settled(robot_config(cell, owner=_NAME), arguments)
    here = replace(
        cell,
        robot=replace(cell.robot, namespace=robot.namespace),
        network=replace(cell.network, domain=robot.domain),
    )
    setup = SkillServerSetup(
        robot=robot,
        self_test=self_test_setup(here),
        zoo=None if told.zoo is None else Path(told.zoo),
    )
    skills = load_skills(zoo=setup.zoo) if arguments.spare else None
    await_turn(arguments)
    run_stages(
        _NAME,
        lambda node: SkillServer(node, setup, skills),
        namespace=robot.namespace,
        reach=robot.reach,
        domain=robot.domain,
        by_itself=not told.unconfigured,
    )


if __name__ == "__main__":
    raise SystemExit(main())
