"""What every node takes on its command line, and how a node's process begins and ends.

    python -m robot_skills.app.nodes.gate --cell panda.yaml --ros-args -r __ns:=/left

Only the standard library is imported here: a wrong argument, or ``--help``, needs no ROS.
"""

import argparse
import contextlib
import ctypes
import importlib
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn, Protocol

from robot_skills.core.errors import RefusedError, RobotSkillsError, unknown_name

INTERRUPTED = 130
ROS_ARGS = "--ros-args"
_NAMESPACE = "__ns:="
_REMAP = ("-r", "--remap")
_LOOKS_LIKE_OPTION = re.compile("--?[A-Za-z_]")
_EVERY_NODE_NEEDS = (
    "rclpy.action",
    "rclpy.lifecycle",
    "geometry_msgs.msg",
    "robot_skills_interfaces.action",
    "robot_skills_interfaces.msg",
    "robot_skills_interfaces.srv",
    "sensor_msgs.msg",
    "std_srvs.srv",
)
_SET_PARENT_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of Linux's `prctl`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeArguments:
    """What a node was told.

    Attributes:
        cell: The cell: a file, or the name of a shipped one.
        namespace: Of the node; None is what the cell says.
        domain: Of ROS; None is what the cell, or else the environment says.
        keeper: Process that looks after this one; None for none.
        spare: It waits until it is wanted.
        ros: For ROS itself, without ``--ros-args`` and without the namespace.
    """

    cell: str
    namespace: str | None = None
    domain: int | None = None
    keeper: int | None = None
    spare: bool = False
    ros: tuple[str, ...] = ()


class Settled(Protocol):
    """Settings of a node: a dataclass with a namespace and a domain."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def namespace(self) -> str: ...
    @property
    def domain(self) -> int | None: ...


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RefusedError(f"{message[:1].upper()}{message[1:]}. See {self.prog} --help.")


def node_parser(name: str, about: str) -> argparse.ArgumentParser:
    """A parser of what every node takes; its errors are `RefusedError`.

    Args:
        name: Of the node.
        about: What the node does, in a sentence.
    """
    parser = _Parser(
        prog=name,
        description=about,
        allow_abbrev=False,
        epilog="What follows --ros-args goes to ROS 2: -r FROM:=TO, -p NAME:=VALUE, "
        "--params-file FILE, --log-level LEVEL.",
    )
    parser.add_argument("--namespace", help="of the node; the cell's when left out")
    parser.add_argument("--domain", type=int, help="of ROS; the cell's when left out")
    parser.add_argument(
        "--keeper",
        type=int,
        metavar="PID",
        help="process that looks after this node: the node ends when it does, and Ctrl-C in the "
        "terminal is left to it",
    )
    return parser


def parse_node(
    parser: argparse.ArgumentParser, argv: Sequence[str]
) -> tuple[argparse.Namespace, tuple[str, ...]]:
    """What a node was told, and what is for ROS.

    Raises:
        RefusedError: An argument is unknown or wrong; names the nearest right one.
    """
    own, ros = split_ros(argv)
    known = [text for action in parser._actions for text in action.option_strings]
    # Before what is missing: whoever wrote --cel does not want to hear that --cell is required.
    for text in own:
        name = text.partition("=")[0]
        if _LOOKS_LIKE_OPTION.match(name) and name not in known:
            raise unknown_name("argument", name, [*known, ROS_ARGS])
    told, unknown = parser.parse_known_args(own)
    if unknown:
        raise unknown_name("argument", unknown[0], [*known, ROS_ARGS])
    told.namespace, ros = _namespace(told.namespace, ros)
    return told, ros


def parse_arguments(name: str, about: str, argv: Sequence[str]) -> NodeArguments:
    """What a node of a cell was told, which takes nothing of its own besides.

    Raises:
        RefusedError: An argument is missing, unknown or wrong.
    """
    return parse_cell(node_parser(name, about), argv)[0]


def parse_cell(
    parser: argparse.ArgumentParser, argv: Sequence[str]
) -> tuple[NodeArguments, argparse.Namespace]:
    """What a node of a cell was told: what all take, and everything.

    Args:
        parser: From `node_parser`, with what this node takes besides.
        argv: Arguments without the program's name.

    Raises:
        RefusedError: An argument is missing, unknown or wrong.
    """
    parser.add_argument(
        "--cell", required=True, metavar="FILE", help="the cell's file, or a shipped cell's name"
    )
    parser.add_argument(
        "--spare",
        action="store_true",
        help="load everything, and begin when a line comes on standard input: for whoever wants "
        "another one of this node at once when it ends",
    )
    told, ros = parse_node(parser, argv)
    arguments = NodeArguments(
        cell=told.cell,
        namespace=told.namespace,
        domain=told.domain,
        keeper=told.keeper,
        spare=told.spare,
        ros=ros,
    )
    return arguments, told


def settled[S: Settled](setup: S, arguments: NodeArguments) -> S:
    """A setup with the namespace and the domain that the command line gave, where it did.

    Raises:
        RefusedError: There is no such namespace or domain.
    """
    from hardware.ros2.transport import checked_domain, checked_namespace

    changes: dict[str, Any] = {}
    if arguments.namespace is not None:
        changes["namespace"] = checked_namespace(arguments.namespace)
    if arguments.domain is not None:
        changes["domain"] = checked_domain(arguments.domain)
    return replace(setup, **changes)


def split_ros(argv: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The program's own arguments, and those between ``--ros-args`` and ``--`` or the end."""
    own: list[str] = []
    ros: list[str] = []
    into = own
    for text in argv:
        if text == ROS_ARGS:
            into = ros
        elif text == "--" and into is ros:
            into = own
        else:
            into.append(text)
    return own, tuple(ros)


