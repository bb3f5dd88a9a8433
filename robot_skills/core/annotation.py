"""What people say about an episode."""

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """How an episode ended, as the operator or the simulator judged it."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subtask:
    """What was being done in a part of an episode, in words; seconds from the episode's start."""

    start_s: float
    end_s: float
    words: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.start_s <= self.end_s:
            raise ValueError(
                f"A subtask needs 0 <= start <= end, got {self.start_s}, {self.end_s}."
            )
