"""What a collecting session shows on the terminal: keys, notices, and one live line."""

import time
from typing import TextIO

from hardware.teleop import KEY_HELP
from robot_skills.app.collect.build import Collecting
from robot_skills.app.collect.options import CellOptions
from robot_skills.app.collect.session import CollectSession, Motion, Phase

_ERASE_LINE = "\r\x1b[2K"
_LIVE_S = 0.1
_PLAIN_S = 5.0


class TerminalDisplay:
    """Writes to a terminal, a pipe or a file.

    Args:
        stream: Only a terminal gets the live line; others a line now and then.
        parts: What is shown.
    """

    def __init__(self, stream: TextIO, parts: Collecting) -> None:
        self._stream, self._parts = stream, parts
        self._tty = stream.isatty()
        self._due_s = 0.0
        self._shown = 0
        self._live = False

    def open(self, options: CellOptions) -> None:
        """Say what this is and which keys there are."""
        where = f", recording into {self._parts.dataset}" if self._parts.dataset else ""
        self._line(f"{options.robot}, moved by {self._parts.device.name}{where}")
        if "keyboard" in options.device:
            self._line(KEY_HELP)
        self._line("Ctrl-C ends the session.")

    def step(self, session: CollectSession) -> None:
        """Show what is new."""
        for notice in session.notices:
            if notice.number > self._shown:
                self._shown = notice.number
                mark = "" if notice.level == "info" else f"{notice.level}: "
                self._line(f"{mark}{notice.text}")
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + (_LIVE_S if self._tty else _PLAIN_S)
        if self._tty:
            self._stream.write(_ERASE_LINE + self._status(session))
            self._stream.flush()
            self._live = True

    def close(self) -> None:
        """Leave the terminal tidy. Safe to call twice."""
        if self._live:
            self._live = False
            self._stream.write("\n")
            self._stream.flush()

    def _line(self, text: str) -> None:
        erase = _ERASE_LINE if self._live else ""
        self._live = False
        self._stream.write(f"{erase}{text}\n")
        self._stream.flush()

    def _status(self, session: CollectSession) -> str:
        parts = [f"[{session.motion.value}]"]
        if session.phase is Phase.RECORDING:
            parts.append(f"recording {session.elapsed_s:5.1f} s")
        elif session.phase is Phase.SAVING:
            parts.append("saving")
        if self._parts.dataset:
            parts.append(f"{session.episodes_saved} saved")
        parts.append(f"{session.pace.hz():.0f} Hz")
        parts += _trouble(session)
        if session.motion in (Motion.HELD, Motion.ESTOP):
            parts.append(session.why)
        return "  ".join(parts)[:200]


def _trouble(session: CollectSession) -> list[str]:
    """Streams that lack samples."""
    if session.health is None or session.phase is not Phase.RECORDING:
        return []
    return [
        f"{name.removeprefix('/')}: {missing} missing"
        for name, stream in session.health.streams.items()
        for missing in [stream.stats.dropped + stream.stats.lost]
        if missing
    ]
