"""What runs on two machines: a witness at the arm, what commands it, and a policy.

Each is a puppet of ``python -m benchmarks.two_machines``, which says what is tried.
"""

import argparse
import threading
import time
from typing import Any

import numpy as np

from benchmarks.machines import FAR_ADDRESS, obey
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, single_arm_chunk

RESTS = 1e-4
"""Slower than this [rad/s] is rest."""
LONGEST_S = 4.0
_HORIZON, _STEP_S = 16, 0.05
_SPEED_M_S, _REACH_M = 0.08, 0.06
_PORT, _KEY = 8123, "a key for a test"


class Witness:
    """At the arm: takes down what the gate tells the arm, and what it says."""

    def __init__(self) -> None:
        from robot_skills_interfaces.msg import GateStatus
        from sensor_msgs.msg import JointState

        from hardware.ros2.runtime import RosNode

        self._node = RosNode("witness", pictures=False)
        self._sent: list[tuple[float, float]] = []
        self._status: Any = None
        self._node.node.create_subscription(JointState, "gate/sent", self._told, 200)
        self._node.node.create_subscription(GateStatus, "gate/status", self._said, 10)
        self._node.start()

    def _told(self, message: Any) -> None:
        self._sent.append((time.monotonic(), max(map(abs, message.velocity))))

    def _said(self, message: Any) -> None:
        self._status = message

    def status(self) -> dict[str, Any]:
        """State and cause of the gate, and how many chunks came."""
        status = self._status
        if status is None:
            return {"state": "", "cause": "", "chunks": 0}
        return {"state": status.state, "cause": status.cause, "chunks": status.chunks}

    def moves(self) -> bool:
        return bool(self._sent) and self._sent[-1][1] > RESTS

    def now(self) -> float:
        return time.monotonic()

    def rested(self, since_s: float) -> float | None:
        """When the setpoint came to rest after a time [s]; None if it did not."""
        until_s = time.monotonic() + LONGEST_S
        while time.monotonic() < until_s:
            time.sleep(0.03)
            moving = [at_s for at_s, speed in list(self._sent) if speed > RESTS]
            last_s = max(moving[-1] if moving else 0.0, since_s)
            if time.monotonic() - last_s > 0.2 and self._status.state != "running":
                return last_s
        return None

    def most_since(self, since_s: float) -> float:
        """Fastest that a joint was told to be since a time [rad/s]."""
        return max((speed for at_s, speed in list(self._sent) if at_s >= since_s), default=0.0)


class Commander:
    """Commands the arm to and fro, from wherever it is.

    Args:
        cell: File of the cell.
        policy: Address of the policy that says where to; empty for none.
    """

    def __init__(self, cell: str, policy: str) -> None:
        from hardware.ros2.robot import Ros2Robot
        from robot_skills.app.cells import load_cell, robot_config

        self.robot = Ros2Robot(robot_config(load_cell(cell)), name="commander")
        self._remote = _Remote(policy) if policy else None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._problem = ""
        self._way = 1.0

    def connect(self) -> None:
        self.robot.connect()
        if self._remote is not None:
            self._remote.connect()
        self._y_m = self._tool()[1, 3]

    def start(self) -> None:
        """Send chunks, again and again, until something goes wrong."""
        self._problem = ""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.once()
                time.sleep(0.1)
        except RobotSkillsError as problem:
            self._problem = f"{type(problem).__name__}: {problem}"

    def once(self) -> None:
        """Send one chunk."""
        self.robot.command(self._chunk())

    def _chunk(self) -> ActionChunk:
        T = self._tool()
        aside_m = T[1, 3] - self._y_m
        self._way = -1.0 if aside_m > _REACH_M else 1.0 if aside_m < -_REACH_M else self._way
        speed_m_s = self._way * (_SPEED_M_S if self._remote is None else self._remote.speed_m_s())
        times = np.asarray(_STEP_S * np.arange(1.0, _HORIZON + 1), dtype=np.float64)
        poses = np.tile(T, (_HORIZON, 1, 1))
        poses[:, 1, 3] += speed_m_s * times
        return single_arm_chunk(self.robot.clock.now_s() + times, poses, np.ones(_HORIZON))

    def _tool(self) -> np.ndarray:
        return self.robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()

    def problem(self) -> str:
        """What ended the sending; waits for it."""
        if self._thread is not None:
            self._thread.join(timeout=LONGEST_S + 10.0)
        return self._problem

    def stop(self) -> None:
        self._stop.set()
        self.problem()
        self.robot.stop()

    def resume(self) -> None:
        self.robot.resume()

    def hears(self) -> bool:
        """Whether the arm is heard."""
        try:
            self.robot.observe()
        except RobotSkillsError:
            return False
        return True


class _Remote:
    """A policy far away, asked over openpi's protocol."""

    def __init__(self, url: str) -> None:
        from policies.openpi.client import ClientConfig, OpenPiPolicy

        config = ClientConfig(api_key=_KEY, connect_timeout_s=1.0, infer_timeout_s=1.0, attempts=1)
        self._policy = OpenPiPolicy(url, config)

    def connect(self) -> None:
        self._policy.connect()

    def speed_m_s(self) -> float:
        from policies.faces import STATE

        steps, size = self._policy.observation_steps, self._policy.sizes.numbers[STATE]
        chunk = self._policy.infer({STATE: np.zeros((steps, size), np.float32)})
        return float(chunk.actions[0, 0])


class Sideways:
    """A policy that says how fast to go; `policies.faces.DescribedTask`."""

    period_s, horizon, observation_steps = _STEP_S, 4, 1

    def __init__(self) -> None:
        from policies.faces import STATE, FeatureSizes

        self.sizes = FeatureSizes(numbers={STATE: 2}, pictures={}, action=1)

    def reset(self, seed: int) -> None:
        """Nothing to begin anew."""

    def infer(self, history: Any, instruction: str = "") -> Any:
        from policies.task_policy import TaskChunk

        actions = np.full((self.horizon, 1), _SPEED_M_S, np.float32)
        return TaskChunk(actions=actions, done=0.0)


def play(role: str, cell: str, policy: str) -> None:
    """Be one of the programs, until nobody tells what to do any more."""
    if role == "policy":
        from policies.openpi.server import PolicyServer, ServerConfig

        config = ServerConfig(host=FAR_ADDRESS, port=_PORT, api_key=_KEY)
        with PolicyServer(Sideways(), config) as server:
            obey({"url": lambda: server.url})
        return
    if role == "witness":
        witness = Witness()
        try:
            names = ("status", "moves", "now", "rested", "most_since")
            obey({name: getattr(witness, name) for name in names})
        finally:
            witness._node.close()
        return
    commander = Commander(cell, policy)
    try:
        names = ("connect", "start", "once", "problem", "stop", "resume", "hears")
        obey({name: getattr(commander, name) for name in names})
    finally:
        commander._stop.set()
        commander.robot.close()


def main() -> None:
    """Be one of the programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("witness", "commander", "policy"))
    parser.add_argument("--cell", default="")
    parser.add_argument("--policy", default="")
    args = parser.parse_args()
    play(args.role, args.cell, args.policy)


if __name__ == "__main__":
    main()
