"""The recorder of a cell over ROS 2: episodes into a dataset that survives crashes.

Names, below the node's own: the service ``episode`` (``EpisodeControl``) begins and ends episodes,
the topic ``status`` says how it goes, and on ``events`` others say what is to be kept.

Nothing waits for this node: it listens, and writes through `robot_skills.data.recorder`, which has
a process of its own for the disk. When that dies, this one ends as well, to be started again.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from hardware.ros2.robot import Ros2RobotConfig
from hardware.ros2.runtime import ProcessEnd, RosNode
from hardware.ros2.times import MachineClock, clock_name
from robot_skills.app.nodes.recorder_cameras import HeardCamera
from robot_skills.app.nodes.recorder_hears import CellHearing
from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import (
    RefusedError,
    RobotSkillsError,
    StorageError,
    unknown_name,
)
from robot_skills.core.events import Event, EventKind
from robot_skills.core.frame_ring import FrameRing
from robot_skills.data.recorder import (
    Discarded,
    EpisodeHeader,
    Failed,
    Health,
    News,
    Recorder,
    RecorderConfig,
    RecorderDied,
    Saved,
)
from robot_skills.data.schema import DatasetSchema
from robot_skills.data.store import EpisodeStore

_LISTEN_S = 0.01
_STATUS_S = 0.2
_ANSWER_S = 30.0
_MEGABYTE = 1e6
ACTIONS = ("start", "save", "discard", "reject")


class State(Enum):
    """What the recorder does. The values are those of ``RecorderStatus``."""

    IDLE = "idle"
    RECORDING = "recording"
    SAVING = "saving"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RecorderNodeSetup:
    """What is recorded, and where to.

    Attributes:
        root: Folder of the dataset.
        schema: What its episodes have.
        robot: Arm and cameras.
        cameras: More of the cameras, by name.
        recorder: How it is recorded.
        task: What is demonstrated where nobody says it.
        origin: Where episodes come from, as words.
    """

    root: Path
    schema: DatasetSchema
    robot: Ros2RobotConfig
    cameras: Mapping[str, HeardCamera]
    recorder: RecorderConfig = field(default_factory=RecorderConfig)
    task: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)


class RecorderNode:
    """Records what is asked for. For one thread.

    Args:
        setup: What is recorded, and where to.
        node: Its node, which it spins.
        recorder: Started.
        rings: Where pictures go, per camera.
    """

    def __init__(
        self,
        setup: RecorderNodeSetup,
        node: RosNode,
        recorder: Recorder,
        rings: Mapping[str, FrameRing],
    ) -> None:
        self._setup, self._node, self._recorder = setup, node, recorder
        self._clock, self._store = MachineClock(), EpisodeStore(setup.root)
        self._hearing = CellHearing(node, setup.robot, setup.cameras, recorder, rings)
        self._health: Health | None = None
        numbers = self._store.numbers()
        self._episodes, self._last = len(numbers), numbers[-1] if numbers else -1
        self._state, self._reason = State.IDLE, ""
        self._task, self._start_s = setup.task, 0.0
        self._answer: Any = None
        self._answer_due_s = self._told_s = 0.0
        self._make()

    def _make(self) -> None:
        from rclpy.callback_groups import ReentrantCallbackGroup
        from robot_skills_interfaces.msg import RecorderStatus
        from robot_skills_interfaces.srv import EpisodeControl

        ros = self._node.node
        self._status = ros.create_publisher(RecorderStatus, "~/status", 10)
        # In a group of its own: the others go on being heard while an answer is waited for.
        group = ReentrantCallbackGroup()
        ros.create_service(EpisodeControl, "~/episode", self._control, callback_group=group)

    # Time

    def run(self, end: ProcessEnd) -> None:
        """Until the process is asked to end.

        Raises:
            RecorderDied: What writes to the disk is gone.
        """
        period_s = self._setup.robot.control_period_s
        due_s = self._clock.now_s() + period_s
        while self._node.alive and not end.asked:
            while self._clock.now_s() < due_s:
                # Always for the same time: rclpy begins its round anew when that changes, and an
                # answer that is waited for keeps all after it from their turn.
                self._node.spin_once(_LISTEN_S)
                self._hearing.take_pictures()
            self.step()
            due_s = max(due_s + period_s, self._clock.now_s())

    def step(self) -> None:
        """Once in a control period. Raises `RecorderDied`."""
        self._hearing.tick()
        for news in self._recorder.poll():
            self._heard(news)
        now_s = self._clock.now_s()
        if self._answer is not None and now_s > self._answer_due_s:
            self._resolve(Failed(reason=f"It took more than {_ANSWER_S:g} s."))
        if now_s - self._told_s > _STATUS_S:
            self._tell(now_s)
        if not self._recorder.alive:
            self._node.spin_all()
            raise RecorderDied(self._reason or "The recorder's process has ended.")

    def _heard(self, news: News) -> None:
        match news:
            case Health():
                self._health = news
                if self._state is State.RECORDING and news.bytes > 0:
                    self._resolve(news)
            case Saved():
                self._episodes, self._last = self._episodes + 1, news.number
                self._ended("", news)
            case Discarded():
                self._ended("", news)
            case Failed():
                self._node.node.get_logger().error(f"Recording has stopped: {news.reason}")
                self._ended(news.reason, news)

    def _ended(self, reason: str, news: News) -> None:
        self._state, self._reason = State.IDLE, reason
        self._resolve(news)
        self._tell(self._clock.now_s())

    def _resolve(self, news: News) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            self._node.finish(answer, news)

    async def _news(self) -> Any:
        """What the recorder says next."""
        self._answer = self._node.future()
        self._answer_due_s = self._clock.now_s() + _ANSWER_S
        return await self._answer

    # Episodes

    async def _control(self, request: Any, response: Any) -> Any:
        response.accepted, response.episode = False, -1
        try:
            if self._answer is not None:
                raise RefusedError("What was asked before is still being done: ask again.")
            match request.action:
                case "start":
                    number = await self._start(request)
                case "save":
                    number = await self._save(request)
                case "discard":
                    number = await self._discard()
                case "reject":
                    number = self._reject(request)
                case other:
                    raise unknown_name("action", other, ACTIONS)
        except RobotSkillsError as problem:
            response.reason = str(problem)
            return response
        response.accepted, response.episode = True, number
        if request.action != "discard":
            response.path = str(self._store.directory(number))
        return response

    async def _start(self, request: Any) -> int:
        self._check_may_start()
        self._task = request.task or self._setup.task
        self._start_s = self._clock.now_s()
        notes = {"notes": request.notes} if request.notes else {}
        header = EpisodeHeader(
            task=self._task,
            start_s=self._start_s,
            started=datetime.now(UTC).isoformat(timespec="milliseconds"),
            origin={**self._setup.origin, **notes},
        )
        number = self._next_number()
        self._recorder.begin(header)
        self._state, self._reason = State.RECORDING, ""
        said = Event(stamp_s=self._start_s, kind=EventKind.INSTRUCTION, data={"text": self._task})
        self._recorder.emit(said)
        self._hearing.begin()
        _raise_failed(await self._news())
        self._tell(self._clock.now_s())
        return number

    def _check_may_start(self) -> None:
        """Raises `RefusedError` or `StorageError`, with what to do."""
        if self._state is not State.IDLE:
            raise RefusedError(
                f"Episode {self._next_number()} is {self._state.value}: save or discard it first."
            )
        free = shutil.disk_usage(self._setup.root).free
        reserve = self._setup.recorder.reserve_bytes
        if free < reserve:
            raise StorageError(
                f"Only {free / _MEGABYTE:.0f} MB are left on the disk of {self._setup.root}, "
                f"{reserve / _MEGABYTE:.0f} MB have to stay free: make room, or record elsewhere."
            )
        if self._hearing.gone:
            missing = "; ".join(f"{name}: {why}" for name, why in self._hearing.gone.items())
            raise RefusedError(f"Not everything that is recorded is there. {missing}.")

    async def _save(self, request: Any) -> int:
        self._check_recording("save")
        outcome = _outcome(request.outcome)
        self._recorder.commit(outcome, request.task or None)
        self._state = State.SAVING
        saved = _raise_failed(await self._news())
        if request.notes:
            self._store.annotate(saved.number, label=request.notes)
        return saved.number

    async def _discard(self) -> int:
        self._check_recording("discard")
        number = self._next_number()
        self._recorder.discard()
        self._state = State.SAVING
        _raise_failed(await self._news())
        return number

    def _reject(self, request: Any) -> int:
        if self._last < 0:
            raise RefusedError("There is no saved episode to reject.")
        notes = {"label": request.notes} if request.notes else {}
        self._store.annotate(self._last, discarded=True, **notes)
        return self._last

    def _check_recording(self, action: str) -> None:
        if self._state is not State.RECORDING:
            why = f" {self._reason}" if self._reason else ""
            raise RefusedError(f"There is no episode to {action}: start one first.{why}")

    def _next_number(self) -> int:
        return self._last + 1

    # What goes out

    def _tell(self, now_s: float) -> None:
        from robot_skills_interfaces.msg import RecorderStatus

        self._told_s = now_s
        health, recording = self._health, self._state is State.RECORDING
        streams = {} if health is None else health.streams
        dropped = [stats.dropped + stats.lost for stats in (s.stats for s in streams.values())]
        status = RecorderStatus(
            clock=clock_name(),
            stamp_s=now_s,
            state=self._state.value,
            dataset=str(self._setup.root),
            task=self._task,
            subtask=self._hearing.subtask,
            episode=self._next_number(),
            last_saved=self._last,
            episodes=self._episodes,
            elapsed_s=now_s - self._start_s if recording else 0.0,
            bytes=0 if health is None else health.bytes,
            free_bytes=0 if health is None else health.free_bytes,
            streams=list(streams),
            samples=[one.stats.count for one in streams.values()],
            dropped=dropped,
            gone=[f"{name}: {why}" for name, why in self._hearing.gone.items()],
            reason=self._reason,
        )
        self._status.publish(status)


def _raise_failed(news: Any) -> Any:
    if isinstance(news, Failed):
        raise StorageError(news.reason)
    return news


def _outcome(word: str) -> Outcome:
    words = {one.value: one for one in Outcome}
    if word and word not in words:
        raise unknown_name("outcome", word, words)
    return words[word] if word else Outcome.UNKNOWN
