"""Small episodes that nobody recorded."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.se3 import Array, so3_exp
from robot_skills.data.series import ActionSeries, ArmSeries, CameraSeries, EpisodeData

HEIGHT_PX, WIDTH_PX = 48, 64
K = np.array([[50.0, 0.0, 31.5], [0.0, 50.0, 23.5], [0.0, 0.0, 1.0]])


class DrawnPictures:
    """Pictures of a smooth scene that moves a little from each to the next."""

    def __init__(self, count: int, *, seed: int = 0, depth: bool = True) -> None:
        self._count, self._seed, self._depth = count, seed, depth
        self.drawn = 0

    def __len__(self) -> int:
        return self._count

    def rgb(self, index: int) -> NDArray[np.uint8]:
        self.drawn += 1
        v, u = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
        red = 128 + 80 * np.sin(0.07 * u + 0.2 * index + self._seed)
        green = 128 + 80 * np.cos(0.09 * v - 0.1 * index)
        return np.stack([red, green, 0.5 * (red + green)], axis=-1).astype(np.uint8)

    def depth_m(self, index: int) -> NDArray[np.float32]:
        v, u = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
        depth = 0.6 + 0.005 * u + 0.01 * v + 0.002 * index
        depth[:4, :4] = 0.0
        return depth.astype(np.float32)

    def in_order(self) -> Iterator[tuple[NDArray[np.uint8] | None, NDArray[np.float32] | None]]:
        for index in range(self._count):
            yield self.rgb(index), self.depth_m(index) if self._depth else None


def poses(count: int, *, phase: float = 0.0) -> Array:
    """A smooth path of the tool, (n, 4, 4)."""
    s = np.linspace(0.0, 1.0, count) + phase
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, 3] = np.stack([0.4 + 0.1 * s, 0.1 * np.sin(3.0 * s), 0.3 - 0.1 * s], axis=-1)
    T[:, :3, :3] = so3_exp(np.stack([np.pi * np.ones(count), 0.2 * s, 0.5 * s], axis=-1))
    return T


def camera(stamp_s: Array, *, seed: int, moves: bool = False, depth: bool = True) -> CameraSeries:
    T_base_camera = np.tile(np.eye(4), (len(stamp_s), 1, 1))
    if moves:
        T_base_camera = poses(len(stamp_s))
    return CameraSeries(
        stamp_s=stamp_s,
        pictures=DrawnPictures(len(stamp_s), seed=seed, depth=depth),
        height_px=HEIGHT_PX,
        width_px=WIDTH_PX,
        has_depth=depth,
        K=K,
        T_base_camera=T_base_camera,
    )


def make_episode(
    *,
    seconds: float = 1.0,
    seed: int = 0,
    start_s: float = 100.0,
    outcome: Outcome = Outcome.SUCCESS,
    depth: bool = True,
) -> EpisodeData:
    """An episode of one arm at 100 Hz, commands at 20 Hz, and two cameras at 15 Hz and 20 Hz."""
    rng = np.random.default_rng(seed)
    arm_s = start_s + np.arange(0.0, seconds + 1e-9, 0.01)
    told_s = start_s + np.arange(0.05, seconds + 0.051, 0.05)
    n = len(arm_s)
    sent = ActionSeries(
        stamp_s=told_s,
        T_base_tool=poses(len(told_s), phase=0.02 * seed),
        opening=np.linspace(1.0, 0.0, len(told_s)),
    )
    asked = ActionSeries(
        stamp_s=told_s,
        T_base_tool=poses(len(told_s), phase=0.02 * seed + 0.01),
        opening=np.linspace(1.0, 0.0, len(told_s)),
    )
    arm = ArmSeries(
        stamp_s=arm_s,
        q_rad=np.cumsum(rng.normal(scale=0.01, size=(n, 7)), axis=0),
        dq_rad_s=np.zeros((n, 7)),
        tau_nm=np.zeros((n, 7)),
        T_base_tool=poses(n, phase=0.02 * seed),
        opening=np.linspace(1.0, 0.0, n),
    )
    front_s = start_s + np.arange(0.004, seconds, 1.0 / 15.0)
    wrist_s = start_s + np.arange(0.0, seconds, 1.0 / 20.0) + 0.011
    return EpisodeData(
        task=f"put cube {seed} in the bowl",
        start_s=start_s,
        end_s=start_s + seconds,
        period_s=0.05,
        outcome=outcome,
        arms={"arm": arm},
        requested={"arm": asked},
        sent={"arm": sent},
        cameras={
            "front": camera(front_s, seed=seed, depth=depth),
            "wrist": camera(wrist_s, seed=seed + 1, moves=True, depth=depth),
        },
        subtasks=(
            Subtask(start_s=0.0, end_s=0.4 * seconds, words="reach"),
            Subtask(start_s=0.4 * seconds, end_s=seconds, words="grasp"),
        ),
        origin=f"drawn {seed}",
    )
