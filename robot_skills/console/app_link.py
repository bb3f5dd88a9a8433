"""The console in a process of its own, so that serving pages never delays the control loop.

The control process holds a `BackendLink`: it leaves statuses there and takes events out, and
neither waits for the other side. Between the processes run msgpack messages over a pipe, and
pictures in shared memory. If the console dies the hand is gone; if the control process dies the
console ends by itself.
"""

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Self

import msgpack

from robot_skills.console.backend import ConsoleStatus, EpisodeLibrary
from robot_skills.console.config import ConsoleConfig
from robot_skills.console.hand import sample_of
from robot_skills.console.server import ConsoleServer
from robot_skills.console.view3d import Scene3d
from robot_skills.console.wire import from_plain, to_plain
from robot_skills.core.errors import RefusedError, RobotSkillsError, unknown_name
from robot_skills.core.frame_ring import FrameRing
from robot_skills.core.teleop import HandPose, Rate, TeleopSample, Wish
from robot_skills.core.types import RgbdFrame

logger = logging.getLogger(__name__)

PUBLISH_PERIOD_S = 0.09
"""Statuses and frames of one camera that come sooner after each other are dropped."""
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0
_MAX_WAITING = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class HandEvent:
    """The hand at a page does something."""

    sample: TeleopSample


@dataclass(frozen=True, kw_only=True, slots=True)
class HandGone:
    """The hand has left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WishEvent:
    """A button was pressed."""

    wish: Wish


@dataclass(frozen=True, kw_only=True, slots=True)
class Describe:
    """The task or the subtask in words; None leaves it."""

    task: str | None
    subtask: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Say:
    """Typed words that move the arm."""

    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Instruct:
    """Carry out an instruction."""

    instruction: str


ConsoleEvent = HandEvent | HandGone | WishEvent | Describe | Say | Instruct


class _Sender:
    """Sends messages from a thread; whoever gives it one never waits.

    Args:
        connection: Where they go.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[Hashable, Callable[[], Mapping[str, Any]]] = {}
        self._count = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="console-sender", daemon=True)
        self._thread.start()

    def put(self, message: Callable[[], Mapping[str, Any]], key: Hashable = None) -> None:
        """Send what `message` returns; it replaces one of the same key that still waits."""
        with self._changed:
            if self._closed or len(self._waiting) >= _MAX_WAITING:
                return
            self._count += 1
            self._waiting[self._count if key is None else key] = message
            self._changed.notify()

    def put_first(self, message: Callable[[], Mapping[str, Any]]) -> None:
        """Send what `message` returns before all that waits."""
        with self._changed:
            self._count += 1
            self._waiting = {self._count: message} | self._waiting
            self._changed.notify()

    def cancel(self, key: Hashable) -> None:
        """Forget the message of a key if it still waits."""
        with self._changed:
            self._waiting.pop(key, None)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                message = self._waiting.pop(next(iter(self._waiting)))
            try:
                self._connection.send_bytes(_bytes(message()))
            except OSError:
                self.close()
                return


