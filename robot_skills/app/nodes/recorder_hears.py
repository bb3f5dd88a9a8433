"""What a recorder hears of a cell: arm, gate, skills, hands and cameras.

Everything is heard without an acknowledgement (best effort), so that no publisher keeps anything
for a recorder that hangs. What was missed is counted.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hardware.ros2.arm_link import ArmLink
from hardware.ros2.camera import RosCamera
from hardware.ros2.event_messages import event_of
from hardware.ros2.gate_setup import GATE_NODE
from hardware.ros2.judged import JUDGED
from hardware.ros2.messages import JointOrder, chunk_of, stamp_s
from hardware.ros2.robot import Ros2RobotConfig
from hardware.ros2.runtime import RosNode
from hardware.ros2.state_history import StateHistory
from hardware.ros2.times import MachineClock, SenderClocks
from robot_skills.app.nodes.recorder_cameras import CameraFeed, HeardCamera
from robot_skills.core.clock_map import ClockMap
from robot_skills.core.errors import RobotFault
from robot_skills.core.events import Event, EventKind
from robot_skills.core.frame_ring import FrameRing
from robot_skills.core.se3 import Array
from robot_skills.core.types import ArmState, Observation, single_arm_chunk
from robot_skills.data.messages import Command
from robot_skills.data.recorder import Recorder

SENT = "action.joints"
"""Vector of a dataset: what the joints were really told, by the gate."""
RECORDER_NODE = "recorder"
EVENTS = f"{RECORDER_NODE}/events"
"""Topic of ``EpisodeEvent``: what others want to have kept with an episode."""
_SKILL_SERVER = "skill_server"
_STALE_S = 0.2
_QUEUE = 50
_SLACK = 0.9


class CellHearing:
    """Hands everything that is heard of a cell to a recorder. For the thread that spins the node.

    Args:
        node: That listens.
        config: Arm and cameras.
        cameras: More of the cameras, by name.
        recorder: Started; what is heard between episodes it forgets.
        rings: Where pictures go, per camera.
    """

    def __init__(
        self,
        node: RosNode,
        config: Ros2RobotConfig,
        cameras: Mapping[str, HeardCamera],
        recorder: Recorder,
        rings: Mapping[str, FrameRing],
    ) -> None:
        self._node, self._config, self._recorder = node, config, recorder
        self._clock, self._history = MachineClock(), StateHistory()
        self._kept_s = -np.inf
        self._told = _Told(config, recorder, self._clock)
        self._said = _Said(recorder, self._clock)
        self._feeds = {
            camera.name: CameraFeed(
                RosCamera(node, camera, self._clock, self._history.T_base_tool_at),
                cameras[camera.name],
                rings[camera.name],
            )
            for camera in config.cameras
        }
        self._arm_problem = ""
        self._gone: Mapping[str, str] = {}
        self._subscribe()

    @property
    def gone(self) -> Mapping[str, str]:
        """What is not recorded although it should be, and why."""
        return self._gone

    @property
    def subtask(self) -> str:
        """What is being done, in words."""
        return self._said.subtask

    def begin(self) -> None:
        """An episode has begun: say how things stand."""
        self._said.repeat()
        for name, why in self._gone.items():
            self._said.sensor(name, "lost", why)
        if not self._told.running:
            self._told.hold(self._history.newest)

    def take_pictures(self) -> None:
        """Pass on the pictures that have come."""
        for feed in self._feeds.values():
            feed.take()

    def tick(self) -> None:
        """Once in a control period: note what came to an end or began again."""
        now_s = self._clock.now_s()
        newest = self._history.newest
        gone = {f"camera/{name}": feed.why_none() for name, feed in self._feeds.items()}
        if newest is None or now_s - newest.stamp_s > _STALE_S:
            topic = self._config.topics.joint_states
            gone["arm"] = self._arm_problem or f"no states of the arm come on {topic}"
        gone = {name: why for name, why in gone.items() if why}
        for name in gone.keys() - self._gone.keys():
            self._said.sensor(name, "lost", gone[name])
        for name in self._gone.keys() - gone.keys():
            self._said.sensor(name, "back", "")
        self._gone = gone
        self._told.tick(now_s, newest)

    def _subscribe(self) -> None:
        from diagnostic_msgs.msg import DiagnosticStatus
        from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
        from robot_skills_interfaces.msg import (
            EpisodeEvent,
            GateStatus,
            JudgedChunk,
            SkillStatus,
        )
        from sensor_msgs.msg import JointState

        qos = QoSProfile(
            depth=_QUEUE,
            history=HistoryPolicy.KEEP_LAST,
            reliability=ReliabilityPolicy.BEST_EFFORT,
        )
        kinematics = self._config.make_kinematics()
        ArmLink(self._node, self._config.topics, kinematics, self._clock, self._heard_state)
        topics: list[tuple[type, str, Callable[[Any], None]]] = [
            (JointState, f"{GATE_NODE}/sent", self._told.sent),
            (JudgedChunk, f"{GATE_NODE}/{JUDGED}", self._told.judged),
            (GateStatus, f"{GATE_NODE}/status", self._heard_gate),
            (SkillStatus, f"{_SKILL_SERVER}/status", self._said.skill),
            (EpisodeEvent, EVENTS, self._said.event),
        ]
        topics += [
            (DiagnosticStatus, f"{name}/health", feed.heard_health)
            for name, feed in self._feeds.items()
        ]
        for kind, topic, heard in topics:
            self._node.node.create_subscription(kind, topic, heard, qos)

    def _heard_state(self, state: ArmState | None, problem: str) -> None:
        self._arm_problem = problem
        if state is None:
            return
        self._history.add(state)
        if state.stamp_s - self._kept_s < _SLACK * self._config.control_period_s:
            return
        self._kept_s = state.stamp_s
        seen = Observation(stamp_s=self._clock.now_s(), arms={self._config.arm: state})
        self._recorder.state(seen)

    def _heard_gate(self, message: Any) -> None:
        if self._told.gate_is(message):
            self._told.hold(self._history.newest)


class _Told:
    """What the arm was told: chunks, and joints."""

    def __init__(self, config: Ros2RobotConfig, recorder: Recorder, clock: MachineClock) -> None:
        self._config, self._recorder, self._clock = config, recorder, clock
        self._order = JointOrder(config.topics.joints)
        self._times, self._senders = ClockMap(), SenderClocks()
        self._sent_s = -np.inf
        self._in_force: Array | None = None
        self._opening: float | None = None
        self._number: int | None = None
        self._gate: tuple[str, str] = ("", "")

    @property
    def running(self) -> bool:
        return self._gate[0] == "running"

    def sent(self, message: Any) -> None:
        """What the gate sent to the joints."""
        try:
            q_rad, _, _ = self._order.pick(message)
        except RobotFault:
            return
        sent_s = self._times.stamp_s(stamp_s(message.header), self._clock.now_s())
        if not np.isfinite(q_rad).all() or sent_s <= self._sent_s:
            return
        self._sent_s, self._in_force = sent_s, q_rad
        self._recorder.numbers(SENT, sent_s, q_rad)

    def tick(self, now_s: float, arm: ArmState | None) -> None:
        """Where nothing is sent, the last is in force, and before the first the arm's own."""
        # By now, whatever was sent half a period ago has been heard.
        half_s = 0.5 * self._config.control_period_s
        known_s = now_s - half_s
        if known_s - self._sent_s < half_s:
            return
        if self._in_force is None and arm is not None:
            self._in_force = arm.q_rad
        if self._in_force is not None:
            self._sent_s = known_s
            self._recorder.numbers(SENT, known_s, self._in_force)

    def judged(self, message: Any) -> None:
        """What became of a chunk."""
        number = int(message.number)
        now_s = self._clock.now_s()
        missed = 0 if self._number is None else number - self._number - 1
        if missed > 0:
            data = {"name": f"{GATE_NODE}/{JUDGED}", "state": "missed", "count": missed}
            self._recorder.emit(Event(stamp_s=now_s, kind=EventKind.SENSOR, data=data))
        self._number = number
        offset_s = self._senders.offset_s(message.clock, message.answered_s, now_s)
        self._verdict(message, message.stamp_s + offset_s)
        try:
            requested = chunk_of(message.requested, offset_s)
            accepted = chunk_of(message.followed, offset_s) if message.accepted else None
            refused = None if message.accepted else f"{message.code}: {message.message}"
            command = Command(
                stamp_s=message.stamp_s + offset_s,
                requested=requested,
                accepted=accepted,
                refused=refused,
            )
            self._recorder.command(command)
        except ValueError:
            # A chunk that holds what is no number: the verdict says so, and it moved nothing.
            return
        if accepted is not None and self._config.arm in accepted.arms:
            self._opening = float(accepted.arms[self._config.arm].opening[-1])

    def _verdict(self, message: Any, at_s: float) -> None:
        data = {
            "arm": message.requested.arm,
            "accepted": bool(message.accepted),
            "code": message.code,
            "message": message.message,
            "details": {"judged_ms": 1e3 * (message.answered_s - message.stamp_s)},
        }
        self._recorder.emit(Event(stamp_s=at_s, kind=EventKind.GATE, data=data))

    def gate_is(self, message: Any) -> bool:
        """Take down how the gate is; returns whether it has just ceased to move the arm."""
        before, self._gate = self._gate, (message.state, message.cause)
        if before == self._gate:
            return False
        data = {"name": GATE_NODE, "state": message.state, "why": message.why}
        event = Event(stamp_s=self._clock.now_s(), kind=EventKind.SENSOR, data=data)
        self._recorder.emit(event)
        return before[0] == "running" != message.state

    def hold(self, arm: ArmState | None) -> None:
        """Take down that the arm was to stay where it is."""
        if arm is None:
            return
        now_s = self._clock.now_s()
        opening = arm.opening if self._opening is None else self._opening
        chunk = single_arm_chunk(
            np.array([now_s + self._config.control_period_s]),
            arm.T_base_tool.matrix()[None],
            np.array([opening]),
            name=self._config.arm,
        )
        self._recorder.command(Command(stamp_s=now_s, requested=chunk, accepted=chunk))


