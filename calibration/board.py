"""A ChArUco board: a chessboard with a marker in every white square.

Its frame has the origin at the outer corner of the first square, +x along the columns, +y along
the rows and +z into the board, so that a camera in front of it sees its pictures upright.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import Array


class MarkerDictionary(Enum):
    """Families of markers. The values are OpenCV's names."""

    DICT_4X4 = "DICT_4X4_250"
    DICT_5X5 = "DICT_5X5_250"
    DICT_6X6 = "DICT_6X6_250"
    DICT_APRILTAG = "DICT_APRILTAG_36h11"

    def load(self) -> Any:
        """OpenCV's dictionary."""
        return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """What is printed.

    Attributes:
        columns: Squares along x, at least 4.
        rows: Squares along y, at least 4.
        square_m: Side of a square.
        marker_m: Side of a marker, 0.5 to 0.85 of a square.
        dictionary: Of its markers.

    Raises:
        RefusedError: There cannot be such a board.
    """

    columns: int = 9
    rows: int = 7
    square_m: float = 0.024
    marker_m: float = 0.0175
    dictionary: MarkerDictionary = MarkerDictionary.DICT_5X5

    def __post_init__(self) -> None:
        if min(self.columns, self.rows) < 4 or max(self.columns, self.rows) > 20:
            raise RefusedError(
                f"A board has 4 to 20 squares each way, not {self.columns} x {self.rows}."
            )
        if not 0.001 <= self.square_m <= 0.5:
            raise RefusedError(
                f"Squares of {self.square_m:g} m: give their side in metres, 0.001 to 0.5."
            )
        share = self.marker_m / self.square_m
        if not 0.5 <= share <= 0.85:
            raise RefusedError(
                f"Markers are 0.5 to 0.85 of a square, not {self.marker_m:g} m in "
                f"{self.square_m:g} m."
            )
        have = len(self.dictionary.load().bytesList)
        if self.columns * self.rows // 2 > have:
            raise RefusedError(
                f"{self.dictionary.value} has {have} markers; a board of {self.columns} x "
                f"{self.rows} squares needs {self.columns * self.rows // 2}."
            )

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height."""
        return self.columns * self.square_m, self.rows * self.square_m

    @property
    def corner_count(self) -> int:
        """Inner corners of the chessboard."""
        return (self.columns - 1) * (self.rows - 1)

    def corners_m(self) -> Array:
        """Inner corners in the board's frame, (n, 3); number i is in column i % (columns - 1)."""
        y, x = np.mgrid[1 : self.rows, 1 : self.columns]
        flat = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=-1)
        return self.square_m * flat.astype(np.float64)

    def scaled(self, factor: float) -> Self:
        """The same board, printed larger or smaller."""
        return replace(self, square_m=factor * self.square_m, marker_m=factor * self.marker_m)

    def load(self) -> Any:
        """OpenCV's board."""
        return cv2.aruco.CharucoBoard(
            (self.columns, self.rows), self.square_m, self.marker_m, self.dictionary.load()
        )

    def picture(self, square_px: int, margin_px: int = 0) -> NDArray[np.uint8]:
        """The board in black and white, (H, W) uint8.

        Args:
            square_px: Side of a square.
            margin_px: White around it.

        Raises:
            RefusedError: Squares of this size are too small for the markers' cells.
        """
        cells = self.dictionary.load().markerSize + 2
        if int(square_px * self.marker_m / self.square_m) < cells:
            raise RefusedError(
                f"Squares of {square_px} px are too small for markers of {cells} cells."
            )
        size = (
            self.columns * square_px + 2 * margin_px,
            self.rows * square_px + 2 * margin_px,
        )
        return self.load().generateImage(size, marginSize=margin_px)
