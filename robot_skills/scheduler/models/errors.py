"""What can go wrong between a question to a language model and a plan, each with what to do."""

from robot_skills.core.errors import PlanningError, RefusedError

_QUOTED = 80
_SECRET = 8
"""Keys of servers on one's own machine are often a letter or two, and no secret."""


class ModelError(RefusedError):
    """A model gave no usable answer. Nothing has moved because of it."""


class EndpointDownError(ModelError):
    """Nobody answers there, the connection was lost, or the server is broken."""


class EndpointSlowError(ModelError):
    """There was no whole answer in time."""


class RateLimitedError(ModelError):
    """The endpoint takes no more requests for now, or the account there is used up."""


class WrongKeyError(ModelError):
    """The endpoint wants another key."""


class RequestRefusedError(ModelError):
    """The endpoint does not take such a request: an unknown model, or a prompt that is too long."""


class AnswerTruncatedError(ModelError):
    """The answer ended before it was complete."""


class AnswerTooLongError(ModelError):
    """The answer is longer than anybody reads."""


class AnswerFormatError(ModelError):
    """The answer is not of the form that was asked for."""


class NoPicturesError(ModelError):
    """There is nothing to show to a model that wants to see."""


class SpendingError(ModelError):
    """The next request could go beyond what may be spent; it was not made."""


class ExchangeError(ModelError):
    """A recording of exchanges is damaged, or does not hold what is asked for."""


class AskStoppedError(ModelError):
    """Somebody asked to stop while a model was asked."""


class UnrepairedPlanError(PlanningError):
    """A model could not mend its plan in as many attempts as it has."""


class ImpossibleError(PlanningError):
    """A model says that it cannot be done, and why."""


class NeedsOperatorError(PlanningError):
    """A model needs to know something first.

    Attributes:
        question: For the operator, in one line.
    """

    def __init__(self, question: str) -> None:
        super().__init__(f"The planner asks: {question} Say it again with the answer in it.")
        self.question = question


def without_key(text: str, key: str) -> str:
    """A text of an endpoint, with stars in place of the key that it was told."""
    return text.replace(key, "***") if len(key) >= _SECRET else text


def quoted(text: str, most: int = _QUOTED) -> str:
    """Foreign text for a message of ours, in quotation marks; see `one_line`."""
    return repr(one_line(text, most))


def one_line(text: str, most: int) -> str:
    """Foreign text as one line of printable characters, and not too many."""
    seen = text[: 4 * most]
    line = " ".join("".join(c if c.isprintable() else " " for c in seen).split())
    cut = len(line) > most or len(text) > len(seen)
    return line[: most - 3] + "..." if cut else line
