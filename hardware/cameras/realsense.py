"""Intel's RealSense depth cameras through their own SDK: depth aligned to colours."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.cameras.pose import CameraPose, pose_at
from hardware.cameras.realsense_device import (
    DepthFilters,
    Framesets,
    OpenFramesets,
    RealSenseConfig,
    import_realsense,
    open_realsense,
)
from hardware.cameras.stream import Pictures, StreamCamera
from hardware.cameras.undistort import DISTORTED, Undistortion, undistortion
from robot_skills.core.clock import Clock
from robot_skills.core.clock_map import ClockMap
from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import Array
from robot_skills.core.types import RgbdFrame

_S_PER_MS = 1e-3
_APART_PERIODS = 0.6
"""Farthest that a picture and its depth may be apart, in periods; half of one is usual where the
two sensors are not synchronised."""


class RealSenseCamera(StreamCamera):
    """A RealSense, or a recording of one. Implements `Camera`.

    Args:
        clock: The project clock.
        config: Which device, and how it is set.
        T_base_camera: Where it is.
        open_framesets: Opens it; another one than the SDK's pipeline for tests.
    """

    def __init__(
        self,
        clock: Clock,
        config: RealSenseConfig,
        T_base_camera: CameraPose,
        open_framesets: OpenFramesets = open_realsense,
    ) -> None:
        super().__init__(config.name, clock, config.stream)
        self._config, self._T_base_camera = config, T_base_camera
        self._open_framesets = open_framesets

    def _open(self) -> Pictures:
        framesets = self._open_framesets(self._config)
        return _AlignedPictures(framesets, self._config, self._T_base_camera, self._clock)


class _AlignedPictures:
    """Framesets as frames."""

    def __init__(
        self,
        framesets: Framesets,
        config: RealSenseConfig,
        T_base_camera: CameraPose,
        clock: Clock,
    ) -> None:
        rs = import_realsense()
        self._framesets, self._clock = framesets, clock
        self._T_base_camera = T_base_camera
        self._times = ClockMap(latency_s=config.latency_s)
        self._filters = _filters(rs, config.filters)
        self._align = rs.align(rs.stream.color)
        self._apart_s = _APART_PERIODS / config.rate_hz
        self._last: int | None = None
        self._lens: tuple[Array, Undistortion | None] | None = None

    def take(self, timeout_s: float) -> RgbdFrame | None:
        until_s = time.monotonic() + timeout_s
        while True:
            frameset = self._framesets.take(max(until_s - time.monotonic(), 0.0))
            if frameset is None:
                return None
            if self._is_new_pair(frameset):
                return self._frame(frameset)

    def _is_new_pair(self, frameset: Any) -> bool:
        """Whether a picture came with the depth of its time, and was not given before.

        The SDK's pipeline gives a new half with the old other one when that is late or lost.
        """
        colour, depth = frameset.get_color_frame(), frameset.get_depth_frame()
        if not (colour and depth) or colour.get_frame_number() == self._last:
            return False
        if colour.get_frame_timestamp_domain() == depth.get_frame_timestamp_domain():
            apart_s = _S_PER_MS * abs(colour.get_timestamp() - depth.get_timestamp())
            if apart_s > self._apart_s:
                return False
        self._last = colour.get_frame_number()
        return True

    def _frame(self, frameset: Any) -> RgbdFrame:
        received_s = self._clock.now_s()
        for one in self._filters:
            frameset = one.process(frameset).as_frameset()
        if not _on_one_lens(frameset):
            frameset = self._align.process(frameset)
        colour, depth = frameset.get_color_frame(), frameset.get_depth_frame()
        rgb = np.asanyarray(colour.get_data())
        depth_m = metres(np.asanyarray(depth.get_data()), depth.get_units())
        if self._lens is None:
            self._lens = lens_of(colour.profile.as_video_stream_profile().intrinsics)
        K, straight = self._lens
        if straight is not None:
            rgb, depth_m = straight.rgb(rgb), straight.depth(depth_m)
        device_s = _S_PER_MS * colour.get_timestamp()
        stamp_s = self._times.stamp_s(device_s, received_s)
        return RgbdFrame(
            stamp_s=stamp_s,
            rgb=rgb,
            depth_m=depth_m,
            K=K,
            T_base_camera=pose_at(self._T_base_camera, stamp_s),
            number=colour.get_frame_number(),
            device_s=device_s,
            received_s=received_s,
        )

    def close(self) -> None:
        # The SDK's frames and blocks hold the device, and with it the file it records to.
        del self._filters, self._align
        self._framesets.close()


def _on_one_lens(frameset: Any) -> bool:
    """Whether depth is seen through the colours' lens already, as on cameras with one sensor."""
    colour = frameset.get_color_frame().profile.as_video_stream_profile()
    depth = frameset.get_depth_frame().profile.as_video_stream_profile()
    moved = depth.get_extrinsics_to(colour)
    return (
        _numbers(colour.intrinsics) == _numbers(depth.intrinsics)
        and not any(moved.translation)
        and moved.rotation == np.eye(3).ravel().tolist()
    )


def _numbers(lens: Any) -> tuple[Any, ...]:
    size = lens.width, lens.height
    return *size, lens.fx, lens.fy, lens.ppx, lens.ppy, lens.model, *lens.coeffs


def metres(depth: NDArray[np.uint16], unit_m: float) -> NDArray[np.float32]:
    """Depth [m] (H, W) from whole units."""
    # The SDK tells its unit as a float32; the millimetre that is meant is not one.
    return (depth * np.float64(f"{unit_m:.6g}")).astype(np.float32)


def _filters(rs: Any, wish: DepthFilters) -> list[Any]:
    made = []
    if wish.decimation > 1:
        made.append(rs.decimation_filter(float(wish.decimation)))
    smoothers = [
        make()
        for make, on in ((rs.spatial_filter, wish.spatial), (rs.temporal_filter, wish.temporal))
        if on
    ]
    if smoothers:
        # Noise of stereo is even in disparity, not in depth.
        made += [rs.disparity_transform(True), *smoothers, rs.disparity_transform(False)]
    if wish.hole_filling:
        made.append(rs.hole_filling_filter())
    return made


def lens_of(intrinsics: Any) -> tuple[Array, Undistortion | None]:
    """K (3, 3) [px] of a stream's `rs.intrinsics`, and how to undistort its pictures.

    Raises:
        RefusedError: The lens is of a kind that is not understood.
    """
    rs = import_realsense()
    K = np.array(
        [
            [intrinsics.fx, 0.0, intrinsics.ppx],
            [0.0, intrinsics.fy, intrinsics.ppy],
            [0.0, 0.0, 1.0],
        ]
    )
    coefficients = np.array(intrinsics.coeffs, dtype=np.float64)
    kind, kinds = intrinsics.model, rs.distortion
    known = (kinds.brown_conrady, kinds.modified_brown_conrady, kinds.inverse_brown_conrady)
    if kind == kinds.none or np.abs(coefficients).max(initial=0.0) < DISTORTED:
        return K, None
    if kind not in known:
        raise RefusedError(f"Lenses of the kind {kind} are not understood.")
    return K, undistortion(
        K,
        coefficients,
        (intrinsics.width, intrinsics.height),
        radial_first=kind != kinds.brown_conrady,
    )
