"""The loop that collects: read the hand, move the arm through its gate, record both.

One call of `CollectSession.step` is one control period. In a simulation, where waiting is stepping,
a pacer holds it to real time.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Protocol

import numpy as np

from hardware.teleop import HandOperator
from robot_skills.console.backend import Notice
from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import ActionRefused, PerceptionError, RobotFault
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.frame_ring import FrameRing
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.teleop import RemembersGripper, Wish
from robot_skills.core.types import (
    DEFAULT_ARM,
    ActionChunk,
    Observation,
    RgbdFrame,
    single_arm_chunk,
)
from robot_skills.data.messages import Command
from robot_skills.data.recorder import (
    Discarded,
    EpisodeHeader,
    Failed,
    Health,
    News,
    Saved,
)
from robot_skills.data.store import EpisodeStore
from sim.stations import Station

_SCENE_PERIOD_S = 0.25
_NOTICES = 5
_PERIODS = 200
_DONE_STEPS = 10
"""Steps for which a task must be done before the session believes it."""


class Motion(Enum):
    """What the robot does. The names are what the console shows."""

    IDLE = "idle"
    MOVING = "moving"
    HELD = "held"
    """Something is wrong: it holds until the hand lets go."""
    ESTOP = "estop"


class Records(EventSink, Protocol):
    """What a session needs of a recorder: that of this machine, or one over ROS 2.

    `robot_skills.data.recorder.Recorder` says what each method does.
    """

    @property
    def alive(self) -> bool: ...
    def begin(self, header: EpisodeHeader) -> None: ...
    def commit(self, outcome: Outcome, task: str | None = None) -> None: ...
    def discard(self) -> None: ...
    def state(self, observation: Observation) -> None: ...
    def command(self, command: Command) -> None: ...
    def numbers(self, name: str, stamp_s: float, values: Array) -> None: ...
    def scene(self, scene: Scene) -> None: ...
    def poll(self) -> list[News]: ...


class Phase(Enum):
    """What the recorder does. The names are what the console shows."""

    NONE = "none"
    IDLE = "idle"
    RECORDING = "recording"
    SAVING = "saving"


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionConfig:
    """How to collect.

    Attributes:
        task: What is demonstrated, in words; the station's own where empty.
        episodes: End the session when so many are in the dataset; None goes on.
        seed: Of the first start; each episode has the next one.
        save_when_done: Save an episode as a success when the simulator says that it is one.
        start_by_itself: Begin each episode as soon as the hand takes hold.
        origin: Provenance, as words.
    """

    task: str = ""
    episodes: int | None = None
    seed: int = 0
    save_when_done: bool = False
    start_by_itself: bool = False
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Episode:
    """The episode that is being recorded."""

    task: str
    start_s: float
    subtask: str = ""
    done_steps: int = 0


class CollectSession:
    """A station, a hand, and perhaps a recorder. All methods are for one thread.

    Args:
        station: The cell; connected and begun by the session.
        robot: Its robot behind a safety gate, whose verdicts go to `note`.
        operator: The hand.
        recorder: Started; None only moves the arm.
        rings: Where pictures go, per camera.
        config: How to collect.
        store: The recorder's dataset, to mark episodes that are done again.
    """

    def __init__(
        self,
        station: Station,
        robot: Robot,
        operator: HandOperator,
        recorder: Records | None = None,
        rings: Mapping[str, FrameRing] | None = None,
        config: SessionConfig | None = None,
        store: EpisodeStore | None = None,
    ) -> None:
        self._station, self._robot, self._operator = station, robot, operator
        self._recorder, self._rings = recorder, dict(rings or {})
        self._config, self._store = config or SessionConfig(), store
        self.task = self._config.task or station.task
        self.motion, self.why = Motion.IDLE, ""
        self.phase = Phase.IDLE if recorder is not None else Phase.NONE
        self.health: Health | None = None
        self.saved: list[Saved] = []
        self.notices: deque[Notice] = deque(maxlen=_NOTICES)
        self.observation: Observation | None = None
        self.scene: Scene | None = None
        self.chunk: ActionChunk | None = None
        self.quitting = False
        self.starts = 0
        self._notice_count = 0
        self._episode: _Episode | None = None
        self._next_seed = self._config.seed
        self._begin_again = False
        self._refusal: str | None = None
        self._frames = dict.fromkeys(self._rings, 0)
        self._gone: set[str] = set()
        self._scene_due_s = 0.0
        self._events: deque[Event] = deque()
        self._saved_before: tuple[int, float] = (0, 0.0)
        self.pace = Pacer(robot.control_period_s)

    # What there is to know

    @property
    def robot(self) -> Robot:
        """The robot, behind its gate."""
        return self._robot

    @property
    def elapsed_s(self) -> float:
        """Since the episode began."""
        if self._episode is None:
            return 0.0
        return self._robot.clock.now_s() - self._episode.start_s

    @property
    def subtask(self) -> str:
        return "" if self._episode is None else self._episode.subtask

    @property
    def episodes_saved(self) -> int:
        """In the dataset."""
        return self._saved_before[0] + len(self.saved)

    @property
    def seconds_saved(self) -> float:
        return self._saved_before[1] + sum(one.duration_s for one in self.saved)

    @property
    def finished(self) -> bool:
        """Whether as many episodes are saved as were wanted, or somebody wants to leave."""
        wanted = self._config.episodes
        enough = wanted is not None and self.episodes_saved >= wanted
        return self.quitting or (enough and self.phase is not Phase.SAVING)

    # Life

    def connect(self) -> None:
        """Build the cell and open the device.

        Raises:
            MissingDependencyError: Something that they need is not there.
        """
        if self._store is not None and self._recorder is not None:
            lengths = [entry.manifest.duration_s for entry in self._store.entries()]
            self._saved_before = (len(lengths), sum(lengths))
        self._restart()
        self._operator.connect()

    def close(self) -> None:
        """Stop the robot; an episode that is being recorded is forgotten. Safe to call twice."""
        self._robot.stop()
        if self._episode is not None and self._recorder is not None:
            self._recorder.discard()
            self._episode = None
        self._operator.close()
        self._station.close()

    def step(self) -> None:
        """One control period."""
        self._move(self.begin_period())
        self.end_period()

    def begin_period(self) -> Observation:
        """Do what the hand wishes, and take down what there is to see; the arm may move then."""
        self.hear_wishes()
        self._begin_when_due()
        observation = self.observation = self._observe()
        self._take_frames(observation)
        self._record_state(observation)
        return observation

    def end_period(self) -> None:
        """Take down what happened, and wait until the period is over, unless it is already."""
        self._record_events()
        self._hear()
        self._judge()
        clock = self._robot.clock
        now_s = clock.now_s()
        seen_s = now_s if self.observation is None else self.observation.stamp_s
        # A new episode begins time anew.
        clock.sleep_until(min(seen_s, now_s) + self._robot.control_period_s)
        self.pace.wait()

    def hear_wishes(self) -> None:
        """Do what the hand wishes; it may be asked at any time."""
        for wish in self._operator.wishes():
            self.wish(wish)

    def _observe(self) -> Observation:
        """What is there to see; a camera that is gone is left out until it is back."""
        try:
            seen = self._robot.observe(tuple(self._rings))
        except PerceptionError:
            seen = self._robot.observe()
            cameras = {name: frame for name in self._rings for frame in self._look(name)}
            seen = replace(seen, cameras=cameras)
        self._watch_cameras(set(self._rings) - set(seen.cameras))
        return seen

    def _look(self, camera: str) -> list[RgbdFrame]:
        """The frame of one camera, if it has one."""
        try:
            return [self._robot.observe((camera,)).cameras[camera]]
        except PerceptionError:
            return []

    def _watch_cameras(self, gone: set[str]) -> None:
        for name in sorted(gone - self._gone):
            self._emit(EventKind.SENSOR, {"name": f"camera/{name}", "state": "lost"})
            if self.motion is Motion.MOVING:
                self.interrupt(f"Camera {name} is gone.")
            else:
                self.tell("warning", f"Camera {name} is gone.")
        for name in sorted(self._gone - gone):
            self._emit(EventKind.SENSOR, {"name": f"camera/{name}", "state": "back"})
            self.tell("info", f"Camera {name} is back.")
        self._gone = gone

    def note(self, event: Event) -> None:
        """Take down a decision with the episode: verdicts of the gate, and others'."""
        self._events.append(event)

    def wish(self, wish: Wish) -> None:
        """Do what an operator asks."""
        match wish:
            case Wish.ESTOP:
                self._stop_now()
            case Wish.RELEASE:
                self._release()
            case Wish.START:
                self._start()
            case Wish.SAVE:
                self._save(Outcome.SUCCESS if self._station.succeeded() else Outcome.UNKNOWN)
            case Wish.SUCCESS:
                self._save(Outcome.SUCCESS)
            case Wish.FAILURE:
                self._save(Outcome.FAILURE)
            case Wish.DISCARD:
                self._discard()
            case Wish.REDO:
                self._redo()
            case Wish.QUIT:
                self.quitting = True

    def describe(self, task: str | None, subtask: str | None) -> None:
        """Say what is demonstrated from the next episode on, or done from now on."""
        if task is not None:
            self.task = task
        if subtask is not None and self._episode is not None:
            self._episode.subtask = subtask
            self._emit(EventKind.SUBTASK, {"words": subtask})

    def said(self, words: str) -> None:
        """Take down typed words that move the arm."""
        self._emit(EventKind.SAID, {"words": words})

    def tell(self, level: str, text: str) -> None:
        """Tell the operator something."""
        self._notice_count += 1
        self.notices.append(Notice(number=self._notice_count, level=level, text=text))

    # Motion

    def _move(self, observation: Observation) -> None:
        chunk = None if self.motion is Motion.ESTOP else self._operator.action(observation)
        self._watch_refusals()
        if chunk is None:
            if self.motion is Motion.MOVING:
                self._hold(observation, "let go")
            if self.motion is Motion.HELD and not self._operator.must_release:
                self.motion, self.why = Motion.IDLE, ""
            return
        if self.motion is Motion.HELD:
            return
        if self.motion is Motion.IDLE:
            self.motion = Motion.MOVING
            self._emit(EventKind.OPERATOR, {"state": "engaged"})
        self._command(chunk)

    def lend(self) -> None:
        """Let a policy move the arm by `send`, as long as `motion` stays MOVING.

        Whoever borrows it runs the periods, with `begin_period` and `end_period`, and gives it
        back with `take_back`.
        """
        self.motion, self.why, self.chunk = Motion.MOVING, "", None

    def take_back(self, opening: float | None = None) -> None:
        """Stop the arm that was lent. The hand may move it once it has let go.

        Args:
            opening: What the gripper was told last, in [0, 1]; None if nothing was commanded.
        """
        self._robot.stop()
        self.chunk = None
        self._operator.require_release()
        if self.motion is Motion.MOVING:
            self.motion, self.why = Motion.IDLE, ""
        if opening is not None:
            observation = self._robot.observe()
            self._operator.adopt(opening, observation.arms[DEFAULT_ARM].opening)
            self._record_hold(observation, opening)

    def send(self, chunk: ActionChunk) -> ActionChunk:
        """Command the robot, and take down what became of it.

        Raises:
            ActionRefused: The gate refused the chunk; the robot holds.
            RobotFault: The robot does not take it.
        """
        now_s = self._robot.clock.now_s()
        try:
            accepted = self._robot.command(chunk)
        except ActionRefused as refusal:
            reason = f"{refusal.code}: {refusal}"
            self._record_command(
                Command(stamp_s=now_s, requested=chunk, accepted=None, refused=reason)
            )
            raise
        self.chunk = accepted
        self._record_command(Command(stamp_s=now_s, requested=chunk, accepted=accepted))
        return accepted

    def _command(self, chunk: ActionChunk) -> None:
        try:
            self.send(chunk)
        except (ActionRefused, RobotFault) as problem:
            self.interrupt(str(problem))

    def _hold(self, observation: Observation, why: str) -> None:
        """Stop where the arm is, and take that down as what was commanded."""
        self._robot.stop()
        self.motion, self.chunk = Motion.IDLE, None
        self._emit(EventKind.OPERATOR, {"state": why})
        self._record_hold(observation)

    def _record_hold(self, observation: Observation, opening: float | None = None) -> None:
        """Take down that the arm was to stay where it is, with this opening or the present one."""
        now_s = self._robot.clock.now_s()
        stamps = np.array([now_s + self._robot.control_period_s])
        for name, arm in observation.arms.items():
            poses = arm.T_base_tool.matrix()[None]
            openings = np.array([arm.opening if opening is None else opening])
            chunk = single_arm_chunk(stamps, poses, openings, name=name)
            self._record_command(Command(stamp_s=now_s, requested=chunk, accepted=chunk))

    def interrupt(self, why: str) -> None:
        """Stop, and hold until the hand has let go."""
        self._robot.stop()
        self._operator.require_release()
        self.motion, self.why, self.chunk = Motion.HELD, why, None
        self.tell("warning", why)
        self._emit(EventKind.OPERATOR, {"state": "held", "why": why})

    def _stop_now(self) -> None:
        self._robot.stop()
        if self.motion is not Motion.ESTOP:
            self.motion, self.why, self.chunk = Motion.ESTOP, "emergency stop", None
            self._emit(EventKind.ESTOP, {"state": "stopped"})
            self.tell("error", "Emergency stop. Release it when the cell is safe.")

    def _release(self) -> None:
        if self.motion is not Motion.ESTOP:
            return
        # Only a hand that has let go may move the arm again.
        self._operator.require_release()
        self.motion, self.why = Motion.HELD, "let go to move again"
        self._emit(EventKind.ESTOP, {"state": "released"})

    def _watch_refusals(self) -> None:
        refused = self._operator.refused
        if refused != self._refusal:
            self._refusal = refused
            if refused:
                self.tell("warning", refused)
                self._emit(EventKind.OPERATOR, {"state": "refused", "why": refused})

    # Episodes

    def _begin_when_due(self) -> None:
        """Begin the episode that a hand, or a wish to do one again, asks for."""
        if self.phase is not Phase.IDLE:
            return
        ready = self.motion is Motion.IDLE and self._operator.engaged()
        if self._begin_again or (self._config.start_by_itself and ready):
            self._begin_again = False
            self._start()

    def _start(self) -> None:
        if self._recorder is None or self.phase is not Phase.IDLE:
            return
        now_s = self._robot.clock.now_s()
        self._episode = _Episode(task=self.task, start_s=now_s)
        origin = {**self._config.origin, "seed": str(self._next_seed - 1)}
        self._recorder.begin(
            EpisodeHeader(
                task=self.task,
                start_s=now_s,
                started=datetime.now(UTC).isoformat(timespec="milliseconds"),
                origin=origin,
            )
        )
        self.phase = Phase.RECORDING
        self._emit(EventKind.INSTRUCTION, {"text": self.task})
        self._scene_due_s = now_s

    def _save(self, outcome: Outcome) -> None:
        if self.phase is not Phase.RECORDING or self._recorder is None:
            return
        self._record_events()
        self._recorder.commit(outcome, self.task)
        self.phase = Phase.SAVING
        self._after_episode()

    def _discard(self) -> None:
        if self.phase is not Phase.RECORDING or self._recorder is None:
            return
        self._recorder.discard()
        self.phase = Phase.SAVING
        self._after_episode()

    def _redo(self) -> None:
        """Forget the episode, or mark the last one as not to be used, and begin again."""
        if self.phase is Phase.RECORDING:
            self._discard()
        elif self.saved and self._store is not None:
            number = self.saved[-1].number
            self._store.annotate(number, discarded=True)
            self.tell("info", f"Episode {number} is marked as discarded.")
        self._begin_again = True

    def _after_episode(self) -> None:
        self._episode = None
        if self.motion is not Motion.ESTOP:
            self._robot.stop()
            self.motion, self.why = Motion.IDLE, ""
            if self._operator.engaged():
                # The hand has to let go first: the arm is about to be elsewhere.
                self._operator.require_release()
                self.motion, self.why = Motion.HELD, "let go to begin again"
        self._restart()

    def _restart(self) -> None:
        """The next start."""
        self._station.begin(self._next_seed)
        self._next_seed += 1
        self.starts += 1
        if isinstance(self._operator.device, RemembersGripper):
            self._operator.device.forget_gripper()
        self.chunk = None
        self._scene_due_s = 0.0
        self.scene = self._station.scene()
        self.pace.restart()

    def _judge(self) -> None:
        """Notice that the task is done."""
        if self._episode is None or not self._station.succeeded():
            return
        self._episode.done_steps += 1
        if self._episode.done_steps == _DONE_STEPS:
            if self._config.save_when_done:
                self._save(Outcome.SUCCESS)
            else:
                self.tell("info", "The simulator says that the task is done.")

    def _hear(self) -> None:
        if self._recorder is None:
            return
        for news in self._recorder.poll():
            self._heard(news)

    def _heard(self, news: News) -> None:
        match news:
            case Health():
                self.health = news
            case Saved():
                self.saved.append(news)
                self.phase = Phase.IDLE
                self.tell("info", f"Saved episode {news.number} ({news.duration_s:.1f} s).")
            case Discarded():
                self.phase = Phase.IDLE
                self.tell("info", "Discarded.")
            case Failed():
                self._recording_failed(news.reason)

    def _recording_failed(self, reason: str) -> None:
        """The robot holds; every earlier episode is as it was."""
        self._episode = None
        self._robot.stop()
        self._operator.require_release()
        if self.motion is not Motion.ESTOP:
            self.motion, self.why, self.chunk = Motion.HELD, reason, None
        assert self._recorder is not None
        self.phase = Phase.IDLE if self._recorder.alive else Phase.NONE
        self.tell("error", f"Recording has stopped: {reason}")

    # Recording

    def _take_frames(self, observation: Observation) -> None:
        now_s = self._robot.clock.now_s()
        for name, frame in observation.cameras.items():
            self._frames[name] += 1
            number = self._frames[name] if frame.number is None else frame.number
            received_s = now_s if frame.received_s is None else frame.received_s
            self._rings[name].write(replace(frame, number=number, received_s=received_s))

    def _record_state(self, observation: Observation) -> None:
        now_s = observation.stamp_s
        if now_s >= self._scene_due_s:
            self._scene_due_s = now_s + _SCENE_PERIOD_S
            self.scene = self._station.scene()
            if self._recorder is not None and self._episode is not None:
                self._recorder.scene(self.scene)
        if self._recorder is None or self._episode is None:
            return
        self._recorder.state(observation)
        for name, values in self._station.numbers(observation).items():
            self._recorder.numbers(name, now_s, values)

    def _record_command(self, command: Command) -> None:
        if self._recorder is not None and self._episode is not None:
            self._recorder.command(command)

    def _emit(self, kind: EventKind, data: Mapping[str, object]) -> None:
        self.note(Event(stamp_s=self._robot.clock.now_s(), kind=kind, data=dict(data)))

    def _record_events(self) -> None:
        events, self._events = self._events, deque()
        if self._recorder is not None and self._episode is not None:
            for event in events:
                self._recorder.emit(event)


