"""Boards on paper, in true size, with a bar to measure what the printer made of it.

The file is PDF 1.4 (ISO 32000-1 describes it), drawn with filled rectangles, so that no printer
has pixels to scale. A point is 1/72 inch.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from calibration.board import Board
from calibration.errors import CalibrationRefused, Cause
from robot_skills.core.errors import RefusedError

_POINT_M = 0.0254 / 72.0
_EDGE_M = 0.006
"""That printers leave white."""
_FOOT_M = 0.016
"""For the bar and the text, below the board."""
_LARGEST_ERROR = 0.02
_NOTEWORTHY = 0.002


class Paper(Enum):
    """Sheets, the long side first [m]."""

    A4 = (0.297, 0.210)
    LETTER = (0.2794, 0.2159)
    A3 = (0.420, 0.297)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A printed page.

    Attributes:
        pdf: The file.
        bar_m: How long the bar is that the operator measures.
    """

    pdf: bytes
    bar_m: float


def bar_length_m(board: Board) -> float:
    """Of the bar below a board: as many whole centimetres as the board is wide."""
    return 0.01 * int(board.size_m[0] / 0.01 + 1e-9)


def print_sheet(board: Board, paper: Paper) -> Sheet:
    """A board on a page, with its bar.

    Raises:
        RefusedError: The board does not fit.
    """
    width, height = board.size_m
    room = (paper.value[0] - 2 * _EDGE_M, paper.value[1] - 2 * _EDGE_M - _FOOT_M)
    if width > room[0] or height > room[1]:
        largest = min(room[0] / board.columns, room[1] / board.rows)
        raise RefusedError(
            f"A board of {1e3 * width:.0f} x {1e3 * height:.0f} mm does not fit on {paper.name}: "
            f"squares of up to {np.floor(1e4 * largest) / 10:g} mm do."
        )
    left = 0.5 * (paper.value[0] - width)
    bottom = _EDGE_M + _FOOT_M + 0.5 * (room[1] - height)
    bar_m = bar_length_m(board)
    lines = [_board_rectangles(board, left, bottom)]
    foot = _EDGE_M + 0.006
    lines.append(_rectangle(left, foot, bar_m, 0.0006))
    for end in (left, left + bar_m - 0.0003):
        lines.append(_rectangle(end, foot - 0.0025, 0.0003, 0.005))
    # One path: between rectangles that are filled one by one, viewers leave thin lines.
    lines.append("f")
    text = (
        f"Measure the bar: {1e3 * bar_m:.1f} mm.  {board.columns} x {board.rows} squares of "
        f"{1e3 * board.square_m:g} mm, markers {1e3 * board.marker_m:g} mm, "
        f"{board.dictionary.value}.  Print at 100 %."
    )
    lines.append(
        f"BT /F1 7 Tf {left / _POINT_M:.3f} {(foot - 0.006) / _POINT_M:.3f} Td ({text}) Tj ET"
    )
    return Sheet(pdf=_pdf("\n".join(lines), paper), bar_m=bar_m)


def measured_board(board: Board, measured_m: float) -> Board:
    """The board as it was really printed.

    Args:
        board: As it was to be.
        measured_m: Length of the bar on the paper.

    Raises:
        CalibrationRefused: The printer scaled it by more than two per cent.
    """
    factor = measured_m / bar_length_m(board)
    if abs(factor - 1.0) > _LARGEST_ERROR:
        raise CalibrationRefused(
            Cause.WRONG_SCALE,
            f"The bar is {1e3 * measured_m:.1f} mm long instead of {1e3 * bar_length_m(board):.1f} "
            f"mm, {100 * factor:.1f} %: print again at 100 %, without fitting to the page.",
        )
    return board if abs(factor - 1.0) < _NOTEWORTHY else board.scaled(factor)


def _board_rectangles(board: Board, left: float, bottom: float) -> str:
    """The black parts of a board, a rectangle for each run of black cells in a row."""
    cells_per_marker = board.dictionary.load().markerSize + 2
    parts = []
    top = bottom + board.size_m[1]
    number = 0
    for row in range(board.rows):
        for column in range(board.columns):
            x, y = left + column * board.square_m, top - (row + 1) * board.square_m
            if (row + column) % 2 == 0:
                parts.append(_rectangle(x, y, board.square_m, board.square_m))
                continue
            gap = 0.5 * (board.square_m - board.marker_m)
            parts.append(_marker(board, number, x + gap, y + gap, cells_per_marker))
            number += 1
    return "\n".join(parts)


def _marker(board: Board, number: int, x: float, y: float, cells: int) -> str:
    bits = board.dictionary.load().generateImageMarker(number, cells)
    cell = board.marker_m / cells
    parts = []
    for row in range(cells):
        black = np.flatnonzero(np.diff([0, *(bits[row] < 128).astype(int), 0]))
        for first, last in black.reshape(-1, 2):
            parts.append(
                _rectangle(
                    x + first * cell, y + (cells - 1 - row) * cell, (last - first) * cell, cell
                )
            )
    return "\n".join(parts)


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    return " ".join(f"{value / _POINT_M:.5f}" for value in (x, y, width, height)) + " re f"


def _pdf(content: str, paper: Paper) -> bytes:
    """A file of one page."""
    width, height = (side / _POINT_M for side in paper.value)
    stream = content.encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.3f} {height:.3f}] "
            "/Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
        ).encode("ascii"),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    return bytes(out)