class BackendLink:
    """The control process's end. No method waits.

    Args:
        connection: To the console's process.
        sentinel: Becomes ready when that process ends.
        rings: Pictures of cameras.
    """

    def __init__(self, connection: Connection, sentinel: int, rings: Sequence[FrameRing]) -> None:
        self._connection = connection
        self._sentinel = sentinel
        self._rings = {ring.name: ring for ring in rings}
        self._published_s: dict[str, float] = {}
        self._events: deque[ConsoleEvent] = deque()
        self._lock = threading.Lock()
        self._alive = True
        self._hand_there = False
        self._sender = _Sender(connection)
        self._reader = threading.Thread(target=self._read, name="console-reader", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """False once the console's process has ended."""
        return self._alive

    def publish(self, status: ConsoleStatus) -> None:
        """Show a status; dropped if it comes too soon after the last one. It is encoded later, in
        another thread: its mappings must not change any more."""
        if self._due("status"):
            self._sender.put(lambda: {"type": "status", "status": to_plain(status)}, "status")

    def publish_frame(self, camera: str, frame: RgbdFrame) -> None:
        """Show a frame; dropped if it comes too soon after the camera's last one. Not needed for
        cameras whose driver writes the ring itself.

        Raises:
            UnknownNameError: The console was started without a ring for this camera.
            ValueError: The frame has another size than its ring.
        """
        ring = self._rings.get(camera)
        if ring is None:
            raise unknown_name("camera", camera, self._rings)
        if self._due(f"camera/{camera}"):
            ring.write(frame)

    def events(self) -> tuple[ConsoleEvent, ...]:
        """What came from the console since the last call; an emergency stop comes first."""
        with self._lock:
            taken = tuple(self._events)
            self._events.clear()
        return tuple(sorted(taken, key=lambda event: event != WishEvent(wish=Wish.ESTOP)))

    def close(self) -> None:
        """Let the console end; safe to call twice."""
        # Closing the connection is not seen over there while the reader waits for it here.
        self._sender.put(lambda: {"type": "stop"})
        self._sender.close()

    def _due(self, name: str) -> bool:
        now_s = time.monotonic()
        if now_s - self._published_s.get(name, -1.0) < PUBLISH_PERIOD_S:
            return False
        self._published_s[name] = now_s
        return True

    def _read(self) -> None:
        """Runs in a thread until the console's process has gone."""
        waited: list[Any] = [self._connection, self._sentinel]
        try:
            while self._connection in multiprocessing.connection.wait(waited):
                self._add(_event(msgpack.unpackb(self._connection.recv_bytes())))
        except (OSError, EOFError) as error:
            logger.debug("The console's connection is closed: %s", error)
        finally:
            self._connection.close()
            self._alive = False
            if self._hand_there:
                self._add(HandGone())
            logger.info("The console has ended.")

    def _add(self, event: ConsoleEvent) -> None:
        with self._lock:
            if isinstance(event, HandEvent):
                self._hand_there = True
                if self._events and isinstance(self._events[-1], HandEvent):
                    self._events.pop()
            elif isinstance(event, HandGone):
                self._hand_there = False
            self._events.append(event)


class ConsoleProcess:
    """A spawned process that runs a `ConsoleServer`.

    Args:
        config: Where to listen, and whom to let in.
        library: Builds the library, in that process; a function of a module, so that its name is
            enough to send it.
        scene: Builds what the arms look like, in the same way.
        rings: Pictures of cameras: shared with the cameras' drivers, or filled by `publish_frame`.
    """

    def __init__(
        self,
        config: ConsoleConfig,
        *,
        library: Callable[[], EpisodeLibrary] | None = None,
        scene: Callable[[], Scene3d] | None = None,
        rings: Sequence[FrameRing] = (),
    ) -> None:
        self._config = config
        self._library = library
        self._scene = scene
        self._rings = tuple(rings)
        self._process: SpawnProcess | None = None
        self._link: BackendLink | None = None
        self._url = ""

    @property
    def link(self) -> BackendLink:
        """This process's end."""
        assert self._link is not None, "The console is not started."
        return self._link

    @property
    def url(self) -> str:
        """The address that opens the console, with its token."""
        return self._url

    def start(self) -> None:
        """Start the process and wait until it listens.

        Raises:
            RefusedError: It cannot listen there, or it ended at once.
        """
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        self._process = process = spawn.Process(
            target=_run_console,
            args=(theirs, self._config, self._library, self._scene, self._rings),
            name="console",
            daemon=True,
        )
        process.start()
        theirs.close()
        self._url = self._first_message(ours)
        self._link = BackendLink(ours, process.sentinel, self._rings)

    def stop(self) -> None:
        """End the process; safe to call twice."""
        if self._process is None:
            return
        if self._link is not None:
            self._link.close()
        self._process.join(_STOP_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _first_message(self, connection: Connection) -> str:
        why = f"The console did not start within {_START_TIMEOUT_S:.0f} s."
        with contextlib.suppress(EOFError, OSError):
            if connection.poll(_START_TIMEOUT_S):
                answer = msgpack.unpackb(connection.recv_bytes())
                if answer["type"] == "ready":
                    return answer["url"]
                why = answer["why"]
        connection.close()
        self.stop()
        raise RefusedError(why)


class LinkedBackend:
    """The console process's end: a `ConsoleBackend` that passes everything on.

    Args:
        connection: To the control process.
        rings: Pictures of cameras.
    """

    def __init__(self, connection: Connection, rings: Sequence[FrameRing]) -> None:
        self._rings = {ring.name: ring for ring in rings}
        self._sender = _Sender(connection)
        self._status = ConsoleStatus(stamp_s=0.0, robot="")

    def set_status(self, status: ConsoleStatus) -> None:
        """A status has arrived."""
        self._status = status

    def status(self) -> ConsoleStatus:
        return self._status

    def frame(self, camera: str) -> RgbdFrame | None:
        ring = self._rings.get(camera)
        return None if ring is None else ring.latest()

    def hand(self, sample: TeleopSample) -> None:
        self._sender.put(lambda: {"type": "hand"} | _packed(sample), "hand")

    def hand_gone(self) -> None:
        self._sender.cancel("hand")
        self._sender.put(lambda: {"type": "hand_gone"})

    def wish(self, wish: Wish) -> None:
        put = self._sender.put_first if wish is Wish.ESTOP else self._sender.put
        put(lambda: {"type": "wish", "wish": wish.value})

    def describe(self, task: str | None = None, subtask: str | None = None) -> None:
        self._sender.put(lambda: {"type": "describe", "task": task, "subtask": subtask})

    def say(self, words: str) -> None:
        self._sender.put(lambda: {"type": "say", "words": words})

    def instruct(self, instruction: str) -> None:
        self._sender.put(lambda: {"type": "instruct", "instruction": instruction})

    def close(self) -> None:
        """Stop sending."""
        self._sender.close()


def _run_console(
    connection: Connection,
    config: ConsoleConfig,
    library: Callable[[], EpisodeLibrary] | None,
    scene: Callable[[], Scene3d] | None,
    rings: Sequence[FrameRing],
) -> None:
    """The console's process: serve until the control process closes its end, or dies."""
    # Interrupts go to the control process, which ends this one. Its stdout is for its own results.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    backend = LinkedBackend(connection, rings)
    try:
        server = ConsoleServer(
            backend, library() if library else None, config, scene() if scene else None
        )
        server.start()
    except RobotSkillsError as error:
        connection.send_bytes(_bytes({"type": "failed", "why": str(error)}))
        return
    connection.send_bytes(_bytes({"type": "ready", "url": server.url}))
    _follow(connection, backend)
    backend.close()
    server.stop()


def _bytes(message: Mapping[str, Any]) -> bytes:
    packed = msgpack.packb(message)
    assert packed is not None, "Packed into a buffer of its own."
    return packed


def _follow(connection: Connection, backend: LinkedBackend) -> None:
    """Take statuses until the other end says stop, or is closed."""
    parent = multiprocessing.parent_process()
    waited: list[Any] = [connection] + ([parent.sentinel] if parent else [])
    with contextlib.suppress(EOFError, OSError):
        while connection in multiprocessing.connection.wait(waited):
            message = msgpack.unpackb(connection.recv_bytes())
            if message["type"] == "stop":
                return
            backend.set_status(from_plain(ConsoleStatus, message["status"]))


def _packed(sample: TeleopSample) -> dict[str, Any]:
    """A sample as `sample_of` reads it, with the stamp it has."""
    packed: dict[str, Any] = {"stamp_s": sample.stamp_s, "held": sample.held}
    if sample.opening is not None:
        packed["opening"] = sample.opening
    match sample.motion:
        case Rate(linear=linear, angular=angular, frame=frame):
            packed |= {
                "linear": linear.tolist(),
                "angular": angular.tolist(),
                "frame": frame.value,
            }
        case HandPose(T_device_hand=T_device_hand):
            packed["pose"] = {"p": T_device_hand.p.tolist(), "wxyz": T_device_hand.wxyz().tolist()}
    return packed


def _event(message: Mapping[str, Any]) -> ConsoleEvent:
    match message["type"]:
        case "hand":
            return HandEvent(sample=sample_of(message, message["stamp_s"]))
        case "hand_gone":
            return HandGone()
        case "wish":
            return WishEvent(wish=Wish(message["wish"]))
        case "describe":
            return Describe(task=message["task"], subtask=message["subtask"])
        case "say":
            return Say(words=message["words"])
        case "instruct":
            return Instruct(instruction=message["instruction"])
        case kind:
            raise ValueError(f"Unknown event {kind!r} from the console.")
