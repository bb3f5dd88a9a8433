"""A hand that is a sentence: small steps asked for in words, as `grammar.py` understands them."""

import numpy as np

from hardware.teleop.grammar import Spoken, WordsConfig, not_understood, parse_words
from robot_skills.core.clock import Clock
from robot_skills.core.teleop import DeviceLost, Nudge, TeleopSample


class WordsDevice:
    """`TeleopDevice` whose hand is a sentence: the dead-man switch is held while a step runs.

    How far the arm is it cannot know, so a step may take the time that it needs at the slowest
    expected speed, and a little more. Call `say` from the thread that calls `read`.

    Args:
        clock: The project clock.
        config: How far words go.
    """

    name = "words"

    def __init__(self, clock: Clock, config: WordsConfig | None = None) -> None:
        self._clock = clock
        self._config = config or WordsConfig()
        self._connected = False
        self._number = 0
        self._nudge: Nudge | None = None
        self._opening: float | None = None
        self._last: Spoken | None = None
        self._from_s = self._until_s = 0.0

    def connect(self) -> None:
        self._connected = True

    def say(self, text: str) -> Nudge | None:
        """Begin what a sentence asks for, in place of what was running.

        Args:
            text: What was typed.

        Returns:
            The step, or None for "stop".

        Raises:
            InstructionError: Not understood. What was running ends as well.
        """
        self.release()
        spoken = parse_words(text, self._config)
        if spoken.stop:
            return None
        if spoken.again:
            if self._last is None:
                raise not_understood(text, "nothing was done before")
            spoken = self._last
        self._last = spoken
        self._number += 1
        self._nudge = Nudge(
            p_m=spoken.p_m, turn_rad=spoken.turn_rad, words=text.strip(), number=self._number
        )
        self._opening = spoken.opening
        self._from_s = self._clock.now_s()
        self._until_s = self._from_s + self._time_for(spoken)
        return self._nudge

    def release(self) -> None:
        """Let go: what is running ends."""
        self._nudge = self._opening = None

    def read(self) -> TeleopSample:
        if not self._connected:
            raise DeviceLost("The words are not connected.")
        now_s = self._clock.now_s()
        if not self._from_s <= now_s <= self._until_s:
            self.release()
        return TeleopSample(
            stamp_s=now_s, held=self._nudge is not None, motion=self._nudge, opening=self._opening
        )

    def close(self) -> None:
        self.release()
        self._connected = False

    def _time_for(self, spoken: Spoken) -> float:
        config = self._config
        move_s = float(np.linalg.norm(spoken.p_m)) / config.speed_m_s
        turn_s = float(np.linalg.norm(spoken.turn_rad)) / config.turn_rate_rad_s
        return max(move_s, turn_s) + config.settle_s
