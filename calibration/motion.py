"""Hand-eye calibration in closed form, and whether an arm's motions are enough for it.

Notation (Park and Martin, *Robot sensor calibration: solving AX = XB on the Euclidean group*, 1994;
Daniilidis, *Hand-eye calibration using dual quaternions*, 1999):

======  =========================================================================
``G``   the arm's pose per view: `T_base_tool` for a camera on the tool, its inverse
        for a camera on the base
``C``   the board in the camera per view, `T_camera_board`
``X``   the camera in the frame of its mount
``Y``   the board in the other frame, so that ``G X C = Y`` in every view
======  =========================================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationRefused, Cause
from robot_skills.core.se3 import SE3, Array, so3_log

LEAST_VIEWS = 8
_LEAST_TURN_RAD = np.deg2rad(20.0)
_LEAST_SECOND_AXIS = 0.15
"""How much turning there has to be about a second axis, beside the first."""
_DRAWS = 120
_DRAWN = 4
_OUTLIER = 4.0
_LEAST_OFF_M = 0.001
"""Nearer views are no outliers, however well the others agree."""
_MOST_OUTLIERS = 0.34
_ROUNDS = 4


class Method(Enum):
    """Closed forms; the values are OpenCV's numbers of them."""

    PARK = cv2.CALIB_HAND_EYE_PARK
    DANIILIDIS = cv2.CALIB_HAND_EYE_DANIILIDIS


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Motion:
    """How much an arm was turned between views.

    Attributes:
        turn_rad: Largest angle between two views.
        second_axis: Turning about the second axis as a share of that about the first, in [0, 1].
    """

    turn_rad: float
    second_axis: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClosedForm:
    """Camera and board from views that agree.

    Attributes:
        X: Camera in its mount's frame.
        Y: Board in the other frame.
        agree: Which views agree, (n,) bool.
        off_m: How far each view is from agreeing, rotation as the arc at the camera's distance
            from the board, (n,).
    """

    X: SE3
    Y: SE3
    agree: NDArray[np.bool_]
    off_m: Array


def closed_form(G: Sequence[SE3], C: Sequence[SE3], method: Method) -> SE3:
    """`X` of ``G X C = Y`` from at least three views."""
    found = cv2.calibrateHandEye(
        [T.R for T in G],
        [T.p for T in G],
        [T.R for T in C],
        [T.p for T in C],
        method=method.value,
    )
    R, p = (np.asarray(part, dtype=np.float64) for part in found)
    if not np.isfinite(R).all() or not np.isfinite(p).all() or abs(np.linalg.det(R) - 1.0) > 0.1:
        return SE3.identity()
    U, _, Vt = np.linalg.svd(R)
    return SE3(U @ Vt, p.reshape(3))


def mean_pose(poses: Sequence[SE3]) -> SE3:
    """Mean place and chordal mean rotation (Hartley et al., *Rotation averaging*, 2013)."""
    U, _, Vt = np.linalg.svd(np.mean([T.R for T in poses], axis=0))
    R = U @ np.diag([1.0, 1.0, np.linalg.det(U @ Vt)]) @ Vt
    return SE3(R, np.mean([T.p for T in poses], axis=0))


def motion_of(G: Sequence[SE3]) -> Motion:
    """How much the arm was turned."""
    turns = np.array(
        [so3_log(a.R.T @ b.R) for i, a in enumerate(G) for b in G[i + 1 :]] or [np.zeros(3)]
    )
    spread = np.linalg.svd(turns, compute_uv=False)
    largest = float(np.linalg.norm(turns, axis=-1).max())
    second = float(spread[1] / spread[0]) if spread[0] > 1e-9 and len(spread) > 1 else 0.0
    return Motion(turn_rad=largest, second_axis=second)


