"""Pictures that come with a LeRobot arm's observations, as RGB-D frames."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import PerceptionError, RefusedError, unknown_name
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import ArmState, RgbdFrame


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LeRobotView:
    """What LeRobot does not know of one of its cameras.

    Attributes:
        K: Intrinsics [px], (3, 3).
        T_mount_camera: Optical frame in what it is mounted on.
        on_tool: Mounted on the tool; otherwise on the base.
        depth: Key of its aligned depth in the observations; empty where it has none.
        latency_s: From capture to the observation that it comes with; LeRobot keeps no stamps.
    """

    K: Array
    T_mount_camera: SE3
    on_tool: bool = False
    depth: str = ""
    latency_s: float = 0.0

    def check(self, name: str, features: Mapping[str, Any]) -> None:
        """Refuse what the arm does not have.

        Raises:
            UnknownNameError: There is no such picture, or no such depth.
            RefusedError: It is no picture.
        """
        pictures = [key for key, kind in features.items() if isinstance(kind, tuple)]
        for key in filter(None, (name, self.depth)):
            if key not in pictures:
                raise unknown_name("camera of the arm", key, pictures)
        if self.depth and features[self.depth][2] != 1:
            raise RefusedError(f"{self.depth!r} has {features[self.depth][2]} channels: no depth.")


def frame_of(view: LeRobotView, name: str, seen: Mapping[str, Any], state: ArmState) -> RgbdFrame:
    """One picture of an observation.

    Args:
        view: Of the camera.
        name: LeRobot's name of it.
        seen: LeRobot's observation.
        state: Of the arm, from the same observation.

    Raises:
        PerceptionError: The picture is missing, or does not fit its depth.
    """
    rgb = seen.get(name)
    if rgb is None:
        raise PerceptionError(f"The arm gave no picture of its camera {name!r}.")
    depth_m = np.zeros(np.shape(rgb)[:2], np.float32)
    if view.depth:
        depth_m = depth_m_of(seen.get(view.depth), name)
    if depth_m.shape != np.shape(rgb)[:2]:
        raise PerceptionError(
            f"Camera {name!r} has pictures of {np.shape(rgb)[:2]} and depth of {depth_m.shape}."
        )
    mount = state.T_base_tool if view.on_tool else SE3.identity()
    return RgbdFrame(
        stamp_s=state.stamp_s - view.latency_s,
        rgb=rgb,
        depth_m=depth_m,
        K=view.K,
        T_base_camera=mount @ view.T_mount_camera,
    )


def depth_m_of(depth: Any, name: str) -> NDArray[np.float32]:
    """LeRobot's depth, (H, W, 1) uint16 millimetres or float metres, as float32 metres (H, W).

    Raises:
        PerceptionError: It is missing, or nothing that LeRobot gives as depth.
    """
    if depth is None:
        raise PerceptionError(f"The arm gave no depth of its camera {name!r}.")
    values = np.asarray(depth)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "uf":
        raise PerceptionError(f"Depth of {name!r} is {values.dtype} of shape {values.shape}.")
    if values.dtype.kind == "u":
        return (values * np.float32(1e-3)).astype(np.float32)
    return np.where(np.isfinite(values), values, 0.0).astype(np.float32)


def depth_mm(depth_m: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Depth [m] (H, W) as LeRobot stores it: uint16 millimetres, (H, W, 1), 0 = no reading."""
    millimetres = np.where(np.isfinite(depth_m), 1000.0 * np.asarray(depth_m), 0.0)
    return np.clip(np.rint(millimetres), 0.0, 65535.0).astype(np.uint16)[..., None]
