"""What a camera's own process does: take frames, judge them, pass them on."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hardware.cameras.status import CameraState, ProcessReport, SharedReport
from hardware.cameras.stream import StreamCamera
from hardware.cameras.watch import FrameWatch, WatchConfig
from hardware.ros2.runtime import ProcessEnd
from hardware.ros2.times import MachineClock
from robot_skills.core.camera import Camera
from robot_skills.core.clock import Clock
from robot_skills.core.errors import PerceptionError, RobotSkillsError
from robot_skills.core.frame_ring import FrameRing
from robot_skills.core.types import RgbdFrame

_WAIT_S = 0.05
_POLL_S = 0.004
_GROWTH = 2.0

Denoise = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Depth [m] (H, W), 0 = no reading, to the same; what it is given is read-only."""


class MakeCamera(Protocol):
    """Makes the camera in its process, so it has to be picklable: a function, or a `partial`."""

    def __call__(self, clock: Clock) -> Camera: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeSetup:
    """What a camera's process is told.

    Attributes:
        make_camera: Makes it.
        watch: What is wrong with a frame.
        denoise: Applied to depth that is passed on.
        pause_s: Before a device that could not be opened is tried again; doubled each time.
        longest_pause_s: The longest of these pauses.
    """

    make_camera: MakeCamera
    watch: WatchConfig = field(default_factory=WatchConfig)
    denoise: Denoise | None = None
    pause_s: float = 0.2
    longest_pause_s: float = 2.0


def serve_camera(setup: ServeSetup, ring: FrameRing, shared: SharedReport) -> None:
    """Write a camera's frames into a ring until the process, or its owner, is to end."""
    end = ProcessEnd()
    with end.watched(with_parent=True):
        # Ctrl-C in a terminal reaches both; the owner decides what comes of it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        service = _Service(setup, ring, shared, end)
        try:
            service.run()
        except Exception as error:
            # The owner can only name what it was told.
            service.tell(CameraState.LOST, f"its process ends: {type(error).__name__}: {error}")
            raise
        finally:
            service.close()


class _Service:
    def __init__(
        self, setup: ServeSetup, ring: FrameRing, shared: SharedReport, end: ProcessEnd
    ) -> None:
        self._setup, self._ring, self._shared, self._end = setup, ring, shared, end
        self._clock = MachineClock()
        self._camera: Camera | None = None
        self._watch = FrameWatch((ring.size.height_px, ring.size.width_px), setup.watch)

    def tell(self, state: CameraState, reason: str = "") -> None:
        counters = replace(self._watch.counters)
        self._shared.write(
            ProcessReport(state=state, reason=reason, beat_s=time.monotonic(), counters=counters)
        )

    def run(self) -> None:
        self.tell(CameraState.OPENING)
        camera = self._camera = self._setup.make_camera(self._clock)
        self._connect(camera)
        state, reason = CameraState.OPENING, ""
        while not self._end.asked:
            frame, problem = self._next(camera)
            if frame is not None:
                if self._pass_on(frame):
                    state, reason = CameraState.RUNNING, ""
                elif self._watch.problem:
                    state = CameraState.FROZEN if self._watch.frozen else CameraState.UNUSABLE
                    reason = self._watch.problem
            elif problem:
                state, reason = CameraState.LOST, problem
            self.tell(state, reason)

    def _connect(self, camera: Camera) -> None:
        pause_s = self._setup.pause_s
        while not self._end.asked:
            try:
                camera.connect()
                return
            except RobotSkillsError as error:
                until_s = time.monotonic() + pause_s
                while time.monotonic() < until_s and not self._end.asked:
                    self.tell(CameraState.LOST, str(error))
                    time.sleep(min(_WAIT_S, pause_s))
                pause_s = min(_GROWTH * pause_s, self._setup.longest_pause_s)

    def _next(self, camera: Camera) -> tuple[RgbdFrame | None, str]:
        """A new frame, or why there is none."""
        if isinstance(camera, StreamCamera):
            frame = camera.next_frame(_WAIT_S)
            reconnects = max(camera.opened - 1, 0)
            if reconnects > self._watch.counters.reconnects:
                self._watch.counters.reconnects = reconnects
                self._watch.begin_anew()
            return frame, camera.problem
        try:
            frame = camera.read()
        except PerceptionError as error:
            time.sleep(_POLL_S)
            return None, str(error)
        if self._watch.is_new(frame):
            return frame, ""
        time.sleep(_POLL_S)
        return None, ""

    def _pass_on(self, frame: RgbdFrame) -> bool:
        received_s = self._clock.now_s() if frame.received_s is None else frame.received_s
        if not self._watch.passes(frame, received_s):
            return False
        if self._setup.denoise is not None:
            depth_m = np.asarray(self._setup.denoise(frame.depth_m))
            if depth_m.shape != frame.depth_m.shape or not np.isfinite(depth_m).all():
                raise ValueError(
                    f"The denoiser made depth {frame.depth_m.shape} into {depth_m.shape}, or put "
                    "something into it that is no number."
                )
            frame = replace(frame, depth_m=depth_m)
        self._ring.write(replace(frame, received_s=received_s))
        return True

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
