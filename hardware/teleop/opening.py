"""The commanded gripper opening: follows the hand at limited speed, and drops nothing."""

_SAME = 0.02
"""Openings nearer than this are the same wish of a hand."""
_UNMOVED = 0.1
"""A gripper that was measured within this of an earlier opening was left alone since."""


class CommandedOpening:
    """Where the gripper was told to be.

    A device that remembers "open" must not open a gripper that somebody else has closed in the
    meantime, so an opening counts from when it differs from what the device said before the
    dead-man switch was closed. A gripper that squeezes something is measured wider than it was
    told; the command is kept through a release, so that the grip is.
    """

    def __init__(self, rate_s: float) -> None:
        self._rate_s = rate_s
        self._told: float | None = None
        self._goal: float | None = None
        self._commanded: float | None = None
        self._measured = 0.0
        self._new = False

    def idle(self, told: float | None) -> None:
        """What the device says while nobody holds the dead-man switch."""
        self._told = told

    def adopt(self, opening: float, measured: float) -> None:
        """Go on from what somebody else has commanded."""
        self._commanded = self._goal = opening
        self._measured = measured

    def start(self, measured: float) -> None:
        """The dead-man switch was closed."""
        self._new = False
        commanded = self._commanded
        if (
            commanded is None
            or min(abs(measured - self._measured), abs(measured - commanded)) > _UNMOVED
        ):
            self._commanded = self._goal = measured

    def advance(self, told: float | None, measured: float, duration_s: float) -> float:
        """The opening to command after `duration_s`, having moved towards what the hand asks."""
        assert self._commanded is not None, "start() comes first"
        assert self._goal is not None, "start() comes first"
        self._measured = measured
        if told is not None and not self._new:
            self._new = self._told is None or abs(told - self._told) > _SAME
        if told is not None and self._new:
            self._goal = told
        largest = self._rate_s * duration_s
        step = min(max(self._goal - self._commanded, -largest), largest)
        self._commanded = min(max(self._commanded + step, 0.0), 1.0)
        return self._commanded
