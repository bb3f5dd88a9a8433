"""What the gate of a cell asks of its arm before it lets anything move.

The part of the self test that the gate can see by itself, from the arm's joint states and the
robot's description. Cameras, controllers and other commanders are watched all the time.
"""

from hardware.cell.checks import (
    HeardArm,
    check_limits,
    check_names,
    check_order,
    check_rate,
    check_start,
    check_units,
)
from hardware.cell.findings import CheckFinding
from hardware.cell.schema import Cell
from hardware.cell.urdf import described_joints
from hardware.ros2.start_check import HeardStates
from robot_skills.core.errors import RefusedError


def start_problems(cell: Cell, heard: HeardStates) -> list[str]:
    """What is wrong with what came from the arm of a cell, in words; empty when nothing is.

    Args:
        cell: The cell.
        heard: What came.
    """
    return [
        f"{one.what}: {one.detail}; {one.mend}" if one.mend else f"{one.what}: {one.detail}"
        for one in _findings(cell, heard)
        if not one.ok
    ]


def _findings(cell: Cell, heard: HeardStates) -> list[CheckFinding]:
    arm = HeardArm(names=heard.names, q_rad=heard.q, rate_hz=heard.rate_hz)
    described = None
    if heard.description is not None:
        try:
            described = described_joints(heard.description)
        except RefusedError:
            # Nobody has to have a description; what cannot be read is as good as none.
            described = None
    found = [check_names(cell, arm)]
    if found[0].ok:
        found += [check_order(cell, described, None), check_units(cell, arm)]
        if found[-1].ok:
            found.append(check_start(cell, arm))
    return [*found, check_limits(cell, described), check_rate(cell, arm)]
