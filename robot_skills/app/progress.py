"""What a run shows on the terminal while it goes on: plain lines, and one live line on a tty."""

import os
from typing import TextIO

from robot_skills.app.story import call_text
from robot_skills.core.events import Event, EventKind
from robot_skills.core.scene import TABLE

_LABEL_WIDTH = 8
_ERASE_LINE = "\r\x1b[2K"
_COLOURS = {"good": "\x1b[32m", "bad": "\x1b[31m", "dim": "\x1b[2m"}
_PLAIN = "\x1b[0m"


class Progress:
    """An `EventSink` that writes to a terminal, a pipe or a file.

    Args:
        stream: Where to write. Only a terminal gets colours and the live line.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tty = stream.isatty()
        self._colours = self._tty and "NO_COLOR" not in os.environ
        self._live = False
        self._looked = False
        self._steps = 0
        self._step = 0
        self._call = ""
        self._start_s = 0.0
        self._gate_message = ""

    def emit(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case EventKind.INSTRUCTION:
                self._line("asked", str(data.get("text", "")))
            case EventKind.LOOK if not self._looked:
                self._looked = True
                things = [str(name) for name in data.get("entities", ()) if name != TABLE]
                self._line("sees", ", ".join(things) or "nothing on the table")
            case EventKind.PLAN:
                self._plan(event)
            case EventKind.REPLAN:
                self._line("", f"plans again: {data.get('reason', '')}", "dim")
            case EventKind.SKILL_START:
                self._start(event)
            case EventKind.CHUNK:
                self._tick(event.stamp_s)
            case EventKind.GATE if not data.get("accepted", True):
                self._refused_chunk(str(data.get("message", "")))
            case EventKind.SKILL_END:
                self._end(event)
            case EventKind.CORRECTION:
                self._line("", f"{data.get('does')}: {data.get('text')}", "dim")
            case EventKind.RETRY:
                self._line("", f"once more ({data.get('attempt')} of {data.get('of')})", "dim")
            case _:
                pass

    def close(self) -> None:
        """Leave the terminal with a clean line."""
        self._erase()
        self._stream.flush()

    def _plan(self, event: Event) -> None:
        calls = [call_text(call) for call in event.data.get("calls", ())]
        self._steps, self._step, self._call = len(calls), 0, ""
        first = not event.data.get("number")
        if first:
            for i, line in enumerate(event.data.get("wording", ())):
                self._line("" if i else "words", str(line), "dim")
            goal = ", ".join(str(literal) for literal in event.data.get("goal", ()))
            if goal:
                self._line("goal", goal)
            if event.data.get("specification"):
                self._line("heeds", str(event.data["specification"]))
        label = "plan" if first else "anew"
        if not calls:
            self._line(label, "nothing to do: the goal holds already")
        for i, call in enumerate(calls):
            self._line("" if i else label, f"{i + 1}. {call}")

    def _start(self, event: Event) -> None:
        call = call_text(event.data)
        # The same call again is another attempt at the same step.
        self._step = min(self._step + (call != self._call), self._steps)
        self._call = call
        self._start_s = event.stamp_s
        self._tick(event.stamp_s)

    def _tick(self, stamp_s: float) -> None:
        if not self._tty or not self._call:
            return
        text = f"{self._count():<{_LABEL_WIDTH}}{self._call}  {stamp_s - self._start_s:.1f} s"
        self._stream.write(_ERASE_LINE + text)
        self._stream.flush()
        self._live = True

    def _refused_chunk(self, message: str) -> None:
        # The gate may say the same many times in a row.
        if message != self._gate_message:
            self._line("gate", f"chunk refused: {message}", "bad")
        self._gate_message = message

    def _end(self, event: Event) -> None:
        self._gate_message = ""
        good = event.data.get("outcome") == "success"
        took_s = float(event.data.get("duration_s", event.stamp_s - self._start_s))
        word = "done" if good else str(event.data.get("outcome", "failed"))
        call = call_text(event.data)
        tone = "good" if good else "bad"
        self._line(self._count(), f"{call}  {self._paint(word, tone)} in {took_s:.1f} s")
        if not good:
            self._line("", str(event.data.get("reason", "")), "dim")

    def _count(self) -> str:
        return f"{self._step}/{self._steps}" if self._steps else ""

    def _line(self, label: str, text: str, tone: str = "") -> None:
        self._erase()
        painted = self._paint(text, tone) if tone else text
        self._stream.write(f"{label:<{_LABEL_WIDTH}}{painted}\n")
        self._stream.flush()

    def _erase(self) -> None:
        if self._live:
            self._stream.write(_ERASE_LINE)
            self._live = False

    def _paint(self, text: str, tone: str) -> str:
        return f"{_COLOURS[tone]}{text}{_PLAIN}" if self._colours else text
