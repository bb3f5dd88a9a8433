"""Questions about a run: which steps one is about, and what to answer.

A question is read for words of skills, of things, and for "not"; who asks why something was not
done is told what was in the way, as far as the log knows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from robot_skills.app.explain.account import Account, StepAccount
from robot_skills.app.explain.phrases import join, say_call, say_facts, say_reason, sentence
from robot_skills.app.explain.question_words import ANEW, TROUBLE, About, read_about
from robot_skills.app.explain.telling import tell_end, tell_fault
from robot_skills.core.errors import RefusedError

_NOT = re.compile(r"\b(?:not|never)\b|n't\b")
_STEP = re.compile(r"\bstep (\d+)\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What there is to say to a question.

    Attributes:
        text: A few sentences that say it; empty where the steps by themselves do.
        steps: The steps that it is about, by number.
    """

    text: str = ""
    steps: tuple[int, ...] = ()


def answer(account: Account, question: str) -> Answer:
    """Answer a question about a run.

    Raises:
        RefusedError: It is about nothing that the run knows.
    """
    text = " ".join(question.lower().split())
    about = read_about(account, text)
    negated = _NOT.search(text) is not None
    numbered = [int(number) for number in _STEP.findall(text)]
    if numbered:
        return _of_numbers(account, numbered)
    if about.unseen and (about.skills or negated):
        return Answer(text=sentence(f"no {about.unseen[0]} was seen in this run"))
    if about.skills or about.things:
        return _why_not(account, about) if negated else _why(account, about)
    if about.words & (TROUBLE | ANEW):
        troubled = tuple(step.number for step in account.steps if not step.ok)
        parts = (tell_end(account), tell_fault(account))
        return Answer(text=" ".join(part for part in parts if part), steps=troubled)
    names = f"The question {question!r} names no skill and no thing of this run."
    raise RefusedError(f"{names} {_what_there_is(account)}")


def _of_numbers(account: Account, numbers: Sequence[int]) -> Answer:
    unknown = [number for number in numbers if not 1 <= number <= len(account.steps)]
    if unknown:
        raise RefusedError(f"There is no step {unknown[0]}. {_what_there_is(account)}")
    return Answer(steps=tuple(numbers))


def _why(account: Account, about: About) -> Answer:
    steps = [step for step in account.steps if about.fits(step.call)]
    if about.words & ANEW:
        steps = [step for step in steps if step.attempt > 1] or steps
    if steps:
        return Answer(steps=tuple(step.number for step in steps))
    return Answer(text=sentence(f"nothing of the kind was done: {_not_done(account, about)}"))


def _why_not(account: Account, about: About) -> Answer:
    done = [step for step in account.steps if about.fits(step.call) and step.ok]
    if done and about.skills:
        numbers = tuple(step.number for step in done)
        return Answer(text="It was done.", steps=numbers)
    tried = [step for step in account.steps if about.fits(step.call) and about.skills]
    if tried:
        return Answer(
            text=sentence(f"it was tried, and {_how_it_ended(tried[-1])}"),
            steps=tuple(step.number for step in tried),
        )
    return Answer(text=sentence(_not_done(account, about)))


def _how_it_ended(step: StepAccount) -> str:
    if step.unready:
        unmet = [say_reason(f"{literal} does not hold") for literal in step.unready]
        return f"could not begin, for {join(unmet)}"
    return f"did not succeed: {say_reason(step.reason) or step.outcome}"


def _not_done(account: Account, about: About) -> str:
    """What was in the way of something that was never tried."""
    if account.refused:
        return f"nothing was done at all, for it was refused: {say_reason(account.refused)}"
    refused = [reason for _, reason in account.refusals if _mentions(reason, about)]
    if refused:
        return f"it was refused: {say_reason(refused[0])}"
    planned = [
        (plan, place, call)
        for plan in account.plans
        for place, call in enumerate(plan.calls)
        if about.fits(call)
    ]
    if planned:
        plan, place, call = planned[-1]
        given_up = account.plans[plan.number + 1].reason if plan is not account.plans[-1] else ""
        why = f"that plan was given up before: {given_up}" if given_up else account.reason
        return f'"{say_call(call)}" was planned as call {place + 1}, but {say_reason(why)}'
    return _not_planned(account, about)


def _not_planned(account: Account, about: About) -> str:
    if not account.plans:
        return "there was no plan"
    first = account.plans[0]
    if first.specification and _mentions(first.specification, about):
        return f"the whole run has to satisfy {first.specification}, and no plan holds it"
    wanted = say_facts(first.goal) or "the calls be made"
    return f"no plan holds it: nothing that was wanted needed it, the goal was that {wanted}"


def _mentions(text: str, about: About) -> bool:
    words = set(re.findall(r"\w+", text))
    return bool(about.skills & words or about.things & words)


def _what_there_is(account: Account) -> str:
    steps = ", ".join(f"{step.number} {say_call(step.call)}" for step in account.steps)
    return f"Steps: {steps or 'none'}."
