"""Finding the corners of a board in a picture, to a few hundredths of a pixel.

OpenCV's own `CharucoDetector` puts every corner half a pixel off in several releases (opencv issue
25539), so each is refined once more here, and `self_test` makes sure that it helped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board import Board, MarkerDictionary
from calibration.errors import CalibrationRefused, Cause
from robot_skills.core.se3 import Array

_LEAST_CORNERS = 8
_LEAST_SHARE = 0.4
"""Of the corners: with fewer, the board counts as hidden."""
_LEAST_SQUARE_PX = 10.0
_WIDEST_EDGE_PX = 6.0
"""From black to white; a sharp picture has 2 to 3."""
_WINDOW_PX = (2, 5)
"""Half sides of the window for refining: least and most."""
_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-4)
_PLANE_SHARE = 0.05
"""Of a square: how far corners may be from a plane's picture; lenses bend it a little."""
_WORST_BIAS_PX = 0.05
_TEST_SQUARE_PX = 40
_TEST_MARGIN_PX = 24


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Detection:
    """Corners of a board that were seen in one picture.

    Attributes:
        board: Which.
        size_px: Width and height of the picture.
        ids: Numbers of the corners, (n,).
        pixels: Where they are, (n, 2); pixel (0, 0) has its centre at (0, 0).
        edge_px: How many pixels it takes from black to white: sharpness.
    """

    board: Board
    size_px: tuple[int, int]
    ids: NDArray[np.intp]
    pixels: Array
    edge_px: float

    @property
    def points_m(self) -> Array:
        """The corners in the board's frame, (n, 3)."""
        return self.board.corners_m()[self.ids]


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Brightness (H, W) of a picture that is grey or RGB."""
    if picture.ndim == 2:
        return picture
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.uint8)


def detect(board: Board, picture: NDArray[np.uint8]) -> Detection:
    """Find a board.

    Args:
        board: Which.
        picture: uint8, (H, W) or (H, W, 3) RGB.

    Raises:
        CalibrationRefused: It is not there, half hidden, too small, blurred, or another board.
    """
    image = grey(picture)
    ids, rough, markers = _rough_corners(board, image)
    if markers == 0:
        raise _nothing_seen(board, image)
    if len(ids) < max(_LEAST_CORNERS, _LEAST_SHARE * board.corner_count):
        sharpest_px = _sharpest_edge(image)
        if sharpest_px > _WIDEST_EDGE_PX:
            raise _blurred(sharpest_px)
        raise CalibrationRefused(
            Cause.HIDDEN,
            f"{len(ids)} of the board's {board.corner_count} corners are seen: bring more of it "
            "into the picture, and nothing in front of it.",
        )
    square_px = _square_px(board, ids, rough)
    if square_px < _LEAST_SQUARE_PX:
        raise CalibrationRefused(
            Cause.TINY,
            f"its squares are {square_px:.0f} px wide, {_LEAST_SQUARE_PX:.0f} are needed: bring "
            "it nearer, or print a larger one.",
        )
    plane = _plane(board, ids, rough, square_px)
    ids, pixels = _refined(board, image, ids, rough, plane)
    edge_px = _edge_width(board, image, ids, pixels)
    if edge_px > _WIDEST_EDGE_PX:
        raise _blurred(edge_px)
    size_px = (image.shape[1], image.shape[0])
    return Detection(board=board, size_px=size_px, ids=ids, pixels=pixels, edge_px=edge_px)


def self_test(find: Callable[[Board, NDArray[np.uint8]], Detection] = detect) -> float:
    """Detect a drawn board whose corners are known; returns the mean error [px].

    Args:
        find: The detection that is tested.

    Raises:
        CalibrationRefused: Corners are off by more than a twentieth of a pixel.
    """
    board = Board()
    picture = board.picture(_TEST_SQUARE_PX, _TEST_MARGIN_PX)
    found = find(board, cv2.GaussianBlur(picture, (0, 0), 0.8).astype(np.uint8))
    # Corners lie between pixels: the first square ends before the pixel of its size.
    true = found.points_m[:, :2] / board.square_m * _TEST_SQUARE_PX + _TEST_MARGIN_PX - 0.5
    bias_px = float(np.abs((found.pixels - true).mean(axis=0)).max())
    if bias_px > _WORST_BIAS_PX:
        raise CalibrationRefused(
            Cause.CORNER_BIAS,
            f"Corners of a drawn board are found {bias_px:.2f} px off, with OpenCV "
            f"{cv2.__version__}: nothing can be calibrated with it, install another release.",
        )
    return bias_px


@lru_cache(maxsize=8)
def _detector(board: Board) -> cv2.aruco.CharucoDetector:
    return cv2.aruco.CharucoDetector(board.load())


def _rough_corners(board: Board, image: NDArray[np.uint8]) -> tuple[NDArray[np.intp], Array, int]:
    """Numbers (n,) and pixels (n, 2) as OpenCV finds them, and how many markers it saw."""
    corners, ids, _, markers = _detector(board).detectBoard(image)
    seen = 0 if markers is None else len(markers)
    if ids is None or corners is None:
        return np.zeros(0, dtype=np.intp), np.zeros((0, 2)), seen
    return ids.reshape(-1).astype(np.intp), corners.reshape(-1, 2).astype(np.float64), seen


def _nothing_seen(board: Board, image: NDArray[np.uint8]) -> CalibrationRefused:
    """Why no marker was seen: perhaps they are of another family."""
    for dictionary in MarkerDictionary:
        if dictionary is board.dictionary:
            continue
        _, ids, _ = cv2.aruco.ArucoDetector(dictionary.load()).detectMarkers(image)
        if ids is not None and len(ids) >= 4:
            return CalibrationRefused(
                Cause.WRONG_BOARD,
                f"its markers are of {dictionary.value}, the board's of {board.dictionary.value}: "
                "name the board that was printed.",
            )
    return CalibrationRefused(Cause.NO_BOARD, "there is no board in it.")


def _blurred(edge_px: float) -> CalibrationRefused:
    return CalibrationRefused(
        Cause.BLURRED,
        f"edges are {edge_px:.1f} px wide, at most {_WIDEST_EDGE_PX:.0f} are good: hold it still, "
        "and focus.",
    )


def _sharpest_edge(image: NDArray[np.uint8]) -> float:
    """Pixels from black to white at the sharpest edge of a picture."""
    soft = cv2.GaussianBlur(image, (3, 3), 0).astype(np.float32)
    contrast = float(np.subtract(*np.percentile(soft, (99, 1))))
    steepest = max(float(np.abs(np.gradient(soft, axis=axis)).max()) for axis in (0, 1))
    return contrast / max(steepest, 1e-6)


def _neighbours(board: Board, ids: NDArray[np.intp], step: int) -> NDArray[np.intp]:
    """Rows (m, 2) of corners that are next to each other, along a row (1) or a column."""
    across = board.columns - 1
    at = {int(number): row for row, number in enumerate(ids)}
    pairs = [
        (row, at[number + step])
        for number, row in at.items()
        if number + step in at and (step != 1 or (number + 1) % across)
    ]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _square_px(board: Board, ids: NDArray[np.intp], pixels: Array) -> float:
    """How long the shorter side of a square is, in the middle."""
    sides = []
    for step in (1, board.columns - 1):
        pairs = _neighbours(board, ids, step)
        if len(pairs):
            sides.append(
                np.median(np.linalg.norm(pixels[pairs[:, 1]] - pixels[pairs[:, 0]], axis=-1))
            )
    return float(min(sides, default=0.0))


def _plane(board: Board, ids: NDArray[np.intp], pixels: Array, square_px: float) -> Array:
    """Homography (3, 3) from the board's plane [m] to the picture.

    Raises:
        CalibrationRefused: The corners are no picture of this board's plane.
    """
    grid = board.corners_m()[ids, :2]
    if np.linalg.matrix_rank(grid - grid.mean(axis=0), tol=0.1 * board.square_m) == 2:
        found, _ = cv2.findHomography(grid, pixels, cv2.LMEDS)
        if found is not None:
            H = np.asarray(found, dtype=np.float64)
            off_px = np.linalg.norm(_on_picture(H, grid) - pixels, axis=-1)
            if np.median(off_px) <= max(1.0, _PLANE_SHARE * square_px):
                return H
    raise CalibrationRefused(
        Cause.WRONG_BOARD,
        f"its corners are not those of a board of {board.columns} x {board.rows} squares: "
        "name the board that was printed.",
    )


def _on_picture(H: Array, points_m: Array) -> Array:
    """Pixels (n, 2) of points (n, 2) of the board's plane."""
    return cv2.perspectiveTransform(points_m[:, None], H)[:, 0].astype(np.float64)


