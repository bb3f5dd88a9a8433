"""How late pictures are after the states of the arm that moves in them, or that moves the camera.

Between two pictures, everything that the arm moves is displaced by an amount that is nearly linear
in how far tool and gripper went meanwhile. So the optical flow of each part of the picture
(Farneback, 2003) is described by the differences of the states between two times: at the right
delay that describes it best. It needs no board and no pose of the camera, and works for a camera on
the tool and beside the arm. What moves by itself is noise, and lessens the share that is described.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar

from calibration.errors import CalibrationRefused, Cause
from calibration.latency_response import Delay, agree, clear_peak
from calibration.latency_series import (
    EARLIEST_S,
    LATEST_S,
    PictureSeries,
    Series,
    checked,
    common,
)
from calibration.latency_smoothing import smoothed
from robot_skills.core.se3 import Array

PICTURE_PX = (112, 84)
"""Size that pictures are looked at in."""
_CELLS = (4, 3)
_COMPONENTS = 4
_LEAST_PX = 0.02
"""Flow below which nothing moves: its root mean square in the part that moves most."""
_STEP_S = 0.01
_MARGIN_S = 0.2
"""The curve goes on so far beyond the delays that count, so that a peak is seen to be one."""
_NEAR_S = 0.03
_SEGMENTS = 5
_STILL = 0.05
_LEAST_DESCRIBED = 0.3


def small(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey picture (H, W) in the size that it is looked at in."""
    import cv2

    return np.asarray(cv2.resize(grey, PICTURE_PX, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def picture_delay(pictures: PictureSeries, states: Series, camera: str) -> Delay:
    """How late pictures are stamped, by the clock of the states.

    Args:
        pictures: Of one camera.
        states: What the arm measured, (n, k), the opening last.
        camera: Its name.

    Raises:
        CalibrationRefused: Nothing can be found from these; says why.
    """
    name = f"pictures of {camera}"
    states = smoothed(checked(states))
    seen = checked(Series(name=name, stamp_s=pictures.stamp_s, values=flow(pictures, camera)))
    common(states, seen, 0.0)
    seen = seen.between(
        states.stamp_s[0] + LATEST_S + _MARGIN_S, states.stamp_s[-1] + EARLIEST_S - _MARGIN_S
    )
    described = _Described(states, checked(seen))
    tried_s = np.arange(EARLIEST_S - _MARGIN_S, LATEST_S + _MARGIN_S, _STEP_S, dtype=np.float64)
    curve = np.array([described.share(float(delay_s)) for delay_s in tried_s])
    start_s, likeness = clear_peak(
        tried_s, curve, f"{name} after the arm's states", _LEAST_DESCRIBED
    )
    found = minimize_scalar(
        lambda delay_s: -described.share(delay_s),
        bounds=(start_s - _NEAR_S, start_s + _NEAR_S),
        method="bounded",
        options={"xatol": 1e-5},
    )
    delay_s = float(found.x)  # type: ignore[attr-defined]
    segments_s = described.segments(delay_s)
    sigma_s = float(np.std(segments_s, ddof=1) / np.sqrt(len(segments_s)))
    agree(segments_s, sigma_s, name)
    inside = (tried_s >= EARLIEST_S) & (tried_s <= LATEST_S)
    return Delay(
        delay_s=delay_s,
        sigma_s=sigma_s,
        likeness=likeness,
        segments_s=segments_s,
        samples=len(seen.stamp_s),
        tried_s=tried_s[inside],
        curve=curve[inside],
    )


def flow(pictures: PictureSeries, camera: str) -> Array:
    """How parts of the pictures have moved since the picture before, (n, c) [px]; at first, 0.

    Raises:
        CalibrationRefused: Nothing moves in them.
    """
    import cv2

    pyramid, levels, window, rounds, size, spread = 0.5, 3, 25, 3, 7, 1.5
    moved = [np.zeros(2 * _CELLS[0] * _CELLS[1])]
    for before, after in zip(pictures.grey, pictures.grey[1:], strict=False):
        shift = cv2.calcOpticalFlowFarneback(
            before,
            after,
            np.zeros((*before.shape, 2), dtype=np.float32),
            pyramid,
            levels,
            window,
            rounds,
            size,
            spread,
            0,
        )
        cells = cv2.resize(shift, _CELLS, interpolation=cv2.INTER_AREA)
        moved.append(np.asarray(cells, dtype=np.float64).ravel())
    values = np.array(moved)
    if float(np.sqrt((values**2).mean(axis=0)).max()) < _LEAST_PX:
        raise CalibrationRefused(
            Cause.NOT_MOVED,
            f"Nothing moves in the pictures of {camera}: it does not see the arm, it is covered, "
            "or what it sees has no texture.",
        )
    U, scale, _ = np.linalg.svd(values, full_matrices=False)
    return U[:, :_COMPONENTS] * scale[:_COMPONENTS]


class _Described:
    """Flow of pictures, described by how the arm has moved."""

    def __init__(self, states: Series, seen: Series) -> None:
        values = states.values - states.values.mean(axis=0)
        ranges = np.ptp(values, axis=0)
        # The opening has a unit of its own.
        largest = np.array([*[float(ranges[:-1].max())] * (len(ranges) - 1), 1.0])
        moving = ranges > _STILL * np.maximum(largest, 1e-9)
        self._path = CubicSpline(states.stamp_s, values[:, moving] / ranges[moving], axis=0)
        self._stamp_s, self._flow = seen.stamp_s, seen.values[1:]
        self._parts = np.array_split(np.arange(len(self._flow)), _SEGMENTS)

    def share(self, delay_s: float) -> float:
        """Of the flow, how much is described by what the other parts of the recording say."""
        moved = self._moved(self._stamp_s - delay_s)
        left = 0.0
        for rows in self._parts:
            off = self._flow[rows] - moved[rows] @ self._description(moved, rows)
            left += float((off**2).sum())
        return 1.0 - left / float((self._flow**2).sum())

    def segments(self, delay_s: float) -> tuple[float, ...]:
        """The delay of each part of the recording, as the others describe the flow."""
        moved = self._moved(self._stamp_s - delay_s)
        return tuple(
            self._delay_of(rows, self._description(moved, rows), delay_s) for rows in self._parts
        )

    def _delay_of(self, rows: NDArray[np.int_], description: Array, near_s: float) -> float:
        stamp_s, wanted = self._stamp_s[rows[0] : rows[-1] + 2], self._flow[rows]

        def off(delay_s: float) -> float:
            return float(((wanted - self._moved(stamp_s - delay_s) @ description) ** 2).sum())

        bounds = (near_s - _NEAR_S, near_s + _NEAR_S)
        found = minimize_scalar(off, bounds=bounds, method="bounded")
        return float(found.x)  # type: ignore[attr-defined]

    def _description(self, moved: Array, without: NDArray[np.int_]) -> Array:
        """The flow by the motion, from all but some rows."""
        others = np.setdiff1d(np.arange(len(moved)), without)
        return np.linalg.lstsq(moved[others], self._flow[others])[0].astype(np.float64)

    def _moved(self, at_s: Array) -> Array:
        """How far the arm went between times (n,), (n - 1, k)."""
        return np.diff(self._path(at_s), axis=0).astype(np.float64)
