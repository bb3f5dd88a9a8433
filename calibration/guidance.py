"""What to show a camera next, in words, from what it has seen so far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.board_pose import board_pose
from calibration.coverage import GRID, Coverage, coverage
from calibration.detection import Detection
from calibration.lens import Lens

ENOUGH_VIEWS = 20
_ENOUGH_PER_TILT = 3
_ENOUGH_COVERAGE = 0.9
_NEAR_SHARE, _FAR_SHARE = 0.35, 0.15


@dataclass(frozen=True, kw_only=True, slots=True)
class Guidance:
    """How far one is, and what helps most.

    Attributes:
        done: Whether all is there.
        progress: In [0, 1].
        hint: What to do next, in words; empty when done.
    """

    done: bool
    progress: float
    hint: str


def guide(detections: Sequence[Detection], lens: Lens) -> Guidance:
    """What to do next for a calibration of the lens.

    Args:
        detections: What was seen so far.
        lens: A guess of the lens, for the tilts.
    """
    poses = [board_pose(lens, one).T_camera_board for one in detections]
    shown = coverage(detections, poses)
    tilts = [min(count / _ENOUGH_PER_TILT, 1.0) for count in shown.tilts.values()]
    parts = (
        min(len(detections) / ENOUGH_VIEWS, 1.0),
        min(shown.share / _ENOUGH_COVERAGE, 1.0),
        float(np.mean(tilts)),
        float(shown.nearest_share > _NEAR_SHARE),
        float(0.0 < shown.farthest_share < _FAR_SHARE),
    )
    hint = _hint(shown, len(detections))
    return Guidance(done=not hint, progress=float(np.mean(parts)), hint=hint)


def _hint(shown: Coverage, views: int) -> str:
    if views == 0:
        return "show the board, in the middle of the picture"
    if shown.share < _ENOUGH_COVERAGE:
        return f"move the board to the {_emptiest(shown)}"
    missing = min(shown.tilts, key=lambda side: shown.tilts[side])
    if shown.tilts[missing] < _ENOUGH_PER_TILT:
        words = {"left": "left edge", "right": "right edge", "up": "upper edge"}
        return f"tilt the board: its {words.get(missing, 'lower edge')} towards the camera"
    if shown.nearest_share < _NEAR_SHARE:
        return "bring the board nearer, until it fills half of the picture"
    if shown.farthest_share > _FAR_SHARE:
        return "take the board further away"
    if views < ENOUGH_VIEWS:
        return "some more views, each with another tilt"
    return ""


def _emptiest(shown: Coverage) -> str:
    """The part of the picture, in words, where most is missing."""
    empty = np.array(shown.empty)
    thirds = np.zeros((3, 3), dtype=np.intp)
    rows = empty[:, 0] * 3 // GRID[1]
    columns = empty[:, 1] * 3 // GRID[0]
    np.add.at(thirds, (rows, columns), 1)
    row, column = np.unravel_index(int(thirds.argmax()), thirds.shape)
    high, wide = ("upper", "", "lower")[int(row)], ("left", "", "right")[int(column)]
    if not high and not wide:
        return "middle"
    if high and wide:
        return f"{high} {wide} corner"
    return f"{high or wide} edge"


def coverage_map(shown: Coverage) -> str:
    """The parts of the picture as text: full where corners were seen."""
    return "\n".join("".join("█" if n else "·" for n in row) for row in shown.corners)
