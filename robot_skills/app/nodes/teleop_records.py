"""The recorder of a cell, asked over ROS 2, in place of one in the same process."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from hardware.ros2.event_messages import event_message
from hardware.ros2.runtime import RosNode
from hardware.ros2.times import MachineClock
from robot_skills.app.nodes.recorder_hears import EVENTS, RECORDER_NODE
from robot_skills.core.annotation import Outcome
from robot_skills.core.events import Event
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.types import Observation
from robot_skills.data.messages import Command
from robot_skills.data.recorder import (
    Discarded,
    EpisodeHeader,
    Failed,
    Health,
    News,
    Saved,
)

_SILENT_S = 3.0


class RecorderClient:
    """What a session needs of a recorder. The other one hears arm, gate and cameras by itself.

    A recorder that dies ends the episode, and nothing else; the next one may be begun when it is
    back. An episode may be ended before the recorder has said that it began: it is told so then,
    since it does one thing at a time.

    Args:
        node: That asks; somebody else spins it.
    """

    def __init__(self, node: RosNode) -> None:
        from robot_skills_interfaces.msg import EpisodeEvent, RecorderStatus
        from robot_skills_interfaces.srv import EpisodeControl

        self._clock = MachineClock()
        self._kind = EpisodeControl
        self._client = node.node.create_client(EpisodeControl, f"{RECORDER_NODE}/episode")
        self._events = node.node.create_publisher(EpisodeEvent, EVENTS, 50)
        node.node.create_subscription(RecorderStatus, f"{RECORDER_NODE}/status", self._heard, 10)
        self._news: deque[News] = deque()
        self._status: Any = None
        self._heard_s = time.monotonic()
        self._recording = self._begun = False
        self._start_s = 0.0
        # Between the thread that asks and the one that hears answers.
        self._lock = threading.Lock()
        self._beginning = self._ending = False
        self._afterwards: Callable[[], None] | None = None

    @property
    def alive(self) -> bool:
        """Always: one that has gone may come back."""
        return True

    @property
    def others_record(self) -> bool:
        """Whether an episode is being recorded that was not begun here."""
        status = self._status
        return status is not None and status.state == "recording" and not self._recording

    def begin(self, header: EpisodeHeader) -> None:
        """Ask for an episode; `Failed` comes where it is refused."""
        self._recording, self._begun = True, False
        self._start_s, self._heard_s = header.start_s, time.monotonic()
        with self._lock:
            self._beginning, self._afterwards = True, None
        devices = header.origin.get("devices", "")
        self._ask(self._on_begun, action="start", task=header.task, notes=devices)

    def commit(self, outcome: Outcome, task: str | None = None) -> None:
        """Ask for the episode to be saved."""
        self._end(
            lambda: self._ask(self._on_saved, action="save", outcome=outcome.value, task=task or "")
        )

    def discard(self) -> None:
        """Ask for the episode to be forgotten."""
        self._end(lambda: self._ask(self._on_discarded, action="discard"))

    def reject(self) -> None:
        """Ask for the last saved episode to be marked as not to be used."""
        self._ask(lambda answer: None, action="reject")

    def state(self, observation: Observation) -> None:
        """Nothing: it hears the arm."""

    def command(self, command: Command) -> None:
        """Nothing: it hears the gate."""

    def numbers(self, name: str, stamp_s: float, values: Array) -> None:
        """Nothing: there are none."""

    def scene(self, scene: Scene) -> None:
        """Nothing: hands know of no scene."""

    def emit(self, event: Event) -> None:
        """Have a decision kept with the episode."""
        self._events.publish(event_message(event))

    def poll(self) -> list[News]:
        """What has happened since the last call."""
        silent_s = time.monotonic() - self._heard_s
        if (self._recording or self._ending) and silent_s > _SILENT_S:
            self._fail(f"The recorder has not been heard of for {silent_s:.0f} s.")
        found = [self._news.popleft() for _ in range(len(self._news))]
        return found

    def _end(self, ask: Callable[[], None]) -> None:
        """Ask for the end of an episode, once its beginning is settled."""
        self._recording, self._ending = False, True
        with self._lock:
            if self._beginning:
                self._afterwards = ask
                return
        ask()

    def _ask(self, then: Callable[[Any], None], **words: str) -> None:
        if not self._client.service_is_ready():
            self._fail("There is no recorder: start the node `recorder` of this cell.")
            return
        future = self._client.call_async(self._kind.Request(**words))
        future.add_done_callback(lambda done: self._answered(done, then))

    def _answered(self, done: Any, then: Callable[[Any], None]) -> None:
        answer = done.result()
        if answer is None or not answer.accepted:
            self._fail("The recorder does not answer." if answer is None else answer.reason)
        else:
            then(answer)

    def _fail(self, reason: str) -> None:
        self._recording = self._begun = self._ending = False
        with self._lock:
            self._beginning, self._afterwards = False, None
        self._news.append(Failed(reason=reason))

    def _on_begun(self, answer: Any) -> None:
        self._begun = self._recording
        with self._lock:
            self._beginning, afterwards, self._afterwards = False, self._afterwards, None
        if afterwards is not None:
            afterwards()

    def _on_saved(self, answer: Any) -> None:
        self._ending = False
        duration_s = max(self._clock.now_s() - self._start_s, 0.0)
        self._news.append(
            Saved(
                number=int(answer.episode), duration_s=duration_s, bytes=0, commit_s=0.0, streams={}
            )
        )

    def _on_discarded(self, answer: Any) -> None:
        self._ending = False
        self._news.append(Discarded())

    def _heard(self, status: Any) -> None:
        self._status, self._heard_s = status, time.monotonic()
        self._news.append(
            Health(
                streams={},
                bytes=int(status.bytes),
                bytes_s=0.0,
                free_bytes=int(status.free_bytes),
                next_number=int(status.episode),
            )
        )
        if self._begun and self._recording and status.state == "idle":
            # Somebody else has ended it, or it could not go on.
            self._fail(status.reason or "Somebody else has ended the episode.")