def _namespace(told: str | None, ros: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Take the namespace out of what is for ROS: a node's child processes need it as well."""
    found, kept = told, list(ros)
    for index in range(len(ros) - 2, -1, -1):
        if ros[index] in _REMAP and ros[index + 1].startswith(_NAMESPACE):
            asked = ros[index + 1].removeprefix(_NAMESPACE)
            if found is not None and found.strip("/") != asked.strip("/"):
                raise RefusedError(f"Two namespaces: {found!r} and {asked!r}. Give one.")
            found = asked
            del kept[index : index + 2]
    return found, tuple(kept)


def no_ros_arguments(name: str, arguments: NodeArguments) -> None:
    """For nodes whose names and topics come from the cell file alone.

    Raises:
        RefusedError: There are arguments for ROS besides the namespace.
    """
    if arguments.ros:
        raise RefusedError(
            f"{name} takes its topics and settings from the cell file; of ROS's arguments only "
            f"-r __ns:=NAMESPACE, not: {' '.join(arguments.ros)}."
        )


def run_node(name: str, run: Callable[[Sequence[str]], None], argv: Sequence[str] | None) -> int:
    """Run a node and return the exit code of its process: 0 done, 1 failed, 2 refused.

    Args:
        name: Of the node, for messages.
        run: Takes the arguments.
        argv: Arguments without the program's name; `sys.argv` when None.
    """
    try:
        run(list(sys.argv[1:] if argv is None else argv))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except RobotSkillsError as error:
        print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def await_turn(arguments: NodeArguments) -> None:
    """Let a spare wait until it is wanted. To be called when all is loaded, before ROS begins.

    Raises:
        SystemExit: Nobody will want it any more.
    """
    if not arguments.spare:
        return
    for name in _EVERY_NODE_NEEDS:
        importlib.import_module(name)
    if not sys.stdin.readline():
        raise SystemExit(0)


def obey(keeper: int | None) -> None:
    """Let another process look after this one, as ``--keeper`` says. For the main thread.

    Ctrl-C in a terminal goes to all of its processes at once; a kept process leaves it to its
    keeper, which ends nodes in order. When the keeper ends, however it does, this one is asked to.

    Raises:
        RefusedError: The keeper is gone already.
    """
    if keeper is None:
        return
    # Blocked, not ignored: whoever installs a handler later still does not hear it, nor do the
    # processes started from here.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_PARENT_SIGNAL, signal.SIGTERM)
    if os.getppid() != keeper:
        raise RefusedError(f"The process {keeper}, which was to look after this one, is gone.")
