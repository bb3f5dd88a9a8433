"""Noun phrases to entities of the scene.

Words that are in neither lexicon nor scene are compared with the scene's kinds by sentence
embeddings, and refused when nothing is clearly near.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from robot_skills.core.errors import (
    InstructionError,
    NotUnderstoodError,
    RefusedError,
    UnknownNameError,
    UnknownWordError,
)
from robot_skills.core.policy import TextEncoder
from robot_skills.core.predicates import accessible, clear
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.nouns import colour
from robot_skills.scheduler.words.phrases import ANYTHING, Phrase, PhraseReader, conjuncts
from robot_skills.scheduler.words.spatial import (
    WHERE,
    Relation,
    between,
    distance_m,
    loosely,
    piled,
    ranked,
    tied,
)

Wanted = Callable[[Entity], bool]
"""What kind of entity the verb can be about; decides what "it" and an open word may mean."""

_JOINED = {"or": ",", "nor": ",", "not": ","}
_CLEARLY = 0.6
"""Of two things that fit, one is meant when it is nearer than this share of the other's way."""


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
        self._reader = PhraseReader(scene)

    def begins_phrase(self, tokens: Sequence[str]) -> bool:
        """Whether these words look like a noun phrase rather than a verb."""
        return self._reader.begins(tokens)

    def names_a_thing(self, tokens: Sequence[str]) -> bool:
        """Whether these words begin with a noun or name of a thing."""
        return self._reader.names_a_thing(tokens)

    def noun(self, tokens: Sequence[str]) -> int:
        """How many words the noun at the beginning has; 0 when there is none."""
        return self._reader.noun(tokens)

    def phrase(self, tokens: Sequence[str]) -> int:
        """How many words the noun phrase at the beginning has; 0 when there is none.

        It ends with its noun: what says where a thing is belongs to the words behind.
        """
        return self._reader.length(tokens)

    def peek(self, phrase: str, wanted: Wanted | None = None) -> tuple[str, ...]:
        """As `resolve`, but nothing was mentioned by it; empty where that refuses."""
        groups, wording = list(self.mentions.groups), list(self.wording)
        try:
            return self.resolve(phrase, wanted)
        except RefusedError:
            return ()
        finally:
            self.mentions.groups, self.wording = groups, wording

    def resolve(self, phrase: str, wanted: Wanted | None = None) -> tuple[str, ...]:
        """Entities that a phrase names, which may join several with "and" or commas.

        Args:
            phrase: Lower-case words.
            wanted: What the verb can be about; prefers, does not exclude.

        Raises:
            InstructionError: The phrase is empty or fits several things.
            UnknownNameError: Nothing in the scene fits; says what the scene has.
        """
        parts = conjuncts(phrase.replace(",", " , ").split())
        if not parts:
            raise NotUnderstoodError("A thing is missing in the instruction: say what to act on.")
        if len(parts) > 1 and parts[0][0] == "both":
            parts[0] = parts[0][1:] or parts[0]
        parsed = [self._reader.read(part) for part in parts]
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

    def _find(self, phrase: Phrase, wanted: Wanted) -> tuple[str, ...]:
        if phrase.quantifier == "it" and not phrase.labels and not phrase.unknown:
            return (self._it(phrase, wanted),)
        if phrase.quantifier == "them" and not phrase.labels and not phrase.unknown:
            names = self.mentions.many(self.scene, wanted)
            if not names:
                raise InstructionError(f"{phrase.text!r} refers to nothing that was named before.")
            return names
        fitting = self._fitting(phrase, wanted)
        return self._choose(phrase, fitting, wanted)

    def _it(self, phrase: Phrase, wanted: Wanted) -> str:
        name = self.mentions.one(self.scene, wanted)
        if name is None:
            name = next((e.name for e in self.scene if e.held_by and wanted(e)), None)
        if name is None:
            raise InstructionError(
                f"{phrase.text!r} refers to nothing that was named before. "
                f"The scene has: {_names(self.scene)}."
            )
        return name

    def _fitting(self, phrase: Phrase, wanted: Wanted) -> list[Entity]:
        """Entities of the right kind, colour and place."""
        kinds = self._of_kind(phrase, wanted)
        colours = set(phrase.colours)
        fitting = _of_colour(kinds, colours, untold=bool(phrase.labels - ANYTHING))
        if phrase.held:
            fitting = [e for e in fitting if e.held_by is not None]
        if not fitting:
            raise self._unknown(phrase)
        fitting = self._at_place(phrase, fitting)
        if phrase.other:
            named = {name for group in self.mentions.groups for name in group}
            fitting = [e for e in fitting if e.name not in named]
        if phrase.without:
            without = set(self._excepted(phrase, wanted))
            fitting = [e for e in fitting if e.name not in without]
        if not fitting:
            raise self._unknown(phrase)
        return self._of_kind_mentioned(phrase, fitting)

    def _of_kind_mentioned(self, phrase: Phrase, fitting: list[Entity]) -> list[Entity]:
        """ "The other one" is of the kind that was spoken of last, where there is one of it."""
        bare = not phrase.labels or phrase.text.split()[-1] in ("one", "ones")
        if len(fitting) < 2 or not bare or phrase.quantifier == "all":
            return fitting
        for group in reversed(self.mentions.groups):
            labels = {self.scene[name].label for name in group}
            if kin := [e for e in fitting if e.label in labels]:
                return kin
        return fitting

    def _excepted(self, phrase: Phrase, wanted: Wanted) -> tuple[str, ...]:
        """What is left out; "the red one" is of the kind that the phrase is about."""
        groups = list(self.mentions.groups)
        names: list[str] = []
        for part in conjuncts([_JOINED.get(word, word) for word in phrase.without.split()]):
            left_out = self._reader.read(part)
            if not left_out.labels - ANYTHING and not left_out.unknown:
                left_out.labels = phrase.labels or left_out.labels
            names += self._find(left_out, wanted)
        self.mentions.groups = groups
        return tuple(names)

    def _of_kind(self, phrase: Phrase, wanted: Wanted) -> list[Entity]:
        exact = [label[1:] for label in phrase.labels if label.startswith("=")]
        if exact and not phrase.unknown:
            return [self.scene[name] for name in exact]
        if phrase.unknown:
            return self._by_similarity(phrase)
        anything = not phrase.labels or phrase.labels == ANYTHING
        if not (phrase.labels or phrase.says_something()):
            raise self._unknown(phrase)
        if anything:
            return [e for e in self.scene if e.name != TABLE and wanted(e)]
        return [e for e in self.scene if e.label in phrase.labels]

    def _by_similarity(self, phrase: Phrase) -> list[Entity]:
        """The kinds clearly nearest in meaning to the words that nobody knows."""
        named = phrase.labels - ANYTHING
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

    def _at_place(self, phrase: Phrase, entities: list[Entity]) -> list[Entity]:
        """Those of the entities that are where the phrase says."""
        there, where = entities, ""
        scene = self.scene
        if phrase.place is not None:
            preposition, text = phrase.place
            where = self._landmark(text)
            relations = WHERE[preposition]
            there = [e for e in there if e.name != where]
            there = self._related(there, relations, where) or self._related(
                there, tuple(map(loosely, relations)), where
            )
            if len(there) > 1 and preposition not in ("in", "on", "from") and _one_of(phrase):
                there = self._clearly_nearest(there, where)
        if phrase.between is not None:
            one, other = map(self._landmark, phrase.between)
            there = [e for e in there if between(scene, e.name, one, other)]
        if phrase.piled:
            there = [e for e in there if piled(scene, e.name)]
        if not there:
            at = f"at {where}" if where else "there"
            raise UnknownNameError(
                f"Nothing that fits {phrase.text!r} is {at} now. The scene has: {_names(scene)}."
            )
        return there

    def _related(
        self, entities: Iterable[Entity], relations: Iterable[Relation], where: str
    ) -> list[Entity]:
        """Those that are in one of the relations to a thing."""
        relations = tuple(relations)
        return [e for e in entities if any(r(self.scene, e.name, where) for r in relations)]

    def _landmark(self, text: str) -> str:
        """What a thing is beside, in or near; it is not what is spoken of."""
        groups = list(self.mentions.groups)
        name = self.one(text)
        self.mentions.groups = groups
        return name

    def _clearly_nearest(self, entities: list[Entity], where: str) -> list[Entity]:
        """The one that is much nearer than the others, if there is one."""
        ordered = sorted(entities, key=lambda e: distance_m(self.scene, e.name, where))
        first, second = (distance_m(self.scene, e.name, where) for e in ordered[:2])
        return ordered[:1] if first < _CLEARLY * second else entities

    def _choose(self, phrase: Phrase, fitting: list[Entity], wanted: Wanted) -> tuple[str, ...]:
        if phrase.out_of is not None and phrase.out_of != len(fitting):
            raise _other_number(phrase, phrase.out_of, fitting)
        if phrase.ranking:
            return self._ranked(phrase, [e for e in fitting if wanted(e)] or fitting)
        if phrase.ordinal:
            names = _list([e.name for e in fitting])
            raise InstructionError(
                f"{phrase.text!r} is ambiguous: it fits {names}. Say from which side to count."
            )
        several = phrase.plural and phrase.number is None
        if several and phrase.quantifier == "any":
            raise InstructionError(f"{phrase.text!r} does not say how many.")
        if phrase.quantifier == "all" or several:
            return self._all(phrase, [e for e in fitting if wanted(e)] or fitting)
        if phrase.number is not None and (phrase.number > 1 or not phrase.definite):
            return self._some(phrase, [e for e in fitting if wanted(e)] or fitting, phrase.number)
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

    def _ranked(self, phrase: Phrase, fitting: list[Entity]) -> tuple[str, ...]:
        """Those that the ranking puts first."""
        landmark = self.scene[self._landmark(phrase.landmark)] if phrase.landmark else None
        fitting = [e for e in fitting if landmark is None or e.name != landmark.name]
        ordered = ranked(phrase.ranking, fitting, landmark)
        number = phrase.number or (len(ordered) if phrase.quantifier == "all" else 1)
        if phrase.ordinal:
            ordered, number = ordered[phrase.ordinal - 1 :], 1
        if len(ordered) < number:
            raise _other_number(phrase, phrase.ordinal or number, fitting)
        if tied(phrase.ranking, ordered, number - 1, landmark):
            names = _list([e.name for e in ordered])
            raise InstructionError(f"{phrase.text!r} is ambiguous among {names}. Say which.")
        return tuple(e.name for e in ordered[:number])

    def _all(self, phrase: Phrase, fitting: list[Entity]) -> tuple[str, ...]:
        if phrase.number is not None and phrase.number != len(fitting):
            raise _other_number(phrase, phrase.number, fitting)
        return tuple(e.name for e in fitting)

    def _some(self, phrase: Phrase, fitting: list[Entity], number: int) -> tuple[str, ...]:
        if len(fitting) < number or (phrase.definite and len(fitting) != number):
            raise _other_number(phrase, number, fitting)
        return tuple(e.name for e in _easiest(self.scene, fitting)[:number])

    def _unknown(self, phrase: Phrase) -> UnknownNameError:
        """The error for what is not there, or is called by words that nobody knows."""
        if phrase.labels - ANYTHING:
            kin = [e for e in self.scene if e.label in phrase.labels]
            absent = not _of_colour(kin, set(phrase.colours), untold=True)
        else:
            absent = words.NO_THINGS.isdisjoint(phrase.unknown)
        # What is of no known kind may be what is spoken of.
        nameless = any(e.label in words.THINGS for e in self.scene)
        unread = nameless or (not absent and (phrase.unknown or phrase.held))
        return (UnknownWordError if unread else UnknownNameError)(
            f"Nothing in the scene is {phrase.text!r}. The scene has: {_names(self.scene)}."
        )


