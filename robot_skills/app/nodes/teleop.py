"""Hands on the arm of a cell as an executable: ``teleop``."""

import argparse
from collections.abc import Sequence
from pathlib import Path
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
from robot_skills.core.errors import RefusedError, unknown_name

if TYPE_CHECKING:
    from hardware.ros2.robot import Ros2RobotConfig
    from robot_skills.app.nodes.teleop_node import TeleopSetup
    from robot_skills.core.teleop import TeleopDevice

_NAME = "teleop"
ROS_DEVICES = ("ros-twist", "ros-pose", "ros-joy")
"""Hands that come in over topics; `hardware.teleop.ros_hand` says which."""
LEADER = "ros-leader"
DEVICES = ("keyboard", "gamepad", "spacemouse", "stream", "words", *ROS_DEVICES, LEADER)


def main(argv: Sequence[str] | None = None) -> int:
    """Let hands move the arm until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(
        _NAME, "Hands on the arm of a cell, behind its gate. Nothing moves unless a switch is held."
    )
    parser.add_argument(
        "--device",
        action="append",
        metavar="NAME",
        help=f"a hand, once or more: {', '.join(DEVICES)}; of several, the one that takes hold "
        f"first moves the arm; {ROS_DEVICES[0]} when left out",
    )
    parser.add_argument(
        "--leader", type=Path, metavar="FILE", help="a leader arm; the devices hold its switch"
    )
    parser.add_argument(
        "--stream", default="udp:127.0.0.1:5600", help="where the device stream listens"
    )
    parser.add_argument(
        "--speed", type=float, default=0.25, help="top speed, as a share of the arm's limits"
    )
    parser.add_argument("--task", default="", help="what is demonstrated, in words")
    parser.add_argument(
        "--start-by-itself",
        action="store_true",
        help="begin an episode as soon as a hand takes hold",
    )
    parser.add_argument(
        "--no-recorder", action="store_true", help="hands only: nobody records episodes"
    )
    arguments, told = parse_cell(parser, argv)
    no_ros_arguments(_NAME, arguments)
    _check(told)
    obey(arguments.keeper)
    from dataclasses import replace

    from hardware.cell.self_test import refuse_unfit
    from robot_skills.app.cells import load_cell, robot_config, self_test_setup
    from robot_skills.app.nodes.teleop_node import run_teleop

    cell = load_cell(arguments.cell)
    config = settled(replace(robot_config(cell, owner=_NAME), cameras=()), arguments)
    setup = _setup(told, config, cell.robot.arm or cell.name)
    here = replace(
        cell,
        robot=replace(cell.robot, namespace=config.namespace),
        network=replace(cell.network, domain=config.domain),
    )
    await_turn(arguments)
    # Nothing moves before names, limits, units and rates are what the cell says.
    refuse_unfit(self_test_setup(here))
    run_teleop(setup)


def _check(told: argparse.Namespace) -> None:
    for name in told.device or ():
        if name not in DEVICES:
            raise unknown_name("device", name, DEVICES)
    if not 0.0 < told.speed <= 1.0:
        raise RefusedError(f"--speed is a share in (0, 1], got {told.speed:g}.")
    if LEADER in (told.device or ()) and told.leader is not None:
        raise RefusedError(f"Two leaders: --device {LEADER} and --leader {told.leader}. Give one.")
    if (LEADER in (told.device or ()) or told.leader is not None) and not _switches(told):
        raise RefusedError("A leader arm has no dead-man switch: give another --device as well.")


def _switches(told: argparse.Namespace) -> list[str]:
    return [name for name in told.device or () if name != LEADER]


def _setup(told: argparse.Namespace, config: "Ros2RobotConfig", kind: str) -> "TeleopSetup":
    from hardware.ros2.times import MachineClock
    from hardware.teleop import LeaderDevice, WordsDevice
    from hardware.teleop.ros_leader import RosLeaderConfig, RosLeaderSource
    from robot_skills.app.collect.devices import AnyDevice
    from robot_skills.app.collect.leader_file import leader_device
    from robot_skills.app.collect.session import SessionConfig
    from robot_skills.app.nodes.teleop_node import TeleopSetup

    clock = MachineClock()
    names = list(dict.fromkeys(told.device or ROS_DEVICES[:1]))
    words = WordsDevice(clock) if "words" in names else None
    hands = [_hand(name, told, config) for name in names if name not in ("words", LEADER)]
    device: TeleopDevice = AnyDevice([*hands, *([] if words is None else [words])])
    if told.leader is not None:
        device = leader_device(told.leader, device, clock)
    elif LEADER in names:
        source = RosLeaderSource(
            RosLeaderConfig(
                joints=config.topics.joints,
                namespace=config.namespace,
                reach=config.reach,
                domain=config.domain,
            )
        )
        device = LeaderDevice(source, device, clock)
    return TeleopSetup(
        robot=config,
        kind=kind,
        device=device,
        words=words,
        speed=told.speed,
        records=not told.no_recorder,
        session=SessionConfig(
            task=told.task,
            start_by_itself=told.start_by_itself,
            origin={"devices": "+".join(names)},
        ),
    )


def _hand(name: str, told: argparse.Namespace, config: "Ros2RobotConfig") -> "TeleopDevice":
    from hardware.ros2.times import MachineClock
    from hardware.teleop.ros_hand import RosHand, RosHandConfig, RosHandKind
    from robot_skills.app.collect.hands import hand_device

    clock = MachineClock()
    if name not in ROS_DEVICES:
        return hand_device(name, told.stream, clock)
    cartesian = config.limits.cartesian
    return RosHand(
        RosHandConfig(
            kind=RosHandKind[name.removeprefix("ros-").upper()],
            # So that a twist is what it says, up to the top speed of hands.
            full_speed_m_s=told.speed * cartesian.speed_m_s,
            full_turn_rad_s=told.speed * cartesian.turn_rate_rad_s,
            namespace=config.namespace,
            reach=config.reach,
            domain=config.domain,
        ),
        clock,
    )


if __name__ == "__main__":
    raise SystemExit(main())
