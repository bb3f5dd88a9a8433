"""A wall and a box as a stereo camera sees them, drawn from geometry alone."""

import numpy as np

from calibration.depth_frames import DepthSeries
from calibration.lens import Lens
from robot_skills.core.se3 import Array
from sim.stereo_depth import StereoDepth, StereoNoise

SIZE_PX = (320, 240)
LENS = Lens(size_px=SIZE_PX, lens_px=(240.0, 240.0, 159.5, 119.5))
DISTANCES_M = (0.4, 0.6, 0.9, 1.3, 1.8)
GREY = 128


def wall(distance_m: float, lean: float = 0.1) -> Array:
    """Depth of a wall that leans a little, (H, W)."""
    u, _ = np.meshgrid(np.arange(SIZE_PX[0]), np.arange(SIZE_PX[1]))
    x = (u - LENS.lens_px[2]) / LENS.lens_px[0]
    return (distance_m / (1.0 - lean * x)).astype(np.float32)


def boxed(behind_m: float = 0.8, box_m: float = 0.5) -> tuple[Array, Array]:
    """Depth and picture of a box, dark and shiny in two corners, in front of a wall."""
    depth_m, rgb = wall(behind_m, lean=0.0), np.full((*SIZE_PX[::-1], 3), GREY, np.uint8)
    depth_m[60:190, 120:220] = box_m
    rgb[60:190, 120:220] = 160
    rgb[75:115, 140:200] = 5
    rgb[135:175, 140:200] = 255
    return depth_m, rgb


def recorded(
    config: StereoDepth,
    name: str,
    depth_m: Array,
    rgb: Array | None = None,
    distance_m: float | None = None,
    frames: int = 30,
    seed: int = 0,
) -> DepthSeries:
    """What a camera that stands still records."""
    picture = np.full((*depth_m.shape, 3), GREY, np.uint8) if rgb is None else rgb
    noise = StereoNoise(config, np.random.default_rng((seed, len(name))))
    seen = np.stack([noise(picture, depth_m, LENS.K) for _ in range(frames)])
    return DepthSeries(name=name, depth_m=seen, rgb=rgb, distance_m=distance_m)


def walls(config: StereoDepth, frames: int = 30, seed: int = 0) -> list[DepthSeries]:
    """The wall at all distances."""
    return [
        recorded(config, f"{z:.1f} m", wall(z), None, z, frames, seed + i)
        for i, z in enumerate(DISTANCES_M)
    ]
