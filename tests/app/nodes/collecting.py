"""A simulated cell with hands and recorder, brought up as a person does, and a hand on it."""

import re
import subprocess
import sys
import threading
import time

import psutil

from hardware.ros2.messages import fill_stamp
from hardware.ros2.runtime import RosNode
from hardware.ros2.times import MachineClock
from tests.app.small_cell import SMALL_CELL

PATIENCE_S = 150.0


def wait_until(so, what=""):
    """What `so` gives, once that is something."""
    until_s = time.monotonic() + PATIENCE_S
    while not (found := so()):
        assert time.monotonic() < until_s, what() if callable(what) else what
        time.sleep(0.05)
    return found


class Collecting:
    """`robot-skills bringup --plan collect` as a process.

    Attributes:
        dataset: Folder that is recorded into.
    """

    def __init__(self, folder, domain):
        self.cell, self.dataset = folder / "small.yaml", folder / "push"
        self.cell.write_text(SMALL_CELL)
        self.logs, self._said = folder / "logs", folder / "said"
        command = [sys.executable, "-m", "robot_skills.app.cli", "bringup", "--plan", "collect"]
        command += ["--cell", str(self.cell), "--domain", str(domain), "--logs", str(self.logs)]
        command += ["--dataset", str(self.dataset), "--task", "push it to the left"]
        with self._said.open("w") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=said)
        self.started = set()

    @property
    def said(self):
        logs = [f"{log.name}: {log.read_text()[-1500:]}" for log in self.logs.glob("*.log")]
        return "\n".join([self._said.read_text(), *logs])

    def log(self, node):
        return (self.logs / f"{node}.log").read_text()

    def pids_of(self, node):
        """Of its processes so far, in order."""
        text = self._said.read_text()
        self.started |= set(psutil.Process(self.process.pid).children(recursive=True))
        return [int(pid) for pid in re.findall(rf"{node} +running +process (\d+)", text)]

    def wait_for(self, node, times=1):
        def up():
            assert self.process.poll() is None, self.said
            return len(self.pids_of(node)) >= times

        wait_until(up, lambda: self.said)

    def end(self):
        """End it; returns the exit code, and kills what is left."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=60.0)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            for one in psutil.wait_procs(self.started, timeout=10.0)[1]:
                one.kill()


class Person:
    """Somebody with a hand on a topic, who hears what the cell says and asks its recorder.

    Attributes:
        y_m_s: Speed of the hand; it lets go at 0.
    """

    def __init__(self, domain, namespace=""):
        from geometry_msgs.msg import TwistStamped
        from robot_skills_interfaces.msg import (
            EpisodeEvent,
            GateStatus,
            RecorderStatus,
            TeleopStatus,
        )
        from robot_skills_interfaces.srv import EpisodeControl
        from sensor_msgs.msg import JointState
        from std_msgs.msg import String

        self.node = RosNode("person", namespace=namespace, domain=domain)
        ros = self.node.node
        self._kind, self._twist = EpisodeControl, TwistStamped
        self._client = ros.create_client(EpisodeControl, "recorder/episode")
        self._hand = ros.create_publisher(TwistStamped, "teleop/twist", 1)
        self._events = ros.create_publisher(EpisodeEvent, "recorder/events", 10)
        self._event = EpisodeEvent
        self._wishes = ros.create_publisher(String, "teleop/wish", 10)
        self.heard = {}
        for kind, topic in (
            (GateStatus, "gate/status"),
            (RecorderStatus, "recorder/status"),
            (TeleopStatus, "teleop/status"),
            (JointState, "joint_states"),
        ):
            ros.create_subscription(kind, topic, self._hears(topic), 10)
        self.y_m_s = 0.0
        self._end = threading.Event()
        self.node.start()
        self._thread = threading.Thread(target=self._move)
        self._thread.start()

    def _hears(self, topic):
        def heard(message):
            self.heard[topic] = message

        return heard

    def _move(self):
        while not self._end.wait(0.02):
            message = self._twist()
            fill_stamp(message.header.stamp, MachineClock().now_s())
            message.twist.linear.y = self.y_m_s
            self._hand.publish(message)

    def ask(self, action, **words):
        return self.node.call(self._client, self._kind.Request(action=action, **words), 60.0)

    def reach_recorder(self):
        """Ask for nothing until somebody answers: a dead recorder is seen for a while."""
        question = self._kind.Request(action="nothing")
        self.node.ask(self._client, question, answer_s=3.0, patience_s=PATIENCE_S)

    def insist(self, action, **words):
        """Ask until it is done."""

        def done():
            answer = self.ask(action, **words)
            self.refused = answer.reason
            return answer if answer.accepted else None

        return wait_until(done, lambda: self.refused)

    def wish(self, word):
        """Press a button."""
        from std_msgs.msg import String

        self._wishes.publish(String(data=word))

    def say(self, kind, data):
        self._events.publish(self._event(kind=kind, data=data))

    def joint(self):
        """Of the arm, the one that turns it left and right."""
        message = self.heard["joint_states"]
        return message.position[list(message.name).index("joint1")]

    def push(self, turn_rad, said=lambda: ""):
        """Move until the arm has turned so far, then let go."""
        before = self.joint()

        def state():
            return f"{self.heard.get('teleop/status')}\n{self.heard.get('gate/status')}\n{said()}"

        def there():
            # Whoever is told to let go does, and takes hold again.
            held = self.heard["teleop/status"].motion == "held"
            self.y_m_s = 0.0 if held else float(0.1 if turn_rad > 0.0 else -0.1)
            return (self.joint() - before) * (1 if turn_rad > 0 else -1) > abs(turn_rad)

        wait_until(there, state)
        self.y_m_s = 0.0

    def close(self):
        self._end.set()
        self._thread.join()
        self.node.close()
