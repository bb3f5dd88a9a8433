"""What subordinate clauses say that is so: "while the drawer is open", "if there is a can"."""

from collections.abc import Sequence
from operator import eq, ge, gt, le, lt

from robot_skills.core.errors import InstructionError, UnknownNameError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import in_
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
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.acts import Ask
from robot_skills.scheduler.words.grounding import Grounder
from robot_skills.scheduler.words.tokens import joined, strip_start


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
        shared = self._shared(tokens)
        if shared is not None:
            return shared
        for joint, join in (("or", disjunction), ("and", conjunction)):
            for i in (i for i, token in enumerate(tokens) if token == joint):
                if _is_clause(tokens[:i]) and _is_clause(tokens[i + 1 :]):
                    return join((self.read(tokens[:i]), self.read(tokens[i + 1 :])))
        spoken = [part for token in tokens for part in _NEGATIVE_VERBS.get(token, token).split()]
        longer = " ".join(spoken).replace("no longer", "not").split()
        plain = [word for word in longer if word not in _EMPHATIC | {"not"}]
        found = self._positive(strip_start(plain, _SUBJECTS))
        return negation(found) if "not" in longer else found

    def _shared(self, tokens: Sequence[str]) -> Formula | None:
        """What several subjects share: "the can or the milk is in the box"; None with one."""
        verbs = [i for i, token in enumerate(tokens) if token in ("is", "are")]
        if not verbs or _is_clause(tokens[: verbs[0]]):
            return None
        subject, rest = list(tokens[: verbs[0]]), list(tokens[verbs[0] :])
        if subject[:1] == ["neither"] and "nor" in subject:
            return negation(self._any_of(subject[1:], "nor", rest))
        if "or" in subject:
            return self._any_of([word for word in subject if word != "either"], "or", rest)
        if joined(subject) in _ANYTHING and rest[1:2] in (["in"], ["inside"], ["on"]):
            self._mention_inside(rest[2:])
            empty = self._empty(rest[2:])
            return empty if joined(subject) in _NOTHING else negation(empty)
        return None

    def _mention_inside(self, container: Sequence[str]) -> None:
        """What is in a container is what "it" means behind "if anything is in the box"."""
        scene = self._grounder.scene
        where = self._grounder.one(joined(container))
        inside = [e.name for e in scene if e.movable and e.name != where]
        inside = [name for name in inside if in_(scene, name, where)]
        if inside:
            self._grounder.mentions.add(tuple(inside))

    def _any_of(self, subject: list[str], joint: str, rest: list[str]) -> Formula:
        i = subject.index(joint)
        parts = (subject[:i], subject[i + 1 :])
        return disjunction(self.read([*part, *rest]) for part in parts)

    def _fitting(self, tokens: list[str]) -> Formula:
        """A thing fits into what is named behind it, or was named before it."""
        i = next(i for i, token in enumerate(tokens) if token in _FITS)
        target = strip_start(tokens[i + 1 :], ("into", "in", "inside", "on", "there"))
        subject = [
            word for word in tokens[:i] if word not in ("does", "do", "would", "will", "can")
        ]
        thing = self._grounder.one(joined(subject), lambda entity: entity.movable)
        where = self._grounder.one(joined(target) or "it", lambda entity: entity.cavity is not None)
        return Literal(predicate="fits", args=(thing, where))

    def done(self, ask: Ask) -> Formula:
        """What has come about when an ask has been met."""
        return conjunction(ask.literals) if ask.literals else self._deeds.of(ask).act

    def _positive(self, tokens: list[str]) -> Formula:
        if joined(tokens) in _HOLDING:
            return Not(_HAND_EMPTY)
        if joined(tokens) in _HAND_IS_EMPTY:
            return _HAND_EMPTY
        if not _FITS.isdisjoint(tokens):
            return self._fitting(tokens)
        if tokens[-1:] == ["empty"]:
            return self._empty(tokens[:-1])
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

    def _empty(self, tokens: list[str]) -> Formula:
        """Nothing is in a container."""
        subject = [word for word in tokens if word not in ("is", "are")]
        things = [e.name for e in self._grounder.scene if e.movable]
        return conjunction(
            Not(Literal(predicate="in", args=(thing, name)))
            for name in self._grounder.resolve(joined(subject))
            for thing in things
            if thing != name
        )

    def _counted(self, tokens: list[str]) -> bool | None:
        """Whether there are as many things as words say; None where they say no number."""
        head = opening(tokens, tuple(_COMPARISONS))
        rest = tokens[len(head.split()) :]
        if rest[:1] and rest[0] in words.NUMBERS and len(rest) > 1 and rest[0] != "one":
            compared = _COMPARISONS.get(head, eq)
            found = self._grounder.peek(joined(["all", *rest[1:]]))
            return compared(len(found), words.NUMBERS[rest[0]])
        if head:
            raise InstructionError(f"{joined(tokens)!r} does not say how many in a known number.")
        return None

    def _is_there(self, tokens: list[str]) -> bool:
        """Whether the scene has a thing."""
        counted = self._counted(tokens)
        if counted is not None:
            return counted
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
_FITS = frozenset({"fits", "fit"})
_NOTHING = ("nothing", "no thing")
_ANYTHING = (*_NOTHING, "anything", "something", "any thing", "some thing")
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
_COMPARISONS = {
    **dict.fromkeys(("at least", "no fewer than", "no less than"), ge),
    **dict.fromkeys(("more than", "over"), gt),
    **dict.fromkeys(("fewer than", "less than", "under"), lt),
    **dict.fromkeys(("at most", "no more than", "up to"), le),
    **dict.fromkeys(("exactly", "precisely", "just"), eq),
}
_THERE_IS = (
    *("there is", "there are", "see", "can see", "find", "can find", "spot", "can spot", "notice"),
    *("can spy", "come across", "have got", "happen to see", "happen to find", "do see", "do find"),
)


def _as_state(tokens: list[str]) -> list[str]:
    """ "has been closed" and "gets closed" are said as "is closed"."""
    phrase = f" {joined(tokens)} "
    for verb in ("has been", "have been", "was", "were", "gets", "becomes", "stays", "remains"):
        phrase = phrase.replace(f" {verb} ", " is ")
    return phrase.split()


def _is_clause(tokens: Sequence[str]) -> bool:
    """Whether words say something on their own, rather than name one more thing."""
    return any(word in ("is", "are", "has", "have", "was", "holding") for word in tokens)
