"""What an operator says while `robot-skills run` is at work."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from robot_skills.app.corrections.desk import CorrectionsConfig, default_corrections
from robot_skills.core.errors import RefusedError
from robot_skills.scheduler.corrections.desk import CorrectionDesk

_PIECE_BYTES = 4096


def corrections_config(
    listen: bool, path: Path | None, correct_at: Sequence[str]
) -> CorrectionsConfig | None:
    """What a run knows of corrections; None where nobody asks for any.

    Args:
        listen: Whether somebody will speak.
        path: File that corrections are kept in; the operator's own when somebody speaks and None.
        correct_at: ``"TIME: WORDS"`` each.

    Raises:
        RefusedError: A time is no time.
    """
    if not (listen or path or correct_at):
        return None
    if path is None and listen:
        path = default_corrections()
    return CorrectionsConfig(path=path, said=tuple(map(_timed, correct_at)))


def listen(desk: CorrectionDesk | None, descriptor: int | None = None) -> None:
    """Pass on what is typed, line by line, until the stream or the process ends.

    Args:
        desk: Who hears it; nobody when None.
        descriptor: Of the stream that is read; the standard input when None.
    """
    if desk is None:
        return
    # A standard input that was closed, or is none, is not listened to; the run goes on.
    with suppress(OSError, ValueError, AttributeError):
        source = sys.stdin.fileno() if descriptor is None else descriptor
        threading.Thread(target=_pass_on, args=(desk, source), daemon=True).start()


def _pass_on(desk: CorrectionDesk, descriptor: int) -> None:
    with suppress(OSError):
        for line in _lines(descriptor):
            # Whoever floods the desk is not heard.
            with suppress(RefusedError):
                if line.strip():
                    desk.say(line.strip())


def _lines(descriptor: int) -> Iterator[str]:
    """Lines as they come, endless ones in pieces.

    Not through the buffer of `sys.stdin`: whoever waits there holds its lock, and with that the
    process cannot end.
    """
    rest = b""
    while piece := os.read(descriptor, _PIECE_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _PIECE_BYTES:
            lines, rest = [*lines, rest], b""
        for line in lines:
            yield line.decode(errors="replace")
    yield rest.decode(errors="replace")


def _timed(said: str) -> tuple[float, str]:
    at, _, words = said.partition(":")
    try:
        at_s = float(at)
    except ValueError:
        at_s = -1.0
    if not 0.0 <= at_s < float("inf") or not words.strip():
        raise RefusedError(
            f"--correct-at {said[:60]!r} is not of the form 'SECONDS: WORDS', as in "
            "'2.5: a bit higher'."
        )
    return at_s, words.strip()
