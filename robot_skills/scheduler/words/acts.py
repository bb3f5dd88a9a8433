"""What each act asks for: its noun phrases made to literals over entities of the scene."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from robot_skills.core.errors import (
    InstructionError,
    MissingSkillError,
    NotUnderstoodError,
    RefusedError,
    UnknownVerbError,
)
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.predicates import in_, snug
from robot_skills.core.scene import TABLE, Entity
from robot_skills.scheduler.missing import missing_verb
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.grounding import Grounder, Wanted
from robot_skills.scheduler.words.lexicon import Act
from robot_skills.scheduler.words.tokens import base_form, find_all, joined
from robot_skills.scheduler.words.verbs import refuse_foreign_relations, with_from
from robot_skills.skills.card import ParameterType, SkillCard


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What one clause asks for.

    Attributes:
        literals: To hold after it.
        call: A call that is wanted for its own sake.
        by: The call that is to make the literals true: pushing is not carrying.
        weak: Whether a later clause that says where the same thing goes replaces it for good:
            nobody who says "pick it up and put it there" wants it picked up twice.
    """

    literals: tuple[Literal, ...] = ()
    call: SkillCall | None = None
    by: SkillCall | None = None
    weak: bool = False


class Acts:
    """Asks for what clauses say, in the order in which they are spoken.

    Args:
        cards: The skills by name.
        grounder: Resolves the noun phrases.
    """

    def __init__(self, cards: Mapping[str, SkillCard], grounder: Grounder) -> None:
        self.wording: list[str] = []
        self._cards = cards
        self._grounder = grounder
        self._scene = grounder.scene
        self._last_target: tuple[str, str] | None = None

    def ask(self, act: Act, rest: list[str], clause: list[str]) -> Ask:
        match act:
            case Act.PICK:
                return self.pick(rest, clause)
            case Act.PLACE:
                return self.place(rest, clause)
            case Act.STACK:
                return self._stack(rest, clause)
            case Act.PUT_DOWN:
                return self._put_down(rest, clause)
            case Act.TAKE_OUT:
                return self._take_out(rest, clause)
            case Act.OPEN:
                return self.slide("open", rest)
            case Act.CLOSE:
                return self.slide("closed", rest)
            case Act.RELEASE:
                if rest:
                    self._grounder.resolve(joined(rest), _movable)
                return Ask(literals=(_lit("hand_empty"),))
            case Act.EMPTY:
                return self.empty(rest)
            case Act.HOME:
                return self._home(clause)
            case Act.PUSH:
                return self._push(rest, clause)
            case Act.PRESS:
                return self._press(rest, clause)
            case Act.TURN_ON:
                return self.turn("turned_on", rest, clause)
            case Act.TURN_OFF:
                return self.turn("turned_off", rest, clause)
            case Act.GO_OVER:
                return self._go("over", rest)
            case Act.GO_NEXT_TO:
                return self._go("alongside", rest)

    def pick(self, rest: list[str], clause: list[str]) -> Ask:
        if rest and rest[0] in ("me", "us"):
            rest = rest[1:]
        if any("to" in preposition for _, preposition in find_all(rest, words.RELATIONS)):
            return self.place(rest, clause)
        sources = find_all(rest, words.SOURCES)
        if any(p in ("out of", "off", "off of") for _, p in sources) and not self._from_table(rest):
            return self._take_out(rest, clause)
        names = self._grounder.resolve(joined(with_from(rest)), _movable)
        return Ask(literals=tuple(_lit("holding", name) for name in names), weak=True)

    def _from_table(self, rest: list[str]) -> bool:
        """Whether a thing is taken off the table itself: then it is held, not put back there."""
        return rest[-1] == TABLE or rest[-1] in words.LABELS[TABLE]

    def slide(self, predicate: str, rest: list[str]) -> Ask:
        names = self._grounder.resolve(joined(rest), _articulated)
        return Ask(literals=tuple(_lit(predicate, name) for name in names))

    def place(self, rest: list[str], clause: list[str]) -> Ask:
        rest = _without_adverbs(rest)
        refuse_foreign_relations(rest)
        splits = find_all(rest, words.RELATIONS)
        if rest and rest[-1] in words.THERE:
            end = splits[-1][0] if splits and splits[-1][0] == len(rest) - 2 else len(rest) - 1
            return self._moved(rest[:end], "to", ["it"])
        if not splits:
            return self._placed_without_saying(rest, clause)
        first: RefusedError | None = None
        for i, preposition in reversed(splits):
            target = rest[i + len(preposition.split()) :]
            if i == 0:
                first = first or self._no_place(clause)
                continue
            if not target:
                target = [self._last_target[1]] if self._last_target else ["it"]
            said = list(self._grounder.mentions.groups)
            try:
                return self._moved(rest[:i], words.RELATIONS[preposition], target)
            except RefusedError as error:
                self._grounder.mentions.groups = said
                first = first or error
        raise first or self._no_place(clause)

    def _placed_without_saying(self, rest: list[str], clause: list[str]) -> Ask:
        """No preposition is said: "put red cube box" names thing and place one after the other."""
        things = self._grounder.phrase(rest)
        target = rest[things:]
        whole = bool(things and target) and self._grounder.phrase(target) == len(target)
        known = self._grounder.peek(joined(rest[:things])) if whole and rest != clause else ()
        if known and all(_movable(self._scene[name]) for name in known):
            return self._moved(rest[:things], "to", target)
        return self._placed_as_before(rest, clause)

    def _placed_as_before(self, rest: list[str], clause: list[str]) -> Ask:
        """No place is said: "drop it", or "..., then the cereal box" after a clause with one."""
        if base_form(clause[0]) == "drop":
            return self._put_down(rest, clause)
        if rest == clause and self._last_target is not None:
            relation, where = self._last_target
            return self._moved(rest, relation, [where])
        raise self._no_place(clause)

    def _moved(self, things: list[str], relation: str, target: list[str]) -> Ask:
        """Things brought into a relation with a target."""
        names = self._grounder.resolve(joined(with_from(things)), _movable)

        if _names_a_side(target):
            raise InstructionError(
                f"{joined(target)!r} is a direction, and things are put in, on or beside others: "
                "say which."
            )

        def wanted(entity: Entity) -> bool:
            solid_will_do = relation in ("on", "beside") or entity.painted
            return entity.name not in names and (solid_will_do or _hollow(entity))

        where = self._grounder.one(joined(target), wanted)
        moved = [name for name in names if name != where]
        if not moved:
            raise InstructionError(f"{where} cannot be moved to itself.")
        relation = self._relation(relation, where)
        self._last_target = relation, where
        goals = {name: self._inserted_or(relation, name, where) for name in moved}
        return Ask(literals=tuple(_lit(goal, name, where) for name, goal in goals.items()))

    def _inserted_or(self, relation: str, name: str, where: str) -> str:
        """What goes into a hole that is made for it has to be inserted."""
        return "inserted" if relation == "in" and snug(self._scene, name, where) else relation

    def _relation(self, relation: str, where: str) -> str:
        """What a preposition means for a target: an open container takes things in only."""
        target = self._scene[where]
        if relation == "to":
            return "in" if target.cavity is not None else "on"
        if relation == "on" and target.cavity is not None and target.articulation is None:
            self.wording.append(f"'on {where}' understood as 'in {where}'")
            return "in"
        return relation

    def _stack(self, rest: list[str], clause: list[str]) -> Ask:
        """Stacks of two or more: "a on b on c", or things named without saying on what."""
        supports = find_all(rest, words.RELATIONS)
        if not supports:
            names = self._grounder.resolve(joined(rest), _movable)
            if len(names) < 2:
                raise self._no_place(clause)
            return Ask(literals=_pile(names))
        if len(supports) == 1 or any(words.RELATIONS[p] != "on" for _, p in supports):
            return self._onto_pile(rest, clause)
        starts = [0, *(i + len(p.split()) for i, p in supports)]
        ends = [*(i for i, _ in supports), len(rest)]
        pieces = [rest[a:b] for a, b in zip(starts, ends, strict=True)]
        return Ask(literals=_pile([self._grounder.one(joined(piece)) for piece in pieces]))

    def _onto_pile(self, rest: list[str], clause: list[str]) -> Ask:
        """Several things stacked on one target stand on each other."""
        ask = self.place(rest, clause)
        names = [literal.args[0] for literal in ask.literals]
        relation, target = ask.literals[0].predicate, ask.literals[0].args[1]
        if relation == "on" and target != TABLE and len(names) > 1:
            return Ask(literals=_pile([*reversed(names), target]))
        return ask

    def _put_down(self, rest: list[str], clause: list[str]) -> Ask:
        if find_all(rest, words.RELATIONS):
            return self.place(rest, clause)
        names = self._grounder.resolve(joined(rest), _movable)
        return Ask(literals=tuple(_lit("on", name, TABLE) for name in names))

    def _take_out(self, rest: list[str], clause: list[str]) -> Ask:
        """Out of something, and down on the table unless the words say where to."""
        source = find_all(rest, words.SOURCES)
        targets = find_all(rest, words.RELATIONS)
        if targets and (not source or targets[-1][0] > source[-1][0]):
            moved = "to" in targets[-1][1] or targets[-1][1] == "on top of" or bool(source)
            if moved:
                return self.place([word for word in rest if word != "out" or source], clause)
        if not source:
            rest = [word for word in rest if word != "out"]
        names = self._grounder.resolve(joined(with_from(rest)), self._inside(rest))
        if all(_articulated(self._scene[name]) for name in names):
            return Ask(literals=tuple(_lit("open", name) for name in names))
        self.wording.append(f"{joined(clause)!r} understood as: {', '.join(names)} on the table")
        return Ask(literals=tuple(_lit("on", name, TABLE) for name in names), weak=True)

    def _inside(self, rest: Sequence[str]) -> Wanted | None:
        """What "it" can be that is taken out: something that is in a container."""
        scene = self._scene
        hosts = [entity.name for entity in scene if _hollow(entity)]

        def shut_in(entity: Entity) -> bool:
            return any(in_(scene, entity.name, host) for host in hosts if host != entity.name)

        pronoun = rest[:1] in (["it"], ["them"])
        return shut_in if pronoun and any(map(shut_in, scene)) else None

    def empty(self, rest: list[str], *, hollow: bool = False) -> Ask:
        names = self._grounder.resolve(joined(rest))
        solid = [name for name in names if self._scene[name].cavity is None and name != TABLE]
        if hollow and solid:
            raise InstructionError(f"Nothing can be in {solid[0]}, so that it cannot be emptied.")
        if TABLE in names:
            raise InstructionError("Clearing the table leaves open where things go: say where.")
        return Ask(literals=tuple(x for name in names for x in self._emptied(name)))

    def _emptied(self, name: str) -> list[Literal]:
        scene = self._scene
        if scene[name].cavity is None:
            return [_lit("clear", name)]
        inside = [e.name for e in scene if e.name != name and in_(scene, e.name, name)]
        if not inside:
            self.wording.append(f"{name} is empty already")
        return [_lit("on", thing, TABLE) for thing in inside]

    def _home(self, clause: list[str]) -> Ask:
        card = self._cards.get("home")
        if card is None or card.parameters:
            raise self.no_skill(joined(clause), clause[1:])
        return Ask(call=SkillCall(skill=card.name))

    def _push(self, rest: list[str], clause: list[str]) -> Ask:
        places = [item for item in find_all(rest, words.RELATIONS) if item[0] > 0]
        if not places:
            names = self._grounder.resolve(joined(rest))
            if all(_switchable(self._scene[name]) for name in names):
                return self._toggled(names)
            if all(_articulated(self._scene[name]) for name in names):
                return Ask(literals=tuple(_lit("closed", name) for name in names))
            raise (
                self._no_area(clause)
                if "push" in self._cards
                else self.no_skill(joined(clause), clause[1:])
            )
        i, preposition = places[-1]
        name = self._grounder.one(joined(rest[:i]), _movable)
        target = rest[i + len(preposition.split()) :]
        area = self._grounder.one(joined(target), lambda entity: entity.painted)
        card = self._cards.get("push")
        if card is None:
            raise self.no_skill(joined(clause), clause[1:])
        if not self._scene[area].painted:
            raise self._no_area(clause)
        types = {parameter.type: parameter.name for parameter in card.parameters}
        args = {types[ParameterType.MOVABLE]: name, types[ParameterType.AREA]: area}
        self._last_target = "on", area
        call = SkillCall(skill=card.name, args=args)
        return Ask(literals=(_lit("on", name, area),), by=call)

    def _press(self, rest: list[str], clause: list[str]) -> Ask:
        names = self._grounder.resolve(joined(rest), _switchable)
        if not all(_switchable(self._scene[name]) for name in names):
            raise self.no_skill(joined(clause), clause[1:])
        return self._toggled(names)

    def _toggled(self, names: Sequence[str]) -> Ask:
        """Pressing turns on what is off, and off what is on."""
        literals = []
        for name in names:
            control = self._scene[name].control
            assert control is not None
            literals.append(_lit("turned_off" if control.on else "turned_on", name))
        return Ask(literals=tuple(literals))

    def turn(self, predicate: str, rest: list[str], clause: list[str]) -> Ask:
        names = self._grounder.resolve(joined(rest), _switchable)
        if not all(_switchable(self._scene[name]) for name in names):
            raise self.no_skill(joined(clause), clause[1:])
        return Ask(literals=tuple(_lit(predicate, name) for name in names))

    def _go(self, predicate: str, rest: list[str]) -> Ask:
        name = self._grounder.one(joined(rest))
        if name == TABLE:
            raise InstructionError("Say what thing to go to: the table is everywhere.")
        return Ask(literals=(_lit(predicate, name),))

    def no_skill(self, what: str, rest: Sequence[str] = ()) -> MissingSkillError:
        """The error for words that no skill stands for.

        Args:
            what: The verb, or all that was said.
            rest: What it was said of.
        """
        skills = ", ".join(sorted(self._cards)) or "none"
        message = f"No skill for {what!r}. Available skills: {skills}."
        return missing_verb(what.split()[0], self._named_in(rest), self._scene, message)

    def unknown_verb(self, what: str, rest: Sequence[str]) -> UnknownVerbError:
        """The error for a verb that may mean anything; arguments as of `no_skill`."""
        missing = self.no_skill(what, rest)
        return UnknownVerbError(
            str(missing), verb=missing.verb, parameters=missing.parameters, effects=missing.effects
        )

    def _named_in(self, rest: Sequence[str]) -> list[str]:
        """Entities that words name, as far as they do."""
        prepositions = (*words.RELATIONS, *words.SOURCES, *words.FOREIGN_RELATIONS)
        marks = [(0, ""), *find_all(rest, prepositions), (len(rest), "")]
        names = []
        for (i, preposition), (j, _) in pairwise(marks):
            with suppress(RefusedError):
                begin = i + len(preposition.split())
                names.append(self._grounder.one(joined(rest[begin:j])))
        return names

    def _no_place(self, clause: Sequence[str]) -> NotUnderstoodError:
        places = ", ".join(e.name for e in self._scene if e.cavity is not None or e.name == TABLE)
        return NotUnderstoodError(f"{joined(clause)!r} does not say where to. There are: {places}.")

    def _no_area(self, clause: Sequence[str]) -> NotUnderstoodError:
        areas = ", ".join(e.name for e in self._scene if e.painted) or "none"
        return NotUnderstoodError(
            f"{joined(clause)!r} does not say onto which marked area to push. There are: {areas}."
        )