def check_motion(G: Sequence[SE3]) -> Motion:
    """How much the arm was turned.

    Raises:
        CalibrationRefused: There are too few views, or it was not turned enough for a calibration.
    """
    if len(G) < LEAST_VIEWS:
        raise CalibrationRefused(
            Cause.FEW_VIEWS,
            f"{len(G)} views are usable, {LEAST_VIEWS} are needed, 20 are good.",
        )
    motion = motion_of(G)
    if motion.turn_rad < _LEAST_TURN_RAD:
        raise CalibrationRefused(
            Cause.LITTLE_ROTATION,
            f"The arm was turned by at most {np.rad2deg(motion.turn_rad):.0f} degrees between "
            f"views, {np.rad2deg(_LEAST_TURN_RAD):.0f} are needed, 60 are good: where the camera "
            "is shows only in turns.",
        )
    if motion.second_axis < _LEAST_SECOND_AXIS:
        raise CalibrationRefused(
            Cause.ONE_AXIS,
            "The arm was turned about one axis only: along it, the camera's place cannot be "
            "found. Turn it about two axes that are far from parallel.",
        )
    return motion


def robust_closed_form(G: Sequence[SE3], C: Sequence[SE3], seed: int = 0) -> ClosedForm:
    """Camera and board by those views that agree, found by least median of squares.

    Four views at a time make a guess, and the guess that suits half of all views best is kept
    (Rousseeuw, 1984); then all views that suit it are taken, and so on until these stay the same.

    Raises:
        CalibrationRefused: A third of the views or more do not agree with the others.
    """
    rng = np.random.default_rng(seed)
    lever_m = float(np.median([np.linalg.norm(T.p) for T in C]))
    best, least = np.full(len(G), np.inf), np.inf
    for _ in range(_DRAWS):
        drawn = rng.choice(len(G), _DRAWN, replace=False)
        off = _off(G, C, drawn, lever_m)[2]
        middle = float(np.median(off))
        if middle < least:
            best, least = off, middle
    agree = _near(best, least)
    X, Y = SE3.identity(), SE3.identity()
    for _ in range(_ROUNDS):
        X, Y, best = _off(G, C, np.flatnonzero(agree), lever_m)
        now = _near(best, float(np.median(best)))
        if (now == agree).all():
            break
        agree = now
    if (~agree).sum() > _MOST_OUTLIERS * len(G):
        raise CalibrationRefused(
            Cause.INCONSISTENT,
            f"{int((~agree).sum())} of {len(G)} views contradict the others: the board was moved "
            "in between, or poses and pictures do not belong together.",
        )
    return ClosedForm(X=X, Y=Y, agree=agree, off_m=best)


def scale_of(G: Sequence[SE3], C: Sequence[SE3], X: SE3) -> tuple[float, float]:
    """How long the board's lengths are by the arm's, and the standard deviation of that.

    ``(R_A - 1) p_X + p_A = s R_X p_B`` for motions A of the arm and B of the camera.
    """
    rows, right = [], []
    for i in range(len(G)):
        for j in range(i + 1, len(G)):
            A, B = G[j].inverse() @ G[i], C[j] @ C[i].inverse()
            rows.append(np.column_stack([A.R - np.eye(3), -X.R @ B.p]))
            right.append(-A.p)
    M, b = np.concatenate(rows), np.concatenate(right)
    found = np.linalg.lstsq(M, b, rcond=None)[0]
    # The pairs share their views: there is not more in them than in the views.
    own = 3 * len(G) - 4
    variance = float(((M @ found - b) ** 2).mean()) * len(b) / max(own, 1)
    return float(found[3]), float(np.sqrt(variance * np.linalg.inv(M.T @ M)[3, 3]))


def _off(
    G: Sequence[SE3], C: Sequence[SE3], rows: NDArray[np.intp], lever_m: float
) -> tuple[SE3, SE3, Array]:
    """Camera and board from some of the views, and how far each view is from agreeing [m]."""
    X = closed_form([G[i] for i in rows], [C[i] for i in rows], Method.PARK)
    boards = [g @ X @ c for g, c in zip(G, C, strict=True)]
    Y = mean_pose([boards[i] for i in rows])
    apart = [Y.distance_to(board) for board in boards]
    return X, Y, np.array([np.hypot(move, lever_m * turn) for move, turn in apart])


def _near(off_m: Array, median_m: float) -> NDArray[np.bool_]:
    """Which views agree, (n,) bool."""
    return off_m <= max(_OUTLIER * median_m, _LEAST_OFF_M)
