"""The process that judges chunks for a gate: the service ``gate/submit``."""

import os
import socket
from multiprocessing.connection import Connection
from typing import Any

from hardware.ros2.gate_setup import GATE_NODE, JUDGE_NODE, GateSetup
from hardware.ros2.judge import ExpectedArm, Judge
from hardware.ros2.judged import JUDGED, reported
from hardware.ros2.messages import chunk_of, fill_chunk
from hardware.ros2.runtime import ProcessEnd, RosNode
from hardware.ros2.times import clock_name
from hardware.ros2.transport import checked_namespace
from hardware.safety_gate import GateCode
from robot_skills.core.errors import RobotFault


def _is_wanted(begin: Connection) -> bool:
    """Wait until one may begin; not when whose child this is has gone."""
    try:
        begin.recv_bytes()
    except EOFError:
        return False
    return True


def _check_clock(message: Any) -> None:
    """Raises `ValueError` for times of another clock: how old they are, nobody here can tell."""
    if message.clock != clock_name():
        raise ValueError(
            f"Its times are of the clock {message.clock!r}, and are wanted on the gate's, which is "
            f"{clock_name()!r}: the clock and the time are in the gate's status."
        )


def judge_main(
    setup: GateSetup, expected: ExpectedArm, gate: socket.socket, begin: Connection | None = None
) -> None:
    """The judge's process: serves ``gate/submit`` until it, or the gate, is to end.

    Args:
        setup: What it needs to know.
        expected: Where the arm is.
        gate: Socket to the gate.
        begin: Says when it may begin; until then all is loaded, and nobody hears of it. None: at
            once.
    """
    from robot_skills_interfaces.srv import SubmitChunk

    judge = Judge(setup.judge(), expected, gate)

    def submit(request: Any, response: Any) -> Any:
        from geometry_msgs.msg import Pose

        response.accepted, response.code = False, GateCode.STATE.value
        message = request.chunk
        if not message.stamp_s:
            # Somebody asks whether this is there.
            response.message = "There are no waypoints."
            return response
        try:
            _check_clock(message)
            chunk = chunk_of(message)
            if setup.arm not in chunk.arms:
                raise ValueError(f"This is the gate of {setup.arm!r}, not of {message.arm!r}.")
            answer, followed = judge.submit(chunk, message.epoch, message.observed_s)
        except (ValueError, RobotFault) as problem:
            response.message = str(problem)
            return response
        response.code, response.message = answer.code.value, answer.message
        if followed is not None:
            response.accepted = True
            response.followed.clock = clock_name()
            response.followed.epoch = message.epoch
            fill_chunk(response.followed, followed, setup.arm, Pose)
        return response

    # Whoever computes must not take the time of who moves the arm.
    os.nice(5)
    if begin is not None and not _is_wanted(begin):
        return
    node = RosNode(
        JUDGE_NODE,
        namespace=setup.namespace,
        reach=setup.reach,
        domain=setup.domain,
        pictures=False,
    )
    try:
        place = f"{checked_namespace(setup.namespace)}/{GATE_NODE}"
        node.node.create_service(
            SubmitChunk, f"{place}/submit", reported(node, f"{place}/{JUDGED}", submit)
        )
        end = ProcessEnd()
        with end.watched(with_parent=True):
            while node.alive and not end.asked:
                node.spin_once(0.1)
    finally:
        node.close()