def _without_adverbs(rest: Sequence[str]) -> list[str]:
    """The words less "back" and its like, unless they are nouns: "the can in the back"."""
    nouns = {i for i in range(1, len(rest)) if rest[i - 1] in words.ARTICLES}
    adverbs = ("back", "away", "down")
    return [word for i, word in enumerate(rest) if word not in adverbs or i in nouns]


def _names_a_side(target: Sequence[str]) -> bool:
    """Whether words name a direction and no thing: "the left side"."""
    plain = [word for word in target if word not in words.ARTICLES | _SIDE_WORDS]
    return bool(plain) and all(word in words.RANKINGS for word in plain)


_SIDE_WORDS = frozenset({"side", "hand", "end", "your", "my", "bit", "little", "of", "a"})


def _pile(names: Sequence[str]) -> tuple[Literal, ...]:
    return tuple(_lit("on", a, b) for a, b in pairwise(names))


def _lit(predicate: str, *args: str) -> Literal:
    return Literal(predicate=predicate, args=args)


def _movable(entity: Entity) -> bool:
    return entity.movable and entity.name != TABLE


def _hollow(entity: Entity) -> bool:
    return entity.cavity is not None


def _articulated(entity: Entity) -> bool:
    return entity.articulation is not None


def _switchable(entity: Entity) -> bool:
    return entity.control is not None
