"""A cell under test: its processes, who listens to them, and the operator who looks after it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.cell import Setpoint
from hardware.ros2.runtime import RosNode
from robot_skills.app.cells import find_cell, load_cell
from robot_skills.app.nodes.recorder import DATASETS
from robot_skills.core.errors import RobotFault, RobotSkillsError

CELL = "sim_panda"
_NODES = ("sim_robot", "gate", "perception", "skill_server", "scheduler", "recorder")
_LOOKS_S = 0.5
"""An operator needs a moment to see what has happened."""
_STARTS_S = 180.0
_ASKS_S = 2.0


class Processes:
    """`robot-skills bringup`, as a process for the skills and one for the recorder.

    Args:
        folder: For everything that is written.
        domain: Of ROS.
    """

    def __init__(self, folder: Path, domain: int) -> None:
        self.cell, self._folder = folder / "cell.yaml", folder
        text = find_cell(CELL).read_text(encoding="utf-8")
        self.cell.write_text(
            text.replace("reach: machine", f"reach: machine\n  domain: {domain}"), encoding="utf-8"
        )
        self._recorder: subprocess.Popen[bytes] | None = None
        self.killed: set[int] = set()
        self._cell = self._start("skills", "--plan", "skills")

    def record(self) -> None:
        """Start the recorder as well, when the cell is there."""
        self._recorder = self._start("recorder", "--plan", "collect", "--only", "recorder")

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "robot_skills.app.cli", "bringup"]
        command += ["--cell", str(self.cell), "--logs", str(self._folder / name), *arguments]
        with (self._folder / f"{name}.txt").open("wb") as said:
            # Where datasets go when nobody says where is below the working folder.
            return subprocess.Popen(
                command, stdout=said, stderr=subprocess.STDOUT, cwd=self._folder
            )

    @property
    def said(self) -> str:
        """All that bringup has said so far."""
        return self.said_since({})

    def marks(self) -> dict[Path, int]:
        """How far each of its files has come."""
        return {file: len(_text(file)) for file in self._files()}

    def said_since(self, marks: dict[Path, int]) -> str:
        """What bringup has said since then."""
        return "\n".join(_text(file)[marks.get(file, 0) :] for file in self._files())

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.txt"))

    def pid(self, node: str) -> int:
        """Of a node that runs.

        Raises:
            RobotFault: It does not run.
        """
        found = re.findall(rf"^{node} +(\w+)(?: +process (\d+))?", self.said, re.MULTILINE)
        if not found or found[-1][0] != "running":
            raise RobotFault(f"{node} does not run.")
        return int(found[-1][1])

    def kill(self, node: str) -> None:
        """At once. Raises `RobotFault` when it does not run."""
        pid = self.pid(node)
        self.killed.add(pid)
        os.kill(pid, signal.SIGKILL)

    def runs(self, node: str) -> bool:
        """Whether it is there and ready, as far as bringup and the system know."""
        try:
            pid = self.pid(node)
            os.kill(pid, 0)
        except (RobotFault, ProcessLookupError):
            return False
        return pid not in self.killed

    def wait_until_up(self, nodes: tuple[str, ...] = _NODES[:-1]) -> None:
        """Raises `RobotFault` when they do not come up."""
        until_s = time.monotonic() + _STARTS_S
        while not all(self.runs(node) for node in nodes):
            if time.monotonic() > until_s or self._cell.poll() is not None:
                raise RobotFault(f"The cell does not come up: {self.said}")
            time.sleep(0.2)

    def dataset_folder(self) -> Path:
        """Where the recorder writes when nobody says where."""
        return self._folder / DATASETS / load_cell(self.cell).name

    @property
    def up(self) -> bool:
        """Whether whoever supervises is still there."""
        return self._cell.poll() is None

    def close(self) -> None:
        for process in (self._recorder, self._cell):
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(timeout=60.0)
            except subprocess.TimeoutExpired:
                process.kill()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


@dataclass(slots=True)
class Heard:
    """What was heard on the network.

    Attributes:
        sent: Setpoints.
        causes: What the gate gave as causes, and when.
        reasons: Why instructions, skills and recordings did not succeed, and when.
    """

    sent: list[Setpoint] = field(default_factory=list)
    causes: list[tuple[float, str]] = field(default_factory=list)
    reasons: list[tuple[float, str]] = field(default_factory=list)


class Watcher:
    """Listens to a cell, asks it, and acknowledges what has stopped it, as its operator.

    Args:
        processes: Of the cell.
        domain: Of ROS.
    """

    def __init__(self, processes: Processes, domain: int) -> None:
        self.processes = processes
        self.node = RosNode("chaos", domain=domain)
        self.heard = Heard()
        self.status: Any = None
        self.status_s = 0.0
        self.pressed = False
        """Somebody keeps the emergency stop pressed."""
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._seen_s = 0.0
        self._listen()
        self.node.start()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._operate, name="operator")
        self._thread.start()

    def _listen(self) -> None:
        from robot_skills_interfaces.msg import GateStatus
        from sensor_msgs.msg import JointState
        from std_msgs.msg import String

        ros = self.node.node
        # Stamps of ROS are wall time here; both clocks are this machine's.
        self._ahead_s = time.time() - time.monotonic()
        ros.create_subscription(JointState, "gate/sent", self._heard_sent, 500)
        ros.create_subscription(GateStatus, "gate/status", self._heard_status, 100)
        self._inject = ros.create_publisher(String, "sim_robot/inject", 1)

    def _heard_sent(self, message: Any) -> None:
        stamp = message.header.stamp
        setpoint = Setpoint(
            stamp_s=stamp.sec + 1e-9 * stamp.nanosec - self._ahead_s,
            q_rad=np.array(message.position),
            dq_rad_s=np.array(message.velocity),
        )
        with self._lock:
            self.heard.sent.append(setpoint)

    def _heard_status(self, message: Any) -> None:
        before, self.status = self.status, message
        self.status_s = time.monotonic()
        waits = "; ".join(message.waits_for)
        changed = before is None or _told_by(before) != _told_by(message)
        if changed:
            words = f"{message.state} {message.cause} {message.why} {waits} of {message.owner}"
            self.heard.causes.append((message.stamp_s, words))

    def inject(self, **fault: object) -> None:
        """Have the simulated arm, or a camera, do it."""
        from std_msgs.msg import String

        self._inject.publish(String(data=json.dumps(fault)))

    def ask(self, kind: Any, name: str, timeout_s: float = _ASKS_S, **request: Any) -> Any:
        """Call a service. Raises `RobotFault` when it does not answer."""
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self.node.node.create_client(kind, name)
        return self.node.call(self._clients[name], kind.Request(**request), timeout_s)

    def trigger(self, name: str) -> bool:
        from std_srvs.srv import Trigger

        return bool(self.ask(Trigger, name).success)

    @property
    def gate_heard(self) -> bool:
        return time.monotonic() - self.status_s < 0.5

    def ready(self) -> bool:
        """Whether work could go on: everybody is there, and the gate would let the arm move."""
        if not self.gate_heard or not all(self.processes.runs(node) for node in _NODES):
            return False
        return self.status.state not in ("fault", "estop") and not self.status.waits_for

    def _operate(self) -> None:
        """Acknowledge and enable what has stopped the arm, a moment after it was seen."""
        while not self._end.wait(0.05):
            stopped = self.status is not None and self.status.state in ("fault", "estop")
            if not stopped or self.pressed or not self.gate_heard:
                self._seen_s = 0.0
                continue
            self._seen_s = self._seen_s or time.monotonic()
            if time.monotonic() - self._seen_s > _LOOKS_S:
                with suppress(RobotSkillsError):
                    self.trigger("gate/acknowledge")
                    self.trigger("gate/enable")

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self.node.close()


class Worker:
    """Has one instruction after another carried out and recorded, whatever happens.

    Args:
        watcher: Who knows the cell.
        instructions: In turns.
    """

    def __init__(self, watcher: Watcher, instructions: tuple[str, ...]) -> None:
        from rclpy.action.client import ActionClient
        from robot_skills_interfaces.action import ExecuteInstruction

        self._watcher, self._instructions = watcher, instructions
        self._kind = ExecuteInstruction
        self._client = ActionClient(watcher.node.node, ExecuteInstruction, "execute_instruction")
        self.done, self.succeeded = 0, 0
        self.acknowledged: list[str] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="worker")
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        turn = 0
        while not self._end.is_set():
            try:
                self._once(self._instructions[turn % len(self._instructions)])
                turn += 1
            except RobotSkillsError as problem:
                self._watcher.heard.reasons.append((time.monotonic(), str(problem)))
                self._end.wait(0.3)

    def _once(self, instruction: str) -> None:
        """Begin anew, record, carry out, save."""
        watcher = self._watcher
        watcher.node.wait_for(
            lambda: watcher.ready() or self._end.is_set(), 60.0, "a cell that is ready"
        )
        if self._end.is_set():
            return
        watcher.trigger("sim_robot/rearrange")
        recording = self._episode("start", task=instruction)
        try:
            good, reason = self._carry_out(instruction)
        except RobotFault as problem:
            good, reason = False, str(problem)
        self.done += 1
        self.succeeded += good
        if not good:
            watcher.heard.reasons.append((time.monotonic(), reason))
        if recording:
            self._episode("save", outcome="success" if good else "failure", notes=reason[:200])

    def _carry_out(self, instruction: str) -> tuple[bool, str]:
        node = self._watcher.node
        node.wait_for(self._client.server_is_ready, 30.0, "the scheduler")
        sent = self._client.send_goal_async(self._kind.Goal(instruction=instruction))
        node.wait_for(sent.done, 10.0, "the scheduler to take the instruction")
        handle: Any = sent.result()
        if not handle.accepted:
            self._end.wait(0.3)
            return False, "the scheduler refused the instruction"
        result: Any = handle.get_result_async()
        node.wait_for(
            lambda: result.done() or not self._watcher.processes.runs("scheduler"),
            180.0,
            "the end of the instruction",
        )
        if not result.done():
            raise RobotFault("the scheduler died")
        found = result.result().result
        return found.success, found.reason

    def _episode(self, action: str, **told: str) -> bool:
        """Ask the recorder; whether it did it."""
        from robot_skills_interfaces.srv import EpisodeControl

        timeout_s = 20.0 if action == "save" else _ASKS_S
        ask: Callable[..., Any] = self._watcher.ask
        try:
            answer = ask(EpisodeControl, "recorder/episode", timeout_s, action=action, **told)
        except RobotFault as problem:
            self._watcher.heard.reasons.append((time.monotonic(), f"recorder: {problem}"))
            return False
        if not answer.accepted:
            self._watcher.heard.reasons.append((time.monotonic(), f"recorder: {answer.reason}"))
            if action == "start":
                # What a recorder of before did not finish.
                with suppress(RobotFault):
                    ask(EpisodeControl, "recorder/episode", timeout_s, action="discard")
        elif action == "save":
            self.acknowledged.append(answer.path)
        return bool(answer.accepted)


def _told_by(status: Any) -> tuple[str, str, list[str], str]:
    """What of a gate's status is news."""
    return status.state, status.cause, list(status.waits_for), status.owner


def stop_and_go(pid: int, seconds: float) -> None:
    """Have a process hang for a while."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
