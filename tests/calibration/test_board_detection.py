"""Boards are drawn, printed and found as they are; pictures that are no good are told apart."""

import re

import cv2
import numpy as np
import pytest

from calibration.board import Board, MarkerDictionary
from calibration.detection import Detection, detect, self_test
from calibration.errors import CalibrationRefused, Cause
from calibration.printing import Paper, bar_length_m, measured_board, print_sheet
from robot_skills.core.errors import RefusedError

BOARD = Board()
_DOTS_PER_M = 6000


@pytest.fixture(scope="module")
def picture():
    return cv2.GaussianBlur(BOARD.picture(40, 60), (0, 0), 0.8)


def _raw(board, picture):
    """As OpenCV finds corners by itself."""
    corners, ids, _, _ = cv2.aruco.CharucoDetector(board.load()).detectBoard(picture)
    return Detection(
        board=board,
        size_px=(picture.shape[1], picture.shape[0]),
        ids=ids.reshape(-1).astype(np.intp),
        pixels=corners.reshape(-1, 2).astype(np.float64),
        edge_px=2.0,
    )


def _shifted(board, picture):
    found = detect(board, picture)
    return Detection(
        board=board,
        size_px=found.size_px,
        ids=found.ids,
        pixels=found.pixels + 0.495,
        edge_px=found.edge_px,
    )


def _cause(board, picture):
    with pytest.raises(CalibrationRefused) as caught:
        detect(board, picture)
    return caught.value.cause


def test_all_corners_are_found_where_they_are(picture):
    found = detect(BOARD, picture)
    assert len(found.ids) == BOARD.corner_count
    true = found.points_m[:, :2] / BOARD.square_m * 40 + 60 - 0.5
    assert np.abs(found.pixels - true).max() < 0.05


def test_the_self_test_passes_and_fails_on_corners_that_are_half_a_pixel_off():
    assert self_test() < 0.02
    with pytest.raises(CalibrationRefused) as caught:
        self_test(_shifted)
    assert caught.value.cause is Cause.CORNER_BIAS


def test_refining_is_no_worse_than_opencv_alone(picture):
    true = BOARD.corners_m()[:, :2] / BOARD.square_m * 40 + 60 - 0.5
    raw, ours = _raw(BOARD, picture), detect(BOARD, picture)
    off = [np.abs((one.pixels - true[one.ids]).mean(axis=0)).max() for one in (ours, raw)]
    assert off[0] <= off[1] + 1e-3


def test_an_empty_picture_has_no_board():
    assert _cause(BOARD, np.full((480, 640), 128, dtype=np.uint8)) is Cause.NO_BOARD


def test_half_a_board_is_told(picture):
    half = picture.copy()
    half[:, : half.shape[1] * 2 // 3] = 128
    assert _cause(BOARD, half) is Cause.HIDDEN


def test_a_board_far_away_is_told():
    large = Board(columns=20, rows=14, marker_m=0.02)
    far = cv2.resize(large.picture(36, 100), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    assert _cause(large, far) is Cause.TINY


def test_a_blurred_board_is_told():
    sharp = BOARD.picture(100, 100)
    assert _cause(BOARD, cv2.GaussianBlur(sharp, (0, 0), 6.0)) is Cause.BLURRED


def test_a_board_moved_in_one_direction_while_it_was_seen_is_blurred():
    kernel = np.zeros((11, 11))
    kernel[5] = 1.0 / 11
    assert _cause(BOARD, cv2.filter2D(BOARD.picture(100, 100), -1, kernel)) is Cause.BLURRED


def test_other_markers_are_told_with_their_name(picture):
    other = Board(dictionary=MarkerDictionary.DICT_APRILTAG)
    with pytest.raises(CalibrationRefused, match="DICT_5X5") as caught:
        detect(other, picture)
    assert caught.value.cause is Cause.WRONG_BOARD


def test_another_number_of_squares_is_told(picture):
    narrower = Board(columns=8, rows=7)
    assert _cause(narrower, picture) in (Cause.WRONG_BOARD, Cause.HIDDEN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": 3},
        {"square_m": 24.0},
        {"marker_m": 0.024},
        {"columns": 20, "rows": 20, "dictionary": MarkerDictionary.DICT_APRILTAG, "square_m": -1},
    ],
)
def test_a_board_that_cannot_be_is_refused(wrong):
    with pytest.raises(RefusedError):
        Board(**wrong)


def test_the_printed_page_shows_the_board_in_true_size():
    pdf = print_sheet(BOARD, Paper.A4).pdf
    width, height = (round(side * _DOTS_PER_M) for side in Paper.A4.value)
    page = np.full((height, width), 255, dtype=np.uint8)
    number = r"(-?[\d.]+)"
    for match in re.finditer(rf"{number} {number} {number} {number} re", pdf.decode("latin1")):
        x, y, w, h = (float(value) * 0.0254 / 72 * _DOTS_PER_M for value in match.groups())
        top, bottom = round(height - y - h + 0.013), round(height - y + 0.013)
        page[top:bottom, round(x + 0.013) : round(x + w + 0.013)] = 0
    found = detect(BOARD, np.asarray(cv2.GaussianBlur(page, (0, 0), 1.0), dtype=np.uint8))
    assert len(found.ids) == BOARD.corner_count
    first, last = found.pixels[0], found.pixels[BOARD.columns - 2]
    printed_m = np.linalg.norm(last - first) / _DOTS_PER_M
    assert printed_m == pytest.approx((BOARD.columns - 2) * BOARD.square_m, rel=1e-3)


def test_the_printed_file_has_its_objects_where_it_says():
    pdf = print_sheet(BOARD, Paper.LETTER).pdf
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split()[0])
    assert pdf[start:].startswith(b"xref")
    places = [int(line[:10]) for line in pdf[start:].splitlines()[3:8]]
    assert [pdf[at : at + 7] for at in places] == [b"%d 0 obj" % i for i in range(1, 6)]


def test_a_board_that_does_not_fit_the_paper_is_refused():
    with pytest.raises(RefusedError, match="does not fit on A4"):
        print_sheet(Board(square_m=0.04, marker_m=0.03), Paper.A4)


def test_a_measured_bar_corrects_the_squares_and_a_fitted_page_is_refused():
    bar_m = bar_length_m(BOARD)
    assert measured_board(BOARD, bar_m) == BOARD
    assert measured_board(BOARD, 1.01 * bar_m).square_m == pytest.approx(1.01 * BOARD.square_m)
    with pytest.raises(CalibrationRefused, match="100 %"):
        measured_board(BOARD, 0.94 * bar_m)
