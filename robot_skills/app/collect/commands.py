"""`robot-skills teleop`, `record` and `console`."""

import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import TextIO

from robot_skills.app.collect.build import (
    Collecting,
    HandClock,
    collecting,
    console_config,
    recording_of,
)
from robot_skills.app.collect.display import TerminalDisplay
from robot_skills.app.collect.options import (
    CellOptions,
    ConsoleOptions,
    RecordOptions,
    TeleopOptions,
)
from robot_skills.app.collect.session import CollectSession, run_session
from robot_skills.app.collect.skills import asks_to_stop
from robot_skills.app.collect.status import console_status
from robot_skills.app.outcome import CommandResult
from robot_skills.console.app_link import (
    BackendLink,
    ConsoleEvent,
    ConsoleProcess,
    Describe,
    HandEvent,
    HandGone,
    Instruct,
    Say,
    WishEvent,
)
from robot_skills.core.errors import RefusedError
from robot_skills.core.teleop import TeleopSample, Wish

NO_ROBOT = "none"
_WISHES = {wish.value: wish for wish in Wish}
"""What can be typed beside sentences: start, save, success, failure, discard, redo, quit, ..."""


def teleop(options: TeleopOptions) -> CommandResult:
    """Move a robot by hand."""
    return _collect(options)


def record(options: RecordOptions) -> CommandResult:
    """Record demonstrations."""
    return _collect(options)


def console(options: ConsoleOptions) -> CommandResult:
    """Open the operator's console."""
    if options.robot == NO_ROBOT:
        return _browse(options)
    if "console" not in options.device:
        options = replace(options, device=(*options.device, "console"))
    return _collect(options)


def _collect(options: CellOptions) -> CommandResult:
    with collecting(options) as parts:
        session = parts.session
        display = TerminalDisplay(sys.stderr, parts)
        display.open(options)
        steps: list[Callable[[CollectSession], None]] = [_limit(options.seconds)]
        if parts.console is not None:
            print(f"Console: {parts.console.url}", file=sys.stderr, flush=True)
            steps.append(ConsoleLink(parts, options))
        if parts.words is not None and "words" in options.device:
            steps.append(_TypedWords(parts, sys.stdin))
        steps.append(display.step)
        try:
            run_session(session, steps, parts.skills)
        except KeyboardInterrupt:
            display.close()
            print("interrupted", file=sys.stderr)
        finally:
            display.close()
        return _result(parts)


def _result(parts: Collecting) -> CommandResult:
    session = parts.session
    payload = {
        "dataset": parts.dataset or None,
        "episodes": session.episodes_saved,
        "saved": [
            {
                "number": one.number,
                "duration_s": one.duration_s,
                "bytes": one.bytes,
                "commit_ms": 1e3 * one.commit_s,
                "streams": {name: asdict(stats) for name, stats in one.streams.items()},
            }
            for one in session.saved
        ],
        "control_hz": session.pace.hz(),
        "control_p99_ms": session.pace.p99_ms(),
    }
    if parts.dataset:
        print(
            f"{len(session.saved)} episodes saved now, {session.episodes_saved} in "
            f"{parts.dataset}, {session.seconds_saved / 60.0:.1f} minutes"
        )
    return CommandResult(payload=payload)


def _limit(seconds: float | None) -> Callable[[CollectSession], None]:
    until_s = None if seconds is None else time.monotonic() + seconds

    def step(session: CollectSession) -> None:
        if until_s is not None and time.monotonic() >= until_s:
            session.quitting = True

    return step


class _TypedWords:
    """Takes sentences from the terminal, line by line, without waiting for them."""

    def __init__(self, parts: Collecting, stream: TextIO) -> None:
        self._parts, self._descriptor = parts, stream.fileno()
        self._rest = b""
        print(
            "Type what the arm shall do (a little down; close the gripper), or one of: "
            f"{', '.join(_WISHES)}",
            file=sys.stderr,
        )

    def __call__(self, session: CollectSession) -> None:
        while select.select([self._descriptor], [], [], 0.0)[0]:
            data = os.read(self._descriptor, 4096)
            if not data:
                session.quitting = True
                return
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace").strip(), session)

    def _take(self, words: str, session: CollectSession) -> None:
        if words in _WISHES:
            session.wish(_WISHES[words])
        elif words:
            _say(self._parts, words, session)


def _say(parts: Collecting, words: str, session: CollectSession) -> None:
    """Do what a sentence asks, or say why not."""
    if asks_to_stop(words):
        parts.skills.stop()
    if parts.words is None:
        return
    try:
        parts.words.say(words)
    except RefusedError as refusal:
        session.tell("warning", str(refusal))
    else:
        session.said(words)


class ConsoleLink:
    """Carries what the page asks to the session, and what happens there to the page."""

    def __init__(self, parts: Collecting, options: CellOptions) -> None:
        assert parts.console is not None
        self._parts = parts
        self._link: BackendLink = parts.console.link
        self._clock = HandClock()
        recording = recording_of(options)
        wanted = recording.episodes if recording else None
        self._status = partial(
            console_status,
            robot=options.robot,
            dataset=parts.dataset,
            wanted=wanted,
            device=parts.device,
            board=parts.skills.board,
        )
        self._told = False

    def __call__(self, session: CollectSession) -> None:
        for event in self._link.events():
            self._take(event, session)
        self._link.publish(self._status(session))
        if not self._link.alive and not self._told:
            self._told = True
            session.tell("error", "The console has ended.")

    def _take(self, event: ConsoleEvent, session: CollectSession) -> None:
        mailbox = self._parts.mailbox
        assert mailbox is not None
        match event:
            case HandEvent(sample=sample):
                mailbox.push(sample)
            case HandGone():
                mailbox.push(TeleopSample(stamp_s=self._clock.now_s(), held=False))
            case WishEvent(wish=wish):
                session.wish(wish)
            case Describe(task=task, subtask=subtask):
                session.describe(task, subtask)
            case Say(words=words):
                _say(self._parts, words, session)
            case Instruct(instruction=words):
                self._parts.skills.instruct(words)


def _browse(options: ConsoleOptions) -> CommandResult:
    """The console on a dataset, without a robot."""
    if options.dataset is None:
        raise RefusedError("Without a robot the console needs a --dataset to show.")
    from robot_skills.app.collect.library import StoreLibrary
    from robot_skills.console.backend import ConsoleStatus
    from robot_skills.data.store import EpisodeStore

    name = EpisodeStore(options.dataset).schema.name
    library = partial(StoreLibrary, options.dataset)
    with ConsoleProcess(console_config(options), library=library) as process:
        print(f"Console: {process.url}", file=sys.stderr, flush=True)
        process.link.publish(ConsoleStatus(stamp_s=0.0, robot="none"))
        until_s = None if options.seconds is None else time.monotonic() + options.seconds
        try:
            while process.link.alive and (until_s is None or time.monotonic() < until_s):
                process.link.events()
                time.sleep(0.2)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
    return CommandResult(payload={"dataset": name})
