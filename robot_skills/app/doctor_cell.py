"""`robot-skills doctor --cell X`: a cell's file, and what is really there, one check after another.

Nothing moves. Without ROS only the file and the devices of this machine are looked at, and that is
said.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hardware.cell.findings import CheckFinding, Outcome, bad, good, unknown
from hardware.cell.schema import CameraDriver, Cell, LeRobotArm, RobotDriver
from hardware.cell.self_test import self_test
from hardware.ros2.arm_link import GripperKind
from hardware.ros2.loop import PRIORITY, real_time_allowed
from hardware.ros2.runtime import import_rclpy
from robot_skills.app.cells import kinematics_maker, load_cell, self_test_setup, sheet_limits
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import MissingDependencyError, RobotSkillsError
from robot_skills.core.priority import real_time_processes

_WORD = max(len(outcome.value) for outcome in Outcome)
_ACTIONS = (GripperKind.COMMAND, GripperKind.PARALLEL)


def main(cell_name: str, *, offline: bool = False) -> CommandResult:
    """Look at a cell and print what was found.

    Args:
        cell_name: A file, or the name of a shipped cell.
        offline: Whether to look at the file and the devices of this machine alone.

    Raises:
        RefusedError: There is no such cell, or its file is wrong.
    """
    cell = load_cell(cell_name)
    print(f"{cell.name}  ({cell.path})\n")
    found = []
    for finding in examine(cell, offline=offline):
        found.append(finding)
        print(f"  {finding.outcome.value:<{_WORD}}  {finding.what:<16} {finding.detail}")
        if finding.mend:
            print(f"  {'':<{_WORD}}  {'':<16} -> {finding.mend}")
    ill = [finding for finding in found if not finding.ok]
    left = [finding for finding in found if finding.outcome is Outcome.UNKNOWN]
    print(f"\n{_summary(len(ill), len(left))}")
    checks = [
        {
            "what": finding.what,
            "outcome": finding.outcome.name.lower(),
            "detail": finding.detail,
            "mend": finding.mend,
        }
        for finding in found
    ]
    payload = {"ok": not ill, "cell": cell.name, "file": str(cell.path), "checks": checks}
    return CommandResult(payload=payload, exit_code=1 if ill else 0)


def _summary(ill: int, left: int) -> str:
    if ill:
        return f"{ill} failed: nothing may move before they are mended."
    if left:
        return f"Nothing failed; {left} could not be checked, look at them yourself."
    return "Everything is as the file says."


def examine(cell: Cell, *, offline: bool = False) -> Iterator[CheckFinding]:
    """All findings: of the file, of this machine's devices, and of what speaks over ROS."""
    yield _arm(cell)
    yield _limits(cell)
    yield _rest_pose(cell)
    yield _disabled(cell)
    yield from _devices(cell)
    if cell.robot.driver is RobotDriver.LEROBOT:
        return
    yield _real_time()
    if offline:
        yield unknown("ROS 2", "only the file was checked, as asked")
        return
    try:
        import_rclpy()
    except MissingDependencyError as problem:
        yield unknown("ROS 2", f"only the file was checked. {problem}")
        return
    yield from _gripper(cell)
    yield from self_test(self_test_setup(cell))


# The file


def _arm(cell: Cell) -> CheckFinding:
    robot = cell.robot
    kind = robot.arm or str(robot.model and robot.model.path)
    return good(
        "file",
        f"{kind} through {robot.driver.value}, {len(robot.topics.joints)} joints, no mistake",
    )


def _limits(cell: Cell) -> CheckFinding:
    sheet, ours = sheet_limits(cell), cell.limits
    speed = float((ours.joint.velocity_rad_s / sheet.joint.velocity_rad_s).min())
    acceleration = float((ours.joint.acceleration_rad_s2 / sheet.joint.acceleration_rad_s2).min())
    lower, upper = ours.cartesian.workspace_lower_m, ours.cartesian.workspace_upper_m
    box = " x ".join(f"[{a:.2f}, {b:.2f}]" for a, b in zip(lower, upper, strict=True))
    return good(
        "tightening",
        f"joints down to {100 * speed:.0f} % of the data sheet's speed and "
        f"{100 * acceleration:.0f} % of its acceleration, tool {ours.cartesian.speed_m_s:g} m/s, "
        f"workspace {box} m",
    )


