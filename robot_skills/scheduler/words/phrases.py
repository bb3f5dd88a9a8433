"""Noun phrases taken apart: how many, which, of what kind and colour, and where they are.

A phrase is read from left to right: quantifier, ranking ("the leftmost"), colour, kind, and what
comes behind ("in the drawer", "to the left of the can", "closest to the button").
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from robot_skills.core.scene import Scene
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.nouns import colour, longest_noun, nouns
from robot_skills.scheduler.words.spatial import WHERE

ANYTHING = frozenset({"*"})
"""Labels of "thing" and its like."""
BETWEEN = ("in between", "between")
_BUT = ("but not", "but")
_RELATIVE = (
    *(f"{which} {verb}" for which in ("that", "which") for verb in ("is", "are", "stands", "lies")),
    *("lying", "standing", "sitting", "located", "placed", "resting", "that you see", "which sits"),
    *(
        "that sits",
        "that you can see",
        "directly",
        "immediately",
        "exactly",
        "that has",
        "right now",
    ),
    *("there is", "over there", "currently", "already", "around here", "in front of you"),
)
_HELD = (
    *("in your hand", "in the hand", "in the gripper", "in your gripper", "you are holding"),
    *("that you hold", "you hold", "that you have", "you have", "you are carrying"),
)
_HELD_WORDS = frozenset({"held", "grasped"})
_SIDES = words.LEFT | words.RIGHT | words.TOP | words.BOTTOM | words.MIDDLE
_SIDES |= {"front", "back", "rear", "far", "near"}
_AT_SIDE = ("on", "at", "in", "to", "from", "off")
_FROM_LANDMARK = ("away from", "to", "from", "of")


@dataclass(kw_only=True, slots=True)
class Phrase:
    """A noun phrase taken apart.

    Attributes:
        text: As it was said.
        quantifier: "all", "any", "it", "them" or none.
        number: How many are meant.
        out_of: How many there are to choose from, where that is said.
        ordinal: Which in the order of the ranking; 0 when that is not said.
        ranking: Of `lexicon.RANKINGS`.
        landmark: What near and far are meant from.
        colours: Basic colours.
        labels: Kinds, with names of entities behind an equals sign.
        plural: Whether several are meant.
        definite: Whether it names things that are known.
        other: Whether it means those that were not spoken of.
        held: Whether it means what is in the hand.
        piled: Whether it means what stands on another thing, or has one on it.
        unknown: Words that nobody knows.
        place: Preposition and noun phrase of where they are.
        between: Two noun phrases that they are between.
        without: Which are not meant.
    """

    text: str
    quantifier: str = ""
    number: int | None = None
    out_of: int | None = None
    ordinal: int = 0
    ranking: str = ""
    landmark: str = ""
    colours: list[str] = field(default_factory=list)
    labels: frozenset[str] = frozenset()
    plural: bool = False
    definite: bool = False
    other: bool = False
    held: bool = False
    piled: bool = False
    unknown: list[str] = field(default_factory=list)
    place: tuple[str, str] | None = None
    between: tuple[str, str] | None = None
    without: str = ""

    def says_something(self) -> bool:
        """Whether it picks anything out without a noun: "the red", "all", "the other"."""
        return bool(self.colours or self.quantifier or self.other or self.held or self.ranking)


class PhraseReader:
    """Takes the noun phrases of one instruction apart.

    Args:
        scene: Where the things are.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._nouns = nouns(scene)

    def begins(self, tokens: Sequence[str]) -> bool:
        """Whether these words look like a noun phrase rather than a verb."""
        if not tokens:
            return False
        word = tokens[0]
        if word in _BEGINNINGS or colour(word) or word in self._scene:
            return True
        return longest_noun(tokens, self._nouns) is not None

    def names_a_thing(self, tokens: Sequence[str]) -> bool:
        """Whether these words begin with a noun or name of a thing."""
        return bool(tokens) and (tokens[0] in self._scene or self.noun(tokens) > 0)

    def noun(self, tokens: Sequence[str]) -> int:
        """How many words the noun at the beginning has; 0 when there is none."""
        found = longest_noun(tokens, self._nouns)
        return len(found[0].split()) if found else 0

    def length(self, tokens: Sequence[str]) -> int:
        """How many words the noun phrase at the beginning has, up to its noun; 0 without one."""
        i = 0
        while i < len(tokens) and self.noun(tokens[i:]) == 0:
            if not self.begins(tokens[i:]) and tokens[i] not in words.FILLERS:
                return i
            i += 1
            if i > 1 and tokens[i - 1] in (*words.IT, *words.THEM, "one", "ones"):
                return i
        return i + self.noun(tokens[i:]) if i < len(tokens) else i

    def read(self, tokens: Sequence[str]) -> Phrase:
        """A phrase of some words."""
        phrase = Phrase(text=" ".join(tokens))
        rest = self._split_without(list(tokens), phrase)
        rest = _split_held(_drop_phrases(rest, _RELATIVE), phrase)
        rest = _split_pile(rest, phrase)
        rest = _split_landmark(_split_between(rest, phrase), phrase)
        rest = _split_place(rest, phrase)
        while rest:
            rest = rest[self._take(rest, phrase) :]
        return phrase

    def _split_without(self, tokens: list[str], phrase: Phrase) -> list[str]:
        """Cut off "except the can"; behind "all" and its like a mere "but" says the same."""
        several = not words.ALL.isdisjoint(tokens) or "anything" in tokens
        several = several or any(noun in self._nouns and self._nouns[noun][1] for noun in tokens)
        marks = (*words.EXCEPTIONS, *_BUT) if several else words.EXCEPTIONS
        head, tail = _cut(tokens, marks)
        phrase.without = " ".join(tail)
        if tail and "anything" in head:
            head = ["everything" if word == "anything" else word for word in head]
        return head

    def _take(self, tokens: list[str], phrase: Phrase) -> int:
        """Take the next words into the phrase; says how many."""
        word = tokens[0]
        noun = longest_noun(tokens, self._nouns)
        if noun is not None:
            text, labels, plural = noun
            self._take_noun(text, labels, phrase)
            phrase.plural |= plural
            return len(text.split())
        if word in self._scene:
            phrase.labels |= {f"={word}"}
            return 1
        if word == "of" and len(tokens) > 1:
            return _take_partitive(tokens, phrase)
        if word in ("a", "an") and phrase.labels - ANYTHING:
            # "The drawer a little".
            phrase.unknown.append(word)
        elif not _take_determiner(tokens, phrase):
            self._take_attribute(word, phrase)
        return 1

    def _take_attribute(self, word: str, phrase: Phrase) -> None:
        if word in words.RANKINGS:
            phrase.ranking = word
        elif colour(word):
            phrase.colours.append(colour(word))
        elif word in _HELD_WORDS:
            phrase.held = True
        elif word in words.THINGS or word.removesuffix("s") in words.THINGS:
            phrase.plural |= word not in words.THINGS
            phrase.labels = phrase.labels or ANYTHING
        elif word not in words.FILLERS:
            phrase.unknown.append(word)

    def _take_noun(self, text: str, labels: frozenset[str], phrase: Phrase) -> None:
        """A second noun has to agree with the first: "table cubes" is no kind of thing."""
        known = phrase.labels - ANYTHING
        if not known or known & labels:
            phrase.labels = known & labels or labels
        else:
            phrase.unknown.append(text)


