"""A camera in a process of its own: the newest frame is always at hand, and nobody waits for it.

A driver that hangs, crashes or is killed takes nothing with it. The owner notices at once, names
it, and starts it again with growing pauses; a device that was unplugged is opened again by the
process itself.
"""

import logging
import multiprocessing
import signal
import threading
import time
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from hardware.cameras.pose import CameraPose, pose_at
from hardware.cameras.serve import Denoise, MakeCamera, ServeSetup, serve_camera
from hardware.cameras.status import CameraState, ProcessReport, SharedReport
from hardware.cameras.watch import FrameCounters, WatchConfig, why_stale
from hardware.ros2.times import MachineClock
from robot_skills.core.clock import Clock
from robot_skills.core.errors import PerceptionError
from robot_skills.core.frame_ring import FrameRing, RingSize
from robot_skills.core.types import RgbdFrame

_log = logging.getLogger(__name__)

_LOOK_S = 0.05
_SILENT_S = 0.2
_END_S = 3.0
_STABLE_S = 10.0
_GROWTH = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraProcessConfig:
    """A camera's process.

    Attributes:
        name: Of the camera.
        width_px: Of its pictures; others are refused.
        height_px: Of its pictures.
        stale_s: Age at which a picture is too old to be read.
        slots: Frames that are kept for others who read the ring.
        watch: What is wrong with a frame.
        start_s: How long `connect` waits for the first picture.
        pause_s: Before a process that ended is started again; doubled each time.
        longest_pause_s: The longest of these pauses.
        hang_s: A process that says nothing for so long is killed and started again.
    """

    name: str
    width_px: int = 640
    height_px: int = 480
    stale_s: float = 0.2
    slots: int = 8
    watch: WatchConfig = field(default_factory=WatchConfig)
    start_s: float = 15.0
    pause_s: float = 0.2
    longest_pause_s: float = 2.0
    hang_s: float = 10.0

    def __post_init__(self) -> None:
        if min(self.stale_s, self.start_s, self.pause_s, self.hang_s) <= 0.0:
            raise ValueError(f"Times of a camera have to be above 0 s, got {self}.")
        if self.longest_pause_s < self.pause_s:
            raise ValueError(f"The longest pause has to be the longest, got {self}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraHealth:
    """How a camera is.

    Attributes:
        state: In a word.
        reason: Why no picture can be read; empty when one can.
        age_s: Of the newest picture; None before the first.
        counters: What became of its frames since its process was started.
        restarts: How often its process was started again.
    """

    state: CameraState
    reason: str
    age_s: float | None
    counters: FrameCounters
    restarts: int


class CameraProcess:
    """Any camera, in a process of its own. Implements `Camera`; `read` never waits.

    Args:
        clock: The project clock; it has to go as fast as the machine's.
        config: How it is run.
        make_camera: Makes the camera in that process, on the machine's clock; picklable.
        denoise: Applied to depth in that process; picklable.
        T_base_camera: Where the camera is, where only the owner knows that, as on a wrist; None
            leaves what the camera says.

    Attributes:
        ring: The frames, on the machine's clock, for others who read them.
    """

    def __init__(
        self,
        clock: Clock,
        config: CameraProcessConfig,
        make_camera: MakeCamera,
        *,
        denoise: Denoise | None = None,
        T_base_camera: CameraPose | None = None,
    ) -> None:
        self._clock, self._config = clock, config
        self._setup = ServeSetup(make_camera=make_camera, watch=config.watch, denoise=denoise)
        self._T_base_camera = T_base_camera
        size = RingSize(height_px=config.height_px, width_px=config.width_px, slots=config.slots)
        self.ring = FrameRing(config.name, size)
        self._shared = SharedReport()
        self._keeper: threading.Thread | None = None
        self._stop = threading.Event()
        self._process: BaseProcess | None = None
        self._end = ""
        self._restarts = 0
        self._offset_s = 0.0
        self._from = 0
        self._newest: tuple[int, RgbdFrame] | None = None

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def pid(self) -> int | None:
        """Of the process that runs now; None between two."""
        process = self._process
        return None if process is None or self._end else process.pid

    def connect(self) -> None:
        """Start the process and wait for the first picture.

        Raises:
            PerceptionError: None came; says why. The process is ended then.
        """
        if self._keeper is not None:
            return
        self.start()
        until_s = time.monotonic() + self._config.start_s
        while (health := self.health()).state is not CameraState.RUNNING:
            if health.state is not CameraState.OPENING or time.monotonic() > until_s:
                why = health.reason or f"it is not open after {self._config.start_s:g} s"
                self.close()
                raise PerceptionError(self._no_pictures(why))
            time.sleep(0.01)

    def start(self) -> None:
        """Start the process and keep it running; `health` tells how it does."""
        if self._keeper is not None:
            return
        self._offset_s = 0.0
        if not isinstance(self._clock, MachineClock):
            self._offset_s = self._clock.now_s() - time.monotonic()
        self._stop.clear()
        self._shared.write(ProcessReport(beat_s=time.monotonic()))
        self._end, self._restarts, self._from = "", 0, self.ring.head
        # The system ends a child with the thread that started it, so one thread starts them all.
        self._keeper = threading.Thread(target=self._keep, name=f"camera {self.name}", daemon=True)
        self._keeper.start()

    def read(self) -> RgbdFrame:
        """The newest frame.

        Raises:
            PerceptionError: There is none that is fresh; says why.
        """
        report = self._report()
        if report.state is not CameraState.RUNNING:
            why = report.reason or "it is being opened"
            raise PerceptionError(self._no_pictures(why))
        frame = self._latest()
        why = self._why_stale(frame, report)
        if why or frame is None:
            raise PerceptionError(self._no_pictures(why))
        return frame

    def health(self) -> CameraHealth:
        """How the camera is, and what became of its frames."""
        report, frame = self._report(), self._latest()
        reason = report.reason
        if report.state is CameraState.RUNNING:
            reason = self._why_stale(frame, report)
        state = CameraState.LOST if reason and report.state is CameraState.RUNNING else report.state
        return CameraHealth(
            state=state,
            reason=reason,
            age_s=None if frame is None else self._clock.now_s() - frame.stamp_s,
            counters=report.counters,
            restarts=self._restarts,
        )

    def close(self) -> None:
        """End the process; safe to call twice."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            self._stop.set()
            keeper.join()
        self._newest = None

    def _no_pictures(self, why: str) -> str:
        return f"The camera {self.name} gives no pictures: {why.rstrip('.')}."

    def _report(self) -> ProcessReport:
        if self._keeper is None:
            return ProcessReport(state=CameraState.CLOSED, reason="it is not connected")
        report = self._shared.read()
        if self._end:
            return replace(report, state=CameraState.ENDED, reason=self._end)
        return report

    def _latest(self) -> RgbdFrame | None:
        """The newest frame since `start`."""
        head = self.ring.head
        if self._keeper is None or head == self._from:
            return None
        if self._newest is None or self._newest[0] != head:
            frame = self.ring.latest()
            if frame is None:
                return None
            self._newest = head, self._on_our_clock(frame)
        return self._newest[1]

    def _on_our_clock(self, frame: RgbdFrame) -> RgbdFrame:
        if self._offset_s == 0.0 and self._T_base_camera is None:
            return frame
        stamp_s = frame.stamp_s + self._offset_s
        assert frame.received_s is not None
        T_base_camera = frame.T_base_camera
        if self._T_base_camera is not None:
            T_base_camera = pose_at(self._T_base_camera, stamp_s)
        return replace(
            frame,
            stamp_s=stamp_s,
            received_s=frame.received_s + self._offset_s,
            T_base_camera=T_base_camera,
        )

    def _why_stale(self, frame: RgbdFrame | None, report: ProcessReport) -> str:
        if frame is None:
            return "none has come yet"
        now_s, stale_s = self._clock.now_s(), self._config.stale_s
        age_s = now_s - frame.stamp_s
        if age_s <= stale_s:
            return ""
        silent_s = time.monotonic() - report.beat_s
        if silent_s > _SILENT_S:
            return f"its process has not answered for {silent_s:.1f} s"
        assert frame.received_s is not None
        return why_stale(age_s, now_s - frame.received_s, stale_s)

    # The process

    def _keep(self) -> None:
        config, pause_s = self._config, self._config.pause_s
        while not self._stop.is_set():
            began_s = time.monotonic()
            process = self._started()
            self._watch_over(process)
            if self._stop.is_set():
                _end(process)
                break
            self._end = _why_ended(process, self._shared.read())
            _log.warning("The camera %s: %s.", self.name, self._end)
            if time.monotonic() - began_s > _STABLE_S:
                pause_s = config.pause_s
            self._stop.wait(pause_s)
            pause_s = min(_GROWTH * pause_s, config.longest_pause_s)
            self._restarts += 1
        self._process = None

    def _started(self) -> BaseProcess:
        self._shared.write(ProcessReport(beat_s=time.monotonic()))
        process = multiprocessing.get_context("spawn").Process(
            target=serve_camera,
            args=(self._setup, self.ring, self._shared),
            name=f"camera {self.name}",
            daemon=True,
        )
        process.start()
        self._process, self._end = process, ""
        return process

    def _watch_over(self, process: BaseProcess) -> None:
        """Until it has ended, hangs and was killed, or nobody needs it any more."""
        while not self._stop.is_set():
            if wait([process.sentinel], _LOOK_S):
                process.join()
                return
            silent_s = time.monotonic() - self._shared.read().beat_s
            if silent_s > self._config.hang_s:
                _log.warning("The camera %s hangs: its process is killed.", self.name)
                process.kill()
                process.join()
                return


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(timeout=_END_S)
    if process.is_alive():
        process.kill()
        process.join()


def _why_ended(process: BaseProcess, report: ProcessReport) -> str:
    code = process.exitcode
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    if report.reason:
        return report.reason
    return f"its process ended with {code}"
