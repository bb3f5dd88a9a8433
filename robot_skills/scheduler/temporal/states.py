"""What subordinate clauses say that is so: "while the drawer is open", "if there is a can"."""

from collections.abc import Sequence

from robot_skills.core.errors import UnknownNameError
from robot_skills.core.plan import Literal
from robot_skills.scheduler.acts import Ask
from robot_skills.scheduler.grounding import Grounder
from robot_skills.scheduler.temporal.deeds import DeedReader, PlainReader
from robot_skills.scheduler.temporal.formula import (
    Constant,
    Formula,
    Not,
    conjunction,
    disjunction,
    negation,
)
from robot_skills.scheduler.temporal.sentences import opening
from robot_skills.scheduler.tokens import joined, strip_start


class StateReader:
    """Reads clauses that say that something is so.

    Args:
        plain: Reads what clauses ask for, which is what they say that is so.
        grounder: Resolves the noun phrases.
        deeds: Reads what is said to be done.
    """

    def __init__(self, plain: PlainReader, grounder: Grounder, deeds: DeedReader) -> None:
        self._clause = plain.clause
        self._grounder = grounder
        self._deeds = deeds

    def read(self, tokens: Sequence[str]) -> Formula:
        """What a clause says that is so. Raises as `LanguageParser.parse` does."""
        for joint, join in (("or", disjunction), ("and", conjunction)):
            for i in (i for i, token in enumerate(tokens) if token == joint):
                if _is_clause(tokens[:i]) and _is_clause(tokens[i + 1 :]):
                    return join((self.read(tokens[:i]), self.read(tokens[i + 1 :])))
        spoken = [part for token in tokens for part in _NEGATIVE_VERBS.get(token, token).split()]
        longer = " ".join(spoken).replace("no longer", "not").split()
        plain = [word for word in longer if word not in _EMPHATIC | {"not"}]
        found = self._positive(strip_start(plain, _SUBJECTS))
        return negation(found) if "not" in longer else found

    def done(self, ask: Ask) -> Formula:
        """What has come about when an ask has been met."""
        return conjunction(ask.literals) if ask.literals else self._deeds.of(ask).act

    def _positive(self, tokens: list[str]) -> Formula:
        if joined(tokens) in _HOLDING:
            return Not(_HAND_EMPTY)
        if joined(tokens) in _HAND_IS_EMPTY:
            return _HAND_EMPTY
        there = opening(tokens, _THERE_IS)
        if there:
            return Constant(self._is_there(tokens[len(there.split()) :]))
        if tokens[-1:] in (["pressed"], ["touched"]):
            subject = [word for word in tokens[:-1] if word not in ("is", "was", "been", "has")]
            if tokens[-1] == "touched":
                names = self._grounder.resolve(joined(subject))
                return disjunction(self._deeds.touching(name).act for name in names)
            tokens = ["press", *subject]
        return self.done(self._clause(_as_state(tokens)))

    def _is_there(self, tokens: list[str]) -> bool:
        """Whether the scene has a thing."""
        none = tokens[:1] == ["no"]
        try:
            self._grounder.resolve(joined(tokens[1:] if none else tokens))
        except UnknownNameError:
            return none
        return not none


_NEGATIVE_VERBS = {
    "isn't": "is not",
    "aren't": "are not",
    "wasn't": "was not",
    "hasn't": "has not",
    "haven't": "have not",
}
_EMPHATIC = frozenset({"still", "already", "currently", "first", "again", "actually", "now"})
_SUBJECTS = ("you have", "you've", "you are", "you're", "you", "having", "i", "we", "that")
_HAND_EMPTY = Literal(predicate="hand_empty", args=())
_HOLDING = frozenset(
    f"{verb} {thing}"
    for verb in ("holding", "hold", "carrying", "carry", "gripping", "grasping")
    for thing in ("something", "anything", "a thing", "an object", "any object", "any thing")
)
_HAND_IS_EMPTY = frozenset(
    {
        *(f"{verb} nothing" for verb in ("holding", "hold", "carrying", "carry")),
        *(
            f"{article} {hand} is empty"
            for article in ("the", "your")
            for hand in ("hand", "gripper")
        ),
    }
)
_THERE_IS = ("there is", "there are", "there's", "see")


def _as_state(tokens: list[str]) -> list[str]:
    """ "has been closed" and "gets closed" are said as "is closed"."""
    phrase = f" {joined(tokens)} "
    for verb in ("has been", "have been", "was", "were", "gets", "becomes"):
        phrase = phrase.replace(f" {verb} ", " is ")
    return phrase.split()


def _is_clause(tokens: Sequence[str]) -> bool:
    """Whether words say something on their own, rather than name one more thing."""
    return any(word in ("is", "are", "has", "have", "was", "holding") for word in tokens)
