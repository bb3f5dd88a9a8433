"""Progress is readable in a pipe and lively on a terminal."""

import io

from robot_skills.app.progress import Progress
from robot_skills.core.events import Event, EventKind

GRASP = {"skill": "grasp", "args": {"object": "red_cube"}}


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _run(stream: io.StringIO) -> str:
    progress = Progress(stream)

    def emit(stamp_s: float, kind: EventKind, **data) -> None:
        progress.emit(Event(stamp_s=stamp_s, kind=kind, data=data))

    emit(0.0, EventKind.INSTRUCTION, text="pick up the red cube")
    emit(0.0, EventKind.PLAN, goal=["holding(red_cube)"], calls=[GRASP], wording=[])
    emit(0.0, EventKind.SKILL_START, **GRASP)
    emit(1.0, EventKind.CHUNK)
    for _ in range(3):
        emit(1.5, EventKind.GATE, accepted=False, message="too low")
    emit(2.0, EventKind.SKILL_END, **GRASP, outcome="failed", reason="it slipped", duration_s=2.0)
    emit(2.0, EventKind.RETRY, attempt=2, of=3, reason="")
    emit(2.0, EventKind.SKILL_START, **GRASP)
    emit(4.0, EventKind.SKILL_END, **GRASP, outcome="success", reason="done", duration_s=2.0)
    progress.close()
    return stream.getvalue()


def test_a_pipe_gets_plain_lines():
    text = _run(io.StringIO())
    assert "\x1b" not in text
    assert "\r" not in text
    lines = text.splitlines()
    assert lines[0].split() == ["asked", "pick", "up", "the", "red", "cube"]
    assert "1/1     grasp(red_cube)  failed in 2.0 s" in lines
    assert "1/1     grasp(red_cube)  done in 2.0 s" in lines
    assert any("it slipped" in line for line in lines)


def test_the_same_refusal_is_said_once():
    assert _run(io.StringIO()).count("too low") == 1


def test_a_terminal_gets_a_live_line(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = _run(_Terminal())
    assert "\x1b[2K1/1     grasp(red_cube)  1.0 s" in text
    assert "\x1b[32mdone" in text


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in _run(_Terminal())


def test_what_the_whole_run_has_to_heed_is_said():
    stream = io.StringIO()
    progress = Progress(stream)
    data = {"goal": [], "calls": [GRASP], "specification": "always(not open(drawer))"}
    progress.emit(Event(stamp_s=0.0, kind=EventKind.PLAN, data=data))
    progress.close()
    assert "heeds   always(not open(drawer))" in stream.getvalue().splitlines()