def _rest_pose(cell: Cell) -> CheckFinding:
    T_base_tool = kinematics_maker(cell)().forward(np.array(cell.home_q_rad))
    limits, p = cell.limits.cartesian, T_base_tool.p
    told = f"tool at x {p[0]:.3f}, y {p[1]:.3f}, z {p[2]:.3f} m, pointing {_way(T_base_tool.R)}"
    if np.any(p < limits.workspace_lower_m) or np.any(p > limits.workspace_upper_m):
        return bad(
            "rest pose",
            f"{told}: outside the cell's workspace",
            f"change home_q_rad or the workspace: {cell.place_of('robot.home_q_rad')}",
        )
    return good("rest pose", told)


def _way(R: np.ndarray) -> str:
    axis = int(np.abs(R[:, 2]).argmax())
    return f"{'-' if R[axis, 2] < 0.0 else '+'}{'xyz'[axis]}"


def _disabled(cell: Cell) -> CheckFinding:
    off = sorted(code.value for code in cell.judging.disabled)
    if off:
        return unknown(
            "safety checks",
            f"turned off: {', '.join(off)}",
            f"turn them on unless you know why not: {cell.place_of('safety.disabled')}",
        )
    return good("safety checks", "all are on")


# This machine


def _devices(cell: Cell) -> Iterator[CheckFinding]:
    arm = cell.robot.lerobot
    if arm is not None:
        yield _library("LeRobot", "lerobot", "pip install 'robot-skills[train]'")
        yield _path("arm", arm.port, "plug it in, or name its port: `lerobot-find-port`")
        if find_spec("lerobot") is not None:
            yield from _follower(cell, arm)
    drivers = {camera.driver for camera in cell.cameras.values()}
    if CameraDriver.REALSENSE in drivers:
        yield _library("RealSense", "pyrealsense2", "pip install pyrealsense2")
    for camera in cell.cameras.values():
        if camera.driver is CameraDriver.UVC:
            mend = "plug it in, or name its device: `v4l2-ctl --list-devices`"
            yield _path(f"camera {camera.name}", camera.device, mend)


def _follower(cell: Cell, arm: LeRobotArm) -> Iterator[CheckFinding]:
    """LeRobot's driver, without a word to the arm: opening it lets go of its joints."""
    from hardware.lerobot_units import check_keys
    from robot_skills.app.cell_robot import lerobot_follower, lerobot_map

    kind = f"{arm.kind} {arm.id!r}"
    try:
        follower = lerobot_follower(cell)
        for features in (follower.observation_features, follower.action_features):
            check_keys(lerobot_map(cell), features, arm.kind)
    except RobotSkillsError as problem:
        yield bad("driver", str(problem), f"mend {cell.place_of('robot.lerobot')}, or the joints")
        return
    yield good("driver", f"LeRobot's {kind} has the joints of the cell")
    file = getattr(follower, "calibration_fpath", None)
    if file is None or not Path(file).is_file():
        yield bad(
            "calibration",
            f"LeRobot has none of the {kind}",
            f"lerobot-calibrate --robot.type={arm.kind} --robot.port={arm.port} "
            f"--robot.id={arm.id}",
        )
    else:
        yield good("calibration", f"{file}")


def _library(what: str, module: str, mend: str) -> CheckFinding:
    if find_spec(module) is None:
        return bad(what, f"the package {module} is not installed", mend)
    return good(what, f"{module} is installed")


def _path(what: str, path: str, mend: str) -> CheckFinding:
    if not Path(path).exists():
        return bad(what, f"there is no {path}", mend)
    return good(what, f"{path} is there")


def _real_time() -> CheckFinding:
    """Whether the gate would come first on this machine, and who would come before it."""
    before = real_time_processes(above=PRIORITY)
    if before:
        names = ", ".join(f"{one.name} (process {one.pid}, {one.priority})" for one in before)
        return unknown(
            "real time",
            f"the gate has priority {PRIORITY}; before it come {names}",
            "end them, or start them as an ordinary user: video encoders that root runs do this",
        )
    if not real_time_allowed():
        return unknown(
            "real time",
            "this user gets no real-time priority: the gate is late where the machine is busy",
            f"in /etc/security/limits.conf: rtprio {PRIORITY} and memlock unlimited for this user",
        )
    return good("real time", "nobody comes before the gate on this machine")


def _gripper(cell: Cell) -> Iterator[CheckFinding]:
    gripper = cell.robot.topics.gripper
    if gripper.kind not in _ACTIONS:
        return
    if find_spec("control_msgs") is None:
        yield bad(
            "gripper",
            f"{gripper.name} is an action of ROS's package control_msgs, which is not installed",
            "sudo apt install ros-$ROS_DISTRO-control-msgs, or use a topic of its controller",
        )
    else:
        yield good("gripper", f"{gripper.name}, an action of control_msgs")