def _take_determiner(tokens: list[str], phrase: Phrase) -> bool:
    """Take a word that says how many or which; whether it was one."""
    word = tokens[0]
    alone = len(tokens) == 1 and not phrase.labels
    if word in words.NUMBERS and phrase.number is None and len(tokens) > 1:
        phrase.number = words.NUMBERS[word]
    elif word in words.ORDINALS and len(tokens) > 1:
        phrase.ordinal = words.ORDINALS[word]
    elif word in words.ALL:
        phrase.quantifier = "all"
        phrase.number = 2 if word == "both" else phrase.number
    elif word in words.OTHER:
        phrase.other = True
        phrase.definite |= word != "another"
        phrase.quantifier = phrase.quantifier or ("" if word != "another" else "any")
        phrase.plural |= word in ("rest", "others")
    elif word in words.INDEFINITE and len(tokens) > 1:
        phrase.quantifier = phrase.quantifier or "any"
    elif word in words.SOMETHING:
        phrase.quantifier, phrase.labels = "any", phrase.labels or ANYTHING
    elif word in words.IT and alone:
        phrase.quantifier = "it"
    elif word in words.THEM and alone:
        phrase.quantifier = phrase.quantifier or "them"
    elif word in words.THERE and len(tokens) == 1:
        phrase.quantifier = "it"
    elif word in words.ARTICLES:
        phrase.definite = True
    else:
        return False
    return True


