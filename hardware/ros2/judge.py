"""Judging chunks in a process of its own: inverse kinematics never delay a control period.

The gate's process shows where the arm is in a few numbers of shared memory, and takes judgements as
whole packets from a socket, so that one cut short is none. A judge that dies, hangs or is slow
costs the chunks it has not judged, and nothing else: the gate ends what it has and holds.
"""

import json
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from hardware.gate.path import JointWaypoints, Judgement
from hardware.ros2.shared import SharedNumbers
from hardware.safety_gate import GateCode, GateConfig, SafetyGate
from robot_skills.core.collision import CollisionModel
from robot_skills.core.errors import RobotFault
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.types import ActionChunk, ArmState, Observation

_ANSWER_S = 0.25
_LARGEST_PACKET = 1 << 18
_LONGEST_MESSAGE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeSetup:
    """What a judge needs to know; it travels to its process.

    Attributes:
        limits: Of the arm.
        make_kinematics: Makes its kinematics, there.
        config: How much is forgiven.
        arm: Its name in chunks.
        make_collisions: Makes what knows how near the arm comes to itself and to what stands
            around it, there; None where nobody does.
    """

    limits: ArmLimits
    make_kinematics: Callable[[], Kinematics]
    config: GateConfig
    arm: str
    make_collisions: Callable[[], CollisionModel] | None = None


class ExpectedArm:
    """Where the arm is as the next chunk finds it, in shared memory: one writes, others read.

    Args:
        joints: How many.
    """

    def __init__(self, joints: int) -> None:
        self._n, self._shared = joints, SharedNumbers(2 + 2 * joints)

    def write(self, arm: ArmState) -> None:
        self._shared.write(arm.stamp_s, arm.opening, arm.q_rad, arm.dq_rad_s)

    def read(self, kinematics: Kinematics) -> ArmState:
        """The newest state.

        Raises:
            RobotFault: Nobody has written one yet.
        """
        numbers = self._shared.read()
        if numbers is None:
            raise RobotFault("The arm has not said where it is.")
        q = numbers[2 : 2 + self._n]
        return ArmState(
            stamp_s=float(numbers[0]),
            q_rad=q,
            dq_rad_s=numbers[2 + self._n :],
            tau_nm=np.zeros(self._n),
            T_base_tool=kinematics.forward(q),
            opening=float(numbers[1]),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Judged:
    """A judgement on its way to the gate, or the gate's answer on its way back.

    Attributes:
        number: Of the request; its answer has the same.
        judgement: The judge's, or the gate's.
        epoch: Of the sender's command.
        observed_s: When the arm was seen as it was when the chunk was decided.
    """

    number: int
    judgement: Judgement
    epoch: int = 0
    observed_s: float = 0.0

    def pack(self) -> bytes:
        """As one packet."""
        waypoints = self.judgement.waypoints
        shape = [0, 0] if waypoints is None else list(waypoints.q_rad.shape)
        head = {
            "number": self.number,
            "epoch": self.epoch,
            "observed_s": self.observed_s,
            "code": self.judgement.code.value,
            "message": self.judgement.message[:_LONGEST_MESSAGE],
            "shape": shape,
        }
        words = json.dumps(head).encode()
        arrays = (
            []
            if waypoints is None
            else [waypoints.stamp_s, waypoints.opening, waypoints.q_rad.ravel()]
        )
        numbers = b"".join(np.asarray(one, dtype=np.float64).tobytes() for one in arrays)
        return struct.pack("<I", len(words)) + words + numbers

    @classmethod
    def unpack(cls, packet: bytes) -> Self:
        """A packet.

        Raises:
            ValueError: It is none of ours.
        """
        (length,) = struct.unpack_from("<I", packet)
        head = json.loads(packet[4 : 4 + length])
        count, joints = head["shape"]
        waypoints = None
        if count:
            numbers = np.frombuffer(packet[4 + length :], dtype=np.float64)
            if len(numbers) != count * (2 + joints):
                raise ValueError("A judgement does not have the numbers that it says.")
            waypoints = JointWaypoints(
                stamp_s=numbers[:count],
                opening=numbers[count : 2 * count],
                q_rad=numbers[2 * count :].reshape(count, joints),
            )
        judgement = Judgement(
            code=GateCode(head["code"]), message=head["message"], waypoints=waypoints
        )
        return cls(
            number=head["number"],
            judgement=judgement,
            epoch=head["epoch"],
            observed_s=head["observed_s"],
        )


def judge_sockets() -> tuple[socket.socket, socket.socket]:
    """The gate's end, which never waits, and the judge's."""
    gate, judge = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    gate.setblocking(False)
    return gate, judge


def receive(end: socket.socket) -> Judged | None:
    """The next packet at the gate's end; None when there is none.

    Raises:
        EOFError: The judge is gone.
    """
    try:
        packet = end.recv(_LARGEST_PACKET)
    except BlockingIOError:
        return None
    except OSError as error:
        raise EOFError(str(error)) from None
    if not packet:
        raise EOFError("the judge has closed its end")
    return Judged.unpack(packet)


class Judge:
    """Judges chunks for a gate in another process.

    Args:
        setup: What it needs to know.
        expected: Where the arm is.
        gate: Socket to the gate.
        now_s: The project clock.
    """

    def __init__(
        self,
        setup: JudgeSetup,
        expected: ExpectedArm,
        gate: socket.socket,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kinematics = setup.make_kinematics()
        make = setup.make_collisions
        self._judge = SafetyGate(
            setup.limits,
            self._kinematics,
            setup.config,
            setup.arm,
            collisions=None if make is None else make(),
        )
        self._expected, self._gate, self._now_s = expected, gate, now_s
        self._number = 0

    def submit(
        self, chunk: ActionChunk, epoch: int, observed_s: float
    ) -> tuple[Judgement, ActionChunk | None]:
        """Judge a chunk and let the gate follow it.

        Returns:
            The gate's last word, and what is followed.

        Raises:
            RobotFault: The arm has not said where it is, or the gate does not answer.
        """
        arm = self._expected.read(self._kinematics)
        now_s = self._now_s()
        seen = Observation(stamp_s=now_s, arms={self._judge.arm: arm})
        verdict = self._judge.check(chunk, seen, now_s)
        judgement = Judgement.of(verdict, self._judge.arm)
        self._number += 1
        judged = Judged(
            number=self._number, judgement=judgement, epoch=epoch, observed_s=observed_s
        )
        self._gate.send(judged.pack())
        answer = self._answer()
        # The answer has no waypoints: what is followed is what was judged.
        followed = verdict.accepted if answer.code in (GateCode.OK, GateCode.CLIPPED) else None
        return answer, followed

    def _answer(self) -> Judgement:
        until_s = time.monotonic() + _ANSWER_S
        while (left_s := until_s - time.monotonic()) > 0.0:
            if not select.select([self._gate], [], [], left_s)[0]:
                break
            packet = self._gate.recv(_LARGEST_PACKET)
            if not packet:
                raise RobotFault("The safety gate is gone.")
            answer = Judged.unpack(packet)
            if answer.number == self._number:
                return answer.judgement
        raise RobotFault("The safety gate does not answer.")
