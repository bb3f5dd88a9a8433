"""Several cameras in one frame, from a board that is shown to two or more of them at a time.

The frame is the first camera's. Views in which a pair of cameras contradicts all others, because
the board moved between their pictures, are left out; then all cameras and all boards are refined
together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.board_pose import BoardPose, board_pose
from calibration.chain import Refined, Sight, Unknown, refine
from calibration.detection import Detection
from calibration.errors import CalibrationRefused, Cause
from calibration.lens import Lens
from calibration.motion import mean_pose
from robot_skills.core.se3 import SE3, Array

_LEAST_COMMON = 5
_OUTLIER = 4.0
_LEAST_OFF_M, _LEAST_OFF_PX = 0.005, 0.5
"""Nearer views are no outliers, however well the others agree."""
_MOST_OUTLIERS = 0.34
_WORST_RMS_PX = 1.0

Views = Mapping[str, Mapping[str, Detection]]
"""By camera, then by the name of the moment."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rig:
    """Cameras in one frame.

    Attributes:
        T_rig_camera: Optical frames by name; the first one is the rig's frame.
        covariance: Of each but the first by name, twists (v, w) in its own frame, (6, 6).
        rms_px: Of the corners' distances, by camera.
        views: Moments that were used.
        rejected: Why which moment was left out.
    """

    T_rig_camera: Mapping[str, SE3]
    covariance: Mapping[str, Array]
    rms_px: Mapping[str, float]
    views: tuple[str, ...]
    rejected: Mapping[str, str]

    @property
    def worst_px(self) -> float:
        """Of the camera that fits worst."""
        return max(self.rms_px.values())


def calibrate_rig(lenses: Mapping[str, Lens], views: Views) -> Rig:
    """Find where cameras are to each other.

    Args:
        lenses: By camera; the first is the rig's frame.
        views: The board in pictures that were taken at the same time.

    Raises:
        CalibrationRefused: Cameras have too few views in common, or the views contradict each
            other.
    """
    cameras = list(lenses)
    if len(cameras) < 2:
        raise CalibrationRefused(Cause.FEW_VIEWS, "A rig has two cameras or more.")
    poses = {
        camera: {name: board_pose(lenses[camera], one) for name, one in views[camera].items()}
        for camera in cameras
    }
    start, rejected = _start(cameras, poses)
    moments = sorted({name for camera in cameras for name in poses[camera] if name not in rejected})
    # A board that only one camera sees says nothing about the others.
    moments = [m for m in moments if sum(m in poses[camera] for camera in cameras) > 1]
    refined, sights = _refined(lenses, views, poses, start, moments)
    bad = _contradicting(refined, sights)
    if bad:
        rejected.update(bad)
        moments = [moment for moment in moments if moment not in bad]
        refined, sights = _refined(lenses, views, poses, start, moments)
    seen_by = [camera for camera, _ in sights]
    result = Rig(
        T_rig_camera={
            camera: SE3.identity() if i == 0 else refined.poses[i - 1]
            for i, camera in enumerate(cameras)
        },
        covariance={camera: refined.block(i) for i, camera in enumerate(cameras[1:])},
        rms_px={
            camera: float(np.sqrt(np.mean(refined.rms_px[[c == camera for c in seen_by]] ** 2)))
            for camera in cameras
        },
        views=tuple(moments),
        rejected=rejected,
    )
    if result.worst_px > _WORST_RMS_PX:
        raise CalibrationRefused(
            Cause.NOT_ACCURATE,
            f"Corners are {result.worst_px:.2f} px from where they should be, at most "
            f"{_WORST_RMS_PX:g} px are accepted: hold the board still while all cameras look.",
        )
    return result