def _other_number(phrase: Phrase, number: int, fitting: Sequence[Entity]) -> InstructionError:
    names = _list([e.name for e in fitting])
    return InstructionError(f"{phrase.text!r} speaks of {number}; there are: {names}.")


def _one_of(phrase: Phrase) -> bool:
    """Whether a phrase means a single thing that is known."""
    several = phrase.plural or phrase.number is not None or phrase.quantifier or phrase.ranking
    return not several


def _of_colour(entities: list[Entity], colours: set[str], untold: bool) -> list[Entity]:
    """Entities of a colour; if there are none and `untold`, those whose colour is not known."""
    if not colours:
        return entities
    colours = colours | ({"white", "grey"} if colours & {"white", "grey"} else set())
    exact = [e for e in entities if (colour(e.colour) or e.colour) in colours]
    return exact or [e for e in entities if untold and not e.colour]


def _easiest(scene: Scene, entities: list[Entity]) -> list[Entity]:
    """Entities with those that can be taken at once first, nearest to the robot first."""

    def key(entity: Entity) -> tuple[bool, float]:
        free = clear(scene, entity.name) and accessible(scene, entity.name)
        return not free, float(np.linalg.norm(entity.T_base_entity.p[:2]))

    return sorted(entities, key=key)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _names(scene: Scene) -> str:
    return _list(scene.entities)
