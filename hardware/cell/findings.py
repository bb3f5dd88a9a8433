"""What a test of a cell found, each with what mends it."""

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """Of one check."""

    GOOD = "ok"
    UNKNOWN = "not checked"
    """It could not be found out, and why; a person has to look."""
    BAD = "FAILED"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckFinding:
    """One thing that was looked at.

    Attributes:
        what: The check.
        outcome: How it ended.
        detail: What was found, with the joints or topics.
        mend: What to do about it; empty when there is nothing to do.
    """

    what: str
    outcome: Outcome
    detail: str
    mend: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome is not Outcome.BAD


def good(what: str, detail: str) -> CheckFinding:
    """All is well."""
    return CheckFinding(what=what, outcome=Outcome.GOOD, detail=detail)


def unknown(what: str, detail: str, mend: str = "") -> CheckFinding:
    """It could not be found out."""
    return CheckFinding(what=what, outcome=Outcome.UNKNOWN, detail=detail, mend=mend)


def bad(what: str, detail: str, mend: str) -> CheckFinding:
    """Nothing may move."""
    return CheckFinding(what=what, outcome=Outcome.BAD, detail=detail, mend=mend)
