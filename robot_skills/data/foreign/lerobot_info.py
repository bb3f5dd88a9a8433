"""What a LeRobot dataset, of any version, says about itself in ``meta/``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.core.se3 import Array
from robot_skills.data.foreign.files import needed, read_json

CAMERAS_FILE = "cameras.json"
"""In ``meta/``: ``K`` of each camera [px] and ``T_base_camera``, row by row, null where unknown."""

_DEPTH_CODES = 4096
_AUTOMATIC = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index"})
_PICTURES = frozenset({"video", "image"})
_DEPTH_SUFFIX = "_depth"


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """One column or camera.

    Attributes:
        key: Its name in the dataset.
        dtype: ``float32``, ``int64``, ``bool``, ``video``, ``image``, ``string``, ``language``, ...
        shape: Of one row.
        names: Of its numbers, flattened.
        info: What is said about its video.
    """

    key: str
    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...]
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_picture(self) -> bool:
        return self.dtype in _PICTURES

    @property
    def is_number(self) -> bool:
        kinds = ("float", "int", "uint", "bool")
        return self.dtype.startswith(kinds) and self.key not in _AUTOMATIC

    @property
    def is_depth(self) -> bool:
        return bool(self.info.get("is_depth_map") or self.info.get("video.is_depth_map"))

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of a picture."""
        channels_first = len(self.shape) == 3 and self.shape[0] in (1, 3) and self.shape[2] > 4
        height, width = self.shape[1:3] if channels_first else self.shape[0:2]
        return height, width


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Optics:
    """How a camera maps points to pixels, where it is known.

    Attributes:
        K: Intrinsics [px], (3, 3).
        T_base_camera: Its pose, (4, 4).
    """

    K: Array | None = None
    T_base_camera: Array | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraKeys:
    """Which features hold the pictures of one camera."""

    name: str
    rgb: Feature | None
    depth: Feature | None

    @property
    def any(self) -> Feature:
        feature = self.rgb or self.depth
        assert feature is not None
        return feature


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LeRobotInfo:
    """``meta/info.json`` and ``meta/cameras.json``.

    Attributes:
        root: The dataset.
        version: As it says, for example ``v3.0``.
        fps: Rows per second.
        robot: Robot type, empty where it is not told.
        features: By key.
        optics: Of cameras, by name.
        raw: Everything in ``info.json``.
    """

    root: Path
    version: str
    fps: float
    robot: str
    features: Mapping[str, Feature]
    optics: Mapping[str, Optics]
    raw: Mapping[str, Any]

    @property
    def path(self) -> Path:
        return self.root / "meta" / "info.json"

    def count(self, key: str, default: int | None = None) -> int:
        """One of its whole numbers, such as ``total_episodes``."""
        if default is not None and key not in self.raw:
            return default
        return needed(self.raw, key, int, self.path)

    def place(self, key: str, default: str, **values: int | str) -> Path:
        """The file that a template of the dataset names.

        Raises:
            DatasetError: The template does not fit, or leads out of the dataset.
        """
        template = str(self.raw.get(key) or default)
        try:
            path = self.root / template.format(**values)
        except (KeyError, IndexError, ValueError) as error:
            raise DatasetError(f"{self.path}: {key} {template!r} cannot be used: {error}") from None
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise DatasetError(f"{self.path}: {key} {template!r} leads out of the dataset.")
        return path

    def cameras(self) -> list[CameraKeys]:
        """Its cameras; ``<key>_depth`` belongs to ``<key>`` where both are of one size."""
        pictures = {key: one for key, one in self.features.items() if one.is_picture}
        depths = {key: one for key, one in pictures.items() if one.is_depth}
        found: list[CameraKeys] = []
        for key, rgb in pictures.items():
            if rgb.is_depth:
                continue
            depth = depths.get(key + _DEPTH_SUFFIX)
            if depth is not None and depth.size_px == rgb.size_px:
                depths.pop(depth.key)
            else:
                depth = None
            found.append(CameraKeys(name=camera_name(key), rgb=rgb, depth=depth))
        alone = [
            CameraKeys(name=camera_name(key), rgb=None, depth=one) for key, one in depths.items()
        ]
        return found + alone


