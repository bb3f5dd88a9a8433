"""The person beside a real robot, who sets trials up and says what has come of them."""

import sys
from collections.abc import Callable
from typing import Protocol

from robot_skills.core.errors import RefusedError

_WORDS = {"y": True, "yes": True, "n": False, "no": False, "a": None, "again": None}


class Person(Protocol):
    """Somebody who sees the robot."""

    def ready(self, what: str) -> None:
        """Ask for something, and wait until it is done."""
        ...

    def judge(self, what: str) -> bool | None:
        """Whether something has been achieved; None where the trial is not to count."""
        ...


def sentence(text: str) -> str:
    """A reason as people are told it: begun with a capital, ended with a full stop."""
    text = text.rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def ask_on_terminal(line: str) -> str:
    """Show a line and wait for the answer. Answers may come from a file.

    Raises:
        RefusedError: Nobody answers.
    """
    # Standard output is for results.
    print(line, end="", flush=True, file=sys.stderr)
    answer = sys.stdin.readline()
    if not answer:
        raise RefusedError(
            "Nobody answers: a real robot needs somebody at a terminal who says what it achieved. "
            "What was done so far is kept; the same command goes on."
        )
    return answer.strip().lower()


class Console:
    """A person at a terminal.

    Args:
        ask: Shows a line and gives the answer.
    """

    def __init__(self, ask: Callable[[str], str] = ask_on_terminal) -> None:
        self._ask = ask

    def ready(self, what: str) -> None:
        """Any answer will do."""
        self._ask(f"{what} Then Enter: ")

    def judge(self, what: str) -> bool | None:
        """Asks again until it understands."""
        while (answer := self._ask(f"{what} [y]es, [n]o, do it [a]gain: ")) not in _WORDS:
            pass
        return _WORDS[answer]
