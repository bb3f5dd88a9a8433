"""Noun phrases to entities of the scene.

A phrase is read from left to right: quantifier, ranking ("the leftmost"), colour, kind, and what
comes behind ("in the drawer", "on the left"). Words that are in neither lexicon nor scene are
compared with the scene's kinds by sentence embeddings, and refused when nothing is clearly near.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robot_skills.core.errors import InstructionError, UnknownNameError
from robot_skills.core.policy import TextEncoder
from robot_skills.core.predicates import accessible, clear, in_, near, on
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.scheduler import lexicon as words

Wanted = Callable[[Entity], bool]
"""What kind of entity the verb can be about; decides what "it" and an open word may mean."""

_WHERE: Mapping[str, tuple[Callable[[Scene, str, str], bool], ...]] = {
    **dict.fromkeys(("inside of", "inside", "within", "in", "out of"), (in_,)),
    **dict.fromkeys(("on top of", "on", "upon", "atop", "off"), (on,)),
    **dict.fromkeys(("next to", "beside", "close to", "near"), (near,)),
    "from": (in_, on),
}
"""What a preposition behind a noun says about where the thing is."""
_RELATIVE = (
    "that is",
    "that are",
    "which is",
    "which are",
    "that's",
    "lying",
    "standing",
    "sitting",
)
_HELD = ("in your hand", "in the hand", "in the gripper", "in your gripper", "you are holding")
_HELD_WORDS = frozenset({"held", "grasped"})


@dataclass(frozen=True, kw_only=True, slots=True)
class GroundingConfig:
    """When an open word counts as understood.

    Attributes:
        similarity: Least cosine similarity between the word and a kind of thing.
        margin: How much nearer the best kind has to be than the second.
    """

    similarity: float = 0.62
    margin: float = 0.1


@dataclass(kw_only=True, slots=True)
class Mentions:
    """What was spoken of so far, for "it", "them" and "the other one"."""

    groups: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, names: tuple[str, ...]) -> None:
        self.groups.append(names)

    def one(self, scene: Scene, wanted: Wanted) -> str | None:
        """The thing spoken of last that the verb can be about."""
        for group in reversed(self.groups):
            if len(group) == 1 and wanted(scene[group[0]]):
                return group[0]
        return None

    def many(self, scene: Scene, wanted: Wanted) -> tuple[str, ...]:
        """The things spoken of last, as a group, or as single things one after the other."""
        for group in reversed(self.groups):
            if len(group) > 1 and all(wanted(scene[name]) for name in group):
                return group
        singles = [g[0] for g in self.groups if len(g) == 1 and wanted(scene[g[0]])]
        return tuple(dict.fromkeys(singles))


@dataclass(kw_only=True, slots=True)
class _Phrase:
    """A noun phrase taken apart."""

    text: str
    quantifier: str = ""
    number: int | None = None
    ranking: str = ""
    colours: list[str] = field(default_factory=list)
    labels: frozenset[str] = frozenset()
    plural: bool = False
    definite: bool = False
    other: bool = False
    held: bool = False
    unknown: list[str] = field(default_factory=list)
    place: tuple[str, str] | None = None
    without: str = ""

    def says_something(self) -> bool:
        """Whether it picks anything out without a noun: "the red", "all", "the other"."""
        return bool(self.colours or self.quantifier or self.other or self.held or self.ranking)


class Grounder:
    """Resolves the phrases of one instruction, in the order in which they are said.

    Args:
        scene: Where the things are.
        encoder: For open words; without it they are refused.
        config: When an open word counts as understood.
    """

    def __init__(
        self,
        scene: Scene,
        encoder: TextEncoder | None = None,
        config: GroundingConfig | None = None,
    ) -> None:
        self.scene = scene
        self.mentions = Mentions()
        self.wording: list[str] = []
        self._encoder = encoder
        self._config = config or GroundingConfig()
        self._nouns = _nouns(scene)

    def begins_phrase(self, tokens: Sequence[str]) -> bool:
        """Whether these words look like a noun phrase rather than a verb."""
        if not tokens:
            return False
        word = tokens[0]
        known = words.ARTICLES | words.INDEFINITE | words.ALL | words.OTHER | words.IT | words.THEM
        known |= words.RANKINGS | words.THINGS | set(words.NUMBERS) | _HELD_WORDS | words.SOMETHING
        if word in known or _colour(word) or word in self.scene or word == "nothing":
            return True
        return _longest(tokens, self._nouns) is not None

    def resolve(self, phrase: str, wanted: Wanted | None = None) -> tuple[str, ...]:
        """Entities that a phrase names, which may join several with "and" or commas.

        Args:
            phrase: Lower-case words.
            wanted: What the verb can be about; prefers, does not exclude.

        Raises:
            InstructionError: The phrase is empty or fits several things.
            UnknownNameError: Nothing in the scene fits; says what the scene has.
        """
        parts = _conjuncts(phrase.replace(",", " , ").split())
        if not parts:
            raise InstructionError("A thing is missing in the instruction: say what to act on.")
        if len(parts) > 1 and parts[0][0] == "both":
            parts[0] = parts[0][1:] or parts[0]
        parsed = [self._parse(part) for part in parts]
        for phrase_ in parsed[:-1]:
            if not phrase_.labels and not phrase_.unknown and phrase_.colours:
                phrase_.labels = parsed[-1].labels
        groups = [self._find(item, wanted or (lambda entity: True)) for item in parsed]
        names = tuple(dict.fromkeys(name for group in groups for name in group))
        self.mentions.add(names)
        return names

    def one(self, phrase: str, wanted: Wanted | None = None) -> str:
        """The one entity that a phrase names. Raises as `resolve` does."""
        names = self.resolve(phrase, wanted)
        if len(names) != 1:
            raise InstructionError(f"{phrase!r} must name one thing, it names {_list(names)}.")
        return names[0]

    def _parse(self, tokens: Sequence[str]) -> _Phrase:
        phrase = _Phrase(text=" ".join(tokens))
        tokens = self._split_without(list(tokens), phrase)
        tokens = self._split_held(tokens, phrase)
        tokens = self._split_place(tokens, phrase)
        rest = list(tokens)
        while rest:
            rest = rest[self._read(rest, phrase) :]
        return phrase

    def _split_without(self, tokens: list[str], phrase: _Phrase) -> list[str]:
        head, tail = _cut(tokens, words.EXCEPTIONS)
        phrase.without = " ".join(tail)
        return head

    def _split_held(self, tokens: list[str], phrase: _Phrase) -> list[str]:
        tokens = _drop_phrases(tokens, _RELATIVE)
        shorter = _drop_phrases(tokens, _HELD)
        phrase.held = shorter != tokens
        return shorter

    def _split_place(self, tokens: list[str], phrase: _Phrase) -> list[str]:
        """Cut off "in the drawer" or "on the left"."""
        for i in range(1, len(tokens)):
            preposition = next((p for p in _WHERE if _starts(tokens[i:], p)), None)
            behind = tokens[i + len(preposition.split()) :] if preposition else []
            if preposition is None or not behind:
                continue
            plain = [word for word in behind if word not in words.ARTICLES | {"side", "hand"}]
            if len(plain) == 1 and plain[0] in words.LEFT | words.RIGHT | {"front", "back"}:
                phrase.ranking = plain[0]
            else:
                phrase.place = (preposition, " ".join(behind))
            return tokens[:i]
        return tokens

    def _read(self, tokens: list[str], phrase: _Phrase) -> int:
        """Take the next words into the phrase; says how many."""
        word = tokens[0]
        noun = _longest(tokens, self._nouns)
        if noun is not None:
            text, labels, plural = noun
            self._take_noun(text, labels, phrase)
            phrase.plural |= plural
            return len(text.split())
        if word in self.scene:
            phrase.labels |= {f"={word}"}
            return 1
        if word in words.NUMBERS and phrase.number is None and len(tokens) > 1:
            phrase.number = words.NUMBERS[word]
        elif word in words.ALL:
            phrase.quantifier = "all"
            phrase.number = 2 if word == "both" else phrase.number
        elif word in words.OTHER:
            phrase.other = True
            phrase.definite |= word != "another"
            phrase.quantifier = phrase.quantifier or ("" if word != "another" else "any")
            phrase.plural |= word == "rest"
        elif word in words.INDEFINITE and len(tokens) > 1:
            phrase.quantifier = phrase.quantifier or "any"
        elif word in words.SOMETHING:
            phrase.quantifier, phrase.labels = "any", phrase.labels or frozenset({"*"})
        elif word in words.IT and len(tokens) == 1 and not phrase.labels:
            phrase.quantifier = "it"
        elif word in words.THEM and len(tokens) == 1 and not phrase.labels:
            phrase.quantifier = phrase.quantifier or "them"
        elif word in words.THERE and len(tokens) == 1:
            phrase.quantifier = "it"
        elif word in words.ARTICLES:
            phrase.definite = True
        elif word in words.RANKINGS:
            phrase.ranking = word
        elif _colour(word):
            phrase.colours.append(_colour(word))
        elif word in _HELD_WORDS:
            phrase.held = True
        elif word in words.THINGS or (word.endswith("s") and word[:-1] in words.THINGS):
            phrase.plural |= word not in words.THINGS
            phrase.labels = phrase.labels or frozenset({"*"})
        elif word not in words.FILLERS and word not in ("-", "'", '"'):
            phrase.unknown.append(word)
        return 1

    def _take_noun(self, text: str, labels: frozenset[str], phrase: _Phrase) -> None:
        """A second noun has to agree with the first: "table cubes" is no kind of thing."""
        known = phrase.labels - {"*"}
        if not known or known & labels:
            phrase.labels = known & labels or labels
        else:
            phrase.unknown.append(text)

    def _find(self, phrase: _Phrase, wanted: Wanted) -> tuple[str, ...]:
        if phrase.quantifier == "it" and not phrase.labels and not phrase.unknown:
            return (self._it(phrase, wanted),)
        if phrase.quantifier == "them" and not phrase.labels and not phrase.unknown:
            names = self.mentions.many(self.scene, wanted)
            if not names:
                raise InstructionError(f"{phrase.text!r} refers to nothing that was named before.")
            return names
        fitting = self._fitting(phrase, wanted)
        return self._choose(phrase, fitting, wanted)

    def _it(self, phrase: _Phrase, wanted: Wanted) -> str:
        name = self.mentions.one(self.scene, wanted)
        if name is None:
            name = next((e.name for e in self.scene if e.held_by and wanted(e)), None)
        if name is None:
            raise InstructionError(
                f"{phrase.text!r} refers to nothing that was named before. "
                f"The scene has: {_names(self.scene)}."
            )
        return name

    def _fitting(self, phrase: _Phrase, wanted: Wanted) -> list[Entity]:
        """Entities of the right kind, colour and place."""
        kinds = self._of_kind(phrase, wanted)
        colours = set(phrase.colours)
        fitting = _of_colour(kinds, colours, untold=bool(phrase.labels - {"*"}))
        if phrase.held:
            fitting = [e for e in fitting if e.held_by is not None]
        if phrase.place is not None:
            fitting = self._at_place(phrase, fitting)
        if phrase.other:
            named = {name for group in self.mentions.groups for name in group}
            fitting = [e for e in fitting if e.name not in named]
        if phrase.without:
            without = set(self.resolve(phrase.without, wanted))
            fitting = [e for e in fitting if e.name not in without]
        if not fitting:
            raise self._unknown(phrase)
        return fitting

    def _of_kind(self, phrase: _Phrase, wanted: Wanted) -> list[Entity]:
        exact = [label[1:] for label in phrase.labels if label.startswith("=")]
        if exact and not phrase.unknown:
            return [self.scene[name] for name in exact]
        if phrase.unknown:
            return self._by_similarity(phrase)
        anything = not phrase.labels or phrase.labels == {"*"}
        if not (phrase.labels or phrase.says_something()):
            raise self._unknown(phrase)
        if anything:
            return [e for e in self.scene if e.name != TABLE and wanted(e)]
        return [e for e in self.scene if e.label in phrase.labels]

    def _by_similarity(self, phrase: _Phrase) -> list[Entity]:
        """The kinds clearly nearest in meaning to the words that nobody knows."""
        named = phrase.labels - {"*"}
        kinds = sorted({e.label for e in self.scene if e.name != TABLE or "table" in named})
        if self._encoder is None or not kinds or named:
            raise self._unknown(phrase)
        said = " ".join(phrase.unknown)
        scores = self._similarities(said, kinds)
        order = np.argsort(-scores)
        best = float(scores[order[0]])
        second = float(scores[order[1]]) if len(kinds) > 1 else -1.0
        if best < self._config.similarity or best - second < self._config.margin:
            raise self._unknown(phrase)
        kind = kinds[order[0]]
        self.wording.append(f"{said!r} understood as {kind!r} (similarity {best:.2f})")
        return [e for e in self.scene if e.label == kind]

    def _similarities(self, said: str, kinds: Sequence[str]) -> np.ndarray:
        """Nearness of a word to each kind, by the best of the kind's names, (len(kinds),)."""
        if self._encoder is None:
            return np.zeros(len(kinds))
        names = [[kind.replace("_", " "), *words.LABELS.get(kind, ())] for kind in kinds]
        flat = [name for group in names for name in group]
        embeddings = self._encoder.encode([said, *flat])
        scores = embeddings[1:] @ embeddings[0]
        ends = np.cumsum([len(group) for group in names])
        return np.array([part.max() for part in np.split(scores, ends[:-1])])

    def _at_place(self, phrase: _Phrase, entities: Iterable[Entity]) -> list[Entity]:
        """Those of the entities that are where the phrase says."""
        preposition, text = phrase.place or ("", "")
        said, self.mentions.groups = self.mentions.groups, list(self.mentions.groups)
        where = self.one(text)
        self.mentions.groups = said
        there = [
            e
            for e in entities
            if e.name != where and any(r(self.scene, e.name, where) for r in _WHERE[preposition])
        ]
        if not there:
            raise UnknownNameError(
                f"Nothing that fits {phrase.text!r} is at {where} now. "
                f"The scene has: {_names(self.scene)}."
            )
        return there

    def _choose(self, phrase: _Phrase, fitting: list[Entity], wanted: Wanted) -> tuple[str, ...]:
        if phrase.quantifier == "all" or (phrase.plural and phrase.number is None):
            return self._all(phrase, [e for e in fitting if wanted(e)] or fitting)
        if phrase.ranking:
            fitting = _ranked(phrase.ranking, fitting)[: phrase.number or 1]
            return tuple(e.name for e in fitting)
        if phrase.number is not None and (phrase.number > 1 or not phrase.definite):
            return self._some(phrase, fitting, phrase.number)
        if len(fitting) > 1:
            fitting = [e for e in fitting if wanted(e)] or fitting
        names = _list([e.name for e in fitting])
        if phrase.quantifier == "any":
            chosen = _easiest(self.scene, fitting)[0].name
            if len(fitting) > 1:
                self.wording.append(f"{phrase.text!r} understood as {chosen}, of {names}")
            return (chosen,)
        if len(fitting) > 1:
            raise InstructionError(f"{phrase.text!r} is ambiguous: it fits {names}. Say which.")
        return (fitting[0].name,)

    def _all(self, phrase: _Phrase, fitting: list[Entity]) -> tuple[str, ...]:
        if phrase.number is not None and phrase.number != len(fitting):
            names = _list([e.name for e in fitting])
            raise InstructionError(
                f"{phrase.text!r} speaks of {phrase.number}; there are: {names}."
            )
        return tuple(e.name for e in fitting)

    def _some(self, phrase: _Phrase, fitting: list[Entity], number: int) -> tuple[str, ...]:
        if len(fitting) < number or (phrase.definite and len(fitting) != number):
            names = _list([e.name for e in fitting])
            raise InstructionError(f"{phrase.text!r} speaks of {number}; there are: {names}.")
        return tuple(e.name for e in _easiest(self.scene, fitting)[:number])

    def _unknown(self, phrase: _Phrase) -> UnknownNameError:
        return UnknownNameError(
            f"Nothing in the scene is {phrase.text!r}. The scene has: {_names(self.scene)}."
        )


