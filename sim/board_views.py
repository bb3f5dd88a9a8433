"""Pictures of a calibration board whose true pose is known, for trying calibrations on.

The board is a texture on two triangles, lit evenly; the camera is an ideal pinhole, whose picture
can be bent afterwards as a real lens would have done it, blurred, and given noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import SE3, Array
from sim.gl import make_context

BOARD_BODY = "board"
_CAMERA = "eye"
_SAMPLES = 8
_NEAR_M, _FAR_M = 0.02, 5.0
_GREY = 0.35
_AMBIENT = 0.9
_ROOM = 1.35
"""How much wider than the picture it is drawn, before a lens bends it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blemish:
    """What a real camera adds.

    Attributes:
        blur_px: Standard deviation of the blur.
        noise: Standard deviation of each pixel's noise, of 255.
    """

    blur_px: float = 0.7
    noise: float = 3.0


def add_board(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    texture: NDArray[np.uint8],
    size_m: tuple[float, float],
    group: int = 0,
) -> None:
    """Put a board into a body, its origin at the body's, +x along the picture's rows, +z behind it.

    Args:
        spec: The model.
        body: Gets it.
        texture: Its picture, (H, W) uint8.
        size_m: Width and height.
        group: By which geoms are drawn.
    """
    width, height = size_m
    added = spec.add_texture(name="board", type=mujoco.mjtTexture.mjTEXTURE_2D)
    added.width, added.height, added.nchannel = texture.shape[1], texture.shape[0], 3
    added.data = np.repeat(texture[..., None], 3, axis=-1).tobytes()
    material = spec.add_material(name="board", specular=0.0, shininess=0.0, emission=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "board"
    # A thin plate: meshes need a volume. Its front is the side without +z; the back stays grey.
    mesh = spec.add_mesh(name="board")
    thick = 1e-4
    corners = [[x, y, z] for z in (0.0, thick) for y in (0.0, height) for x in (0.0, width)]
    mesh.uservert = np.array(corners).ravel().tolist()
    uv = [[u, v] for _ in range(2) for v in (0.0, 1.0) for u in (0.0, 1.0)]
    mesh.usertexcoord = np.array(uv).ravel().tolist()
    faces = [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6]]
    mesh.userface = np.array(faces).ravel().tolist()
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    geom = body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname="board",
        material="board",
        contype=0,
        conaffinity=0,
        group=group,
        density=0.0,
    )
    geom.name = "board"


class BoardStudio:
    """Draws a board from anywhere. Use from one thread; close it or use `with`.

    Args:
        texture: Picture of the board, (H, W) uint8.
        size_m: Its width and height.
        size_px: Width and height of pictures.
        focal_px: Of the pinhole; its centre is the picture's.
        bend: Pixels (n, 2) of the pinhole at which a real lens's pixels (n, 2) are found; None
            draws the pinhole's picture.
    """

    def __init__(
        self,
        texture: NDArray[np.uint8],
        size_m: tuple[float, float],
        size_px: tuple[int, int],
        focal_px: float,
        bend: Callable[[Array], Array] | None = None,
    ) -> None:
        room = 1.0 if bend is None else _ROOM
        self.size_px = size_px
        self._drawn_px = tuple(round(room * side) for side in size_px)
        width, height = self._drawn_px
        spec = mujoco.MjSpec()
        body = spec.worldbody.add_body(name=BOARD_BODY)
        add_board(spec, body, texture, size_m)
        eye = spec.worldbody.add_body(name=_CAMERA, mocap=True)
        fovy_deg = float(np.rad2deg(2.0 * np.arctan2(0.5 * height, focal_px)))
        eye.add_camera(name=_CAMERA, quat=[0.0, 1.0, 0.0, 0.0], fovy=fovy_deg)
        spec.add_texture(
            name="sky",
            type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
            rgb1=[_GREY] * 3,
            rgb2=[_GREY] * 3,
            width=16,
            height=96,
        )
        spec.visual.headlight.ambient = [_AMBIENT] * 3
        spec.visual.headlight.diffuse = [0.0] * 3
        spec.visual.headlight.specular = [0.0] * 3
        spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
        spec.visual.quality.offsamples = _SAMPLES
        spec.stat.extent = 1.0
        spec.visual.map.znear, spec.visual.map.zfar = _NEAR_M, _FAR_M
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = self._model.camera(_CAMERA).id
        self._scene = mujoco.MjvScene(self._model, maxgeom=10)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._gl = make_context(width, height)
        self._gl.make_current()
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._columns_rows = None if bend is None else self._bent(bend)

    def _bent(self, bend: Callable[[Array], Array]) -> tuple[NDArray, NDArray]:
        """Where each pixel of the lens's picture is found in what is drawn."""
        width, height = self.size_px
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        at = bend(np.stack([columns.ravel(), rows.ravel()], axis=-1).astype(np.float64))
        centre_drawn, centre = (0.5 * (np.array(s) - 1.0) for s in (self._drawn_px, self.size_px))
        moved = (at - centre + centre_drawn).reshape(height, width, 2).astype(np.float32)
        return moved[..., 0], moved[..., 1]

    def draw(
        self, T_camera_board: SE3, rng: np.random.Generator, blemish: Blemish | None = None
    ) -> NDArray[np.uint8]:
        """A picture, uint8 (H, W, 3).

        Args:
            T_camera_board: Where the board is, in the optical frame.
            rng: Of the noise.
            blemish: Of the camera; the usual one when None.
        """
        blemish = blemish or Blemish()
        T_board_camera = T_camera_board.inverse()
        self._data.mocap_pos[0] = T_board_camera.p
        self._data.mocap_quat[0] = T_board_camera.wxyz()
        mujoco.mj_forward(self._model, self._data)
        self._gl.make_current()
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            mujoco.MjvOption(),
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        width, height = self._drawn_px
        rect = mujoco.MjrRect(0, 0, width, height)
        rgb = np.empty((height, width, 3), dtype=np.uint8)
        mujoco.mjr_render(rect, self._scene, self._context)
        mujoco.mjr_readPixels(rgb, None, rect, self._context)
        picture = rgb[::-1].astype(np.float32)
        if self._columns_rows is not None:
            picture = cv2.remap(picture, *self._columns_rows, cv2.INTER_CUBIC)
        if blemish.blur_px > 0.0:
            picture = cv2.GaussianBlur(picture, (0, 0), blemish.blur_px)
        noise = blemish.noise * rng.standard_normal(picture.shape, dtype=np.float32)
        return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)

    def close(self) -> None:
        """Free the OpenGL context."""
        self._gl.make_current()
        self._context.free()
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
