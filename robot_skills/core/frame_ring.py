"""Frames of one camera in shared memory: one process writes, any number of others read.

The writer never waits: it overwrites the oldest slot. A reader that is too slow misses frames and
knows how many, since they are counted. Nothing is left behind when a process is killed: the memory
has no name, and goes with the last process that has it open.
"""

import mmap
import os
import tempfile
from dataclasses import dataclass
from multiprocessing.reduction import DupFd
from typing import Any, Self

import numpy as np

from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame

DEPTH_UNITS_PER_M = 1000.0
"""Depth is kept in millimetres, as depth cameras and ROS have it."""
_HEAD_BYTES = 64
_META = 4 + 9 + 16
"""Numbers of a frame: stamp, device, received, counter, K, T_base_camera."""
_ALIGN = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class RingSize:
    """How much a ring holds.

    Attributes:
        height_px: Of the pictures.
        width_px: Of the pictures.
        slots: Frames that are kept; at 30 Hz, 32 are a second.
    """

    height_px: int
    width_px: int
    slots: int = 32

    def __post_init__(self) -> None:
        if min(self.height_px, self.width_px) < 1 or self.slots < 2:
            raise ValueError(f"A ring needs pictures and at least two slots, got {self}.")

    @property
    def pixels(self) -> int:
        return self.height_px * self.width_px

    @property
    def slot_bytes(self) -> int:
        size = 8 + 8 * _META + 3 * self.pixels + 2 * self.pixels
        return -(-size // _ALIGN) * _ALIGN

    @property
    def bytes(self) -> int:
        return _HEAD_BYTES + self.slots * self.slot_bytes


class FrameRing:
    """The newest frames of one camera. Passed to a spawned process as an argument, it is shared.

    Args:
        name: Of the camera.
        size: How much it holds.
    """

    def __init__(self, name: str, size: RingSize) -> None:
        self.name, self.size = name, size
        self._open(_anonymous_file(size.bytes))

    def _open(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory = mmap.mmap(descriptor, self.size.bytes)
        self._head = np.frombuffer(self._memory, dtype=np.int64, count=1)
        self._slots = [self._slot(i) for i in range(self.size.slots)]

    def _slot(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        size, at = self.size, _HEAD_BYTES + index * self.size.slot_bytes
        shape = (size.height_px, size.width_px)
        sequence = np.frombuffer(self._memory, dtype=np.int64, count=1, offset=at)
        meta = np.frombuffer(self._memory, dtype=np.float64, count=_META, offset=at + 8)
        at += 8 + 8 * _META
        rgb = np.frombuffer(self._memory, dtype=np.uint8, count=3 * size.pixels, offset=at)
        depth = np.frombuffer(
            self._memory, dtype=np.uint16, count=size.pixels, offset=at + 3 * size.pixels
        )
        return sequence, meta, rgb.reshape(*shape, 3), depth.reshape(shape)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.name, self.size, DupFd(self._descriptor))

    @property
    def head(self) -> int:
        """Frames written so far; the newest is `head - 1`."""
        return int(self._head[0])

    def write(self, frame: RgbdFrame) -> None:
        """Add a frame.

        Raises:
            ValueError: It has another size than the ring.
        """
        shape = (self.size.height_px, self.size.width_px)
        if frame.depth_m.shape != shape:
            raise ValueError(f"Ring {self.name!r} holds {shape}, got {frame.depth_m.shape}.")
        index = self.head
        sequence, meta, rgb, depth_mm = self._slots[index % self.size.slots]
        sequence[0] = -1
        meta[:4] = [
            frame.stamp_s,
            np.nan if frame.device_s is None else frame.device_s,
            np.nan if frame.received_s is None else frame.received_s,
            -1 if frame.number is None else frame.number,
        ]
        meta[4:13] = frame.K.ravel()
        meta[13:] = frame.T_base_camera.matrix().ravel()
        rgb[:] = frame.rgb
        depth_mm[:] = to_millimetres(frame.depth_m)
        sequence[0] = index
        self._head[0] = index + 1

    def read(self, index: int) -> RgbdFrame | None:
        """Frame `index`, counted from the first that was written; None once it is overwritten."""
        taken = self.read_raw(index)
        if taken is None:
            return None
        meta, rgb, depth_mm = taken
        return RgbdFrame(
            stamp_s=float(meta[0]),
            rgb=rgb,
            depth_m=(depth_mm / np.float32(DEPTH_UNITS_PER_M)).astype(np.float32),
            K=meta[4:13].reshape(3, 3),
            T_base_camera=SE3.from_matrix(meta[13:].reshape(4, 4)),
            number=None if meta[3] < 0 else int(meta[3]),
            device_s=None if np.isnan(meta[1]) else float(meta[1]),
            received_s=None if np.isnan(meta[2]) else float(meta[2]),
        )

    def read_raw(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Numbers, colours and depth [mm] of frame `index` as they are stored, copied."""
        if not 0 <= index < self.head:
            return None
        sequence, meta, rgb, depth_mm = self._slots[index % self.size.slots]
        if int(sequence[0]) != index:
            return None
        copy = meta.copy(), rgb.copy(), depth_mm.copy()
        # The writer may have come round meanwhile; then this is half of one and half of another.
        return copy if int(sequence[0]) == index else None

    def latest(self) -> RgbdFrame | None:
        """The newest frame; None before the first."""
        for _ in range(3):
            frame = self.read(self.head - 1)
            if frame is not None:
                return frame
        return None

    def close(self) -> None:
        """Give the memory back; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._slots = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def to_millimetres(depth_m: np.ndarray) -> np.ndarray:
    """Depth [m] as whole millimetres, uint16; what is beyond 65 m or negative is no reading."""
    scaled = depth_m * np.float32(DEPTH_UNITS_PER_M) + np.float32(0.5)
    return np.where((scaled < 65536.0) & (scaled >= 0.5), scaled, 0).astype(np.uint16)


def _reopen(name: str, size: RingSize, descriptor: Any) -> FrameRing:
    ring = FrameRing.__new__(FrameRing)
    ring.name, ring.size = name, size
    ring._open(descriptor.detach())
    return ring


def _anonymous_file(size: int) -> int:
    """A file in memory that has no name."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("frames")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor
