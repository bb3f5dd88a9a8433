"""Looks through a cell's RGB-D cameras for all others, as an executable: ``perception``."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from robot_skills.core.perceiver import Perceiver

_NAME = "perception"


def main(argv: Sequence[str] | None = None) -> int:
    """Look until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(_NAME, "Sees what is on the table: scenes on a topic, looks on request.")
    parser.add_argument(
        "--every",
        type=float,
        metavar="SECONDS",
        help="look so often by itself while the arm rests; 0 is only when asked; 2 when left out",
    )
    add_unconfigured(parser)
    arguments, told = parse_cell(parser, argv)
    no_ros_arguments(_NAME, arguments)
    obey(arguments.keeper)
    from dataclasses import replace

    from robot_skills.app.cells import load_cell, perception_setup
    from robot_skills.app.nodes.perception_server import PerceptionServer

    setup = settled(perception_setup(load_cell(arguments.cell)), arguments)
    if told.every is not None:
        setup = replace(setup, every_s=told.every)
    if arguments.spare:
        setup = replace(setup, make_perceiver=_made_before(setup.make_perceiver))
    await_turn(arguments)
    run_stages(
        _NAME,
        lambda node: PerceptionServer(node, setup),
        namespace=setup.namespace,
        reach=setup.reach,
        domain=setup.domain,
        by_itself=not told.unconfigured,
        pictures=True,
    )


def _made_before(make: "Callable[[], Perceiver]") -> "Callable[[], Perceiver]":
    """What makes eyes, the first of which are made at once, with all that looking needs."""
    from robot_skills.perception.library import open3d

    open3d()
    ready = [make()]
    return lambda: ready.pop() if ready else make()


if __name__ == "__main__":
    raise SystemExit(main())
