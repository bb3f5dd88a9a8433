"""Looks at a camera that somebody else publishes, as those see it who depend on it.

Drivers of others do not say when their pictures are frozen, late, or of another lens than the one
that was calibrated. This subscribes as a robot does and judges every picture.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from hardware.cameras.watch import FrameWatch, WatchConfig
from hardware.ros2.camera import RosCamera, RosCameraConfig
from hardware.ros2.camera_lens import CameraMisfit
from hardware.ros2.camera_topics import HealthLevel
from hardware.ros2.runtime import RosNode
from robot_skills.core.clock import Clock
from robot_skills.core.errors import PerceptionError
from robot_skills.core.types import RgbdFrame


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class WatchedCamera:
    """A camera that is watched.

    Attributes:
        camera: Where its topics are, and what its lens distorts.
        size_px: Width and height that its pictures have to have.
        stale_s: Age at which the newest one is too old.
        watch: What else is wrong with one.
    """

    camera: RosCameraConfig
    size_px: tuple[int, int]
    stale_s: float
    watch: WatchConfig = field(default_factory=WatchConfig)


class CameraWatch:
    """Judges one camera's pictures.

    Args:
        node: That subscribes; whoever spins it calls `look` after each thing that was done.
        watched: What is watched.
        clock: The project clock.
    """

    def __init__(self, node: RosNode, watched: WatchedCamera, clock: Clock) -> None:
        # Where a camera is says nothing of how it is.
        self._camera = RosCamera(node, replace(watched.camera, on_tool=False), clock)
        columns, rows = watched.size_px
        self._frames = FrameWatch((rows, columns), watched.watch)
        self._watched, self._clock = watched, clock
        self._level, self._problem = HealthLevel.LOST, "none has come yet"
        self._newest: RgbdFrame | None = None

    @property
    def name(self) -> str:
        return self._watched.camera.name

    def look(self) -> None:
        """Judge the picture that has come, if one has."""
        try:
            frame = self._camera.take()
        except CameraMisfit as problem:
            self._level, self._problem = HealthLevel.MISFIT, str(problem)
            return
        except PerceptionError as problem:
            self._level, self._problem = HealthLevel.LOST, str(problem)
            return
        if frame is None or not self._frames.is_new(frame):
            return
        assert frame.received_s is not None
        if self._frames.passes(frame, frame.received_s):
            self._level, self._problem = HealthLevel.WELL, ""
            self._newest = frame
        elif self._frames.problem:
            self._level = HealthLevel.LOST if self._frames.frozen else HealthLevel.MISFIT
            self._problem = self._frames.problem

    def health(self) -> tuple[HealthLevel, str]:
        """How the camera is now, and why it is not well."""
        if self._level is HealthLevel.MISFIT:
            return self._level, self._problem
        # What does not come any more matters more than what was wrong with the last one.
        silent = self._camera.why_none(self._watched.stale_s)
        if silent:
            return HealthLevel.LOST, silent
        return self._level, self._problem

    def known(self) -> Mapping[str, object]:
        """What else there is to know: age of the newest good picture, and counters."""
        counters, heard = self._frames.counters, self._camera.counters
        age_s = "" if self._newest is None else f"{self._clock.now_s() - self._newest.stamp_s:.3f}"
        sums = {
            "out_of_order": counters.out_of_order + heard.out_of_order,
            "refused": counters.refused + heard.refused,
            "unmatched": heard.unmatched,
        }
        return {"age_s": age_s} | asdict(counters) | sums
