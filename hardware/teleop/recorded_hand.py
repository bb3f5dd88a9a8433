"""A hand that was recorded, replayed by time."""

import os
from pathlib import Path

from hardware.teleop.hand_message import LONGEST_LINE, HandMessage, StreamConfig, parse_hand
from robot_skills.core.clock import Clock
from robot_skills.core.errors import MissingDependencyError, RefusedError
from robot_skills.core.teleop import DeviceLost, HandPose, TeleopSample, Wish

_LARGEST_FILE = 512 * 1024 * 1024


class FileHands:
    """`TeleopDevice` that replays a file of hands by time, from `connect` on.

    After its end nothing new comes, so the last sample grows old and the operator lets go.

    Args:
        path: JSON lines.
        clock: The project clock.
        config: What the stream may say.
    """

    name = "recorded hand"

    def __init__(self, path: Path, clock: Clock, config: StreamConfig | None = None) -> None:
        self._path = path
        self._clock = clock
        self._config = config or StreamConfig()
        self._hands: list[HandMessage] | None = None
        self.ignored = 0
        """Lines that were not hands, or not in order of time."""

    def connect(self) -> None:
        """Read the file.

        Raises:
            MissingDependencyError: The file cannot be read.
            RefusedError: There is no hand in it.
        """
        if self._hands is not None:
            return
        try:
            if os.path.getsize(self._path) > _LARGEST_FILE:
                raise RefusedError(f"{self._path} is larger than {_LARGEST_FILE} bytes.")
            hands = self._load()
        except OSError as reason:
            raise MissingDependencyError(f"{self._path} cannot be read: {reason}.") from reason
        if not hands:
            raise RefusedError(f"{self._path} holds no hand; {self.ignored} lines were ignored.")
        self._hands, self._next = hands, 0
        self._start_s = self._clock.now_s()

    def read(self) -> TeleopSample | None:
        if self._hands is None:
            raise DeviceLost("The recorded hand is not connected.")
        first_s = self._hands[0].sent_s
        elapsed_s = self._clock.now_s() - self._start_s
        wishes: list[Wish] = []
        while self._next < len(self._hands) and (
            self._hands[self._next].sent_s - first_s <= elapsed_s + 1e-9
        ):
            wishes.extend(self._hands[self._next].wishes)
            self._next += 1
        hand = self._hands[self._next - 1]
        return TeleopSample(
            stamp_s=self._start_s + hand.sent_s - first_s,
            held=hand.held,
            motion=HandPose(T_device_hand=hand.T_device_hand),
            opening=hand.opening,
            wishes=tuple(wishes),
        )

    @property
    def finished(self) -> bool:
        """Whether the whole file was replayed."""
        return self._hands is not None and self._next == len(self._hands)

    def close(self) -> None:
        self._hands = None

    def _load(self) -> list[HandMessage]:
        hands: list[HandMessage] = []
        self.ignored = 0
        with self._path.open("rb") as lines:
            while line := lines.readline(LONGEST_LINE + 1):
                try:
                    hand = parse_hand(line, self._config)
                except RefusedError:
                    self.ignored += 1
                    continue
                if hands and hand.sent_s <= hands[-1].sent_s:
                    self.ignored += 1
                    continue
                hands.append(hand)
        return hands
