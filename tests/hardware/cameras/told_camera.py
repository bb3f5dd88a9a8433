"""A camera for tests in other processes, which does what a file tells it."""

import os
import time

import numpy as np

from hardware.cameras.stream import StreamCamera, StreamConfig
from robot_skills.core.camera import pinhole
from robot_skills.core.errors import MissingDependencyError, PerceptionError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame

SHAPE = (24, 32)
K = pinhole(32, 24, 1.0)
PERIOD_S = 0.02
T_BASE_CAMERA = SE3.from_yaw(0.4, (0.3, 0.2, 0.5))


def picture(number):
    """Colours and depth [m] of a number."""
    rgb = np.full((*SHAPE, 3), number % 251, np.uint8)
    return rgb, np.full(SHAPE, 1.0 + 0.001 * (number % 1000), np.float32)


class ToldCamera(StreamCamera):
    """Gives numbered pictures, unless its file says something else."""

    def __init__(self, clock, file):
        super().__init__("told", clock, StreamConfig(pause_s=0.05, longest_pause_s=0.1))
        self.file = file

    def _open(self):
        return _Told(self._clock, self.file)


class _Told:
    def __init__(self, clock, file):
        self.clock, self.file = clock, file
        self.number = 0
        if self.word == "unplugged":
            raise MissingDependencyError("there is no told camera.")

    @property
    def word(self):
        return self.file.read_text()

    def take(self, timeout_s):
        time.sleep(min(PERIOD_S, timeout_s))
        word = self.word
        number, shape, lens, age_s = self.number, SHAPE, K, 0.001
        match word:
            case "unplugged":
                raise PerceptionError("it was unplugged")
            case "silent":
                return None
            case "crash":
                raise ZeroDivisionError("a bug of the driver")
            case "abort":
                os.abort()
            case "gap":
                number += 3
            case "wide":
                shape = (24, 40)
            case "zoom":
                lens = K * [[2.0], [2.0], [1.0]]
            case "late":
                age_s = 0.15
        self.number = number + 1
        rgb, depth_m = picture(7 if word == "frozen" else number)
        now_s = self.clock.now_s()
        return RgbdFrame(
            stamp_s=now_s - age_s,
            rgb=np.resize(rgb, (*shape, 3)),
            depth_m=np.resize(depth_m, shape),
            K=lens,
            T_base_camera=T_BASE_CAMERA,
            number=number,
            received_s=now_s,
        )

    def close(self):
        pass


class PolledCamera:
    """Has `read` alone, which gives the newest picture again and again."""

    name = "polled"

    def __init__(self, clock):
        self._clock = clock
        self._number = -1
        self._frame = None

    def connect(self):
        self._began_s = self._clock.now_s()

    def read(self):
        number = int((self._clock.now_s() - self._began_s) / PERIOD_S)
        if number != self._number:
            rgb, depth_m = picture(number)
            self._number = number
            self._frame = RgbdFrame(
                stamp_s=self._clock.now_s(),
                rgb=rgb,
                depth_m=depth_m,
                K=K,
                T_base_camera=T_BASE_CAMERA,
                number=number,
            )
        return self._frame

    def close(self):
        pass


def told(clock, file):
    return ToldCamera(clock, file)


def halved(depth_m):
    """A denoiser whose work is seen."""
    return 0.5 * depth_m


def broken(depth_m):
    """A denoiser that gives something else."""
    return depth_m[1:]
