"""`robot-skills explain`: why a run went as it did."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_skills.app.explain.account import Account
from robot_skills.app.explain.questions import Answer, answer
from robot_skills.app.explain.reading import account_of
from robot_skills.app.explain.telling import ToldStep, tell_head, tell_steps
from robot_skills.app.explain.to_json import account_to_json
from robot_skills.app.options import CommonOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.run_files import LOG
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventKind
from robot_skills.data.episode_log import read_episode

_LABEL, _LINE = 10, 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainOptions(CommonOptions):
    """Tell step by step why a run did what it did.

    Of every step: what it was for, what was expected, what was seen, how it ended, and whose fault
    it was where it failed. The log alone is asked. Exits 0 when it could be read.
    """

    run: Positional[Path]
    """Folder that `robot-skills run --out` wrote, or an episode log."""
    step: int | None = None
    """Tell this step only, by its number."""
    question: str | None = None
    """Answer a question about the run, for example "why did you open the drawer?" or "why did you
    not take the can?"."""


def main(options: ExplainOptions) -> CommandResult:
    """Read the log, and tell what it was asked for."""
    if options.step is not None and options.question is not None:
        raise RefusedError("Ask either for a --step or a --question.")
    path = options.run / LOG if options.run.is_dir() else options.run
    events = read_episode(path).events
    if not any(event.kind is EventKind.INSTRUCTION for event in events):
        raise RefusedError(f"The log {path} holds no run of an instruction: nothing was decided.")
    account = account_of(events)
    replied = _reply(account, options)
    told = tell_steps(account)
    if replied is not None:
        told = tuple(one for one in told if one.number in replied.steps)
    _show(account, told, replied)
    payload = {"log": str(path), **account_to_json(account, told)}
    if options.question is not None and replied is not None:
        payload |= {"question": options.question, "answer": replied.text or None}
    return CommandResult(payload=payload)


def _reply(account: Account, options: ExplainOptions) -> Answer | None:
    """What of the run is asked for; None for all of it."""
    if options.question is not None:
        return answer(account, options.question)
    if options.step is None:
        return None
    if not 1 <= options.step <= len(account.steps):
        there = f"it has steps 1 to {len(account.steps)}" if account.steps else "it has none"
        raise RefusedError(f"The run has no step {options.step}: {there}.")
    return Answer(steps=(options.step,))


def _show(account: Account, told: Sequence[ToldStep], replied: Answer | None) -> None:
    if replied is None:
        for label, text in tell_head(account):
            _line(label, text)
    elif replied.text:
        print(_wrapped(replied.text, ""))
    for i, step in enumerate(told):
        if replied is None and step.plan:
            print(f"\n{_wrapped(step.plan, '')}")
        print("\n" if i or replied is None or replied.text else "", end="")
        print(f"{step.number}. {step.title}")
        for label, text in step.lines:
            _line(label, text, indent=3)


def _line(label: str, text: str, indent: int = 0) -> None:
    head = f"{'':{indent}}{label:<{_LABEL}}"
    print(head + _wrapped(text, " " * len(head)).lstrip())


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text, _LINE, initial_indent=indent, subsequent_indent=indent, break_long_words=False
    )
