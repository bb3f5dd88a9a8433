"""`robot-skills calibrate board`: a board on paper."""

from pathlib import Path

import cv2

from calibration.board import Board, MarkerDictionary
from calibration.printing import Paper, bar_length_m, measured_board, print_sheet
from robot_skills.app.calibrate.files import BOARD, read_board, write_bytes, write_json
from robot_skills.app.calibrate.options import CalibrateBoard
from robot_skills.app.outcome import CommandResult

_DICTIONARIES = {
    "4x4": MarkerDictionary.DICT_4X4,
    "5x5": MarkerDictionary.DICT_5X5,
    "6x6": MarkerDictionary.DICT_6X6,
    "apriltag": MarkerDictionary.DICT_APRILTAG,
}
_PAPERS = {"A4": Paper.A4, "letter": Paper.LETTER, "A3": Paper.A3}
_PICTURE_SQUARE_PX = 100
SHEET = "sheet.json"
"""The board as it was to be printed; board.json is as it was."""


def main(options: CalibrateBoard) -> CommandResult:
    """Write a board, or correct it by what was measured."""
    if options.measured_mm is not None:
        return _measured(options.out, 1e-3 * options.measured_mm)
    board = Board(
        columns=options.columns,
        rows=options.rows,
        square_m=1e-3 * options.square_mm,
        marker_m=1e-3 * options.marker_mm,
        dictionary=_DICTIONARIES[options.dictionary],
    )
    sheet = print_sheet(board, _PAPERS[options.paper])
    picture = board.picture(_PICTURE_SQUARE_PX, _PICTURE_SQUARE_PX // 2)
    write_bytes(options.out / "board.pdf", sheet.pdf)
    write_bytes(options.out / "board.png", cv2.imencode(".png", picture)[1].tobytes())
    write_json(options.out / SHEET, board)
    write_json(options.out / BOARD, board)
    print(
        f"{options.out / 'board.pdf'}: print at 100 %, glue it on something flat, and measure the "
        f"bar: {1e3 * sheet.bar_m:.1f} mm. Then: robot-skills calibrate board --out {options.out} "
        "--measured-mm LENGTH"
    )
    return CommandResult(
        payload={"board": str(options.out / BOARD), "bar_mm": 1e3 * sheet.bar_m, "measured": False}
    )


def _measured(folder: Path, measured_m: float) -> CommandResult:
    designed = read_board(folder / SHEET)
    board = measured_board(designed, measured_m)
    write_json(folder / BOARD, board)
    said = "agrees" if board == designed else "is corrected"
    print(f"{folder / BOARD} {said}: squares of {1e3 * board.square_m:.3f} mm.")
    return CommandResult(
        payload={
            "board": str(folder / BOARD),
            "bar_mm": 1e3 * bar_length_m(designed),
            "square_mm": 1e3 * board.square_m,
            "measured": True,
        }
    )
