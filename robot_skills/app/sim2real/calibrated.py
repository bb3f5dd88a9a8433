"""A robot as its calibrations say that it is, in place of what its drivers claim."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens
from calibration.prediction import Mount
from robot_skills.core.arm_states import state_at
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, ArmState, Observation, RgbdFrame

_KEPT = 64


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CameraFile:
    """What was found of a camera.

    Attributes:
        lens: Its lens, at the size of the pictures that it was calibrated with.
        mount: What it is fixed to.
        T_mount_camera: Where it is there.
        depth_scale: Its depth is multiplied by this.
        depth_offset_m: And this is added.
        latency_s: From what a picture shows to its stamp.
    """

    lens: Lens
    mount: Mount
    T_mount_camera: SE3
    depth_scale: float = 1.0
    depth_offset_m: float = 0.0
    latency_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CellFile:
    """What calibrations found of a cell.

    Attributes:
        cameras: By name; those left out stay as their drivers say.
        latencies: How late the arm is.
        pictures_s: How late the pictures of each camera are.
    """

    cameras: Mapping[str, CameraFile] = field(default_factory=dict)
    latencies: ArmLatencies = field(default_factory=ArmLatencies)
    pictures_s: Mapping[str, float] = field(default_factory=dict)


class CorrectedCameras(RobotWrapper):
    """A robot whose pictures are straight, and whose cameras are where they are.

    Stamps of its pictures are of when they were taken. Those of its states stay as they are:
    `hardware.compensated_robot` sees to the arm.

    Args:
        robot: As its drivers give it.
        found: What calibrations found of it.
    """

    def __init__(self, robot: Robot, found: CellFile) -> None:
        super().__init__(robot)
        self._found = found
        self._states: deque[ArmState] = deque(maxlen=_KEPT)
        self._straight: dict[tuple[str, tuple[int, int]], _Straightener] = {}

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        seen = self._robot.observe(cameras)
        state = seen.arms[DEFAULT_ARM]
        self._remember(replace(state, stamp_s=state.stamp_s - self._found.latencies.state_s))
        frames = {name: self._frame(name, frame) for name, frame in seen.cameras.items()}
        return replace(seen, cameras=frames)

    def _remember(self, state: ArmState) -> None:
        if self._states and state.stamp_s < self._states[-1].stamp_s:
            self._states.clear()  # The clock has begun anew.
        if not self._states or state.stamp_s > self._states[-1].stamp_s:
            self._states.append(state)

    def _frame(self, name: str, frame: RgbdFrame) -> RgbdFrame:
        if name not in self._found.cameras:
            return frame
        camera = self._found.cameras[name]
        stamp_s = frame.stamp_s - camera.latency_s
        place = camera.T_mount_camera
        if camera.mount is Mount.TOOL:
            place = state_at(list(self._states), stamp_s).T_base_tool @ place
        size_px = (frame.rgb.shape[1], frame.rgb.shape[0])
        if (name, size_px) not in self._straight:
            self._straight[name, size_px] = _Straightener(at_size(camera.lens, size_px))
        straight = self._straight[name, size_px]
        depth_m = straight.depth(frame.depth_m)
        read = depth_m > 0.0
        depth_m[read] = camera.depth_scale * depth_m[read] + camera.depth_offset_m
        return replace(
            frame,
            stamp_s=stamp_s,
            rgb=straight.rgb(frame.rgb),
            depth_m=depth_m,
            K=straight.K,
            T_base_camera=place,
        )


class _Straightener:
    """Takes a lens's distortion out of pictures."""

    def __init__(self, lens: Lens) -> None:
        self.K: Array = lens.K
        self._columns, self._rows = cv2.initUndistortRectifyMap(
            lens.K, np.array(lens.distortion), np.eye(3), lens.K, lens.size_px, cv2.CV_32FC1
        )

    def rgb(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        straight = cv2.remap(rgb, self._columns, self._rows, cv2.INTER_LINEAR)
        return np.asarray(straight, dtype=np.uint8)

    def depth(self, depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        straight = cv2.remap(depth_m, self._columns, self._rows, cv2.INTER_NEAREST)
        return np.array(straight, dtype=np.float32)


def at_size(lens: Lens, size_px: tuple[int, int]) -> Lens:
    """A lens at another size of the same pictures; pixel (0, 0) has its centre at (0, 0)."""
    share = np.array(size_px) / lens.size_px
    fx, fy, cx, cy = lens.lens_px
    centre = share * (np.array([cx, cy]) + 0.5) - 0.5
    return replace(
        lens,
        size_px=size_px,
        lens_px=(fx * share[0], fy * share[1], float(centre[0]), float(centre[1])),
    )
