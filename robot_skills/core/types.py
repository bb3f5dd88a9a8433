"""What crosses the boundary between a robot and everything above it.

Frames: ``world base flange tool camera <entity>``; cameras are optical (+Z forward, +X right,
+Y down). SI units and radians. Gripper `opening` in [0, 1], 1 = open, for state and command alike.
Images: RGB uint8 (H, W, 3); depth float32 metres (H, W), 0 = no reading. `stamp_s` is seconds on
the one project clock; every field keeps the stamp at which it was captured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import SE3, Array, interpolate

DEFAULT_ARM = "arm"
"""Name of the arm in a single-arm cell."""


def _frozen(
    array: object, shape: tuple[int | None, ...], name: str, dtype: type[np.generic] = np.float64
) -> NDArray:
    out = np.array(array, dtype=dtype)
    matches = out.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, out.shape, strict=True)
    )
    if not matches:
        raise ValueError(f"{name} needs shape {shape}, got {out.shape}.")
    out.setflags(write=False)
    return out


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmState:
    """Measured state of one arm with its gripper.

    Attributes:
        stamp_s: Capture time.
        q_rad: Joint positions, (n,).
        dq_rad_s: Joint velocities, (n,).
        tau_nm: Joint torques, (n,).
        T_base_tool: Pose of the tool: origin between the fingertips, +z out of the gripper,
            +y along the closing direction.
        opening: Gripper opening in [0, 1].
    """

    stamp_s: float
    q_rad: Array
    dq_rad_s: Array
    tau_nm: Array
    T_base_tool: SE3
    opening: float

    def __post_init__(self) -> None:
        for name in ("q_rad", "dq_rad_s", "tau_nm"):
            object.__setattr__(self, name, _frozen(getattr(self, name), (None,), name))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RgbdFrame:
    """One colour picture with aligned depth.

    Attributes:
        stamp_s: Capture time.
        rgb: uint8, (H, W, 3).
        depth_m: float32, (H, W), distance along the optical axis; 0 = no reading.
        K: Pinhole intrinsics [px], (3, 3).
        T_base_camera: Optical frame in the arm's base frame at capture time.
        number: The camera's own frame counter; None where it has none.
        device_s: Capture time on the camera's own clock; None where it has none.
        received_s: When it arrived, on the project clock; None where nobody noted it.
    """

    stamp_s: float
    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    K: Array
    T_base_camera: SE3
    number: int | None = None
    device_s: float | None = None
    received_s: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rgb", _frozen(self.rgb, (None, None, 3), "rgb", np.uint8))
        height, width = self.rgb.shape[:2]
        depth = _frozen(self.depth_m, (height, width), "depth_m", np.float32)
        object.__setattr__(self, "depth_m", depth)
        object.__setattr__(self, "K", _frozen(self.K, (3, 3), "K"))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Observation:
    """Everything that was sensed, each part with its own capture stamp.

    Attributes:
        stamp_s: When the observation was put together.
        arms: State per arm name.
        cameras: Latest frame per camera name; only the cameras that were asked for.
    """

    stamp_s: float
    arms: Mapping[str, ArmState]
    cameras: Mapping[str, RgbdFrame] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmChunk:
    """Tool poses (H, 4, 4) in the base frame and openings (H,) of one arm's waypoints."""

    T_base_tool: Array
    opening: Array

    def __post_init__(self) -> None:
        poses = _frozen(self.T_base_tool, (None, 4, 4), "T_base_tool")
        object.__setattr__(self, "T_base_tool", poses)
        opening = _frozen(self.opening, (len(poses),), "opening")
        object.__setattr__(self, "opening", opening)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ActionChunk:
    """Timed waypoints: at `stamp_s[i]` every arm should be at its i-th pose and opening.

    Absolute poses at absolute times, so a late waypoint is dropped and never executed late.

    Attributes:
        stamp_s: Strictly increasing times, (H,), H >= 1.
        arms: Waypoints per arm name, each with H rows.
    """

    stamp_s: Array
    arms: Mapping[str, ArmChunk]

    def __post_init__(self) -> None:
        stamps = _frozen(self.stamp_s, (None,), "stamp_s")
        if len(stamps) == 0 or not self.arms:
            raise ValueError("An action chunk needs at least one waypoint and one arm.")
        for name, arm in self.arms.items():
            if len(arm.opening) != len(stamps):
                raise ValueError(
                    f"Arm {name!r} has {len(arm.opening)} waypoints for {len(stamps)} stamps."
                )
        object.__setattr__(self, "stamp_s", stamps)

    def __len__(self) -> int:
        return len(self.stamp_s)

    def after(self, now_s: float) -> "ActionChunk | None":
        """The waypoints later than `now_s`, or None when all are late."""
        first = int(np.searchsorted(self.stamp_s, now_s + 1e-9, side="right"))
        return None if first == len(self) else self.select(slice(first, None))

    def select(self, rows: slice) -> "ActionChunk":
        """The waypoints in `rows`."""
        arms = {
            name: ArmChunk(T_base_tool=arm.T_base_tool[rows], opening=arm.opening[rows])
            for name, arm in self.arms.items()
        }
        return replace(self, stamp_s=self.stamp_s[rows], arms=arms)

    def sample(self, name: str, stamp_s: float) -> tuple[SE3, float]:
        """Pose and opening of arm `name` at a time, interpolated, held at both ends."""
        arm = self.arms[name]
        at = float(np.clip(stamp_s, self.stamp_s[0], self.stamp_s[-1]))
        later = int(np.searchsorted(self.stamp_s, at, side="left"))
        if later == 0:
            return SE3.from_matrix(arm.T_base_tool[0]), float(arm.opening[0])
        before = later - 1
        fraction = (at - self.stamp_s[before]) / (self.stamp_s[later] - self.stamp_s[before])
        T = interpolate(arm.T_base_tool[before], arm.T_base_tool[later], fraction)
        opening = (1.0 - fraction) * arm.opening[before] + fraction * arm.opening[later]
        return SE3.from_matrix(T), float(opening)


def single_arm_chunk(
    stamp_s: Array, T_base_tool: Array, opening: Array, name: str = DEFAULT_ARM
) -> ActionChunk:
    """Chunk of one arm from times (H,), poses (H, 4, 4) and openings (H,)."""
    return ActionChunk(
        stamp_s=stamp_s, arms={name: ArmChunk(T_base_tool=T_base_tool, opening=opening)}
    )
