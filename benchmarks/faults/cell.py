"""The processes of a cell that things go wrong with, and a robot that commands them."""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.faults.commander import Commander
from hardware.gate.motion import MotionConfig
from hardware.ros2.gate_node import run_gate
from hardware.ros2.messages import fill_chunk
from hardware.ros2.robot import Ros2Robot
from hardware.ros2.times import clock_name
from robot_skills.app.cells import gate_setup, load_cell, robot_config, sim_setup
from robot_skills.app.nodes.sim_robot import run_sim_robot
from robot_skills.core.errors import RobotFault
from robot_skills.core.se3 import Array
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, single_arm_chunk

CELL = "sim_panda"
WAYPOINT_S = 0.05
_SPEED_M_S = 0.2
_FARTHEST_M = 0.05
_RECOVERY_S = 15.0
_CAMERA_HZ, _CAMERA_PX, _STALE_S = 30.0, (128, 96), 0.15


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Setpoint:
    """What the arm was told in one period, or what it said.

    Attributes:
        stamp_s: When, on the project clock.
        q_rad: Joints.
        dq_rad_s: Their speeds.
    """

    stamp_s: float
    q_rad: Array
    dq_rad_s: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A state of the gate.

    Attributes:
        stamp_s: When, on the project clock.
        state: Its word.
        cause: Why, as a word.
    """

    stamp_s: float
    state: str
    cause: str


class FaultCell:
    """A cell whose states are watched as strictly as a real arm's.

    Args:
        cameras: That pictures come from, and that the gate watches.
    """

    def __init__(self, cameras: Sequence[str] = ()) -> None:
        found = load_cell(CELL)
        found = replace(
            found, cameras={name: one for name, one in found.cameras.items() if name in cameras}
        )
        self.limits = found.limits
        self._context = multiprocessing.get_context("spawn")
        self._gate_setup = replace(gate_setup(found), motion=MotionConfig())
        self._config = robot_config(found, owner="faults")
        # A camera that is as quick as those of real cells, so that its absence is seen as soon.
        simulated = replace(
            sim_setup(found), camera_hz=_CAMERA_HZ, camera_px=_CAMERA_PX, stale_s=_STALE_S
        )
        self.sim = self._context.Process(target=run_sim_robot, args=(simulated,))
        self.sim.start()
        self.start_gate()
        self.robot = Ros2Robot(self._config, name="faults")
        self.robot.connect()
        self.commander = Commander(replace(self._config, cameras=(), owner="policy"))
        self.chunk_end_s = 0.0
        """Of the chunk that the gate followed last, whoever asked for it."""
        self._way = 1.0
        self._lock = threading.Lock()
        self._sent: list[Setpoint] = []
        self._states: list[Setpoint] = []
        self._said: list[Said] = []
        self._listen()

    # Processes

    def start_gate(self) -> None:
        self.gate = self._context.Process(target=run_gate, args=(self._gate_setup,))
        self.gate.start()

    def judges(self) -> list[int]:
        """Process ids of the gate's children."""
        return list(_children(self.gate.pid or 0))

    def close(self) -> None:
        self.commander.close()
        with suppress(RobotFault):
            self.robot.close()
        for process in (self.gate, self.sim):
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGCONT)
            process.terminate()
        for process in (self.gate, self.sim):
            process.join(timeout=15.0)
            if process.is_alive():
                process.kill()

    # Messages

    def _listen(self) -> None:
        from robot_skills_interfaces.msg import GateStatus, JudgedChunk
        from sensor_msgs.msg import JointState
        from std_msgs.msg import String
        from std_srvs.srv import SetBool, Trigger

        self._ros = self.robot._check_connected()
        node = self._ros.node
        # Stamps of ROS are wall time here; both clocks are this machine's.
        self._ahead_s = time.time() - time.monotonic()
        node.create_subscription(JointState, "gate/sent", self._heard_sent, 200)
        node.create_subscription(JointState, "joint_states", self._heard_state, 200)
        node.create_subscription(GateStatus, "gate/status", self._heard_status, 200)
        node.create_subscription(JudgedChunk, "gate/judged", self._heard_judged, 200)
        self._inject = node.create_publisher(String, "sim_robot/inject", 1)
        self._triggers = {
            name: node.create_client(Trigger, f"gate/{name}")
            for name in ("estop", "acknowledge", "enable")
        }
        self._protective = node.create_client(SetBool, "sim_robot/protective_stop")

    def _heard_sent(self, message: Any) -> None:
        stamp = message.header.stamp
        self._note(self._sent, stamp.sec + 1e-9 * stamp.nanosec - self._ahead_s, message)

    def _heard_state(self, message: Any) -> None:
        self._note(self._states, time.monotonic(), message)

    def _note(self, log: list[Setpoint], stamp_s: float, message: Any) -> None:
        joints = len(self.limits.joint.lower_rad)
        setpoint = Setpoint(
            stamp_s=stamp_s,
            q_rad=np.array(message.position[:joints]),
            dq_rad_s=np.array(message.velocity[:joints]),
        )
        with self._lock:
            log.append(setpoint)

    def _heard_status(self, message: Any) -> None:
        with self._lock:
            self._said.append(
                Said(stamp_s=message.stamp_s, state=message.state, cause=message.cause)
            )

    def _heard_judged(self, message: Any) -> None:
        if message.accepted:
            self.chunk_end_s = float(message.followed.stamp_s[-1])

    def sent(self) -> list[Setpoint]:
        """What the arm was told since `clear`."""
        with self._lock:
            return list(self._sent)

    def states(self) -> list[Setpoint]:
        """What the arm said since `clear`."""
        with self._lock:
            return list(self._states)

    def said(self) -> list[Said]:
        """What the gate said since `clear`."""
        with self._lock:
            return list(self._said)

    def clear(self) -> None:
        with self._lock:
            for log in (self._sent, self._states, self._said):
                log.clear()

    @property
    def status(self) -> Any:
        return self.robot.status

    # Asking

    def inject(self, **fault: object) -> None:
        """Have the simulated arm do it."""
        from std_msgs.msg import String

        self._inject.publish(String(data=json.dumps(fault)))

    def trigger(self, name: str) -> bool:
        """Ask a service of the gate."""
        from std_srvs.srv import Trigger

        return bool(self._ros.call(self._triggers[name], Trigger.Request(), 2.0).success)

    def protective_stop(self, on: bool) -> None:
        """Have the arm's own controller stop it, or release it."""
        from std_srvs.srv import SetBool

        self._ros.call(self._protective, SetBool.Request(data=on), 2.0)

    def acquire(self, owner: str) -> int:
        """Take the command; returns the epoch."""
        from robot_skills_interfaces.srv import AcquireCommand

        client = self.robot._clients["acquire"]
        request = AcquireCommand.Request(owner=owner, force=True)
        return int(self._ros.call(client, request, 2.0).epoch)

    def submit(self, chunk: ActionChunk, drop_poses: int = 0) -> Any:
        """The judge's answer as it is, to a chunk that may lack poses at its end."""
        from geometry_msgs.msg import Pose
        from robot_skills_interfaces.srv import SubmitChunk

        request = SubmitChunk.Request()
        request.chunk.clock = clock_name()
        request.chunk.epoch = self.robot._epoch
        request.chunk.observed_s = self.robot.clock.now_s()
        fill_chunk(request.chunk, chunk, DEFAULT_ARM, Pose)
        poses = list(request.chunk.base_from_tool)
        request.chunk.base_from_tool = poses[: len(poses) - drop_poses]
        return self._ros.call(self.robot._clients["submit"], request, 1.0)

    # Moving

    def chunk(self, waypoints: int = 16, speed_m_s: float = _SPEED_M_S) -> ActionChunk:
        """On from where the arm is told to be, sideways."""
        sent = self.sent()
        q = sent[-1].q_rad if sent else self.robot.observe().arms[DEFAULT_ARM].q_rad
        T = self.robot.kinematics(DEFAULT_ARM).forward(q).matrix()
        times = np.asarray(WAYPOINT_S * np.arange(1.0, waypoints + 1), dtype=np.float64)
        poses = np.tile(T, (waypoints, 1, 1))
        poses[:, 1, 3] += self._way * speed_m_s * times
        return single_arm_chunk(self.robot.clock.now_s() + times, poses, np.ones(waypoints))

    def follow(self, chunk: ActionChunk) -> None:
        """Command a chunk."""
        self.chunk_end_s = float(self.robot.command(chunk).stamp_s[-1])

    def turn(self) -> float:
        """To the other side, before it has gone too far to this one: 1 or -1."""
        y = float(self.robot.observe().arms[DEFAULT_ARM].T_base_tool.p[1])
        self._way = -1.0 if y > _FARTHEST_M else 1.0 if y < -_FARTHEST_M else self._way
        return self._way

    def move(self) -> None:
        """Until the arm moves at an even pace."""
        self.turn()
        self.clear()
        for _ in range(4):
            self.follow(self.chunk())
            time.sleep(0.08)

    def recover(self) -> None:
        """Back to where a chunk is accepted again.

        Raises:
            RobotFault: It does not come back.
        """
        self.inject()
        until_s = time.monotonic() + _RECOVERY_S
        while time.monotonic() < until_s:
            time.sleep(0.05)
            self.supervise()
            # Who does not answer now may do so when it is asked again.
            with suppress(RobotFault):
                if self._come_back():
                    return
        raise RobotFault(f"It does not recover: {self.status}")

    def supervise(self) -> None:
        """What supervises a gate starts it anew when it has given its place up."""
        if not self.gate.is_alive():
            self.start_gate()

    def _come_back(self) -> bool:
        state = self.status.state
        if state in ("fault", "estop"):
            self.trigger("acknowledge")
            self.trigger("enable")
        elif state == "running":
            self.robot.stop()
        elif not self.status.waits_for:
            self.robot.resume()
            return True
        return False


def _children(pid: int) -> Iterator[int]:
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            yield from (int(word) for word in file.read().split())


@contextmanager
def fault_cell(cameras: Sequence[str] = ()) -> Iterator[FaultCell]:
    """A cell for as long as the block lasts."""
    made = FaultCell(cameras)
    try:
        yield made
    finally:
        made.close()