def _take_partitive(tokens: list[str], phrase: Phrase) -> int:
    """ "Of the two red cubes": what stands before it chooses among them."""
    behind = 1 + (tokens[1] in words.ARTICLES)
    if phrase.ranking and behind < len(tokens) and not _several(tokens[behind:]):
        # "The front of the table" is a place that nobody has a name for.
        phrase.unknown.append(f"{phrase.ranking} of")
    if behind < len(tokens) and tokens[behind] in words.NUMBERS and len(tokens) > behind + 1:
        phrase.out_of = words.NUMBERS[tokens[behind]]
        behind += 1
    chosen = phrase.number is not None or phrase.quantifier or phrase.ranking
    if chosen and not phrase.ranking and not _several(tokens[behind:]):
        # "One of the red cube" chooses among nothing.
        phrase.unknown.append("of")
    if chosen and phrase.quantifier != "all":
        phrase.number = phrase.number or 1
        phrase.definite = False
        phrase.quantifier = phrase.quantifier or ("" if phrase.ranking else "any")
    return behind


def _several(tokens: Sequence[str]) -> bool:
    """Whether words speak of several things."""
    return any(word.endswith("s") or word in (*words.NUMBERS, *words.THEM) for word in tokens)


def _split_held(tokens: list[str], phrase: Phrase) -> list[str]:
    shorter = _drop_phrases(tokens, _HELD)
    phrase.held = shorter != tokens
    return shorter


def _split_pile(tokens: list[str], phrase: Phrase) -> list[str]:
    """Cut off "at the top of the tower"."""
    if not tokens or tokens[-1] not in words.PILES or len(tokens) < 3:
        return tokens
    i = len(tokens) - 1
    while i and tokens[i - 1] in _PILE_WORDS:
        i -= 1
    said = [word for word in tokens[i:] if word in words.TOP | words.BOTTOM | words.MIDDLE]
    if i == 0 or tokens[i] in words.ARTICLES:
        return tokens
    phrase.piled = True
    phrase.ranking = said[0] if said else next((w for w in tokens if w in _SIDES), "top")
    return tokens[:i]


def _split_between(tokens: list[str], phrase: Phrase) -> list[str]:
    """Cut off "between the can and the bottle"."""
    head, tail = _cut(tokens, BETWEEN)
    if "and" not in tail or not head:
        return tokens
    i = tail.index("and")
    one, other = tail[:i], tail[i + 1 :]
    if one and colour(one[-1]):
        # "The green and the yellow cube".
        one = [*one, *other[-1:]]
    phrase.between = " ".join(one), " ".join(other)
    return head


def _split_landmark(tokens: list[str], phrase: Phrase) -> list[str]:
    """Cut off "closest to the button" and "farthest away from it"."""
    for i, word in enumerate(tokens):
        if word not in (words.NEAREST | words.FARTHEST) - _SIDES:
            continue
        rest = tokens[i + 1 :]
        side = _side(rest) if rest else ""
        if side:
            phrase.ranking = side
            return [t for j, t in enumerate(tokens[:i]) if j == 0 or t not in words.ARTICLES]
        said = next((p for p in _FROM_LANDMARK if starts(rest, p)), None)
        behind = rest[len(said.split()) :] if said else []
        superlative = word.endswith(("est", "er"))
        if said != "of" and superlative and _is_robot(behind):
            phrase.ranking = word
            return [t for j, t in enumerate(tokens[:i]) if j == 0 or t not in words.ARTICLES]
        if said != "of" and behind and superlative:
            phrase.ranking, phrase.landmark = word, " ".join(behind)
            return tokens[: max(i - (i > 0 and tokens[i - 1] in words.ARTICLES), 0) or i]
        if (
            i > 0
            and superlative
            and rest
            and rest[0] in words.ARTICLES
            and _noun_before(tokens[:i])
        ):
            phrase.ranking, phrase.landmark = word, " ".join(rest)
            return tokens[:i]
        marks = [j for j in range(1, len(rest)) if rest[j] in ("to", "from")]
        if superlative and marks and len(rest) > marks[0] + 1 and rest[marks[0] + 1] not in _SIDES:
            phrase.landmark = " ".join(rest[marks[0] + 1 :])
            return tokens[: i + 1 + marks[0]]
    return tokens


