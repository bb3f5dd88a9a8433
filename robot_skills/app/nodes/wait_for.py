"""Waits until topics have publishers and services have servers, then ends: ``wait_for``.

For launch files, which start the next node when this one has ended well.
"""

import time
from collections.abc import Sequence

from robot_skills.app.bringup.plan import Ready
from robot_skills.app.nodes.arguments import node_parser, obey, parse_node, run_node
from robot_skills.core.errors import RefusedError, RobotFault

_NAME = "wait_for"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when all are there, 1 when the time is over."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(_NAME, "Wait until topics and services are there.")
    parser.add_argument("--topic", action="append", default=[], help="that has a publisher")
    parser.add_argument("--service", action="append", default=[], help="that has a server")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--network", action="store_true", help="look on other machines as well")
    told, _ = parse_node(parser, argv)
    if not told.topic and not told.service:
        raise RefusedError("Say what to wait for: --topic NAME or --service NAME.")
    obey(told.keeper)
    ready = Ready(topics=tuple(told.topic), services=tuple(told.service), timeout_s=told.timeout)
    wait_for(ready, told.domain, network=told.network)


def wait_for(ready: Ready, domain: int | None, *, network: bool) -> None:
    """Wait until all is there.

    Args:
        ready: What is waited for, and how long.
        domain: Of ROS; None is what the environment says.
        network: Whether what is on other machines counts as well.

    Raises:
        RobotFault: It is not after the time; names what is missing.
    """
    from hardware.ros2.runtime import ProcessEnd
    from robot_skills.app.bringup.graph import RosGraph

    until_s, end = time.monotonic() + ready.timeout_s, ProcessEnd()
    with RosGraph(domain, network=network) as graph, end.watched():
        while missing := graph.missing(ready):
            if end.asked or time.monotonic() > until_s:
                raise RobotFault(f"Waited {ready.timeout_s:g} s for {', '.join(missing)}.")
            time.sleep(0.05)


if __name__ == "__main__":
    raise SystemExit(main())
