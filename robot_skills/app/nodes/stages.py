"""How the processes of managed nodes begin and end."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardware.ros2.managed import ManagedNode, Stages
    from hardware.ros2.transport import Reach

_LISTEN_S = 0.1


def add_unconfigured(parser: argparse.ArgumentParser) -> None:
    """Let a node be told to wait for whoever manages it."""
    parser.add_argument(
        "--unconfigured",
        action="store_true",
        help="wait to be configured and activated (`ros2 lifecycle set`); by itself when left out",
    )


def run_stages(
    name: str,
    make: "Callable[[ManagedNode], Stages]",
    *,
    namespace: str,
    reach: "Reach",
    domain: int | None,
    by_itself: bool,
    pictures: bool = False,
) -> None:
    """Be a managed node until the process is asked to end. For the main thread.

    Args:
        name: Of the node.
        make: Says what it does.
        namespace: Of the node; empty is the root.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
        by_itself: It goes to active by itself.
        pictures: Its process hears many pictures; others do without shared memory.

    Raises:
        RobotSkillsError: It does not get there.
    """
    from hardware.ros2.managed import ManagedNode
    from hardware.ros2.runtime import ProcessEnd

    end = ProcessEnd()
    with (
        end.watched(),
        ManagedNode(
            name, namespace=namespace, reach=reach, domain=domain, pictures=pictures
        ) as node,
    ):
        node.manage(make(node))
        if by_itself:
            node.bring_up()
        while node.alive and not end.asked:
            node.spin_once(_LISTEN_S)