class _Said:
    """What is being done, in words, and what others want to have kept."""

    def __init__(self, recorder: Recorder, clock: MachineClock) -> None:
        self._recorder, self._clock = recorder, clock
        self._senders = SenderClocks()
        self.subtask = ""

    def repeat(self) -> None:
        """The present subtask, to an episode that has just begun."""
        if self.subtask:
            self._emit(EventKind.SUBTASK, {"words": self.subtask})

    def sensor(self, name: str, state: str, why: str) -> None:
        """Something is lost, or back."""
        self._emit(EventKind.SENSOR, {"name": name, "state": state, "why": why})

    def skill(self, message: Any) -> None:
        """What the skill server does."""
        values = [word.partition("=")[2] or word for word in message.arguments]
        words = f"{message.skill}({', '.join(values)})" if message.skill else ""
        if words != self.subtask:
            self.subtask = words
            self._emit(EventKind.SUBTASK, {"words": words})

    def event(self, message: Any) -> None:
        """Somebody's decision; what is not understood is ignored."""
        now_s = self._clock.now_s()
        offset_s = self._senders.offset_s(message.clock, message.stamp_s, now_s)
        try:
            event = event_of(message, offset_s)
        except ValueError:
            return
        if event.kind is EventKind.SUBTASK:
            if not isinstance(event.data.get("words"), str):
                return
            self.subtask = event.data["words"]
        # Whoever does not say when, says now.
        timed = message.stamp_s > 0.0 and event.stamp_s <= now_s
        self._recorder.emit(event if timed else replace(event, stamp_s=now_s))

    def _emit(self, kind: EventKind, data: Mapping[str, Any]) -> None:
        self._recorder.emit(Event(stamp_s=self._clock.now_s(), kind=kind, data=data))
