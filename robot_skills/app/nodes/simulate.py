"""The simulated arm of a cell and its cameras as an executable: ``simulate``."""

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

_NAME = "simulate"


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(_NAME, "A simulated arm and its cameras behind the topics of real ones.")
    parser.add_argument("--seed", type=int, default=0, help="of where things stand")
    arguments, told = parse_cell(parser, argv)
    no_ros_arguments(_NAME, arguments)
    obey(arguments.keeper)
    from robot_skills.app.cells import load_cell, sim_setup
    from robot_skills.app.nodes.sim_robot import run_sim_robot

    setup = settled(sim_setup(load_cell(arguments.cell), told.seed), arguments)
    await_turn(arguments)
    run_sim_robot(setup)


if __name__ == "__main__":
    raise SystemExit(main())
