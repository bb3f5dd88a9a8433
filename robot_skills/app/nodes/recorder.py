"""The recorder of a cell as an executable: ``recorder``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from robot_skills.app.nodes.arguments import (
    NodeArguments,
    await_turn,
    no_ros_arguments,
    node_parser,
    obey,
    parse_cell,
    run_node,
    settled,
)
from robot_skills.core.errors import RefusedError

if TYPE_CHECKING:
    import argparse

    from robot_skills.app.nodes.recorder_node import RecorderNodeSetup

_NAME = "recorder"
DATASETS = Path("outputs/datasets")
"""Where datasets go when nobody says where."""


def main(argv: Sequence[str] | None = None) -> int:
    """Record until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(_NAME, "Records episodes of a cell into a dataset that survives crashes.")
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="FOLDER",
        help=f"where to; an existing one is gone on with; {DATASETS}/CELL when left out",
    )
    parser.add_argument(
        "--task", default="", help="what is demonstrated, in words, where nobody says it"
    )
    parser.add_argument(
        "--journal",
        action="store_true",
        help="force everything to disk all the time: a power cut costs at most the last second of "
        "the episode being recorded, instead of all of it",
    )
    parser.add_argument(
        "--reserve-mb",
        type=float,
        default=500.0,
        help="recording is refused, and stops, when less is left on the disk",
    )
    arguments, told = parse_cell(parser, argv)
    no_ros_arguments(_NAME, arguments)
    if not told.reserve_mb >= 0.0:
        raise RefusedError(f"--reserve-mb cannot be negative, got {told.reserve_mb:g}.")
    obey(arguments.keeper)
    from robot_skills.app.nodes.recorder_run import run_recorder

    setup = recorder_setup(arguments, told)
    await_turn(arguments)
    run_recorder(setup)


def recorder_setup(arguments: NodeArguments, told: "argparse.Namespace") -> "RecorderNodeSetup":
    """What is recorded of a cell. Raises `RefusedError`."""
    from dataclasses import replace

    from hardware.cell.schema import CameraDriver
    from robot_skills.app.cells import load_cell, robot_config
    from robot_skills.app.collect.build import code_origin
    from robot_skills.app.nodes.recorder_cameras import HeardCamera
    from robot_skills.app.nodes.recorder_hears import SENT
    from robot_skills.app.nodes.recorder_node import RecorderNodeSetup
    from robot_skills.data.names import checked_name
    from robot_skills.data.recorder import RecorderConfig
    from robot_skills.data.schema import CameraSpec, DatasetSchema, NumbersSpec

    cell = load_cell(arguments.cell)
    robot = settled(robot_config(cell), arguments)
    root = (told.dataset or DATASETS / cell.name.lower()).resolve()
    cameras = {name: cell.cameras[name] for name in (one.name for one in robot.cameras)}
    noisy = {name: one.driver is not CameraDriver.SIM for name, one in cameras.items()}
    schema = DatasetSchema(
        name=checked_name("dataset", root.name),
        robot=cell.robot.arm or cell.name,
        control_period_s=robot.control_period_s,
        arms={robot.arm: len(robot.topics.joints)},
        cameras=tuple(
            CameraSpec(
                name=name,
                width_px=one.size_px[0],
                height_px=one.size_px[1],
                hz=one.rate_hz,
                noisy=noisy[name],
            )
            for name, one in cameras.items()
        ),
        numbers=(NumbersSpec(name=SENT, names=tuple(robot.topics.joints)),),
    )
    return RecorderNodeSetup(
        root=root,
        schema=schema,
        robot=replace(robot, owner=_NAME),
        cameras={
            name: HeardCamera(size_px=one.size_px, noisy=noisy[name])
            for name, one in cameras.items()
        },
        recorder=RecorderConfig(journal=told.journal, reserve_bytes=round(1e6 * told.reserve_mb)),
        task=told.task,
        origin={"cell": cell.name, "robot": cell.robot.arm or cell.name, **code_origin()},
    )


if __name__ == "__main__":
    raise SystemExit(main())