def _refined(
    board: Board, image: NDArray[np.uint8], ids: NDArray[np.intp], rough: Array, H: Array
) -> tuple[NDArray[np.intp], Array]:
    """Corners that are far enough from the border, each at its saddle point."""
    grid = board.corners_m()[ids, :2]
    # The nearest markers must stay out of the window, or they pull the corner aside.
    gap = 0.5 * (board.square_m - board.marker_m)
    apart = [_on_picture(H, grid + gap * np.array(way)) - _on_picture(H, grid)
             for way in ((1, 1), (1, -1), (-1, 1), (-1, -1))]  # fmt: skip
    free_px = float(np.percentile(np.abs(apart).max(axis=-1).min(axis=0), 10))
    half = int(np.clip(int(free_px - 1.0), *_WINDOW_PX))
    height, width = image.shape
    last = np.array([width - half - 2, height - half - 2])
    keep = (rough > half + 1).all(axis=1) & (rough < last).all(axis=1)
    pixels = np.ascontiguousarray(rough[keep], dtype=np.float32).reshape(-1, 1, 2)
    if len(pixels):
        cv2.cornerSubPix(image, pixels, (half, half), (-1, -1), _STOP)
    return ids[keep], pixels.reshape(-1, 2).astype(np.float64)


def _edge_width(
    board: Board, image: NDArray[np.uint8], ids: NDArray[np.intp], pixels: Array
) -> float:
    """Pixels from black to white across the squares' sides, in the blurrier direction."""
    contrast = float(np.subtract(*np.percentile(_around(image, pixels), (95, 5))))
    if contrast < 1.0:
        return np.inf
    soft = cv2.GaussianBlur(image, (3, 3), 0).astype(np.float32)
    reach = np.arange(-4.0, 4.25, 0.5)
    widths = []
    for step in (1, board.columns - 1):
        pairs = _neighbours(board, ids, step)
        if not len(pairs):
            continue
        a, b = pixels[pairs[:, 0]], pixels[pairs[:, 1]]
        along = (b - a) / np.linalg.norm(b - a, axis=-1, keepdims=True)
        normal = np.stack([-along[:, 1], along[:, 0]], axis=-1)
        at = (0.5 * (a + b)[:, None] + reach[None, :, None] * normal[:, None]).astype(np.float32)
        profile = cv2.remap(soft, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
        steepest = np.abs(np.gradient(profile, reach, axis=1)).max(axis=1)
        widths.append(contrast / max(float(np.median(steepest)), 1e-6))
    return max(widths, default=np.inf)


def _around(image: NDArray[np.uint8], pixels: Array) -> NDArray[np.uint8]:
    """The part of a picture that corners span."""
    (left, top), (right, bottom) = pixels.min(axis=0).astype(int), pixels.max(axis=0).astype(int)
    return image[max(top, 0) : bottom + 1, max(left, 0) : right + 1]