def _nouns(scene: Scene) -> Mapping[str, tuple[frozenset[str], bool]]:
    """Every noun with the labels it can mean and whether it is plural.

    What the scene calls a thing itself comes before the lexicon's other words for things.
    """
    nouns: dict[str, tuple[frozenset[str], bool]] = {}
    for label, others in words.LABELS.items():
        for noun in (label, *others):
            known = nouns.get(noun, (frozenset(), False))[0]
            nouns[noun] = (known | {label}, False)
    labels = {e.label for e in scene}
    for label in labels:
        nouns[label.lower().replace("_", " ")] = (frozenset({label}), False)
    plurals = {_plural(noun): (found, True) for noun, (found, _) in nouns.items()}
    return {**{k: v for k, v in plurals.items() if k not in nouns}, **nouns}


def _plural(noun: str) -> str:
    head, _, tail = noun.partition(" of ")
    if head.endswith(("s", "x", "ch", "sh")):
        head += "es"
    elif head == "loaf":
        head = "loaves"
    elif head == "die":
        head = "dice"
    else:
        head += "s"
    return f"{head} of {tail}" if tail else head


def _longest(
    tokens: Sequence[str], nouns: Mapping[str, tuple[frozenset[str], bool]]
) -> tuple[str, frozenset[str], bool] | None:
    for length in range(min(4, len(tokens)), 0, -1):
        text = " ".join(tokens[:length])
        if text in nouns:
            return text, *nouns[text]
    return None


