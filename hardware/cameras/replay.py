"""Frames that were seen before, at the pace at which they were seen."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hardware.cameras.stream import Pictures, PicturesEnded, StreamCamera, StreamConfig
from robot_skills.core.clock import Clock
from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame

_FIELDS = ("stamp_s", "rgb", "depth_m", "K", "T_base_camera", "number")

_ONLY_PERIOD_S = 1.0 / 30.0
"""Pace of a recording of one frame."""

FrameSource = Callable[[], Iterable[RgbdFrame]]
"""Begins the frames anew each time it is called. Their stamps only have to increase."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayConfig:
    """How frames are played.

    Attributes:
        name: Of the camera.
        rate: Seconds of the recording that pass in a second.
        repeat: Begin again after the last; otherwise there are no more pictures then.
        stream: How patient one is.
    """

    name: str
    rate: float = 1.0
    repeat: bool = False
    stream: StreamConfig = field(default_factory=StreamConfig)

    def __post_init__(self) -> None:
        if not self.rate > 0.0:
            raise ValueError(f"The rate has to be above 0, got {self.rate}.")


class ReplayCamera(StreamCamera):
    """Plays frames; their stamps become the times at which they are played. Implements `Camera`.

    Args:
        clock: The project clock.
        config: How they are played.
        source: The frames, for example ``partial(read_frames, file)``.
    """

    def __init__(self, clock: Clock, config: ReplayConfig, source: FrameSource) -> None:
        super().__init__(config.name, clock, config.stream)
        self._config, self._source = config, source

    def _open(self) -> Pictures:
        return _Played(self._source, self._config, self._clock)


class _Played:
    def __init__(self, source: FrameSource, config: ReplayConfig, clock: Clock) -> None:
        self._source, self._config, self._clock = source, config, clock
        self._frames: Iterator[RgbdFrame] = iter(source())
        self._frame = self._after(None)
        if self._frame is None:
            raise RefusedError(f"There is nothing to play for the camera {config.name}.")
        self._due_s, self._period_s = clock.now_s(), _ONLY_PERIOD_S
        self._played = 0

    def take(self, timeout_s: float) -> RgbdFrame | None:
        frame = self._frame
        if frame is None:
            raise PicturesEnded("the recording is over")
        self._clock.sleep_until(min(self._due_s, self._clock.now_s() + timeout_s))
        if self._clock.now_s() < self._due_s:
            return None
        played = replace(
            frame,
            stamp_s=self._due_s,
            number=self._played if frame.number is None else frame.number,
            device_s=None,
            received_s=self._clock.now_s(),
        )
        self._played += 1
        self._advance(frame)
        return played

    def _advance(self, frame: RgbdFrame) -> None:
        following = self._after(frame)
        if following is not None:
            self._period_s = (following.stamp_s - frame.stamp_s) / self._config.rate
        elif self._config.repeat:
            self._frames = iter(self._source())
            following = self._after(None)
        self._frame = following
        self._due_s += self._period_s

    def _after(self, last: RgbdFrame | None) -> RgbdFrame | None:
        frame = next(self._frames, None)
        if frame is not None and last is not None and frame.stamp_s <= last.stamp_s:
            raise RefusedError(
                f"The recording of {self._config.name} goes back in time, from "
                f"{last.stamp_s:.3f} s to {frame.stamp_s:.3f} s."
            )
        return frame

    def close(self) -> None:
        """Nothing is held."""


def write_frames(file: Path, frames: Iterable[RgbdFrame]) -> None:
    """Keep frames of one size in an ``.npz`` file.

    Raises:
        RefusedError: There are none, they differ in size, or the name ends in something else.
    """
    kept = list(frames)
    if file.suffix != ".npz":
        raise RefusedError(f"Frames are kept in .npz files, got {str(file)!r}.")
    if len({frame.rgb.shape for frame in kept}) != 1:
        raise RefusedError("Frames that are kept together have one size, and there are some.")
    np.savez_compressed(
        file,
        stamp_s=np.array([frame.stamp_s for frame in kept]),
        rgb=np.stack([frame.rgb for frame in kept]),
        depth_m=np.stack([frame.depth_m for frame in kept]),
        K=np.stack([frame.K for frame in kept]),
        T_base_camera=np.stack([frame.T_base_camera.matrix() for frame in kept]),
        number=np.array([-1 if frame.number is None else frame.number for frame in kept]),
    )


def read_frames(file: Path) -> Iterator[RgbdFrame]:
    """The frames of a file that `write_frames` made.

    Raises:
        RefusedError: There is no such file, or it is of another kind.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in _FIELDS}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise RefusedError(f"{str(file)!r} holds no frames that can be played: {error}.") from None
    for i in range(len(arrays["stamp_s"])):
        number = int(arrays["number"][i])
        yield RgbdFrame(
            stamp_s=float(arrays["stamp_s"][i]),
            rgb=arrays["rgb"][i],
            depth_m=arrays["depth_m"][i],
            K=arrays["K"][i],
            T_base_camera=SE3.from_matrix(arrays["T_base_camera"][i]),
            number=None if number < 0 else number,
        )
