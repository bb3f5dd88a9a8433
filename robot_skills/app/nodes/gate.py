"""The safety gate of a cell as an executable: ``gate``."""

import os
from collections.abc import Sequence

from robot_skills.app.nodes.arguments import (
    await_turn,
    no_ros_arguments,
    obey,
    parse_arguments,
    run_node,
    settled,
)

_NAME = "gate"


def main(argv: Sequence[str] | None = None) -> int:
    """Be the gate until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    arguments = parse_arguments(_NAME, "The safety gate: the only one that commands the arm.", argv)
    no_ros_arguments(_NAME, arguments)
    obey(arguments.keeper)
    # Nothing is drawn here; MuJoCo would look for a window library, in a process of its own.
    os.environ["MUJOCO_GL"] = "disabled"
    from hardware.ros2.gate_node import run_gate
    from robot_skills.app.cells import gate_setup, load_cell

    setup = settled(gate_setup(load_cell(arguments.cell)), arguments)
    run_gate(setup, lambda: await_turn(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