def _conjuncts(tokens: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token in ("and", ",", "&", "plus"):
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _colour(word: str) -> str:
    """The basic colour of a colour word, or ""."""
    for basic, others in words.COLOURS.items():
        if word == basic or word in others:
            return basic
    return ""


def _of_colour(entities: list[Entity], colours: set[str], untold: bool) -> list[Entity]:
    """Entities of a colour; if there are none and `untold`, those whose colour is not known."""
    if not colours:
        return entities
    colours = colours | ({"white", "grey"} if colours & {"white", "grey"} else set())
    exact = [e for e in entities if e.colour in colours]
    return exact or [e for e in entities if untold and not e.colour]


def _ranked(ranking: str, entities: list[Entity]) -> list[Entity]:
    """Entities, the one that a ranking word means first; left is the robot's left."""

    def at(entity: Entity) -> np.ndarray:
        return entity.T_base_entity.p

    keys: tuple[tuple[frozenset[str], Callable[[Entity], float]], ...] = (
        (words.LEFT, lambda e: -float(at(e)[1])),
        (words.RIGHT, lambda e: float(at(e)[1])),
        (words.NEAREST, lambda e: float(np.linalg.norm(at(e)[:2]))),
        (words.FARTHEST, lambda e: -float(np.linalg.norm(at(e)[:2]))),
        (words.BIGGEST, lambda e: -float(np.prod(e.extents_m))),
        (words.SMALLEST, lambda e: float(np.prod(e.extents_m))),
        (words.TALLEST, lambda e: -float(e.extents_m[2])),
        (words.SHORTEST, lambda e: float(e.extents_m[2])),
    )
    return sorted(entities, key=next(key for names, key in keys if ranking in names))


def _easiest(scene: Scene, entities: list[Entity]) -> list[Entity]:
    """Entities with those that can be taken at once first, nearest to the robot first."""

    def key(entity: Entity) -> tuple[bool, float]:
        free = clear(scene, entity.name) and accessible(scene, entity.name)
        return not free, float(np.linalg.norm(entity.T_base_entity.p[:2]))

    return sorted(entities, key=key)


def _starts(tokens: Sequence[str], phrase: str) -> bool:
    parts = phrase.split()
    return list(tokens[: len(parts)]) == parts


def _cut(tokens: list[str], phrases: Iterable[str]) -> tuple[list[str], list[str]]:
    """Tokens before and behind the first of the phrases."""
    for i in range(len(tokens)):
        for phrase in phrases:
            if _starts(tokens[i:], phrase):
                return tokens[:i], tokens[i + len(phrase.split()) :]
    return tokens, []


def _drop_phrases(tokens: list[str], phrases: Iterable[str]) -> list[str]:
    for phrase in phrases:
        for i in range(len(tokens)):
            if _starts(tokens[i:], phrase):
                return tokens[:i] + tokens[i + len(phrase.split()) :]
    return tokens


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _names(scene: Scene) -> str:
    return _list(scene.entities)