def read_info(root: Path) -> LeRobotInfo:
    """Read what a dataset says about itself.

    Raises:
        DatasetError: It is missing, or does not say what it has to.
    """
    path = root / "meta" / "info.json"
    raw = read_json(path)
    fps = needed(raw, "fps", float, path)
    if not (math.isfinite(fps) and fps > 0.0):
        raise DatasetError(f"{path}: fps should be above 0, found {fps}.")
    features = needed(raw, "features", dict, path)
    return LeRobotInfo(
        root=root,
        version=needed(raw, "codebase_version", str, path),
        fps=fps,
        robot=str(raw.get("robot_type") or ""),
        features={key: _feature(key, one, path) for key, one in features.items()},
        optics=_read_optics(root / "meta" / CAMERAS_FILE),
        raw=raw,
    )


def camera_name(key: str) -> str:
    """``front`` of ``observation.images.front``."""
    for prefix in ("observation.images.", "observation.image.", "observation."):
        if key.startswith(prefix) and len(key) > len(prefix):
            return key[len(prefix) :]
    return key


def metres_of_codes(info: Mapping[str, Any]) -> NDArray[np.float32]:
    """Depth [m] of each of LeRobot's twelve-bit codes, (4096,); code 0 means no reading.

    Codes are spaced evenly in log(depth + shift), or in depth where ``use_log`` is false.

    Args:
        info: Of the feature: ``video.depth_min``, ``video.depth_max`` and ``video.shift`` [m].
    """

    def setting(name: str, default: float) -> float:
        return float(info.get(f"video.{name}", info.get(name, default)))

    low, high, shift = setting("depth_min", 0.01), setting("depth_max", 10.0), setting("shift", 3.5)
    if setting("use_log", 1.0):
        steps = np.linspace(math.log(low + shift), math.log(high + shift), _DEPTH_CODES)
        depth = np.exp(steps) - shift
    else:
        depth = np.linspace(low, high, _DEPTH_CODES)
    depth[0] = 0.0
    return depth.astype(np.float32)


def _feature(key: str, described: Any, path: Path) -> Feature:
    if not isinstance(described, dict):
        raise DatasetError(f"{path}: feature {key!r} should be a mapping, found {described!r}.")
    dtype = needed(described, "dtype", str, path)
    shape = described.get("shape") or (1,)
    if not all(isinstance(n, int) and n > 0 for n in shape):
        raise DatasetError(f"{path}: feature {key!r} has shape {shape}.")
    if dtype in _PICTURES and len(shape) not in (2, 3):
        raise DatasetError(f"{path}: pictures of {key!r} have shape {shape}.")
    return Feature(
        key=key,
        dtype=dtype,
        shape=tuple(shape),
        names=_names(key, described.get("names"), math.prod(shape)),
        info=described.get("info") or described.get("video_info") or {},
    )


def _names(key: str, found: Any, count: int) -> tuple[str, ...]:
    """Names of the numbers of a feature, made up where the dataset has none that fit."""
    while isinstance(found, dict) and len(found) == 1:
        found = next(iter(found.values()))
    if isinstance(found, dict):
        found = list(found)
    if isinstance(found, list) and len(found) == count:
        return tuple(str(name) for name in found)
    return (key,) if count == 1 else tuple(f"{key}.{i}" for i in range(count))


def _read_optics(path: Path) -> dict[str, Optics]:
    if not path.is_file():
        return {}
    return {
        name: Optics(
            K=_matrix(one, "K", 3, path), T_base_camera=_matrix(one, "T_base_camera", 4, path)
        )
        for name, one in read_json(path).items()
    }


def _matrix(record: Any, key: str, size: int, path: Path) -> Array | None:
    found = record.get(key) if isinstance(record, dict) else None
    if found is None:
        return None
    numbers = isinstance(found, list) and all(isinstance(n, int | float) for n in found)
    if not numbers or len(found) != size * size:
        raise DatasetError(f"{path}: {key} should be {size * size} numbers, row by row.")
    return np.array(found, dtype=np.float64).reshape(size, size)
