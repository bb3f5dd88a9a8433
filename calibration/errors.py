"""Why a picture cannot be used, or a calibration is refused."""

from enum import Enum

from robot_skills.core.errors import RefusedError


class Cause(Enum):
    """What is wrong, for programs; the words are for reports."""

    NO_BOARD = "no board"
    WRONG_BOARD = "another board"
    HIDDEN = "half hidden"
    TINY = "too small"
    BLURRED = "blurred"
    CORNER_BIAS = "corners are off"
    WRONG_SCALE = "squares of another size"
    MIXED_SIZES = "pictures of several sizes"
    FEW_VIEWS = "too few views"
    POOR_COVERAGE = "parts of the picture were never covered"
    FLAT_VIEWS = "the board was never tilted"
    LITTLE_ROTATION = "the arm was hardly turned"
    ONE_AXIS = "the arm was turned about one axis only"
    INCONSISTENT = "views contradict each other"
    NOT_ACCURATE = "not accurate enough"
    NOT_CONNECTED = "cameras without common views"
    NOT_DETERMINED = "not determined by what was recorded"
    NO_READINGS = "no readings of depth"
    NOT_FLAT = "not flat"
    NO_BOX = "no box"
    WORSE = "worse than what is there"
    STALE = "too old"
    DAMAGED = "the file is damaged"
    OTHER_CAMERA = "of another camera"
    OTHER_SIZE = "of another picture size"
    OTHER_KIND = "of another kind"
    TOO_SHORT = "too short"
    NOT_MOVED = "nothing moved"
    NOT_ALIKE = "motions that are not alike"
    AMBIGUOUS = "several answers are equally good"
    NO_OVERLAP = "of different times"
    CLOCK_JUMP = "the clock jumps"
    NOT_CONVERGED = "the search did not end"


class CalibrationRefused(RefusedError):
    """A calibration, or one picture of it, cannot be accepted.

    Attributes:
        cause: What is wrong.
    """

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
