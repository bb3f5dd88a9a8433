"""Typing errors: words that nobody knows are taken for the one known word that they are nearest to.

How near is told by the optimal string alignment distance (Damerau, *A technique for computer
detection and correction of spelling errors*, 1964), in which what fingers do most often costs
least. A word that is spelled as it is meant, though it says nothing here, is never changed: a pear
is no peg. Where two known words are about as near, it is asked which.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from robot_skills.core.errors import InstructionError
from robot_skills.core.scene import Scene
from robot_skills.scheduler.temporal import lexicon as said
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.amendments import EDITING
from robot_skills.scheduler.words.courtesy import COURTEOUS, ENDINGS, HESITATIONS, REMARKS, REQUESTS
from robot_skills.scheduler.words.dangers import DANGEROUS
from robot_skills.scheduler.words.open_wording import card_verbs
from robot_skills.scheduler.words.rewordings import SPOKEN
from robot_skills.scheduler.words.tokens import inflections
from robot_skills.skills.card import SkillCard

_ENDINGS = ("s", "es", "ed", "er", "est", "ing", "ly", "y", "able", "less", "ness")
_BEGINNINGS = ("un", "re", "dis", "over", "under")
_SWAPPED = 0.7
_DOUBLED = 0.7
_LEFT_OUT = 0.8
_OTHER = 1.0
_FAR_KEY = 1.3
_KEYS = {
    letter: (row, column + 0.5 * row)
    for row, letters in enumerate(("qwertyuiop", "asdfghjkl", "zxcvbnm"))
    for column, letter in enumerate(letters)
}
"""Row and column of the letters of a keyboard."""
_AWAY = (9, 99.0)
_VOWELS = frozenset("aeiou")
_FIRST_LETTER = 0.4
_MARGIN = 0.15
"""How much nearer than any other word one has to be."""
_SHORTEST = 3


class Dictionary(Protocol):
    """Words of a language."""

    def knows(self, word: str) -> bool:
        """Whether a lower-case word is spelled correctly."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Spelled:
    """The tokens of an instruction as they are meant, and in words what was changed."""

    tokens: list[str]
    wording: tuple[str, ...]


class Speller:
    """Corrects the words of instructions.

    Args:
        cards: Skills whose verb forms are known words.
        dictionary: Of words that are none of the known ones and no typing errors either.
    """

    def __init__(self, cards: Iterable[SkillCard], dictionary: Dictionary) -> None:
        verbs = (word for card in cards for form in card_verbs(card) for word in form.split())
        self._known = _lexicon() | {form for verb in verbs for form in inflections(verb)}
        self._dictionary = dictionary

    def spelled(self, tokens: Sequence[str], scene: Scene) -> Spelled:
        """Correct what is no word.

        Raises:
            InstructionError: A word may be meant for several.
        """
        spoken = {part for e in scene for part in (e.name, *e.name.split("_"), *e.label.split("_"))}
        known = self._known | spoken | {f"{name}s" for name in spoken}
        meant: list[str] = []
        wording: list[str] = []
        for token in tokens:
            if self._is_word(token, known):
                meant.append(token)
                continue
            found = _nearest(token, known, spoken) or _parted(token, known)
            if found:
                wording.append(f"{token!r} understood as {found!r}")
            meant += found.split() or [token]
        return Spelled(tokens=meant, wording=tuple(dict.fromkeys(wording)))

    def _is_word(self, token: str, known: Collection[str]) -> bool:
        if token in known or len(token) < _SHORTEST or not token.isalpha():
            return True
        if token in _foreign() or token in DANGEROUS or self._dictionary.knows(token):
            return True
        stems = [token.removesuffix(end) for end in _ENDINGS if token.endswith(end)]
        stems += [token.removeprefix(begin) for begin in _BEGINNINGS if token.startswith(begin)]
        return any(len(stem) > _SHORTEST and self._dictionary.knows(stem) for stem in stems)


def distance(typed: str, meant: str) -> float:
    """How much was mistyped: swapped neighbours, letters too many, too few, and others.

    Args:
        typed: What stands there.
        meant: What it may be.
    """
    rows = [[_LEFT_OUT * j for j in range(len(meant) + 1)]]
    for i, a in enumerate(typed, start=1):
        row = [_OTHER * i]
        for j, b in enumerate(meant, start=1):
            twice_typed = i > 1 and typed[i - 2] == a
            twice_meant = j > 1 and meant[j - 2] == b
            best = min(
                rows[i - 1][j] + (_DOUBLED if twice_typed else _OTHER),
                row[j - 1] + (_DOUBLED if twice_meant else _LEFT_OUT),
                rows[i - 1][j - 1] + _replaced(a, b),
            )
            if i > 1 and j > 1 and typed[i - 2] == b and meant[j - 2] == a and a != b:
                best = min(best, rows[i - 2][j - 2] + _SWAPPED)
            row.append(best)
        rows.append(row)
    swapped = typed[:2] == meant[1::-1]
    return rows[-1][-1] + (_FIRST_LETTER if typed[0] != meant[0] and not swapped else 0.0)


