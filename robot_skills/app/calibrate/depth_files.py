"""Recordings of depth as files.

::

    wall/lens.json              the lens, as `robot-skills calibrate collect` writes it
    wall/distances.json         optional: {"near": 0.402, ...} [m], by folder
    wall/near/depth_000.png     16 bits, in units of --unit-mm
    wall/near/colour_000.png    optional
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.depth_frames import DepthSeries
from calibration.errors import CalibrationRefused, Cause
from robot_skills.app.calibrate.files import read_distances
from robot_skills.core.errors import RefusedError

DISTANCES = "distances.json"
_DEPTH, _COLOUR = "depth_*.png", "colour_*.png"


def read_series(folder: Path, unit_m: float) -> Sequence[DepthSeries]:
    """All series in a folder, by name: a folder each, or the folder itself.

    Raises:
        RefusedError: There are none, or one cannot be read.
        CalibrationRefused: Frames of one series have several sizes.
    """
    if not folder.is_dir():
        raise RefusedError(f"There is no folder {folder}.")
    told = read_distances(folder / DISTANCES) if (folder / DISTANCES).exists() else {}
    places = [path for path in sorted(folder.iterdir()) if any(path.glob(_DEPTH))]
    places = [folder] if any(folder.glob(_DEPTH)) else places
    if not places:
        raise RefusedError(f"There are no depth frames ({_DEPTH}) in {folder} or its folders.")
    unknown = sorted(set(told) - {path.name for path in places})
    if unknown:
        raise RefusedError(f"{folder / DISTANCES} tells of {unknown[0]}, which is not recorded.")
    return [_read_one(path, unit_m, told.get(path.name)) for path in places]


def write_series(folder: Path, one: DepthSeries, unit_m: float) -> None:
    """Write a series as `read_series` reads it; its distance is up to the caller."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, depth_m in enumerate(one.depth_m):
        cv2.imwrite(
            str(folder / f"depth_{i:03d}.png"), np.round(depth_m / unit_m).astype(np.uint16)
        )
    if one.rgb is not None:
        cv2.imwrite(str(folder / "colour_000.png"), one.rgb[..., ::-1])


def _read_one(folder: Path, unit_m: float, told_m: float | None) -> DepthSeries:
    frames = [_read_depth(path, unit_m) for path in sorted(folder.glob(_DEPTH))]
    sizes = sorted({(frame.shape[1], frame.shape[0]) for frame in frames})
    if len(sizes) > 1:
        words = " and ".join(f"{width} x {height}" for width, height in sizes)
        raise CalibrationRefused(
            Cause.MIXED_SIZES, f"Depth frames of {folder} have one size; there are {words}."
        )
    return DepthSeries(
        name=folder.name,
        depth_m=np.stack(frames),
        rgb=_read_colour(folder, sizes[0]),
        distance_m=told_m,
    )


def _read_depth(path: Path, unit_m: float) -> NDArray[np.float32]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint16 or picture.ndim != 2:
        raise RefusedError(f"{path} is no depth frame: 16 bits and one channel are needed.")
    return picture.astype(np.float32) * np.float32(unit_m)


def _read_colour(folder: Path, size_px: tuple[int, int]) -> NDArray[np.uint8] | None:
    found = sorted(folder.glob(_COLOUR))
    if not found:
        return None
    picture = cv2.imread(str(found[0]), cv2.IMREAD_COLOR)
    if picture is None or picture.shape[1::-1] != size_px:
        raise RefusedError(
            f"{found[0]} is no picture of {size_px[0]} x {size_px[1]}, the size of the depth "
            "beside it: align depth to colour."
        )
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
