"""A simulated cell with all of the plan `skills`, as users bring it up, and who asks it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import psutil

from hardware.ros2.runtime import RosNode
from robot_skills.app.cells import find_cell
from robot_skills.core.errors import RobotFault

PATIENCE_S = 120.0


class CellUp:
    """`robot-skills bringup --plan skills` as a process."""

    def __init__(self, folder, domain, *more):
        self.cell = folder / "table.yaml"
        text = find_cell("sim_panda").read_text()
        text = text.replace("reach: machine", f"reach: machine\n  domain: {domain}")
        # Drawing shares two processors with all the other tests.
        self.cell.write_text(text.replace("rate_hz: 10,", "rate_hz: 10, stale_s: 3.0,"))
        self._said, self._result, self.logs = folder / "said", folder / "result", folder / "logs"
        command = [sys.executable, "-m", "robot_skills.app.cli", "bringup", "--json"]
        command += ["--cell", str(self.cell), "--plan", "skills", "--logs", str(self.logs), *more]
        with self._said.open("w") as said, self._result.open("w") as result:
            self.process = subprocess.Popen(command, stdout=result, stderr=said)
        self.started, self.killed = set(), Counter()

    @property
    def said(self):
        return self._said.read_text()

    def log(self, node):
        return (self.logs / f"{node}.log").read_text()

    def wait_for(self, words, times=1):
        until_s = time.monotonic() + PATIENCE_S
        while len(re.findall(words, self.said)) < times:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < until_s, (words, self.said, self.tails())
            self.started |= set(psutil.Process(self.process.pid).children(recursive=True))
            time.sleep(0.1)

    def tails(self):
        return {path.name: path.read_text()[-1000:] for path in self.logs.glob("*.log")}

    def kill(self, node, serves="activated"):
        """SIGKILL; returns what waits until the node's log says again that it serves."""
        before = self.log(node).count(serves)
        pid = int(re.findall(rf"^{node} +running +process (\d+)", self.said, re.MULTILINE)[-1])
        os.kill(pid, signal.SIGKILL)
        self.killed[node] += 1

        def wait():
            self.wait_for(f"{node} +pausing.*was ended by SIGKILL")
            until_s = time.monotonic() + PATIENCE_S
            # What the dead one left on the network is no sign of the new one.
            while self.log(node).count(serves) <= before:
                assert time.monotonic() < until_s, self.tails()
                time.sleep(0.1)

        return wait

    def result(self):
        assert self._result.read_text(), (self.said, self.tails())
        return json.loads(self._result.read_text())

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for one in psutil.wait_procs(self.started, timeout=10.0)[1]:
            one.kill()


class Asker:
    """Asks the nodes above the gate, and hears how far they are."""

    def __init__(self, domain):
        from rclpy.action.client import ActionClient
        from robot_skills_interfaces.action import ExecuteInstruction, ExecuteSkill
        from robot_skills_interfaces.msg import GateStatus

        self.node = RosNode("asker", domain=domain, pictures=False)
        self.heard, self.gate = [], None
        self.instruction, self.skill = ExecuteInstruction, ExecuteSkill
        self._clients = {
            kind: ActionClient(self.node.node, kind, name)
            for kind, name in (
                (ExecuteSkill, "execute_skill"),
                (ExecuteInstruction, "execute_instruction"),
            )
        }
        self.node.node.create_subscription(GateStatus, "gate/status", self._heard_gate, 10)
        self._services = {}
        self.node.start()

    def _heard_gate(self, message):
        self.gate = message

    def close(self):
        self.node.close()

    def call(self, kind, name, timeout_s=30.0, **request):
        if name not in self._services:
            self._services[name] = self.node.node.create_client(kind, name)
        return self.node.call(self._services[name], kind.Request(**request), timeout_s)

    def send(self, kind, **goal):
        client = self._clients[kind]
        self.node.wait_for(client.server_is_ready, 60.0, "the action server")
        self.heard.clear()
        future = client.send_goal_async(
            kind.Goal(**goal), lambda message: self.heard.append(message.feedback)
        )
        self.node.wait_for(future.done, 15.0, "an answer to the goal")
        return future.result()

    def send_until_accepted(self, kind, **goal):
        """As often as it takes: who has just been started again may not have heard of us yet."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                handle = self.send(kind, **goal)
            except RobotFault:
                handle = None
            if handle is not None and handle.accepted:
                return handle
            assert time.monotonic() < until_s, "nobody takes the goal"
            time.sleep(0.5)

    def result(self, handle, timeout_s=120.0):
        future = handle.get_result_async()
        self.node.wait_for(future.done, timeout_s, "the result")
        return future.result()

    def wait_until(self, so, what, timeout_s=60.0):
        self.node.wait_for(so, timeout_s, what)

    def wait_for_motion(self, handle, *skills):
        """Until one of these skills moves the arm.

        Who tells of skills may be late; that something moves just now is the gate's own word.
        """
        assert handle.accepted
        ended = handle.get_result_async()

        def moves():
            # Whoever ended before will not move any more.
            assert not ended.done(), ended.result()
            if not self.heard or self.gate is None or self.gate.state != "running":
                return False
            newest = self.heard[-1].status
            return newest.phase == "moving" and newest.skill in skills

        self.wait_until(moves, "motion")

    def wait_for_hold(self):
        """Until nothing moves any more, by the gate's own word."""
        self.wait_until(lambda: self.gate is not None and self.gate.state != "running", "rest")

    def change(self, node, transition):
        from lifecycle_msgs.srv import ChangeState

        request = ChangeState.Request()
        request.transition.label = transition
        return self.call(
            ChangeState, f"{node}/change_state", 60.0, transition=request.transition
        ).success

    def state(self, node):
        from lifecycle_msgs.srv import GetState

        return self.call(GetState, f"{node}/get_state").current_state.label