def _replaced(typed: str, meant: str) -> float:
    """What it costs to have hit another key; the one beside it is hit more often."""
    if typed == meant:
        return 0.0
    (row, column), (other_row, other_column) = _KEYS.get(typed, _AWAY), _KEYS.get(meant, _AWAY)
    beside = abs(row - other_row) <= 1 and abs(column - other_column) <= 1.0
    return _OTHER if beside or {typed, meant} <= _VOWELS else _FAR_KEY


def _nearest(token: str, known: Iterable[str], here: Collection[str]) -> str:
    """The known word that a typing error stands for; empty when there is none.

    Args:
        token: What was typed.
        known: What it may be.
        here: Which of that things are called that are there; they come before others.
    """
    allowed = _allowed(token)
    near = sorted(
        (distance(token, word), word)
        for word in known
        if abs(len(word) - len(token)) <= 2 and len(word) >= _SHORTEST and word.isalpha()
    )
    near = [(far, word) for far, word in near if far <= allowed]
    if not near:
        return ""
    best = near[0][0]
    rivals = [word for far, word in near if far < best + _MARGIN]
    rivals = [word for word in rivals if word in here] or rivals
    if len(rivals) > 1 and not _one_word(rivals):
        named = ", ".join(repr(word) for word in rivals)
        raise InstructionError(f"{token!r} is no known word, and may mean {named}. Say which.")
    return rivals[0]


def _allowed(token: str) -> float:
    """How much may be mistyped in a word."""
    if len(token) <= 3:
        return _SWAPPED + _FIRST_LETTER
    return _OTHER + _FIRST_LETTER if len(token) <= 5 else 2.0 * _OTHER


def _one_word(forms: Sequence[str]) -> bool:
    """Whether words are forms of one and the same."""
    shortest = min(forms, key=len)
    return all(form in inflections(shortest) for form in forms)


def _parted(token: str, known: Collection[str]) -> str:
    """Two known words without the space between them; empty when there are none."""
    for i in range(2, len(token) - 1):
        if token[:i] in known and token[i:] in known:
            return f"{token[:i]} {token[i:]}"
    return ""


@cache
def _lexicon() -> frozenset[str]:
    """Every word that the grammar has a use for."""
    verbs = (text for phrases in words.VERBS.values() for text in phrases)
    named = (text for name, others in _NAMES for text in (name, *others))
    texts = (*verbs, *named, *(" ".join(pair) for pair in words.PARTICLE_VERBS), *_FUNCTION)
    spoken = {word for text in texts for word in text.split()}
    bases = {text.split()[0] for phrases in words.VERBS.values() for text in phrases}
    forms = {form for base in bases for form in inflections(base)}
    plurals = {f"{text}s" for text, _ in _NAMES if " " not in text}
    return frozenset(spoken | forms | plurals)


@cache
def _foreign() -> frozenset[str]:
    """Forms of verbs that are known, though no skill does what they mean."""
    return frozenset(form for verb in words.FOREIGN_VERBS for form in inflections(verb))


_NAMES = (*words.COLOURS.items(), *words.LABELS.items())
_FUNCTION = (
    *(*words.RELATIONS, *words.SOURCES, *words.FOREIGN_RELATIONS, *words.EXCEPTIONS),
    *(*words.POLITE, *words.TRAILING, *words.THEN, *words.EARLIER, *words.STATE_VERBS),
    *(*words.ARTICLES, *words.INDEFINITE, *words.ALL, *words.OTHER, *words.NUMBERS),
    *(*words.IT, *words.THEM, *words.THERE, *words.THINGS, *words.SOMETHING, *words.FILLERS),
    *(*words.RANKINGS, *words.QUESTIONS, *words.CONDITIONS, *words.NEGATIONS, *words.STATES),
    *(*said.PROHIBITIONS, *said.KEEPINGS, *said.STAYS, *said.NEVER_IS, *said.LEFT_ALONE),
    *(*REQUESTS, *REMARKS, *HESITATIONS, *ENDINGS, *EDITING, *COURTEOUS, *SPOKEN),
    *("either", "neither", "or", "nor", "and", "but", "fits", "fit", "holding", "careful", "dare"),
    *(*said.TOUCHES, *said.RELATIONS, *said.ALL_THE_TIME, *said.SAID_SHORTER, *said.OTHERWISE),
)
