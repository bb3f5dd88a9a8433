"""What the cameras of a twin make of what is before them."""

from collections.abc import Mapping

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.camera import pinhole
from robot_skills.core.se3 import Array
from sim.render import RgbdRenderer
from sim.stereo_depth import StereoNoise
from sim.twin.driver import decimated, smoothed
from sim.twin.hidden import Hidden
from sim.twin.optics import BentView
from sim.world import FOVY_DEG

_SENSOR_WIDTH_PX = 640
"""Of what the cameras take; smaller pictures are made from it."""


class TrueEyes:
    """Lens, sensor, depth and driver of each of a twin's cameras.

    Args:
        hidden: The truth.
        size_px: Width and height of pictures.
        filters: Whether the drivers smooth depth.
    """

    def __init__(self, hidden: Hidden, size_px: tuple[int, int], *, filters: bool) -> None:
        self._hidden, self._filters = hidden, filters
        self._coarser = max(1, round(_SENSOR_WIDTH_PX / size_px[0]))
        sensor_px = (self._coarser * size_px[0], self._coarser * size_px[1])
        self._views = {
            name: BentView(camera.lens, nominal_K(name, sensor_px), sensor_px)
            for name, camera in hidden.cameras.items()
        }
        sides = np.array([view.drawn_px for view in self._views.values()])
        self._drawn_px = (int(sides[:, 0].max()), int(sides[:, 1].max()))
        self.begin(np.random.default_rng(hidden.seed))

    def begin(self, rng: np.random.Generator) -> None:
        """Let the noise of an episode begin.

        Args:
            rng: Every camera gets a stream of its own from it.
        """
        cameras = self._hidden.cameras
        self._rngs = dict(zip(cameras, rng.spawn(len(cameras)), strict=True))
        self._stereo: Mapping[str, StereoNoise] = {
            name: StereoNoise(camera.stereo, self._rngs[name])
            for name, camera in cameras.items()
            if camera.stereo is not None
        }

    def renderer(self, model: mujoco.MjModel) -> RgbdRenderer:
        """Draws as wide as the lenses see; the caller closes it."""
        for name, view in self._views.items():
            model.cam_fovy[model.camera(name).id] = view.fovy_deg(self._drawn_px[1])
        return RgbdRenderer(model, *self._drawn_px)

    def see(
        self, name: str, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Picture and depth that a camera's driver gives of what was drawn for it."""
        view = self._views[name]
        rgb = self._hidden.cameras[name].sensor.shown(
            view.bent(rgb, between=True), self._rngs[name]
        )
        depth_m = view.bent(depth_m, between=False)
        if name in self._stereo:
            depth_m = self._stereo[name](rgb, depth_m, view.K)
        rgb, depth_m = decimated(rgb, depth_m, self._coarser)
        if name in self._stereo and self._filters:
            depth_m = smoothed(depth_m)
        return rgb, depth_m


def nominal_K(camera: str, size_px: tuple[int, int]) -> Array:
    """Intrinsics [px] that a camera is taken to have, (3, 3)."""
    return pinhole(*size_px, np.deg2rad(FOVY_DEG[camera]))
