"""Pictures of datasets of others, decoded when somebody asks for them.

A `Stream` is one kind of picture (colour or depth) of one camera in one episode; `CameraPictures`
joins the two kinds. Nothing but the picture that is asked for is held in memory.
"""

from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign.files import library, reading

_TOLERANCE = 0.25
"""How far a frame of a video may be from where it should be, as a part of the frame period."""


class Stream(Protocol):
    """Pictures of one kind, in order."""

    def __len__(self) -> int: ...

    def at(self, index: int) -> NDArray: ...

    def in_order(self) -> Iterator[NDArray]:
        """All of them, each decoded once."""
        ...


class CameraPictures:
    """Colour and depth of one camera (`data.series.Pictures`).

    Args:
        camera: Its name, for messages.
        rgb: Colour, (H, W, 3) uint8 each; None where there is none.
        depth: Depth [m], (H, W) float32 each; None where there is none.

    Raises:
        DatasetError: There is neither, or they differ in number.
    """

    def __init__(self, camera: str, *, rgb: Stream | None, depth: Stream | None) -> None:
        lengths = {len(stream) for stream in (rgb, depth) if stream is not None}
        if len(lengths) != 1:
            raise DatasetError(f"Camera {camera} has {sorted(lengths)} colour and depth pictures.")
        self._camera = camera
        self._rgb, self._depth = rgb, depth
        self._length = lengths.pop()

    def __len__(self) -> int:
        return self._length

    def rgb(self, index: int) -> NDArray[np.uint8]:
        if self._rgb is None:
            raise DatasetError(f"Camera {self._camera} has no colour.")
        return self._rgb.at(self._checked(index))

    def depth_m(self, index: int) -> NDArray[np.float32]:
        if self._depth is None:
            raise DatasetError(f"Camera {self._camera} has no depth.")
        return self._depth.at(self._checked(index))

    def in_order(self) -> Iterator[tuple[NDArray[np.uint8] | None, NDArray[np.float32] | None]]:
        nothing = repeat(None, self._length)
        colours = self._rgb.in_order() if self._rgb else nothing
        depths = self._depth.in_order() if self._depth else nothing
        return zip(colours, depths, strict=True)

    def _checked(self, index: int) -> int:
        if not 0 <= index < self._length:
            raise DatasetError(
                f"Camera {self._camera} has no picture {index}; it has {self._length}."
            )
        return index


class StoredStream:
    """Pictures that a function reads one by one.

    Args:
        count: How many there are.
        read: Gives one.
    """

    def __init__(self, count: int, read: Callable[[int], NDArray]) -> None:
        self._count, self._read = count, read

    def __len__(self) -> int:
        return self._count

    def at(self, index: int) -> NDArray:
        return self._read(index)

    def in_order(self) -> Iterator[NDArray]:
        return map(self._read, range(self._count))


class VideoStream:
    """A part of a video.

    Args:
        path: The video.
        first_s: Time of the first picture in it.
        count: Pictures.
        fps: Pictures per second.
        size_px: Height and width of each.
        pixels: Format that FFmpeg is to give, ``rgb24`` or ``gray12le``.
        convert: From FFmpeg's array to the picture.
    """

    def __init__(
        self,
        path: Path,
        *,
        first_s: float,
        count: int,
        fps: float,
        size_px: tuple[int, int],
        pixels: str = "rgb24",
        convert: Callable[[NDArray], NDArray] = np.asarray,
    ) -> None:
        self._path, self._first_s, self._count, self._fps = path, first_s, count, fps
        self._size_px, self._pixels, self._convert = size_px, pixels, convert

    def __len__(self) -> int:
        return self._count

    def at(self, index: int) -> NDArray:
        return next(self._from(index))

    def in_order(self) -> Iterator[NDArray]:
        return self._from(0)

    def _from(self, first: int) -> Iterator[NDArray]:
        """Pictures from one on; the ones before its key frame are not decoded."""
        errors = library("av.error", "Reading videos")
        frames = self._decoded(self._first_s + (first - _TOLERANCE) / self._fps)
        for index in range(first, self._count):
            wanted_s = self._first_s + index / self._fps
            with reading(self._path, errors.FFmpegError):
                time_s, frame = next(frames, (float("inf"), None))
                if abs(time_s - wanted_s) > _TOLERANCE / self._fps or frame is None:
                    raise DatasetError(
                        f"{self._path} has no picture at {wanted_s:.3f} s, "
                        f"number {index} of {self._count} of an episode."
                    )
                pixels = frame.to_ndarray(format=self._pixels)
            if pixels.shape[:2] != self._size_px:
                raise DatasetError(
                    f"{self._path} has pictures of {pixels.shape[:2]}; "
                    f"{self._size_px} is announced."
                )
            yield self._convert(pixels)

    def _decoded(self, from_s: float) -> Iterator[tuple[float, Any]]:
        av = library("av", "Reading videos")
        with av.open(str(self._path)) as container:
            if not container.streams.video:
                raise DatasetError(f"{self._path} has no pictures.")
            stream = container.streams.video[0]
            if from_s > 0.0:
                container.seek(int(from_s / stream.time_base), stream=stream, backward=True)
            for frame in container.decode(stream):
                if frame.time is not None and frame.time >= from_s:
                    yield frame.time, frame


def decode_rgb(data: bytes, where: str) -> NDArray[np.uint8]:
    """A colour picture, (H, W, 3), from the bytes of a picture file.

    Raises:
        DatasetError: They are damaged.
    """
    cv2 = library("cv2", "Reading pictures")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise DatasetError(f"{where} is damaged or in an unknown picture format.")
    return np.ascontiguousarray(picture[:, :, ::-1])


def decode_depth(data: bytes, where: str, unit: str | None = None) -> NDArray[np.float32]:
    """Depth [m], (H, W), from the bytes of a PNG or TIFF.

    Args:
        data: The file.
        where: What it is, for messages.
        unit: ``mm`` or ``m``; by itself, integers are millimetres and floats metres.

    Raises:
        DatasetError: They are damaged, or no depth.
    """
    cv2 = library("cv2", "Reading pictures")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if picture is None or picture.ndim != 2:
        raise DatasetError(f"{where} is damaged or holds no depth.")
    return metres(picture, unit)


def metres(depth: NDArray, unit: str | None = None) -> NDArray[np.float32]:
    """Depth [m], (H, W), 0 = no reading, of an array (H, W) or (H, W, 1) as sensors give it.

    Args:
        depth: Integers are millimetres and floats metres, unless `unit` says otherwise.
        unit: ``mm`` or ``m``.
    """
    plane = depth[..., 0] if depth.ndim == 3 else depth
    unit = unit or ("mm" if np.issubdtype(plane.dtype, np.integer) else "m")
    scaled = plane.astype(np.float32) / np.float32(1000.0 if unit == "mm" else 1.0)
    return np.where(np.isfinite(scaled), scaled, np.float32(0.0))
