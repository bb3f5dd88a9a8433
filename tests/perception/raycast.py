"""RGB-D frames of coloured boxes on a table, ray by ray: pictures without a simulator."""

from dataclasses import dataclass

import numpy as np

from robot_skills.core.camera import pinhole
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, ArmState, Observation, RgbdFrame

T_FRONT = SE3.look_at((1.15, 0.0, 0.75), (0.5, 0.0, 0.0))
T_BACK = SE3.look_at((0.30, 0.0, 0.60), (0.55, 0.0, 0.0))
TOOL_DOWN = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Block:
    """A box of one colour."""

    T_base_block: SE3
    size_m: Array
    rgb: tuple[float, float, float]


def block(x, y, bottom, size, rgb, yaw=0.0) -> Block:
    """A box that stands on a height; `size` is a cube's side or three sizes."""
    size_m = np.broadcast_to(np.asarray(size, dtype=np.float64), (3,))
    T = SE3.from_yaw(yaw, (x, y, bottom + 0.5 * size_m[2]))
    return Block(T_base_block=T, size_m=size_m, rgb=rgb)


def frame(T_base_camera: SE3, blocks=(), table_z=0.0, size_px=(256, 192), stamp_s=0.0) -> RgbdFrame:
    """What a camera sees of a table, large and grey, and of blocks on it."""
    width, height = size_px
    K = pinhole(width, height, np.deg2rad(52.0))
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    rays = np.stack(
        [(columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1], np.ones_like(columns)], axis=-1
    ).reshape(-1, 3)
    directions = rays @ T_base_camera.R.T
    depth = _plane_depth(T_base_camera.p, directions, table_z)
    rgb = np.tile([0.35, 0.36, 0.38], (len(rays), 1))
    for item in blocks:
        hit, up = _block_depth(item, T_base_camera.p, directions)
        nearer = hit < depth
        depth = np.where(nearer, hit, depth)
        shade = np.where(up, 1.0, 0.6)
        rgb = np.where(nearer[:, None], np.asarray(item.rgb) * shade[:, None], rgb)
    depth = np.where(np.isfinite(depth), depth, 0.0)
    return RgbdFrame(
        stamp_s=stamp_s,
        rgb=(255 * rgb).astype(np.uint8).reshape(height, width, 3),
        depth_m=depth.astype(np.float32).reshape(height, width),
        K=K,
        T_base_camera=T_base_camera,
    )


def observation(*blocks: Block, table_z=0.0, opening=1.0, tool=(0.40, 0.0, 0.42), stamp_s=0.0):
    """Both cameras' frames, with the hand at `tool`, pointing down and unseen."""
    arm = ArmState(
        stamp_s=stamp_s,
        q_rad=np.zeros(7),
        dq_rad_s=np.zeros(7),
        tau_nm=np.zeros(7),
        T_base_tool=SE3(TOOL_DOWN, np.asarray(tool)),
        opening=opening,
    )
    cameras = {
        "front": frame(T_FRONT, blocks, table_z, stamp_s=stamp_s),
        "wrist": frame(T_BACK, blocks, table_z, stamp_s=stamp_s),
    }
    return Observation(stamp_s=stamp_s, arms={DEFAULT_ARM: arm}, cameras=cameras)


def _plane_depth(eye: Array, directions: Array, z: float) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (z - eye[2]) / directions[:, 2]
    return np.where(depth > 0.0, depth, np.inf)


def _block_depth(item: Block, eye: Array, directions: Array) -> tuple[Array, Array]:
    """Depth of the first hit (inf when missed), and whether it is on the top face."""
    T = item.T_base_block.inverse()
    origin, local = T @ eye, directions @ T.R.T
    with np.errstate(divide="ignore", invalid="ignore"):
        a = (-0.5 * item.size_m - origin) / local
        b = (0.5 * item.size_m - origin) / local
    entry, leave = np.minimum(a, b), np.maximum(a, b)
    near, far = entry.max(axis=1), leave.min(axis=1)
    missed = (near > far) | (near <= 0.0)
    return np.where(missed, np.inf, near), entry.argmax(axis=1) == 2