def _is_robot(tokens: Sequence[str]) -> bool:
    """Whether words mean the robot itself."""
    return " ".join(tokens) in ("you", "yourself", "the robot", "the arm", "your base")


def _noun_before(tokens: Sequence[str]) -> bool:
    return any(word not in words.ARTICLES for word in tokens)


def _split_place(tokens: list[str], phrase: Phrase) -> list[str]:
    """Cut off "in the drawer" or "on the left"."""
    for i in range(1, len(tokens)):
        side = _side(tokens[i:])
        if side:
            phrase.ranking = side
            return tokens[:i]
        fitting = [p for p in WHERE if starts(tokens[i:], p)]
        preposition = max(fitting, key=lambda p: len(p.split()), default="")
        behind = tokens[i + len(preposition.split()) :] if preposition else []
        if behind:
            phrase.place = (preposition, " ".join(behind))
            return tokens[:i]
    return tokens


def _side(tokens: Sequence[str]) -> str:
    """The side that words such as "on the far left side" name; empty when they name none."""
    if tokens[0] not in _AT_SIDE:
        return ""
    plain = [word for word in tokens[1:] if word not in words.ARTICLES | _SIDE_WORDS]
    return plain[0] if len(plain) == 1 and plain[0] in _SIDES else ""


def conjuncts(tokens: Sequence[str]) -> list[list[str]]:
    """The phrases that "and" and commas join, but for "between A and B" and "except A and B"."""
    parts: list[list[str]] = [[]]
    pair = False
    without = False
    for i, token in enumerate(tokens):
        pair = pair or token == "between"
        without = without or any(starts(tokens[i:], text) for text in words.EXCEPTIONS)
        without = without or (token == "but" and bool(parts[-1]))
        if token not in ("and", ",", "&", "plus"):
            parts[-1].append(token)
        elif without or (pair and token == "and"):
            parts[-1].append("and")
            pair = False
        else:
            parts.append([])
    return [part for part in parts if part]


def starts(tokens: Sequence[str], phrase: str) -> bool:
    """Whether a phrase stands at the beginning."""
    parts = phrase.split()
    return list(tokens[: len(parts)]) == parts


def _cut(tokens: list[str], phrases: Iterable[str]) -> tuple[list[str], list[str]]:
    """Tokens before and behind the first of the phrases."""
    for i in range(len(tokens)):
        for phrase in phrases:
            if starts(tokens[i:], phrase):
                return tokens[:i], tokens[i + len(phrase.split()) :]
    return tokens, []


def _drop_phrases(tokens: list[str], phrases: Collection[str]) -> list[str]:
    for phrase in phrases:
        for i in range(1, len(tokens)):
            if starts(tokens[i:], phrase):
                return _drop_phrases(tokens[:i] + tokens[i + len(phrase.split()) :], phrases)
    return tokens


_BEGINNINGS = frozenset(
    words.ARTICLES
    | words.INDEFINITE
    | words.ALL
    | words.OTHER
    | words.IT
    | words.THEM
    | words.RANKINGS
    | words.THINGS
    | set(words.NUMBERS)
    | _HELD_WORDS
    | words.SOMETHING
    | set(words.ORDINALS)
    | {"nothing"}
)
_SIDE_WORDS = frozenset({"side", "hand", "end", "your", "very", "far", "most"})
_PILE_WORDS = frozenset(
    words.ARTICLES
    | words.TOP
    | words.BOTTOM
    | words.MIDDLE
    | {"of", "on", "at", "in", "from", "off", "very"}
)