def _start(
    cameras: Sequence[str], poses: Mapping[str, Mapping[str, BoardPose]]
) -> tuple[dict[str, SE3], dict[str, str]]:
    """Every camera in the first one's frame, along the pairs with most views in common."""
    placed = {cameras[0]: SE3.identity()}
    rejected: dict[str, str] = {}
    while len(placed) < len(cameras):
        pairs = [
            (len(poses[a].keys() & poses[b].keys() - rejected.keys()), a, b)
            for a in placed
            for b in cameras
            if b not in placed
        ]
        common, a, b = max(pairs, key=lambda pair: pair[0])
        if common < _LEAST_COMMON:
            missing = ", ".join(c for c in cameras if c not in placed)
            raise CalibrationRefused(
                Cause.NOT_CONNECTED,
                f"{missing} and {', '.join(placed)} have {common} views in common, "
                f"{_LEAST_COMMON} are needed: show the board where both see it.",
            )
        T_a_b, bad = _between(poses[a], poses[b], a, b)
        rejected.update(bad)
        placed[b] = placed[a] @ T_a_b
    return placed, rejected


def _between(
    first: Mapping[str, BoardPose], second: Mapping[str, BoardPose], a: str, b: str
) -> tuple[SE3, dict[str, str]]:
    """`T_a_b` of two cameras by the views that agree, and the others with the reason."""
    names = sorted(first.keys() & second.keys())
    between = [first[name].T_camera_board @ second[name].T_camera_board.inverse() for name in names]
    lever_m = float(np.median([first[name].T_camera_board.p[2] for name in names]))
    off = np.array([[_apart(one, other, lever_m) for other in between] for one in between])
    middle = int(np.argmin(np.median(off, axis=1)))
    agree = off[middle] <= max(_OUTLIER * float(np.median(off[middle])), _LEAST_OFF_M)
    if (~agree).sum() > _MOST_OUTLIERS * len(names):
        raise CalibrationRefused(
            Cause.INCONSISTENT,
            f"{int((~agree).sum())} of {len(names)} views of {a} and {b} contradict the others: "
            "hold the board still while both look, and name their pictures alike.",
        )
    bad = {
        name: f"{a} and {b} are {1e3 * far:.1f} mm off here: the board was moved between pictures"
        for name, far, good in zip(names, off[middle], agree, strict=True)
        if not good
    }
    return mean_pose([T for T, good in zip(between, agree, strict=True) if good]), bad


def _apart(one: SE3, other: SE3, lever_m: float) -> float:
    move, turn = one.distance_to(other)
    return float(np.hypot(move, lever_m * turn))


def _refined(
    lenses: Mapping[str, Lens],
    views: Views,
    poses: Mapping[str, Mapping[str, BoardPose]],
    start: Mapping[str, SE3],
    moments: Sequence[str],
) -> tuple[Refined, list[tuple[str, str]]]:
    """All cameras and boards together; also camera and moment of each sight."""
    cameras = list(lenses)
    unknown = [start[camera] for camera in cameras[1:]]
    sights, seen_by = [], []
    for moment in moments:
        seeing = [camera for camera in cameras if moment in poses[camera]]
        board = Unknown(index=len(unknown))
        unknown.append(start[seeing[0]] @ poses[seeing[0]][moment].T_camera_board)
        for camera in seeing:
            index = cameras.index(camera)
            detection = views[camera][moment]
            links = (board,) if index == 0 else (Unknown(index=index - 1, inverse=True), board)
            sights.append(
                Sight(
                    lens=lenses[camera],
                    links=links,
                    points_m=detection.points_m,
                    pixels=detection.pixels,
                    sigma_px=_sigma_px(poses[camera]),
                )
            )
            seen_by.append((camera, moment))
    return refine(unknown, sights), seen_by


def _contradicting(refined: Refined, sights: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Moments whose corners are far off in some camera, and how far."""
    limit_px = max(_LEAST_OFF_PX, _OUTLIER * float(np.median(refined.rms_px)))
    return {
        moment: f"corners in {camera} are {off:.2f} px off, the others' up to {limit_px:.2f}: the "
        "board was moved between pictures"
        for (camera, moment), off in zip(sights, refined.rms_px, strict=True)
        if off > limit_px
    }


def _sigma_px(poses: Mapping[str, BoardPose]) -> float:
    return max(float(np.median([pose.sigma_px for pose in poses.values()])), 0.01)