class Pacer:
    """Holds a loop to wall time, and knows how well.

    Args:
        period_s: Of the loop.
        enabled: False lets it run as fast as it can.
    """

    def __init__(self, period_s: float, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._period_s = period_s
        self._due_s = self._last_s = time.monotonic()
        self.periods_s: deque[float] = deque(maxlen=_PERIODS)

    def restart(self) -> None:
        """Forget what was due: something has taken long on purpose."""
        self._due_s = self._last_s = time.monotonic()

    def wait(self) -> None:
        """Until the next period begins."""
        self._due_s += self._period_s
        now_s = time.monotonic()
        if self.enabled and now_s < self._due_s:
            time.sleep(self._due_s - now_s)
        elif now_s > self._due_s + 5.0 * self._period_s:
            self._due_s = now_s
        now_s = time.monotonic()
        self.periods_s.append(now_s - self._last_s)
        self._last_s = now_s

    def hz(self) -> float:
        """Rate of late."""
        return len(self.periods_s) / max(sum(self.periods_s), 1e-9) if self.periods_s else 0.0

    def p99_ms(self) -> float:
        """99th percentile of the period of late."""
        return 1e3 * float(np.quantile(self.periods_s, 0.99)) if self.periods_s else 0.0


class Borrower(Protocol):
    """Who moves the arm now and then in place of the hand."""

    def step(self, after_period: Callable[[], None]) -> None:
        """Borrow the arm, if there is a reason to, and give it back.

        Args:
            after_period: To be called after each control period.
        """
        ...


def run_session(
    session: CollectSession,
    on_step: Sequence[Callable[[CollectSession], None]],
    borrower: Borrower | None = None,
) -> None:
    """Step until the session is finished; all of `on_step` are called after each period."""

    def after_period() -> None:
        for call in on_step:
            call(session)

    session.connect()
    try:
        while not session.finished:
            session.step()
            after_period()
            if borrower is not None:
                borrower.step(after_period)
    finally:
        session.close()
