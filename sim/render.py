"""RGB-D pictures of a MuJoCo model, colour and depth from one pass."""

from enum import Enum
from types import TracebackType
from typing import NamedTuple, Self

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.camera import pinhole
from robot_skills.core.errors import RobotFault, unknown_name
from robot_skills.core.se3 import SE3, Array
from sim.gl import make_context
from sim.meshes import FAST_GROUP, FULL_GROUP, SHARED_GROUP

_FILM_SHADOW_PX = 2048
"""MuJoCo's own 4096 costs four times as much, and nobody sees it in a film."""

# OpenGL camera axes (x right, y up, z backwards) seen from optical ones (x right, y down, z ahead).
_R_GL_OPTICAL = np.diag([1.0, -1.0, -1.0])


class Quality(Enum):
    """Who looks at the picture."""

    FAST = "fast"
    """Programs: decimated meshes, no shadows, reflections, sky or antialiasing."""
    FILM = "film"
    """People, many times a second: decimated meshes, shadows and antialiasing."""
    PICTURE = "picture"
    """People: everything on."""


class RgbdImage(NamedTuple):
    """One rendered frame.

    Attributes:
        rgb: uint8, (H, W, 3).
        depth_m: float32, (H, W), distance along the optical axis; 0 = nothing in range.
        K: Intrinsics [px], (3, 3); pixel (0, 0) has its centre at (0, 0).
        T_world_camera: Optical frame.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    K: Array
    T_world_camera: SE3


class RgbdRenderer:
    """Draws the cameras of one model at one size. Use from one thread; close it or use `with`.

    Args:
        model: Compiled model. Geoms are drawn by group, see `sim.meshes`; where there are no twins,
            `FULL_GROUP` is drawn in both qualities.
        width_px: Picture width.
        height_px: Picture height.
        quality: For programs or for people.

    Raises:
        MissingDependencyError: No OpenGL.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        width_px: int,
        height_px: int,
        quality: Quality = Quality.FAST,
    ) -> None:
        if width_px < 1 or height_px < 1:
            raise ValueError(f"A picture needs at least one pixel, got {width_px} x {height_px}.")
        self._model = model
        self._rect = mujoco.MjrRect(0, 0, width_px, height_px)
        self._rgb = np.empty((height_px, width_px, 3), dtype=np.uint8)
        self._depth = np.empty((height_px, width_px), dtype=np.float32)
        self._option = _scene_option(model, quality)
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + model.nsite + 200)
        _set_render_flags(self._scene, quality)
        self._gl = make_context(width_px, height_px)
        self._gl.make_current()
        self._context: mujoco.MjrContext | None = _make_mjr_context(
            model, width_px, height_px, quality
        )

    def render(self, data: mujoco.MjData, camera: str) -> RgbdImage:
        """Draw what a camera sees, at the body and camera poses that `data` holds.

        Those are as fresh as the last `mj_forward`, `mj_kinematics` or `mj_camlight`. Depth is that
        of the pixel's centre in `Quality.FAST`; where pictures are antialiased it is that of one of
        the samples, up to half a pixel away.

        Raises:
            UnknownNameError: The model has no such camera.
            RobotFault: The renderer is closed.
        """
        if self._context is None:
            raise RobotFault("The renderer is closed.")
        camera_id = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if camera_id < 0:
            names = [self._model.camera(i).name for i in range(self._model.ncam)]
            raise unknown_name("camera", camera, names)
        self._camera.fixedcamid = camera_id
        self._gl.make_current()
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._rgb, self._depth, self._rect, self._context)
        return RgbdImage(
            # OpenGL's first row is the lowest.
            rgb=self._rgb[::-1].copy(),
            depth_m=_depth_to_metres(self._depth[::-1], *self._clip_m()),
            K=pinhole(
                self._rect.width, self._rect.height, np.deg2rad(self._model.cam_fovy[camera_id])
            ),
            T_world_camera=camera_pose(data, camera_id),
        )

    def close(self) -> None:
        """Free the OpenGL context. Safe to call twice."""
        if self._context is None:
            return
        self._gl.make_current()
        self._context.free()
        self._context = None
        self._gl.free()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _clip_m(self) -> tuple[float, float]:
        extent = self._model.stat.extent
        return self._model.vis.map.znear * extent, self._model.vis.map.zfar * extent


def camera_pose(data: mujoco.MjData, camera_id: int) -> SE3:
    """`T_world_camera`, optical (+Z ahead), of a camera at the poses that `data` holds."""
    return SE3(data.cam_xmat[camera_id].reshape(3, 3) @ _R_GL_OPTICAL, data.cam_xpos[camera_id])


def _scene_option(model: mujoco.MjModel, quality: Quality) -> mujoco.MjvOption:
    option = mujoco.MjvOption()
    has_twins = bool(np.any(model.geom_group == FAST_GROUP))
    detail = FAST_GROUP if quality is not Quality.PICTURE and has_twins else FULL_GROUP
    option.geomgroup[:] = 0
    option.geomgroup[[SHARED_GROUP, detail]] = 1
    option.sitegroup[:] = 0
    option.flags[mujoco.mjtVisFlag.mjVIS_RANGEFINDER] = 0
    return option


def _set_render_flags(scene: mujoco.MjvScene, quality: Quality) -> None:
    flag = mujoco.mjtRndFlag
    match quality:
        case Quality.FAST:
            wanted = ()
        case Quality.FILM:
            wanted = (flag.mjRND_SHADOW, flag.mjRND_SKYBOX)
        case Quality.PICTURE:
            wanted = (flag.mjRND_SHADOW, flag.mjRND_REFLECTION, flag.mjRND_SKYBOX)
    costly = (flag.mjRND_SHADOW, flag.mjRND_REFLECTION, flag.mjRND_SKYBOX)
    for index in (*costly, flag.mjRND_FOG, flag.mjRND_HAZE):
        scene.flags[index] = index in wanted


def _make_mjr_context(
    model: mujoco.MjModel, width_px: int, height_px: int, quality: Quality
) -> mujoco.MjrContext:
    # The sizes of the off-screen buffers are read from the model, once, right here.
    vis = model.vis
    before = (
        vis.global_.offwidth,
        vis.global_.offheight,
        vis.quality.offsamples,
        vis.quality.shadowsize,
    )
    vis.global_.offwidth, vis.global_.offheight = width_px, height_px
    if quality is Quality.FAST:
        vis.quality.offsamples, vis.quality.shadowsize = 0, 0
    elif quality is Quality.FILM:
        vis.quality.shadowsize = _FILM_SHADOW_PX
    try:
        context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
    finally:
        (
            vis.global_.offwidth,
            vis.global_.offheight,
            vis.quality.offsamples,
            vis.quality.shadowsize,
        ) = before
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, context)
    context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
    return context


def _depth_to_metres(
    buffer: NDArray[np.float32], near_m: float, far_m: float
) -> NDArray[np.float32]:
    """Distances along the optical axis of depth buffer values d in [0, 1], 0 = far plane.

    MuJoCo's reversed buffer holds ``d = near (far - z) / (z (far - near))``.
    """
    z = near_m * far_m / (near_m + buffer.astype(np.float64) * (far_m - near_m))
    return np.where(buffer > 0.0, z, 0.0).astype(np.float32)
